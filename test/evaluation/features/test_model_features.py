from functools import partial

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from sim2real_ros.errors import BackendError, ConfigError, ModelError
from sim2real_ros.evaluation.features import model_features as module
from sim2real_ros.evaluation.features.feature_card import FeatureCard
from sim2real_ros.evaluation.features.model_features import features_key
from sim2real_ros.evaluation.features.resizing import resized

FLOAT = TensorProto.FLOAT

# Trials are the matter of test_network_trials.py; each of them takes a second.
inception_features = partial(module.inception_features, trial=False)
model_features = partial(module.model_features, trial=False)


def network(
    path,
    shape=('n', 3, 299, 299),
    features=2048,
    *,
    pooled=True,
    nhwc=False,
    factor=1.0,
    kind=FLOAT,
    extra=(),
    fixed=0,
):
    """Write a graph of the right signature: channel means, then a matrix.

    With ``pooled`` false the output is maps. The matrix has 1 to 3 times features in its rows.
    """
    weight = np.outer([1, 2, 3], np.arange(features) + 1).astype(np.float32) * np.float32(factor)
    nodes = []
    value = 'image'
    if kind != FLOAT:
        nodes.append(helper.make_node('Cast', ['image'], ['floats'], to=FLOAT))
        value = 'floats'
    if nhwc:
        nodes.append(helper.make_node('Transpose', [value], ['nchw'], perm=[0, 3, 1, 2]))
        value = 'nchw'
    if pooled:
        nodes += [
            helper.make_node('ReduceMean', [value], ['means'], axes=[2, 3], keepdims=0),
            helper.make_node('MatMul', ['means', 'weight'], ['features']),
        ]
        result = [shape[0], features]
    else:
        kernel = helper.make_node('Transpose', ['weight'], ['turned'], perm=[1, 0])
        spread = helper.make_node('Unsqueeze', ['turned', 'axes'], ['kernel'])
        convolution = helper.make_node('Conv', [value, 'kernel'], ['features'])
        nodes += [kernel, spread, convolution]
        result = [shape[0], features, None, None]
    constants = [
        numpy_helper.from_array(weight, 'weight'),
        numpy_helper.from_array(np.array([2, 3]), 'axes'),
    ]
    inputs = [helper.make_tensor_value_info('image', kind, list(shape))]
    inputs += [helper.make_tensor_value_info(name, FLOAT, [1]) for name in extra]
    outputs = [helper.make_tensor_value_info('features', FLOAT, result)]
    graph = helper.make_graph(nodes, 'g', inputs, outputs, constants)
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid('', 17)])
    onnx.save(model, path)
    return path


def picture():
    return np.random.default_rng(2).integers(0, 256, (60, 80, 3), np.uint8)


def expected_features(values, features=2048):
    """Compute what ``network`` gives for values (H, W, 3) of RGB."""
    means = values.astype(np.float64).mean(axis=(0, 1))
    return means @ np.outer([1, 2, 3], np.arange(features) + 1)


def test_inception_gets_levels_and_gives_fid(tmp_path):
    path = network(tmp_path / 'any_name.onnx')
    extractor = inception_features(path)
    assert (extractor.key, extractor.is_fid, extractor.dimensions) == ('inception', True, 2048)
    assert extractor.size == (299, 299)
    expected = expected_features(resized(picture(), (299, 299)))
    np.testing.assert_allclose(extractor.of_image(picture()), expected, rtol=1e-4)
    assert 'FID Inception' in extractor.protocol
    assert '299x299' in extractor.protocol


def test_inception_takes_another_range_from_its_card(tmp_path):
    path = network(tmp_path / 'net.onnx')
    (tmp_path / 'net.features.yaml').write_text(
        'value_range: [-1, 1]\nmean: [0, 0, 0]\nstd: [1, 1, 1]\n'
    )
    expected = expected_features(resized(picture(), (299, 299)) / 127.5 - 1)
    found = inception_features(path).of_image(picture())
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'features': 1280}, 'gives 1280 features'),
        ({'shape': ('n', 3, 224, 224)}, r'says size \(299, 299\)'),
        ({'shape': ('n', 1, 299, 299)}, 'no 3 channels'),
        ({'shape': ('n', 3, 299)}, 'four axes'),
        ({'kind': TensorProto.UINT8}, 'is uint8'),
        ({'extra': ('more',)}, "has the inputs 'image', 'more'"),
        ({'factor': np.inf}, 'NaN or infinity'),
    ],
)
def test_inception_of_another_shape_says_what_to_put_there(tmp_path, options, message):
    if 'shape' in options and len(options['shape']) == 3:
        path = tmp_path / 'net.onnx'
        graph = onnx.load(network(path))
        del graph.graph.input[0].type.tensor_type.shape.dim[3]
        onnx.save(graph, path)
    else:
        path = network(tmp_path / 'net.onnx', **options)
    with pytest.raises((ModelError, BackendError), match=rf'(?s){message}.*docs/evaluation\.md'):
        inception_features(path)


def test_inception_that_is_missing_says_what_to_put_there(tmp_path):
    with pytest.raises(ModelError, match=r'(?s)No model file.*weights-inception-2015-12-05.*'):
        inception_features(tmp_path / 'inception.onnx')
    (tmp_path / 'x.onnx').write_bytes(b'garbage')
    with pytest.raises(ModelError, match=r'(?s)damaged.*2048 pooled features'):
        inception_features(tmp_path / 'x.onnx')


def test_any_network_is_fed_as_torchvision_does(tmp_path):
    extractor = model_features(network(tmp_path / 'My Net-2.onnx', ('n', 3, None, None), 7))
    assert (extractor.key, extractor.is_fid, extractor.dimensions) == ('my_net_2', False, 7)
    assert extractor.size == (224, 224)
    values = resized(picture(), (224, 224)) / 255
    values = (values - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    found = extractor.of_image(picture())
    np.testing.assert_allclose(found, expected_features(values, 7), rtol=1e-4, atol=1e-5)


def test_any_network_follows_its_card(tmp_path):
    path = network(tmp_path / 'net.onnx', ('n', None, None, 3), 5, nhwc=True)
    (tmp_path / 'net.features.yaml').write_text(
        'size: [40, 24]\nvalue_range: [0, 255]\nmean: [1, 2, 3]\nstd: [2, 4, 8]\n'
        'layout: NHWC\ncolour_order: BGR\ninput: image\noutput: features\n'
    )
    extractor = model_features(path)
    values = (resized(picture(), (40, 24)) - [1, 2, 3]) / [2, 4, 8]
    assert extractor.prepare(picture()).shape == (24, 40, 3)
    found = extractor.of_image(picture())
    np.testing.assert_allclose(found, expected_features(values[..., ::-1], 5), rtol=1e-4)


def test_maps_are_averaged_over_their_positions(tmp_path):
    path = network(tmp_path / 'net.onnx', ('n', 3, 30, 40), 6, pooled=False)
    flat = network(tmp_path / 'flat.onnx', ('n', 3, 30, 40), 6)
    maps, rows = model_features(path), model_features(flat)
    assert maps.size == (40, 30)
    np.testing.assert_allclose(maps.of_image(picture()), rows.of_image(picture()), atol=1e-4)


def test_a_fixed_number_of_images_is_filled_up(tmp_path):
    three = model_features(network(tmp_path / 'three.onnx', (3, 3, 30, 40), 6))
    free = model_features(network(tmp_path / 'free.onnx', ('n', 3, 30, 40), 6))
    random = np.random.default_rng(0)
    batch = random.normal(size=(7, 3, 30, 40)).astype(np.float32)
    np.testing.assert_allclose(three.features(batch), free.features(batch), atol=1e-5)
    np.testing.assert_allclose(three.of_image(picture()), free.of_image(picture()), atol=1e-5)


@pytest.mark.parametrize(
    ('shape', 'card', 'error', 'message'),
    [
        (('n', 3, 30, 40), 'size: [30, 40]', ModelError, r'says size \(30, 40\)'),
        (('n', 3, 30, 40), 'input: rgb', ModelError, "names the input 'rgb'"),
        (('n', 3, 30, 40), 'output: x', ModelError, "names the output 'x'"),
        (('n', 3, 30, 40), 'layout: NHWC', ModelError, 'layout: NHWC or NCHW'),
        (('n', 3, 3000, 3000), '', ModelError, 'at most 1024'),
        ((65, 3, 30, 40), '', ModelError, 'takes 65 images'),
        (('n', 3, 30, 40), 'std: [0, 1, 1]', ConfigError, 'std must be positive'),
        (('n', 3, 30, 40), 'value_range: [1, 1]', ConfigError, 'black < white'),
        (('n', 3, 30, 40), 'mean: [.nan, 0, 0]', ConfigError, 'must be finite'),
        (('n', 3, 30, 40), 'size: [0, 40]', ConfigError, 'size must be'),
        (('n', 3, 30, 40), 'means: [0, 0, 0]', ConfigError, "Did you mean 'mean'"),
    ],
)
def test_cards_and_graphs_must_agree(tmp_path, shape, card, error, message):
    path = network(tmp_path / 'net.onnx', shape, 4)
    (tmp_path / 'net.features.yaml').write_text(card)
    with pytest.raises(error, match=message):
        model_features(path)


def test_weights_outside_of_the_folder_are_refused(tmp_path):
    path = network(tmp_path / 'net.onnx', ('n', 3, 30, 40), 4)
    model = onnx.load(path)
    tensor = model.graph.initializer[0]
    tensor.ClearField('raw_data')
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = 'location', '../secret'
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="inside the model's own folder"):
        model_features(path)


def test_networks_of_files_cannot_take_the_names_of_known_ones(tmp_path):
    assert features_key(tmp_path / 'Inception.onnx') == 'inception_file'
    assert features_key(tmp_path / 'efficientnet-lite0.onnx') == 'efficientnet_lite0_file'
    assert features_key(tmp_path / 'ä.onnx') == 'network'
    assert features_key(tmp_path / 'dino-v2 (s).onnx') == 'dino_v2_s'


def test_a_card_is_right_for_torchvision_by_default():
    card = FeatureCard()
    assert (card.value_range, card.layout, card.colour_order) == ((0.0, 1.0), 'NCHW', 'RGB')
