import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from sim2real_ros.errors import ModelError
from sim2real_ros.training.export.operators import check_operators


def graph(nodes, constants=(), extra_inputs=(), opset=18, domain=''):
    shape = [1, 8, 8, 3]
    image = helper.make_tensor_value_info('image', TensorProto.UINT8, shape)
    others = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in extra_inputs]
    result = helper.make_tensor_value_info('out', TensorProto.FLOAT, None)
    tensors = [numpy_helper.from_array(value, name) for name, value in constants]
    built = helper.make_graph(nodes, 'test', [image, *others], [result], tensors)
    opsets = [helper.make_opsetid('', opset)]
    return helper.make_model(
        built, opset_imports=opsets + ([helper.make_opsetid(domain, 1)] * bool(domain))
    )


CAST = helper.make_node('Cast', ['image'], ['x'], to=TensorProto.FLOAT)
ONES = np.ones(8, np.float32)


def node(kind, inputs, **attributes):
    return helper.make_node(kind, inputs, ['out'], **attributes)


PADS = ('pads', np.array([0, 1, 1, 0, 0, 1, 1, 0]))
SCALES = ('scales', np.array([1, 2, 2, 1], np.float32))
GOOD = {
    'reflect pad': ([CAST, node('Pad', ['x', 'pads'], mode='reflect')], [PADS]),
    'norm': ([CAST, node('InstanceNormalization', ['x', 's', 's'])], [('s', ONES)]),
    'resize': ([CAST, node('Resize', ['x', '', 'scales'], mode='linear')], [SCALES]),
    'cast constant': (
        [
            CAST,
            helper.make_node('Cast', ['half'], ['s'], to=TensorProto.FLOAT),
            node('InstanceNormalization', ['x', 's', 's']),
        ],
        [('half', ONES.astype(np.float16))],
    ),
}


@pytest.mark.parametrize('name', GOOD)
def test_what_tensorrt_takes_passes(name):
    check_operators(graph(*GOOD[name]))


BAD = {
    'it has no operator Loop': ([CAST, node('Loop', ['x', 'x', 'x'])], []),
    'it has no operator NonZero': ([CAST, node('NonZero', ['x'])], []),
    'Transpose reads the uint8 input': ([node('Transpose', ['image'])], []),
    'input 1 of Pad must be constant': ([CAST, node('Pad', ['x', 'x'])], []),
    "Pad has mode 'wrap'": ([CAST, node('Pad', ['x', 'pads'], mode='wrap')], [PADS]),
    "Resize has mode 'cubic'": (
        [CAST, node('Resize', ['x', '', 'scales'], mode='cubic')],
        [SCALES],
    ),
    'input 2 of InstanceNormalization must be': (
        [CAST, node('InstanceNormalization', ['x', 's', 'x'])],
        [('s', ONES)],
    ),
    'input 1 of Conv must be constant': ([CAST, node('Conv', ['x', 'x'])], []),
}


@pytest.mark.parametrize('reason', BAD)
def test_what_tensorrt_refuses_is_refused(reason):
    with pytest.raises(ModelError, match=f'TensorRT would refuse the graph: .*{reason}'):
        check_operators(graph(*BAD[reason]))


def test_ranks_that_tensorrt_refuses_are_refused():
    volume = [('v', [1, 2, 4, 4, 4]), ('grid', [1, 4, 4, 4, 3])]
    sampled = graph([CAST, node('GridSample', ['v', 'grid'])], extra_inputs=volume, opset=20)
    with pytest.raises(ModelError, match='GridSample of rank 5, expected 4'):
        check_operators(sampled)
    flat = [('v', [2, 8])]
    norm = graph([CAST, node('InstanceNormalization', ['v', 's', 's'])], [('s', ONES)], flat)
    with pytest.raises(ModelError, match='InstanceNormalization of rank 2'):
        check_operators(norm)


def test_operators_beyond_the_standard_are_refused():
    with pytest.raises(ModelError, match='functions or operators beyond the ONNX standard'):
        check_operators(graph([CAST, node('Relu', ['x'])], domain='com.microsoft'))


def test_every_reason_is_listed():
    nodes = [helper.make_node('Transpose', ['image'], ['x']), node('NonZero', ['x'])]
    with pytest.raises(ModelError, match='only Cast may; it has no operator NonZero'):
        check_operators(graph(nodes))
    assert onnx.__version__
