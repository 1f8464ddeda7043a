"""Small detectors as ONNX graphs, and the YAML files that describe them."""

import numpy as np
import onnx
import yaml
from onnx import TensorProto, helper, numpy_helper

CLASSES = ('duckie', 'cone', 'sign')


def constant_graph(outputs, *, size=(64, 48), layout='NCHW', dtype=TensorProto.FLOAT, dims=None):
    """Build a graph that takes an image and gives the same arrays whatever is in it."""
    nodes = [
        helper.make_node('Constant', [], [name], value=numpy_helper.from_array(array, name))
        for name, array in outputs.items()
    ]
    values = [
        helper.make_tensor_value_info(
            name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape
        )
        for name, array in outputs.items()
    ]
    return _proto(nodes, values, size, layout, dtype, dims=dims)


def bright_box_graph(*, size=(64, 48), layout='NCHW', dtype=TensorProto.FLOAT, above=0.5):
    """Build an end2end detector of one box: that of all pixels with a bright first channel.

    Its class is 0 and its score the brightest value; without such pixels it is inverted.
    """
    width, height = size
    channel_axis, y_axis, x_axis = (1, 2, 3) if layout == 'NCHW' else (3, 1, 2)
    constants = {
        'above': np.array(above, np.float32),
        'zero': np.array([0], np.int64),
        'one': np.array([1], np.int64),
        'channel_axis': np.array([channel_axis], np.int64),
        'x_up': np.arange(1, width + 1, dtype=np.float32),
        'x_down': np.arange(width, 0, -1, dtype=np.float32),
        'y_up': np.arange(1, height + 1, dtype=np.float32),
        'y_down': np.arange(height, 0, -1, dtype=np.float32),
        'width': np.array([width], np.float32),
        'height': np.array([height], np.float32),
        'label': np.array([0], np.float32),
        'shape': np.array([1, 1, 6], np.int64),
        'flat': np.array([-1], np.int64),
    }
    node = helper.make_node
    nodes = [
        node('Cast', ['image'], ['levels'], to=TensorProto.FLOAT),
        node('Slice', ['levels', 'zero', 'one', 'channel_axis'], ['first']),
        node('Greater', ['first', 'above'], ['is_bright']),
        node('Cast', ['is_bright'], ['bright'], to=TensorProto.FLOAT),
        node('ReduceMax', ['bright'], ['columns'], axes=[channel_axis, y_axis], keepdims=0),
        node('ReduceMax', ['bright'], ['rows'], axes=[channel_axis, x_axis], keepdims=0),
        node('ReduceMax', ['first'], ['score_all'], keepdims=0),
        node('Reshape', ['score_all', 'flat'], ['score']),
    ]
    for axis, line, side in (('x', 'columns', 'width'), ('y', 'rows', 'height')):
        nodes += [
            node('Mul', [line, f'{axis}_up'], [f'{axis}_ups']),
            node('ReduceMax', [f'{axis}_ups'], [f'{axis}_max'], axes=[1], keepdims=0),
            node('Mul', [line, f'{axis}_down'], [f'{axis}_downs']),
            node('ReduceMax', [f'{axis}_downs'], [f'{axis}_rest'], axes=[1], keepdims=0),
            node('Sub', [side, f'{axis}_rest'], [f'{axis}_min']),
        ]
    nodes += [
        node('Concat', ['x_min', 'y_min', 'x_max', 'y_max', 'score', 'label'], ['row'], axis=0),
        node('Reshape', ['row', 'shape'], ['boxes']),
    ]
    values = [helper.make_tensor_value_info('boxes', TensorProto.FLOAT, (1, 1, 6))]
    return _proto(nodes, values, size, layout, dtype, constants)


def endless_graph(size=(64, 48)):
    """Build a graph that never ends."""
    value = helper.make_tensor_value_info
    carried = (TensorProto.FLOAT, (1, 1, 6))
    body = helper.make_graph(
        [
            helper.make_node('Identity', ['go'], ['go_on']),
            helper.make_node('Add', ['old', 'old'], ['new']),
        ],
        'body',
        [
            value('i', TensorProto.INT64, ()),
            value('go', TensorProto.BOOL, ()),
            value('old', *carried),
        ],
        [value('go_on', TensorProto.BOOL, ()), value('new', *carried)],
    )
    constants = {
        'for_ever': np.array(2**62, np.int64),
        'yes': np.array(True),
        'zeros': np.zeros((1, 1, 6), np.float32),
    }
    nodes = [helper.make_node('Loop', ['for_ever', 'yes', 'zeros'], ['boxes'], body=body)]
    values = [helper.make_tensor_value_info('boxes', TensorProto.FLOAT, (1, 1, 6))]
    return _proto(nodes, values, size, 'NCHW', TensorProto.FLOAT, constants)


def _proto(nodes, values, size, layout, dtype, constants=None, dims=None):
    width, height = size
    dims = dims or ((1, 3, height, width) if layout == 'NCHW' else (1, height, width, 3))
    image = helper.make_tensor_value_info('image', dtype, dims)
    tensors = [numpy_helper.from_array(a, name) for name, a in (constants or {}).items()]
    graph = helper.make_graph(nodes, 'detector', [image], values, tensors)
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid('', 17)])


def description(output, *, size=(64, 48), classes=CLASSES, **more):
    """Return what a YAML file says; keys of the input begin with input_."""
    inner = {
        key.removeprefix('input_'): more.pop(key) for key in list(more) if key[:6] == 'input_'
    }
    return {
        'model': 'detector.onnx',
        'classes': list(classes),
        'output': output,
        'input': {'size': list(size), **inner},
        **more,
    }


def write_detector(folder, proto, described):
    """Write both files; return the path of the YAML file."""
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(proto, folder / described['model'])
    path = folder / 'detector.yaml'
    path.write_text(yaml.safe_dump(described))
    return path
