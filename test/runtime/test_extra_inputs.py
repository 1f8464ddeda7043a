import graph_cases
import numpy as np
import pytest
from onnx import TensorProto, helper

from sim2real_ros.errors import ModelError
from sim2real_ros.runtime.extra_inputs import extra_input_arrays
from sim2real_ros.runtime.model_file import open_model


def arrays(tmp_path, element, dims, values):
    proto = graph_cases.float_model(
        [helper.make_node('Identity', ['x'], ['y'])], extra_inputs={'style': (element, dims)}
    )
    card = {**graph_cases.FLOAT_CARD, 'extra_inputs': {'style': values}}
    return extra_input_arrays(open_model(graph_cases.save(proto, tmp_path / 'm.onnx', card)))


@pytest.mark.parametrize(
    ('dims', 'values', 'expected'),
    [
        ([], [5], np.float32(5)),
        ([3], [1, 2, 3], np.float32([1, 2, 3])),
        (['K'], [1, 2, 3], np.float32([1, 2, 3])),
        (['N', 3], [1, 2, 3], np.float32([[1, 2, 3]])),
        ([2, 2], [1, 2, 3, 4], np.float32([[1, 2], [3, 4]])),
        (['N', 2, 'H', 'W'], [1, 2], np.float32([[[[1]], [[2]]]])),
        (['K'], [], np.empty(0, np.float32)),
    ],
)
def test_values_take_the_shape_of_the_input(tmp_path, dims, values, expected):
    array = arrays(tmp_path, TensorProto.FLOAT, dims, values)['style']
    assert (array.dtype, array.shape) == (np.float32, np.shape(expected))
    assert np.array_equal(array, expected)


@pytest.mark.parametrize(
    ('element', 'dtype'),
    [
        (TensorProto.FLOAT16, 'float16'),
        (TensorProto.DOUBLE, 'float64'),
        (TensorProto.INT64, 'int64'),
        (TensorProto.INT32, 'int32'),
        (TensorProto.UINT8, 'uint8'),
        (TensorProto.BOOL, 'bool'),
    ],
)
def test_values_take_the_type_of_the_input(tmp_path, element, dtype):
    array = arrays(tmp_path, element, [2], [0, 1])['style']
    assert array.dtype == np.dtype(dtype)
    assert array.tolist() == [0, 1]


@pytest.mark.parametrize(
    ('dims', 'count', 'wanted'),
    [
        ([26], 3, r'gives 3 values .*takes 26 \(shape \[26\]\)'),
        ([], 2, r'takes 1 \(shape \[\]\)'),
        (['N', 3], 6, r'gives 6 values .*takes 3 \(shape \[None, 3\]\)'),
        ([2**62, 2**62], 1, r'takes 21267647932558653966460912964485513216'),
    ],
)
def test_a_wrong_number_of_values_is_refused(tmp_path, dims, count, wanted):
    with pytest.raises(ModelError, match=wanted):
        arrays(tmp_path, TensorProto.FLOAT, dims, [0] * count)


@pytest.mark.parametrize(
    ('element', 'value'),
    [
        (TensorProto.UINT8, 256),
        (TensorProto.UINT8, -1),
        (TensorProto.UINT8, 0.5),
        (TensorProto.INT64, 1e300),
        (TensorProto.INT64, float('nan')),
        (TensorProto.BOOL, 2),
        (TensorProto.FLOAT, 1e300),
        (TensorProto.FLOAT, float('nan')),
        (TensorProto.FLOAT, float('inf')),
        (TensorProto.FLOAT16, 70000),
    ],
)
def test_a_value_that_the_type_cannot_hold_is_refused(tmp_path, element, value):
    with pytest.raises(ModelError, match=r"values for the input 'style' that \w+ cannot hold"):
        arrays(tmp_path, element, [1], [value])


@pytest.mark.parametrize('element', [TensorProto.STRING, TensorProto.COMPLEX64, 99])
def test_an_element_type_without_numbers_is_refused(tmp_path, element):
    with pytest.raises(ModelError, match=r"input 'style' has the unsupported element type \d+"):
        arrays(tmp_path, element, [1], [0])
