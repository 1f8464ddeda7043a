import shutil
import warnings
from pathlib import Path

import lpips
import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from sim2real_ros.errors import DataError, ModelError
from sim2real_ros.evaluation.frame import EvaluatedFrame, SimFrame
from sim2real_ros.evaluation.measure import Observations
from sim2real_ros.evaluation.pairs.lpips import Lpips, LpipsNetwork

HEADS = Path(lpips.__file__).parent / 'weights/v0.1'


@pytest.fixture(scope='module')
def reference():
    """The official program with random weights in its network, and its trained heads."""
    torch.manual_seed(1)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # It uses an old option of torchvision.
        return lpips.LPIPS(net='alex', pnet_rand=True, verbose=False)


def export(network, path, maps=5):
    """Write the layers of AlexNet as ONNX, with an output after every ReLU."""
    nodes, constants, outputs, value = [], [], [], 'image'
    layers = [layer for part in network.children() for layer in part.children()]
    for number, layer in enumerate(layers):
        name, given = f'v{number}', value
        if isinstance(layer, torch.nn.Conv2d):
            for part in ('weight', 'bias'):
                array = getattr(layer, part).detach().numpy()
                constants.append(numpy_helper.from_array(array, f'{name}.{part}'))
            inputs = [given, f'{name}.weight', f'{name}.bias']
            options = {'strides': layer.stride, 'pads': layer.padding * 2}
            nodes.append(helper.make_node('Conv', inputs, [name], **options))
        elif isinstance(layer, torch.nn.ReLU):
            nodes.append(helper.make_node('Relu', [given], [name]))
            outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * 4))
        else:
            options = {'kernel_shape': [layer.kernel_size] * 2, 'strides': [layer.stride] * 2}
            nodes.append(helper.make_node('MaxPool', [given], [name], **options))
        value = name
    image = helper.make_tensor_value_info('image', TensorProto.FLOAT, ['n', 3, 'h', 'w'])
    graph = helper.make_graph(nodes, 'alex', [image], outputs[:maps], constants)
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid('', 17)])
    onnx.save(model, path)


@pytest.fixture(scope='module')
def folder(reference, tmp_path_factory):
    folder = tmp_path_factory.mktemp('lpips')
    export(reference.net, folder / 'alex.onnx')
    shutil.copy(HEADS / 'alex.pth', folder)
    return folder


@pytest.fixture(scope='module')
def network(folder):
    return LpipsNetwork.from_folder(folder)


def images(seed=0, height=96, width=128):
    random = np.random.default_rng(seed)
    first = random.integers(0, 256, (height, width, 3), np.uint8)
    noise = random.integers(-60, 61, first.shape)
    return first, np.clip(first.astype(int) + noise, 0, 255).astype(np.uint8)


def tensor(image):
    return torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1


@pytest.mark.parametrize('size', [(96, 128), (64, 64), (131, 97)])
@pytest.mark.parametrize('seed', [0, 1])
def test_distance_equals_the_official_program(network, reference, size, seed):
    first, second = images(seed, *size)
    with torch.no_grad():
        expected = reference(tensor(first), tensor(second)).item()
    assert expected > 1e-3
    assert network.distance(first, second) == pytest.approx(expected, rel=1e-4)


def test_distance_of_flat_images_equals_the_official_program(network, reference):
    black, red = np.zeros((64, 80, 3), np.uint8), np.zeros((64, 80, 3), np.uint8)
    red[..., 0] = 255
    with torch.no_grad():
        expected = reference(tensor(black), tensor(red)).item()
    assert network.distance(black, red) == pytest.approx(expected, rel=1e-4)
    assert network.distance(black, black) == 0


def test_distance_grows_with_the_difference(network):
    first, second = images()
    little = (first * 0.8 + second * 0.2).astype(np.uint8)
    assert network.distance(first, first) == 0
    assert 0 < network.distance(first, little) < network.distance(first, second)
    assert network.distance(first, second) == pytest.approx(network.distance(second, first))


def test_measure_compares_with_the_target(network):
    first, second = images()
    measure = Lpips(network)
    assert measure.needs == {'target'}
    (quantity,) = measure.quantities
    assert quantity.key == 'lpips_alex'
    sim = SimFrame('a', np.zeros_like(first), target=first)
    values = measure.of_frame(EvaluatedFrame(sim, second)).values
    assert values == {'lpips_alex': network.distance(first, second)}
    without = SimFrame('a', first)
    assert measure.of_frame(EvaluatedFrame(without, second)).values == {}
    summary = measure.summarise(Observations({'lpips_alex': np.array([1.0, 3.0, np.nan])}))
    assert (summary['lpips_alex'].value, summary['lpips_alex'].count) == (2, 2)


def test_distance_refuses_unequal_and_tiny_images(network):
    first, second = images()
    with pytest.raises(DataError, match='expected one size'):
        network.distance(first, second[:-1])
    for height, width in ((16, 16), (31, 90), (90, 31), (4, 4)):
        with pytest.raises(DataError, match=f'{width}x{height} px are too small'):
            network.distance(first[:height, :width], second[:height, :width])
    assert np.isfinite(network.distance(first[:32, :32], second[:32, :32]))


def test_protocol_tells_network_and_version(network):
    assert network.name == 'alex'
    assert 'LPIPS 0.1, alex' in network.protocol


def test_missing_files_say_what_to_put_where(folder, tmp_path):
    with pytest.raises(ModelError, match=r'(?s)No alex\.onnx.*linear weights'):
        LpipsNetwork.from_folder(tmp_path)
    shutil.copy(folder / 'alex.onnx', tmp_path)
    with pytest.raises(ModelError, match=r'(?s)No linear weights at .*alex\.pth.*lpips/weights'):
        LpipsNetwork.from_folder(tmp_path)
    (tmp_path / 'alex.pth').write_bytes(b'garbage')
    with pytest.raises(ModelError, match='cannot be read'):
        LpipsNetwork.from_folder(tmp_path)
    shutil.copy(HEADS / 'vgg.pth', tmp_path / 'alex.pth')
    with pytest.raises(ModelError, match=r"'lin1.model.1.weight' in .* is of the shape"):
        LpipsNetwork.from_folder(tmp_path)
    torch.save({'lin0.model.1.weight': torch.ones(1, 64, 1, 1)}, tmp_path / 'alex.pth')
    with pytest.raises(ModelError, match=r"'lin1.model.1.weight' in .* is missing"):
        LpipsNetwork.from_folder(tmp_path)
    heads = torch.load(HEADS / 'alex.pth', map_location='cpu')
    heads['lin2.model.1.weight'][0, 5] = -1
    torch.save(heads, tmp_path / 'alex.pth')
    with pytest.raises(ModelError, match='negative or not finite'):
        LpipsNetwork.from_folder(tmp_path)


def test_heads_of_newer_torch_give_the_same(folder, network, tmp_path):
    shutil.copy(folder / 'alex.onnx', tmp_path)
    torch.save(torch.load(HEADS / 'alex.pth', map_location='cpu'), tmp_path / 'alex.pth')
    first, second = images()
    found = LpipsNetwork.from_folder(tmp_path, trial=False).distance(first, second)
    assert found == network.distance(first, second)


def test_other_graphs_are_refused(reference, tmp_path):
    shutil.copy(HEADS / 'alex.pth', tmp_path)
    export(reference.net, tmp_path / 'alex.onnx', maps=4)
    with pytest.raises(ModelError, match=r'gives 4 outputs; expected .* 5 maps'):
        LpipsNetwork.from_folder(tmp_path)


def test_maps_in_another_order_are_refused(folder, tmp_path):
    shutil.copy(HEADS / 'alex.pth', tmp_path)
    model = onnx.load(folder / 'alex.onnx')
    outputs = list(model.graph.output)[::-1]
    del model.graph.output[:]
    model.graph.output.extend(outputs)
    onnx.save(model, tmp_path / 'alex.onnx')
    with pytest.raises(ModelError, match=r'expected \(1, 64, rows, columns\)'):
        LpipsNetwork.from_folder(tmp_path)
    network = LpipsNetwork.from_folder(tmp_path, trial=False)
    with pytest.raises(ModelError, match=r'expected \(1, 64, rows, columns\)'):
        network.distance(*images())
