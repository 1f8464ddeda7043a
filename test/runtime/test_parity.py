import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from sim2real_ros.errors import ModelError
from sim2real_ros.runtime.parity import EXACT, Parity, check_parity, measure_parity


def model(nodes, shape=('N', 'H', 'W', 3), opset=17):
    values = [helper.make_tensor_value_info(n, TensorProto.UINT8, shape) for n in ('image', 'out')]
    graph = helper.make_graph(nodes, 'test', values[:1], values[1:])
    built = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid('', opset)])
    return built.SerializeToString()


IDENTITY = model([helper.make_node('Identity', ['image'], ['out'])])


def images(*shapes):
    generator = np.random.default_rng(0)
    return [generator.integers(0, 250, (*shape, 3), dtype=np.uint8) for shape in shapes]


def test_the_largest_and_the_mean_difference_are_over_all_images():
    def reference(image):
        changed = image.copy()
        changed[0, 0, 0, 0] += 5
        return changed

    measured = measure_parity(IDENTITY, reference, images((1, 2, 2), (2, 3, 4)))
    assert measured == Parity(5, pytest.approx(10 / (12 + 72)))


def test_differences_do_not_wrap_around():
    measured = measure_parity(
        IDENTITY, lambda image: image * 0 + 255, [np.zeros((1, 1, 1, 3), np.uint8)]
    )
    assert measured == Parity(255, 255.0)


@pytest.mark.parametrize(
    ('measured', 'tolerance', 'fits'),
    [
        (Parity(1, 0.5), EXACT, True),
        (Parity(2, 0.0), EXACT, False),
        (Parity(3, 0.6), Parity(8, 0.5), False),
        (Parity(8, 0.5), Parity(8, 0.5), True),
    ],
)
def test_both_numbers_count(measured, tolerance, fits):
    assert measured.fits(tolerance) == fits
    if fits:
        check_parity(measured, tolerance)
        return
    with pytest.raises(ModelError, match=f'differ by {measured.max_levels} levels at most'):
        check_parity(measured, tolerance)


def test_an_answer_of_another_shape_is_refused():
    turned = model([helper.make_node('Transpose', ['image'], ['out'], perm=[0, 2, 1, 3])])
    with pytest.raises(ModelError, match=r'answers \(1, 2, 4, 3\) with \(1, 4, 2, 3\) uint8'):
        measure_parity(turned, np.copy, images((1, 2, 4)))


def test_what_onnx_runtime_refuses_is_told():
    unknown = model([helper.make_node('NoSuchOperator', ['image'], ['out'])])
    with pytest.raises(ModelError, match='ONNX Runtime cannot load the model'):
        measure_parity(unknown, np.copy, images((1, 2, 2)))
    fixed = model([helper.make_node('Identity', ['image'], ['out'])], (1, 4, 4, 3))
    with pytest.raises(ModelError, match=r'ONNX Runtime cannot run \(1, 2, 2, 3\)'):
        measure_parity(fixed, np.copy, images((1, 2, 2)))
    assert onnx.load_model_from_string(fixed).graph.input[0].name == 'image'


def test_further_inputs_get_their_values():
    nodes = [
        helper.make_node('Cast', ['further'], ['level'], to=TensorProto.UINT8),
        helper.make_node('Add', ['image', 'level'], ['out']),
    ]
    proto = onnx.load_model_from_string(model(nodes))
    proto.graph.input.append(helper.make_tensor_value_info('further', TensorProto.FLOAT, [1]))
    content = proto.SerializeToString()
    for level in (0, 5):
        further = {'further': np.array([level], np.float32)}
        measured = measure_parity(content, np.copy, images((1, 2, 2)), further)
        assert measured == Parity(level, level)
    wrong = {'further': np.zeros((1, 2), np.float32)}
    with pytest.raises(ModelError, match=r'ONNX Runtime cannot run \(1, 2, 2, 3\)'):
        measure_parity(content, np.copy, images((1, 2, 2)), wrong)
