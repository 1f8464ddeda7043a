import numpy as np
import onnx
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from sim2real_ros.config import parse_yaml
from sim2real_ros.errors import BackendError, ConfigError, ModelError, Sim2RealError
from sim2real_ros.evaluation.structure.onnx_segmenter import OnnxSegmenter
from sim2real_ros.evaluation.structure.segmenter_card import (
    SegmenterCard,
    read_segmenter_card,
    segmenter_card_path,
)
from sim2real_ros.evaluation.structure.segmenter_trial import try_segmenter

PLAIN = {'mean': [0, 0, 0], 'std': [1, 1, 1]}
RGB_IDS = {'class_ids': [4, 2, 255], **PLAIN}
"""Of a graph whose scores are the colours: red is 4, green 2, blue not of ours."""

NCHW, NHWC = (1, 3, 'H', 'W'), (1, 'H', 'W', 3)


def write(folder, nodes, card, *, dims=NCHW, dtype=TensorProto.FLOAT, output=None, constants=None):
    """Write a graph from `image` to `out` and its card."""
    output_type, output_dims = output or (TensorProto.FLOAT, dims)
    tensors = [numpy_helper.from_array(np.array(v), k) for k, v in (constants or {}).items()]
    graph = helper.make_graph(
        nodes, 'test', [helper.make_tensor_value_info('image', dtype, dims)],
        [helper.make_tensor_value_info('out', output_type, output_dims)], tensors,
    )  # fmt: skip
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid('', 17)])
    path = folder / 'net.onnx'
    onnx.save(model, path)
    if card is not None:
        segmenter_card_path(path).write_text(yaml.safe_dump(card))
    return path


def identity(folder, card, **more):
    return write(folder, [helper.make_node('Identity', ['image'], ['out'])], card, **more)


def patches(size=(40, 30)):
    """Draw thirds of red, green and blue from left to right; every colour has some of each."""
    width, height = size
    image = np.full((height, width, 3), 30, np.uint8)
    for channel in range(3):
        image[:, channel * width // 3 : (channel + 1) * width // 3, channel] = 200
    return image


def test_highest_score_of_each_pixel_becomes_the_id_of_the_mask(tmp_path):
    segmenter = OnnxSegmenter(identity(tmp_path, RGB_IDS))
    found = segmenter.segment(patches())
    assert found.dtype == np.uint8
    assert found.shape == (30, 40)
    assert [found[5, x] for x in (2, 20, 38)] == [4, 2, 255]
    assert segmenter.class_ids == (2, 4)
    assert segmenter.name.startswith('net.onnx (')


@pytest.mark.parametrize(
    ('change', 'expected'),
    [
        ({'colour_order': 'BGR'}, [255, 2, 4]),
        ({'layout': 'NHWC'}, [4, 2, 255]),
        ({'std': [10, 1, 1]}, [255, 2, 255]),
        ({'mean': [0, 1, 0]}, [4, 255, 255]),
    ],
)
def test_card_says_how_pixels_become_numbers(tmp_path, change, expected):
    # Blue lies a little above the others where there is none of them.
    image = patches()
    image[..., 2] += 5
    dims = NHWC if 'layout' in change else NCHW
    segmenter = OnnxSegmenter(identity(tmp_path, {**RGB_IDS, **change}, dims=dims))
    found = segmenter.segment(image)
    assert [found[5, x] for x in (2, 20, 38)] == expected


def test_value_range_mean_and_std_are_applied_in_this_order(tmp_path):
    # Class 1 has a constant score, class 0 the normalised red: (200/255*4 - 2 - 0.5) / 2.
    level = (200 / 255 * 4 - 2 - 0.5) / 2
    nodes = [
        helper.make_node('Slice', ['image', 'zero', 'one', 'axis'], ['red']),
        helper.make_node('Mul', ['red', 'nothing'], ['empty']),
        helper.make_node('Add', ['empty', 'level'], ['constant']),
        helper.make_node('Concat', ['red', 'constant'], ['out'], axis=1),
    ]
    card = {'class_ids': [1, 0], 'value_range': [-2, 2], 'mean': [0.5] * 3, 'std': [2] * 3}
    for offset, expected in ((-0.01, 1), (0.01, 0)):
        constants = {
            'zero': np.array([0]), 'one': np.array([1]), 'axis': np.array([1]),
            'nothing': np.float32(0), 'level': np.float32(level + offset),
        }  # fmt: skip
        path = write(
            tmp_path, nodes, card, constants=constants,
            output=(TensorProto.FLOAT, (1, 2, 'H', 'W')),
        )  # fmt: skip
        image = np.full((8, 9, 3), 200, np.uint8)
        assert (OnnxSegmenter(path).segment(image) == expected).all()


def test_image_is_resized_to_the_graph_and_scores_back(tmp_path):
    card = {**RGB_IDS, 'size': [24, 16]}
    segmenter = OnnxSegmenter(identity(tmp_path, card, dims=(1, 3, 16, 24)))
    found = segmenter.segment(patches((120, 90)))
    assert found.shape == (90, 120)
    assert [found[40, x] for x in (5, 60, 115)] == [4, 2, 255]


def test_sizes_are_rounded_to_the_multiple(tmp_path):
    nodes = [helper.make_node('AveragePool', ['image'], ['out'], kernel_shape=[8, 8],
                              strides=[8, 8])]  # fmt: skip
    output = (TensorProto.FLOAT, (1, 3, 'h', 'w'))
    segmenter = OnnxSegmenter(write(tmp_path, nodes, {**RGB_IDS, 'size_multiple': 8},
                                    output=output))  # fmt: skip
    assert segmenter.segment(patches((43, 30))).shape == (30, 43)


@pytest.mark.parametrize(('multiple', 'expected'), [(1, 64), (8, 64), (48, 96)])
def test_no_graph_is_given_less_than_it_was_tried_with(tmp_path, multiple, expected):
    # The class number is what the height is above the expected one.
    nodes = [
        helper.make_node('Shape', ['image'], ['shape']),
        helper.make_node('Slice', ['shape', 'from', 'to'], ['height']),
        helper.make_node('Sub', ['height', 'expected'], ['number']),
        helper.make_node('Expand', ['number', 'square'], ['out']),
    ]
    constants = {'from': np.array([2]), 'to': np.array([3]), 'expected': np.array([expected]),
                 'square': np.array([1, 2, 2])}  # fmt: skip
    card = {'class_ids': [7, 8], 'output_kind': 'ids', 'size_multiple': multiple, **PLAIN}
    output = (TensorProto.INT64, (1, 2, 2))
    path = write(tmp_path, nodes, card, constants=constants, output=output)
    segmenter = OnnxSegmenter(path)
    for size in ((16, 16), (40, 30), (64, 64)):
        found = segmenter.segment(patches(size))
        assert found.shape == size[::-1]
        assert (found == 7).all()


def test_numbers_of_classes_are_taken_as_they_are(tmp_path):
    nodes = [helper.make_node('ArgMax', ['image'], ['out'], axis=1, keepdims=0)]
    card = {**RGB_IDS, 'output_kind': 'ids'}
    path = write(tmp_path, nodes, card, output=(TensorProto.INT64, (1, 'H', 'W')))
    found = OnnxSegmenter(path).segment(patches())
    assert [found[5, x] for x in (2, 20, 38)] == [4, 2, 255]


def test_uint8_graphs_get_the_image_as_it_is(tmp_path):
    card = {'class_ids': [4, 2, 255], 'dtype': 'uint8', 'layout': 'NHWC'}
    kind = {'dims': NHWC, 'dtype': TensorProto.UINT8, 'output': (TensorProto.UINT8, NHWC)}
    found = OnnxSegmenter(identity(tmp_path, card, **kind)).segment(patches())
    assert [found[5, x] for x in (2, 20, 38)] == [4, 2, 255]


@pytest.mark.parametrize(
    ('card', 'error', 'message'),
    [
        (None, ModelError, r'net\.segmenter\.yaml'),
        ({}, ConfigError, 'class_ids'),
        ({'class_ids': [1]}, ConfigError, 'class_ids'),
        ({'class_ids': [0, 256]}, ConfigError, r'0\.\.255'),
        ({**RGB_IDS, 'std': [1, 0, 1]}, ConfigError, 'std'),
        ({**RGB_IDS, 'value_range': [1, 1]}, ConfigError, 'value_range'),
        ({**RGB_IDS, 'sizes': [4, 4]}, ConfigError, 'size'),
        ({**RGB_IDS, 'size': [0, 4]}, ConfigError, 'size'),
        ({**RGB_IDS, 'size_multiple': 0}, ConfigError, 'size_multiple'),
        ({**RGB_IDS, 'class_ids': [0, 1]}, BackendError, '2 channels'),
        ({**RGB_IDS, 'output_kind': 'ids'}, BackendError, 'scores'),
        ({**RGB_IDS, 'dtype': 'uint8'}, ModelError, 'dtype'),
        ({**RGB_IDS, 'layout': 'NHWC'}, ModelError, 'NHWC'),
        ({**RGB_IDS, 'input': 'x'}, ModelError, "'image'"),
        ({**RGB_IDS, 'output': 'y'}, ModelError, "'out'"),
    ],
)
def test_cards_that_do_not_fit_are_refused(tmp_path, card, error, message):
    path = identity(tmp_path, card)
    with pytest.raises(error, match=message):
        OnnxSegmenter(path)


def test_card_and_graph_must_agree_on_the_size(tmp_path):
    path = identity(tmp_path, {**RGB_IDS, 'size': [16, 24]}, dims=(1, 3, 16, 24))
    with pytest.raises(ModelError, match=r'\(24, 16\)'):
        OnnxSegmenter(path)


def test_class_numbers_beyond_the_card_and_broken_scores_are_refused(tmp_path):
    nodes = [helper.make_node('ArgMax', ['image'], ['out'], axis=1, keepdims=0)]
    card = {'class_ids': [0, 1], 'output_kind': 'ids', **PLAIN}
    path = write(tmp_path, nodes, card, output=(TensorProto.INT64, (1, 'H', 'W')))
    with pytest.raises(BackendError, match=r'names 0\.\.1'):
        OnnxSegmenter(path).segment(patches())
    roots = write(tmp_path, [helper.make_node('Log', ['image'], ['out'])], RGB_IDS)
    with pytest.raises(BackendError, match='NaN or infinity'):
        OnnxSegmenter(roots).segment(np.zeros((16, 16, 3), np.uint8))


def test_files_that_are_no_models_are_refused(tmp_path):
    path = identity(tmp_path, RGB_IDS)
    path.write_bytes(b'no model')
    with pytest.raises(ModelError, match='no ONNX file'):
        OnnxSegmenter(path)
    with pytest.raises(ModelError, match='No model file'):
        OnnxSegmenter(tmp_path / 'other.onnx', segmenter_card_path(path))


def test_card_may_lie_elsewhere(tmp_path):
    path = identity(tmp_path, None)
    card = tmp_path / 'card.yaml'
    card.write_text(yaml.safe_dump({**RGB_IDS, 'name': 'colours', 'class_names': {4: 'red'}}))
    assert OnnxSegmenter(path, card).name.startswith('colours (')
    assert read_segmenter_card(path, card).class_names == {'4': 'red'}


def test_trial_in_a_child_process_tells_good_from_bad(tmp_path):
    path = identity(tmp_path, RGB_IDS)
    try_segmenter(path)
    segmenter_card_path(path).write_text(yaml.safe_dump({**RGB_IDS, 'class_ids': [0, 1]}))
    with pytest.raises(ModelError, match='2 channels'):
        try_segmenter(path)


plain = st.none() | st.booleans() | st.integers(-5, 400) | st.floats() | st.text(max_size=8)
keys = st.sampled_from([*SegmenterCard.__dataclass_fields__, 'else'])


@settings(deadline=None, max_examples=50)
@given(st.dictionaries(keys, plain | st.lists(plain, max_size=4), max_size=6))
def test_any_card_is_read_or_refused_in_words(content):
    try:
        card = parse_yaml(SegmenterCard, yaml.safe_dump(content).encode(), 'card')
    except Sim2RealError as error:
        refusal = str(error)
    else:
        refusal = ''
        assert 2 <= len(card.class_ids) <= 256
        assert min(card.std) > 0
    assert not refusal or refusal.startswith(('card', "'card'"))
