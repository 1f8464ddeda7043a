"""The counter of arithmetic and bytes, on graphs whose cost is known; floors and machines."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

FOLDER = Path(__file__).resolve().parents[2] / 'tools/benchmarks'


@pytest.fixture
def parts(import_benchmarks):
    return import_benchmarks('graph_cost', 'floors', 'machine_description')


def graph(nodes, inputs, output, weights=()):
    """One output; inputs and weights are shapes by name, all float32."""
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in inputs.items()
    ]
    constants = [
        numpy_helper.from_array(np.ones(shape, np.float32), name)
        for name, shape in dict(weights).items()
    ]
    out = helper.make_tensor_value_info(output, TensorProto.FLOAT, None)
    made = helper.make_graph(nodes, 'made', values, [out], constants)
    return helper.make_model(made, opset_imports=[helper.make_opsetid('', 18)])


def node(kind, inputs, **attributes):
    return helper.make_node(kind, inputs, ['out'], **attributes)


@pytest.mark.parametrize(
    ('groups', 'weights', 'macs'),
    [
        # Output 2 x 6 x 5 x 7; each value is a sum over 4 channels (2 with groups) of 3 x 3.
        (1, (6, 4, 3, 3), 2 * 6 * 5 * 7 * 4 * 9),
        (2, (6, 2, 3, 3), 2 * 6 * 5 * 7 * 2 * 9),
    ],
)
def test_convolution(parts, groups, weights, macs):
    made = graph(
        [node('Conv', ['x', 'w'], group=groups, pads=[1, 1, 1, 1], strides=[2, 2])],
        {'x': (2, 4, 9, 13)},
        'out',
        {'w': weights},
    )
    cost = parts.graph_cost.count_graph(made)
    assert cost.flops == 2 * macs
    assert cost.weight_bytes == 4 * np.prod(weights)
    ends = 4 * (2 * 4 * 9 * 13 + 2 * 6 * 5 * 7)
    assert cost.end_bytes == cost.moved_bytes == ends + cost.weight_bytes
    assert cost.unknown == ()


def test_transposed_convolution_counts_no_inserted_zeros(parts):
    weights = {'w': (4, 6, 3, 3)}
    attributes = {'strides': [2, 2], 'pads': [1, 1, 1, 1], 'output_padding': [1, 1]}
    made = graph(
        [node('ConvTranspose', ['x', 'w'], **attributes)], {'x': (1, 4, 5, 7)}, 'out', weights
    )
    cost = parts.graph_cost.count_graph(made)
    assert cost.flops == 2 * (4 * 5 * 7) * (6 * 9)
    assert cost.end_bytes == 4 * (4 * 35 + 4 * 54 + 6 * 10 * 14)


@pytest.mark.parametrize(
    ('left', 'right', 'macs'),
    [
        ((5, 7), (7, 3), 5 * 3 * 7),
        ((2, 4, 5, 7), (7, 3), 2 * 4 * 5 * 3 * 7),
        ((2, 1, 5, 7), (4, 7, 3), 2 * 4 * 5 * 3 * 7),
        ((7,), (7, 3), 3 * 7),
        ((5, 7), (7,), 5 * 7),
    ],
)
def test_matrix_product(parts, left, right, macs):
    made = graph([node('MatMul', ['a', 'b'])], {'a': left, 'b': right}, 'out')
    assert parts.graph_cost.count_graph(made).flops == 2 * macs


@pytest.mark.parametrize('transposed', [0, 1])
def test_general_matrix_product(parts, transposed):
    left = (7, 5) if transposed else (5, 7)
    inputs = {'a': left, 'b': (7, 3), 'c': (3,)}
    made = graph([node('Gemm', ['a', 'b', 'c'], transA=transposed)], inputs, 'out')
    assert parts.graph_cost.count_graph(made).flops == 2 * 5 * 3 * 7


def chain(shape):
    nodes = [
        helper.make_node('Relu', ['x'], ['a']),
        helper.make_node('Unsqueeze', ['a', 'axes'], ['b']),
        helper.make_node('Add', ['b', 'one'], ['out']),
    ]
    made = graph(nodes, {'x': shape}, 'out', {'one': (1,)})
    made.graph.initializer.append(numpy_helper.from_array(np.array([0], np.int64), 'axes'))
    return made


def test_elementwise_operators_move_bytes_and_views_none(parts):
    cost = parts.graph_cost.count_graph(chain((3, 5)))
    # Relu reads and writes 15 values; Unsqueeze is a view; Add reads 15 and a constant.
    assert (cost.flops, cost.moved_bytes) == (0, 4 * (15 + 15 + 15 + 1 + 15))
    assert (cost.weight_bytes, cost.end_bytes) == (4 + 8, 4 * (15 + 15 + 1) + 8)


def test_numbers_of_two_bytes_halve_floats_alone(parts):
    full = parts.graph_cost.count_graph(chain((3, 5)))
    half = parts.graph_cost.count_graph(chain((3, 5)), float_bytes=2)
    assert half.moved_bytes == full.moved_bytes // 2
    # The axis stays an int64.
    assert half.weight_bytes == 2 + 8


def test_free_sides_are_filled_in(parts):
    made = chain(('N', 5))
    before = made.SerializeToString()
    unknown = parts.graph_cost.count_graph(made)
    assert (unknown.unknown, unknown.moved_bytes) == (('Add', 'Relu', 'Unsqueeze'), 0)
    known = parts.graph_cost.count_graph(made, {'x': (3, 5)})
    assert known == parts.graph_cost.count_graph(chain((3, 5)))
    assert made.SerializeToString() == before


def test_sizes_that_depend_on_values_are_said_to_be_unknown(parts):
    made = graph([node('NonZero', ['x'])], {'x': (4,)}, 'out')
    made.graph.output[0].type.tensor_type.elem_type = TensorProto.INT64
    assert parts.graph_cost.count_graph(made).unknown == ('NonZero',)


def test_identity_model_costs_its_frames(parts):
    path = FOLDER.parents[1] / 'models/identity.onnx'
    cost = parts.graph_cost.count_graph(onnx.load(path), {'image': (1, 384, 512, 3)})
    assert (cost.flops, cost.end_bytes) == (0, 2 * 3 * 384 * 512)


def test_floor_is_the_larger_of_arithmetic_and_copying(parts):
    floors, GraphCost = parts.floors, parts.graph_cost.GraphCost
    peak = floors.Peak(2, {'float32': 2e11, 'bfloat16': 4e11}, 5e10)
    heavy = GraphCost(flops=10**9, weight_bytes=0, end_bytes=10**6, moved_bytes=10**8)
    floor = floors.floor_of(heavy, peak, 'float32')
    assert (floor.compute_ms, floor.memory_ms, floor.moved_ms) == pytest.approx((5, 0.02, 2))
    assert (floor.ms, floor.limit) == (floor.compute_ms, 'compute')
    assert floors.floor_of(heavy, peak, 'bfloat16').ms == pytest.approx(2.5)
    light = GraphCost(flops=0, weight_bytes=0, end_bytes=10**6, moved_bytes=10**6)
    floor = floors.floor_of(light, peak, 'float32')
    assert (floor.ms, floor.limit) == (pytest.approx(0.02), 'memory')
    assert floors.floor_of(heavy, peak, 'float32', batch=4).ms == pytest.approx(20)
    assert floors.floor_of(heavy, peak, 'float16') is None


def test_best_of_several_peaks(parts):
    Peak = parts.floors.Peak
    found = parts.floors.best_of([Peak(1, {'a': 3.0}, 5.0), Peak(1, {'a': 2.0, 'b': 1.0}, 7.0)])
    assert found == Peak(1, {'a': 3.0, 'b': 1.0}, 7.0)


def test_machine_is_described_without_its_name(parts, tmp_path):
    cpuinfo = tmp_path / 'cpuinfo'
    cpuinfo.write_text(
        'processor\t: 0\ncpu family\t: 25\nmodel\t\t: 17\nmodel name\t: AMD EPYC\n'
        'flags\t\t: fpu avx2 avx512_bf16\n\nprocessor\t: 1\nmodel name\t: other\n'
    )
    facts = parts.machine_description.cpu_facts(cpuinfo)
    assert facts == {'cpu': 'AMD EPYC (family 25, model 17)', 'flags': ['avx2', 'avx512_bf16']}
    assert parts.machine_description.cpu_facts(tmp_path / 'none') == {'cpu': '', 'flags': []}
    import platform

    machine = parts.machine_description.describe_machine()
    assert machine['versions']['onnx'] == onnx.__version__
    assert platform.node() not in parts.machine_description.machine_line(machine).split()
