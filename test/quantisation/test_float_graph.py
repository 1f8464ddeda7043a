import dataclasses

import numpy as np
import onnx
import pytest
from conv_models import CARD, good_layers, model, proto_of
from onnx import TensorProto, helper, numpy_helper

from sim2real_ros.card import METADATA_KEY, ModelCard
from sim2real_ros.errors import ModelError
from sim2real_ros.quantisation.float_graph import model_content, prepare_graph
from sim2real_ros.runtime.model_file import open_model


def saved(proto, path):
    path.write_bytes(proto.SerializeToString())
    return open_model(path)


@pytest.fixture
def proto():
    return proto_of(good_layers())


def test_layers_are_listed_in_their_order(tmp_path):
    graph = prepare_graph(open_model(model(tmp_path / 'm.onnx', good_layers())))
    assert graph.layers == ('layer_0', 'layer_1', 'layer_2')


def test_nodes_without_a_name_of_their_own_get_one(proto, tmp_path):
    for node in proto.graph.node:
        node.name = 'Conv_3' if node.op_type == 'Relu' else ''
    graph = prepare_graph(saved(proto, tmp_path / 'm.onnx'))
    names = [node.name for node in graph.proto.graph.node]
    assert len(set(names)) == len(names)
    assert '' not in names
    assert len(graph.layers) == 3


def test_weights_of_constant_nodes_count(proto, tmp_path):
    weights = next(node for node in proto.graph.node if node.op_type == 'Conv').input[1]
    (tensor,) = [each for each in proto.graph.initializer if each.name == weights]
    constant = helper.make_node('Constant', [], [weights], value=tensor)
    proto.graph.initializer.remove(tensor)
    proto.graph.node.insert(0, constant)
    graph = prepare_graph(saved(proto, tmp_path / 'm.onnx'))
    assert len(graph.layers) == 3
    assert 'Constant' not in {node.op_type for node in graph.proto.graph.node}


def test_constants_that_are_inputs_too_are_so_no_more(proto, tmp_path):
    for tensor in proto.graph.initializer:
        value = helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
        proto.graph.input.append(value)
    graph = prepare_graph(saved(proto, tmp_path / 'm.onnx'))
    assert [value.name for value in graph.proto.graph.input] == ['image']


def test_local_functions_are_looked_into(tmp_path, proto):
    conv = next(node for node in proto.graph.node if node.op_type == 'Conv')
    body = helper.make_node('Conv', ['x', 'w', 'b'], ['y'], pads=[1] * 4)
    opsets = [helper.make_opsetid('', 17)]
    function = helper.make_function('mine', 'Block', ['x', 'w', 'b'], ['y'], [body], opsets)
    proto.functions.append(function)
    proto.opset_import.append(helper.make_opsetid('mine', 1))
    conv.op_type, conv.domain = 'Block', 'mine'
    del conv.attribute[:]
    assert len(prepare_graph(saved(proto, tmp_path / 'm.onnx')).layers) == 3


def old_model(path, opset):
    """Write somebody's float NCHW model of an old opset."""
    weights = numpy_helper.from_array(np.ones((3, 3, 1, 1), np.float32), 'w')
    kind = (TensorProto.FLOAT, (1, 3, 'H', 'W'))
    graph = helper.make_graph(
        [helper.make_node('Conv', ['x', 'w'], ['y'])],
        'old',
        [helper.make_tensor_value_info('x', *kind)],
        [helper.make_tensor_value_info('y', *kind)],
        [weights],
    )
    old = helper.make_model(graph, ir_version=4, opset_imports=[helper.make_opsetid('', opset)])
    card = ModelCard('old', input='x', output='y', layout='NCHW', dtype='float32')
    helper.set_model_props(old, card.to_metadata())
    return saved(old, path)


def test_old_opsets_are_raised(tmp_path):
    graph = prepare_graph(old_model(tmp_path / 'm.onnx', 9))
    assert graph.proto.opset_import[0].version == 13
    assert len(graph.layers) == 1


def test_what_cannot_be_raised_is_refused(tmp_path):
    path = tmp_path / 'm.onnx'
    old = onnx.load_model_from_string(old_model(path, 9).content)
    old.graph.node[0].output[0] = 'z'
    old.graph.node.append(helper.make_node('Unheard', ['z'], ['y']))
    with pytest.raises(ModelError, match=r'cannot be prepared.*Unheard'):
        prepare_graph(saved(old, path))


def test_a_graph_without_layers_is_refused(tmp_path, proto):
    for node in proto.graph.node:
        if node.op_type == 'Conv':
            # Weights that come from somewhere else than the file.
            node.input[1] = 'made'
    made = helper.make_node('Identity', [proto.graph.initializer[1].name], ['made'])
    proto.graph.node.insert(0, made)
    with pytest.raises(ModelError, match='nothing to quantise in'):
        prepare_graph(saved(proto, tmp_path / 'm.onnx'))


def test_float16_weights_are_told_apart(tmp_path, proto):
    weights = {node.input[1] for node in proto.graph.node if node.op_type == 'Conv'}
    for tensor in proto.graph.initializer:
        if tensor.name in weights:
            half = numpy_helper.to_array(tensor).astype(np.float16)
            tensor.CopyFrom(numpy_helper.from_array(half, tensor.name))
    with pytest.raises(ModelError, match='computes in float16; quantise the float32 model'):
        prepare_graph(saved(proto, tmp_path / 'm.onnx'))


@pytest.mark.parametrize('operator', ['DequantizeLinear', 'QLinearConv', 'ConvInteger'])
def test_quantised_models_are_refused(tmp_path, proto, operator):
    proto.graph.node[0].op_type = operator
    with pytest.raises(ModelError, match=f'quantised already .it has {operator}'):
        prepare_graph(saved(proto, tmp_path / 'm.onnx'))


def test_weights_in_other_files_are_refused(tmp_path):
    opened = open_model(model(tmp_path / 'm.onnx', good_layers()))
    with pytest.raises(ModelError, match='weights in other files'):
        prepare_graph(dataclasses.replace(opened, content=b''))


def test_the_file_keeps_other_entries_but_not_the_split_of_a_bilateral_grid(tmp_path, proto):
    entries = {'theirs': 'kept', 'sim2real_bilateral_grid': '{}', METADATA_KEY: 'x'}
    helper.set_model_props(proto, {**entries, **CARD.to_metadata()})
    proto.producer_name = 'maker'
    opened = saved(proto, tmp_path / 'm.onnx')
    graph = prepare_graph(opened).proto
    graph.metadata_props.add(key='onnx.infer', value='onnxruntime.quant')
    graph.producer_name = 'onnx.quantize'
    content = model_content(graph, opened, dataclasses.replace(CARD, name='new'))
    written = onnx.load_model_from_string(content)
    found = {entry.key: entry.value for entry in written.metadata_props}
    assert set(found) == {'theirs', METADATA_KEY}
    assert found['theirs'] == 'kept'
    assert ModelCard.from_metadata(found).name == 'new'
    assert written.producer_name == 'maker'


def test_a_broken_graph_is_not_written(tmp_path):
    opened = open_model(model(tmp_path / 'm.onnx', good_layers()))
    graph = prepare_graph(opened).proto
    graph.graph.node[3].input[0] = 'nowhere'
    with pytest.raises(ModelError, match='cannot be written'):
        model_content(graph, opened, CARD)
