"""Models of a fixed size, of multiples, and such that answer in another size."""

import graph_cases
import numpy as np
import pytest
from onnx import TensorProto, helper

from sim2real_ros.errors import BackendError
from sim2real_ros.image import resize
from sim2real_ros.runtime.translator import MAX_KNOWN_SIZES


def shrink_by_two():
    """A uint8 model that answers in half the size."""
    return graph_cases.uint8_model(
        [helper.make_node('Slice', ['image', 'from', 'to', 'axes', 'step'], ['translated'])],
        constants={
            'from': np.array([0, 0]),
            'to': np.array([2**31, 2**31]),
            'axes': np.array([1, 2]),
            'step': np.array([2, 2]),
        },
        output_dims=('N', 'h', 'w', 3),
    )


def test_fixed_size_resizes_there_and_back(load):
    node = graph_cases.identity().graph.node
    translator = load(graph_cases.uint8_model(node, dims=(1, 24, 32, 3)))
    assert translator.model_size((64, 48)) == (32, 24)
    rgb = graph_cases.random_image(64, 48)
    expected = resize(resize(rgb, (32, 24)), (64, 48))
    assert np.array_equal(translator.translate(rgb), expected)
    assert np.array_equal(translator.translate(rgb, out=np.empty_like(rgb)), expected)
    small = np.empty((24, 32, 3), np.uint8)
    for _ in range(2):
        assert translator.translate_at_model_size(rgb, out=small) is small
        assert np.array_equal(small, resize(rgb, (32, 24)))
    assert np.array_equal(translator.translate_at_model_size(rgb), small)


def test_size_runs_a_dynamic_model_at_one_size(load):
    translator = load(graph_cases.identity(), size=(16, 12))
    rgb = graph_cases.random_image(32, 24)
    assert translator.translate_at_model_size(rgb).shape == (12, 16, 3)
    assert translator.translate(rgb).shape == rgb.shape
    translator.warm_up((640, 480))


def test_the_card_may_fix_the_size_of_a_dynamic_graph(load):
    translator = load(graph_cases.identity(), {'name': 'small', 'size': [16, 12]})
    assert translator.translate_at_model_size(graph_cases.random_image(9, 9)).shape == (12, 16, 3)


def test_size_multiple_rounds_the_image_to_what_the_model_takes(load):
    translator = load(graph_cases.identity(), {'name': 'pyramid', 'size_multiple': 8})
    sizes = {(64, 48): (64, 48), (61, 53): (64, 56), (3, 1): (8, 8)}
    for image_size, model_size in sizes.items():
        assert translator.model_size(image_size) == model_size
        rgb = graph_cases.random_image(*image_size)
        result = translator.translate(rgb)
        assert np.array_equal(result, resize(resize(rgb, model_size), image_size))


@pytest.mark.parametrize('size', [(12, 8), (0, 8), (-8, 8)])
def test_size_must_be_a_multiple_of_what_the_card_says(load, size):
    with pytest.raises(BackendError, match=r'positive multiples of 8, not \('):
        load(graph_cases.identity(), {'name': 'pyramid', 'size_multiple': 8}, size=size)


def test_size_must_not_contradict_the_model(load):
    fixed = graph_cases.uint8_model(graph_cases.identity().graph.node, dims=(1, 24, 32, 3))
    assert load(fixed, size=(32, 24)).model_size((1, 1)) == (32, 24)
    with pytest.raises(BackendError, match='runs at 32x24 only, not at 64x48'):
        load(fixed, size=(64, 48))


def test_an_answer_of_another_size_is_resized_back(load):
    translator = load(shrink_by_two())
    rgb = graph_cases.random_image(32, 24)
    expected = resize(rgb[::2, ::2], (32, 24))
    for _ in range(2):
        assert np.array_equal(translator.translate(rgb), expected)
        assert np.array_equal(translator.translate(rgb, out=np.empty_like(rgb)), expected)


def test_a_graph_that_lies_about_its_output_size_works(load):
    proto = shrink_by_two()
    proto.graph.output[0].CopyFrom(
        helper.make_tensor_value_info('translated', TensorProto.UINT8, graph_cases.UINT8_DIMS)
    )
    translator = load(proto)
    rgb = graph_cases.random_image(32, 24)
    out = np.empty_like(rgb)
    assert np.array_equal(translator.translate(rgb, out=out), resize(rgb[::2, ::2], (32, 24)))


def test_a_stream_of_sizes_leaves_nothing_behind(load):
    translator = load(graph_cases.identity())
    for width in range(1, 3 * MAX_KNOWN_SIZES):
        rgb = graph_cases.random_image(width, 2)
        out = np.empty_like(rgb)
        assert np.array_equal(translator.translate(rgb, out=out), rgb)
        assert np.array_equal(translator.translate(rgb, out=out), rgb)
    assert len(translator._size_kept_at) <= MAX_KNOWN_SIZES
