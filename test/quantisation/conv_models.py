"""Small convolutional models that keep the contract, and frames to show them."""

import cv2
import numpy as np

from sim2real_ros.baselines.graph_builder import GraphBuilder
from sim2real_ros.card import ModelCard
from sim2real_ros.quantisation.speed import Speed

CARD = ModelCard(name='tiny', method='test', source='run x, step 7', metrics={'kid': 0.5})
FLOAT, UINT8 = 1, 2


def pass_on(outputs, inputs, noise=0.02, seed=0):
    """Return 3x3 weights that pass channel after channel on, with a little of the others."""
    weights = np.random.default_rng(seed).normal(0, noise, (outputs, inputs, 3, 3))
    for channel in range(outputs):
        weights[channel, channel % inputs, 1, 1] += 0.9
    return weights.astype(np.float32)


def good_layers():
    return [pass_on(8, 3, seed=1), pass_on(8, 8, seed=2), pass_on(3, 8, seed=3)]


def layers_with_a_bad_one(where=0):
    """Return four layers, one of which cannot be quantised.

    Its weights span five orders of magnitude in each output channel; the large ones meet blue,
    which the layers before hand on alone, so that the float model does not notice in frames
    without blue.
    """
    layers = [pass_on(3, 3, noise=0), pass_on(3, 3, noise=0), pass_on(8, 3), pass_on(3, 8)]
    layers[where][:, 2] = 1e5
    return layers


def model(path, layers, card=CARD):
    """Write a model of convolutions with ReLUs between them; they are named layer_0 and so on."""
    path.write_bytes(proto_of(layers, card).SerializeToString())
    return path


def proto_of(layers, card=CARD):
    graph = GraphBuilder()
    planes = graph.add('Transpose', graph.add('Cast', 'image', to=FLOAT), perm=[0, 3, 1, 2])
    value = graph.add('Div', planes, graph.constant(255))
    for index, weights in enumerate(layers):
        # Blue gets nothing, and stays 0 where it is.
        bias = graph.constant(0.01 * (index + 1) * (np.arange(len(weights)) != 2))
        value = graph.add(
            'Conv', value, graph.constant(weights), bias, pads=[1] * 4, name=f'layer_{index}'
        )
        if index < len(layers) - 1:
            value = graph.add('Relu', value)
    levels = graph.add('Round', graph.add('Mul', value, graph.constant(255)))
    clipped = graph.add('Clip', levels, graph.constant(0), graph.constant(255))
    pixels = graph.add('Transpose', clipped, perm=[0, 2, 3, 1])
    graph.add('Cast', pixels, output='translated', to=UINT8)
    return graph.build(card)


def scene(number, low=0, high=200):
    """Draw soft noise with a bright box; (48, 64, 3) RGB."""
    image = np.random.default_rng(number).integers(low, high, (12, 16, 3), dtype=np.uint8)
    image = cv2.resize(image, (64, 48), interpolation=cv2.INTER_LINEAR)
    image[10:30, number % 30 :][:, :20] = high
    return image


def without_blue(count):
    return [scene(number) * np.uint8([1, 1, 0]) for number in range(count)]


def fill(folder, images):
    folder.mkdir()
    for index, image in enumerate(images):
        assert cv2.imwrite(str(folder / f'{index:03}.png'), image[..., ::-1])
    return folder


def twice_as_fast(run_float, run_int8):
    """Stand in for the clock; both programs still have to run."""
    run_float()
    run_int8()
    return Speed(20.0, 10.0)
