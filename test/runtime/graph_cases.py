"""Small ONNX models for tests, and the side cards that describe them."""

import numpy as np
import yaml
from onnx import TensorProto, helper, numpy_helper

from sim2real_ros.card import ModelCard

FLOAT_DIMS = (1, 3, 'H', 'W')
UINT8_DIMS = ('N', 'H', 'W', 3)


def model(nodes, inputs, outputs, constants=None, metadata=None, functions=(), opset=17):
    """Build a ModelProto.

    Args:
        nodes: NodeProtos.
        inputs: {name: (element type, dims)}; dims None = open rank.
        outputs: The same.
        constants: {name: array or TensorProto} initializers.
        metadata: metadata_props.
        functions: Local functions.
        opset: Version of the standard operators.
    """
    tensors = [
        value if isinstance(value, TensorProto) else numpy_helper.from_array(np.array(value), name)
        for name, value in (constants or {}).items()
    ]
    graph = helper.make_graph(nodes, 'test', _values(inputs), _values(outputs), tensors)
    opsets = [helper.make_opsetid('', opset)]
    opsets += [helper.make_opsetid(function.domain, 1) for function in functions]
    proto = helper.make_model(graph, ir_version=8, opset_imports=opsets, functions=functions)
    helper.set_model_props(proto, metadata or {})
    return proto


def _values(tensors):
    return [helper.make_tensor_value_info(name, *kind) for name, kind in tensors.items()]


def uint8_model(
    nodes, *, constants=None, metadata=None, dims=UINT8_DIMS, output_dims=None, **more
):
    """Build a model of our contract: uint8 NHWC from `image` to `translated`."""
    return model(
        nodes,
        {'image': (TensorProto.UINT8, dims)},
        {'translated': (TensorProto.UINT8, output_dims or dims)},
        constants,
        metadata,
        **more,
    )


def identity():
    return uint8_model([helper.make_node('Identity', ['image'], ['translated'])])


def float_model(nodes, *, constants=None, dims=FLOAT_DIMS, output_dims=None, extra_inputs=None):
    """Build a model as others make them: float NCHW from `x` to `y`."""
    return model(
        nodes,
        {'x': (TensorProto.FLOAT, dims), **(extra_inputs or {})},
        {'y': (TensorProto.FLOAT, output_dims or dims)},
        constants,
    )


FLOAT_CARD = {'name': 'theirs', 'input': 'x', 'output': 'y', 'layout': 'NCHW', 'dtype': 'float32'}


def save(proto, path, card=None):
    """Write a model, and its side card if there is one; return the model's path."""
    path.write_bytes(proto if isinstance(proto, bytes) else proto.SerializeToString())
    if card is not None:
        path.with_suffix('.card.yaml').write_text(
            card if isinstance(card, str) else yaml.safe_dump(card)
        )
    return path


def card_metadata(**fields):
    return ModelCard(**{'name': 'ours', **fields}).to_metadata()


def random_image(width, height, seed=0):
    generator = np.random.default_rng(seed)
    return generator.integers(0, 256, (height, width, 3), dtype=np.uint8)


def external_tensor(location, name='weights', shape=(3,), **entries):
    """Return a float tensor whose values lie in another file."""
    tensor = TensorProto(name=name, dims=shape, data_type=TensorProto.FLOAT)
    tensor.data_location = TensorProto.EXTERNAL
    if location is not None:
        tensor.external_data.add(key='location', value=location)
    for key, value in entries.items():
        tensor.external_data.add(key=key, value=str(value))
    return tensor


def repeated_for_ever():
    """A Loop whose trip count is the largest int64: about 300 years."""
    body = helper.make_graph(
        [
            helper.make_node('Identity', ['condition_in'], ['condition_out']),
            helper.make_node('Identity', ['carried_in'], ['carried_out']),
        ],
        'body',
        _values(
            {
                'iteration': (TensorProto.INT64, ()),
                'condition_in': (TensorProto.BOOL, ()),
                'carried_in': (TensorProto.UINT8, UINT8_DIMS),
            }
        ),
        _values(
            {
                'condition_out': (TensorProto.BOOL, ()),
                'carried_out': (TensorProto.UINT8, UINT8_DIMS),
            }
        ),
    )
    loop = helper.make_node('Loop', ['trips', 'go_on', 'image'], ['translated'], body=body)
    return uint8_model([loop], constants={'trips': np.int64(2**63 - 1), 'go_on': np.bool_(True)})


def all_memory():
    """Expands one pixel to 4 TiB of floats, and sums them up."""
    return uint8_model(
        [
            helper.make_node('Expand', ['one', 'huge'], ['expanded']),
            helper.make_node('CumSum', ['expanded', 'axis'], ['summed']),
            helper.make_node('ReduceMax', ['summed'], ['most'], keepdims=0),
            helper.make_node('Cast', ['most'], ['byte'], to=TensorProto.UINT8),
            helper.make_node('Mul', ['image', 'byte'], ['translated']),
        ],
        constants={
            'one': np.ones((1, 1), np.float32),
            'huge': np.array([2**20, 2**20]),
            'axis': np.int64(0),
        },
    )


def crash():
    """INT_MIN modulo -1, which ends the process on x86 where the runtime does not care."""
    return uint8_model(
        [
            helper.make_node('Cast', ['image'], ['wide'], to=TensorProto.INT32),
            helper.make_node('Mul', ['wide', 'zero'], ['zeros']),
            helper.make_node('Add', ['zeros', 'least'], ['dividend']),
            helper.make_node('Add', ['zeros', 'minus_one'], ['divisor']),
            helper.make_node('Mod', ['dividend', 'divisor'], ['rest']),
            helper.make_node('Cast', ['rest'], ['translated'], to=TensorProto.UINT8),
        ],
        constants={
            'zero': np.int32(0),
            'least': np.int32(-(2**31)),
            'minus_one': np.int32(-1),
        },
    )
