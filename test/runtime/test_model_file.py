import hashlib

import graph_cases
import numpy as np
import pytest
from onnx import TensorProto, helper

from sim2real_ros.card import METADATA_KEY
from sim2real_ros.errors import ModelError
from sim2real_ros.runtime.model_file import GraphTensor, open_model

FLOAT = TensorProto.FLOAT
IDENTITY = [helper.make_node('Identity', ['x'], ['y'])]


def open_proto(tmp_path, proto, card=None):
    return open_model(graph_cases.save(proto, tmp_path / 'model.onnx', card))


def ours(**fields):
    """Our identity with a card of these fields inside."""
    return graph_cases.uint8_model(
        graph_cases.identity().graph.node, metadata=graph_cases.card_metadata(**fields)
    )


def float_identity(dims=graph_cases.FLOAT_DIMS, **more):
    return graph_cases.float_model(IDENTITY, dims=dims, **more)


def test_open_model_knows_file_graph_and_card(tmp_path):
    proto = ours(method='identity', licence='Apache-2.0')
    model = open_proto(tmp_path, proto)
    assert model.content == proto.SerializeToString()
    assert model.sha256 == hashlib.sha256(model.content).hexdigest()
    assert (model.card.name, model.card.method, model.card.size) == ('ours', 'identity', None)
    assert model.inputs == (GraphTensor('image', 'uint8', (None, None, None, 3)),)
    assert model.outputs == (GraphTensor('translated', 'uint8', (None, None, None, 3)),)
    assert model.image_input is model.inputs[0]


def test_a_graph_of_our_contract_needs_no_card(tmp_path):
    proto = graph_cases.model(
        [helper.make_node('Identity', ['in'], ['out'])],
        {'in': (TensorProto.UINT8, (1, 24, 32, 3))},
        {'out': (TensorProto.UINT8, (1, 24, 32, 3))},
    )
    card = open_proto(tmp_path, proto).card
    assert (card.name, card.input, card.output) == ('model', 'in', 'out')
    assert card.size == (32, 24)


def test_the_side_card_overrides_the_one_inside(tmp_path):
    model = open_proto(tmp_path, ours(), {'name': 'beside', 'size_multiple': 4})
    assert (model.card.name, model.card.size_multiple) == ('beside', 4)


def test_a_foreign_graph_without_card_is_told_how_to_get_one(tmp_path):
    with pytest.raises(ModelError, match='carries no model card') as caught:
        open_proto(tmp_path, float_identity())
    message = str(caught.value)
    assert 'found x float32 [1, 3, None, None] -> y float32 [1, 3, None, None]' in message
    assert "in 'model.card.yaml' beside it" in message
    # What the message proposes has to work as it stands.
    proposal = message[message.index('{') : message.rindex('}') + 1]
    assert open_proto(tmp_path, float_identity(), proposal).card.value_range == (-1.0, 1.0)


def test_initialised_inputs_are_no_inputs(tmp_path):
    proto = graph_cases.float_model(
        [helper.make_node('Add', ['x', 'bias'], ['y'])],
        constants={'bias': np.zeros(1, np.float32)},
        extra_inputs={'bias': (FLOAT, [1])},
    )
    card = {**graph_cases.FLOAT_CARD, 'value_range': [0, 1]}
    assert [tensor.name for tensor in open_proto(tmp_path, proto, card).inputs] == ['x']


def test_card_names_may_be_left_open(tmp_path):
    proto = float_identity(extra_inputs={'style': (FLOAT, [2])})
    proto.graph.node.add(op_type='Identity', input=['style'], output=['unused'])
    card = {**graph_cases.FLOAT_CARD, 'input': '', 'output': '', 'extra_inputs': {'style': [0, 1]}}
    resolved = open_proto(tmp_path, proto, card).card
    assert (resolved.input, resolved.output) == ('x', 'y')


def test_a_name_left_open_must_be_clear(tmp_path):
    proto = float_identity(extra_inputs={'second': (FLOAT, graph_cases.FLOAT_DIMS)})
    card = {**graph_cases.FLOAT_CARD, 'input': ''}
    with pytest.raises(ModelError, match=r'2 of the inputs may be it .*; name it under input'):
        open_proto(tmp_path, proto, card)


CONTRADICTIONS = {
    "names the input 'z', but the graph has only 'x'": {'input': 'z'},
    "names the output 'z', but the graph has only 'y'": {'output': 'z'},
    "says dtype uint8, but 'x' is float32": {'dtype': 'uint8'},
    "Expected NHWC with 3 channels, but 'x' has the shape": {'layout': 'NHWC'},
    r'says size \(8, 8\), but the graph takes \(32, 24\)': {'size': [8, 8]},
    "gives values for 'style', which is no further input": {'extra_inputs': {'style': [1]}},
}


@pytest.mark.parametrize('message', CONTRADICTIONS)
def test_a_card_that_contradicts_the_graph_is_refused(tmp_path, message):
    card = {**graph_cases.FLOAT_CARD, **CONTRADICTIONS[message]}
    with pytest.raises(ModelError, match=message):
        open_proto(tmp_path, float_identity((1, 3, 24, 32)), card)


BAD_DIMS = {
    'has the fixed batch size 4; expected 1': (4, 3, 'H', 'W'),
    'with 3 channels, but .x. has the shape': (1, 4, 'H', 'W'),
    r'3 channels, but .x. has the shape \[3, None, None\]': (3, 'H', 'W'),
    r'fixes only one image side \(\[1, 3, 24, None\]\)': (1, 3, 24, 'W'),
    'wants images of 16385x8 pixels': (1, 3, 8, 16385),
    'wants images of 16384x16384 pixels': (1, 3, 16384, 16384),
    'wants images of 9223372036854775807x1 pixels': (1, 3, 1, 2**63 - 1),
}


@pytest.mark.parametrize('message', BAD_DIMS)
def test_shapes_that_hold_no_image_are_refused(tmp_path, message):
    with pytest.raises(ModelError, match=message):
        open_proto(tmp_path, float_identity(BAD_DIMS[message]), graph_cases.FLOAT_CARD)


@pytest.mark.parametrize('dims', [(0, 3, 0, 0), (-1, 3, -1, -1), None])
def test_odd_dimensions_count_as_open(tmp_path, dims):
    card = open_proto(tmp_path, float_identity(dims), graph_cases.FLOAT_CARD).card
    assert card.size is None


def test_an_output_of_another_shape_is_refused(tmp_path):
    proto = float_identity(output_dims=(1, 1, 'H', 'W'))
    with pytest.raises(
        ModelError, match=r"3 channels, but 'y' has the shape \[1, 1, None, None\]"
    ):
        open_proto(tmp_path, proto, graph_cases.FLOAT_CARD)


def test_an_absurd_size_in_the_card_is_refused(tmp_path):
    with pytest.raises(ModelError, match='wants images of 1000000x10 pixels'):
        open_proto(tmp_path, ours(size=(10**6, 10)))


def test_an_input_without_values_is_refused(tmp_path):
    proto = float_identity(extra_inputs={'style': (FLOAT, [26])})
    with pytest.raises(ModelError, match=r"wants an input 'style' \[26\].*under extra_inputs"):
        open_proto(tmp_path, proto, graph_cases.FLOAT_CARD)


def test_a_misspelt_extra_input_names_the_nearest(tmp_path):
    proto = float_identity(extra_inputs={'style_weights': (FLOAT, [2])})
    extra = {'style_weights': [1, 0], 'style_weight': [1, 0]}
    with pytest.raises(ModelError, match=r"for 'style_weight', .*did you mean 'style_weights'"):
        open_proto(tmp_path, proto, {**graph_cases.FLOAT_CARD, 'extra_inputs': extra})


@pytest.mark.parametrize('missing', ['nodes', 'inputs', 'outputs', 'only initialised inputs'])
def test_a_graph_that_does_nothing_is_refused(tmp_path, missing):
    proto = ours()
    if missing == 'nodes':
        del proto.graph.node[:]
    elif missing == 'inputs':
        del proto.graph.input[:]
    elif missing == 'outputs':
        del proto.graph.output[:]
    else:
        proto.graph.initializer.add(name='image')
    with pytest.raises(ModelError, match='no ONNX graph with nodes, inputs and outputs'):
        open_proto(tmp_path, proto)


def test_inputs_that_are_no_tensors_are_refused(tmp_path):
    proto = graph_cases.identity()
    proto.graph.input[0].type.Clear()
    proto.graph.input[0].type.sequence_type.elem_type.tensor_type.elem_type = 1
    with pytest.raises(ModelError, match=r'found image type 0 \[\]'):
        open_proto(tmp_path, proto)


@pytest.mark.parametrize('name', ['absent.onnx', 'folder', '.', '', 'a\0b.onnx', 'x' * 5000])
def test_paths_that_hold_no_file_are_refused(tmp_path, name):
    (tmp_path / 'folder').mkdir()
    with pytest.raises(ModelError, match=r'No model file at|Cannot read the model'):
        open_model(tmp_path / name)


def test_an_empty_file_is_refused(tmp_path):
    with pytest.raises(ModelError, match='is empty; expected an ONNX model'):
        open_proto(tmp_path, b'')


def test_the_longest_file_name_works(tmp_path):
    path = graph_cases.save(ours(), tmp_path / f'{"m" * 250}.onnx')
    assert open_model(path).card.name == 'ours'


DAMAGED_CARDS = {
    'no JSON': 'Expecting value',
    '': 'Expecting value',
    '[]': 'expected a JSON object, found list',
    'null': 'expected a JSON object, found NoneType',
    '{"name": "x", "nam": "y"}': "unknown key 'nam'. Did you mean 'name'",
    '{}': "the key 'name' is missing",
    '{"name": 7}': 'name: expected str, found 7',
    '{"name": null}': 'name: expected str, found None',
    '{"name": "x", "size": [1, 2, 3]}': 'expected 2 values',
    '{"name": "x", "size": [1.5, 2]}': r'size\[0\]: expected int, found 1.5',
    '{"name": "x", "size": [0, 2]}': 'size must be positive',
    '{"name": "x", "size": true}': 'expected a list, found True',
    '{"name": "x", "size_multiple": true}': 'expected int, found True',
    '{"name": "x", "size_multiple": 0}': r'must lie in 1\.\.4096, not 0',
    '{"name": "x", "size_multiple": 999999}': r'must lie in 1\.\.4096, not 999999',
    '{"name": "x", "value_range": [0, NaN]}': 'value_range must be',
    '{"name": "x", "value_range": [0, Infinity]}': 'value_range must be',
    '{"name": "x", "value_range": [1, 0]}': 'black < white',
    '{"name": "x", "value_range": [0, 1]}': r'uint8 model has value_range \(0, 255\)',
    '{"name": "x", "value_range": [0, 1' + '0' * 400 + ']}': 'too large to convert to float',
    '{"name": "x", "layout": "CHWN"}': r"expected one of \['NHWC', 'NCHW'\], found 'CHWN'",
    '{"name": "x", "layout": ["NHWC"]}': 'expected one of',
    '{"name": "x", "extra_inputs": {"a": 1}}': 'extra_inputs.a: expected a list, found 1',
    '{"name": "x", "extra_inputs": {"a": ["b"]}}': r"extra_inputs.a\[0\]: expected float",
    '{"name": "x", "metrics": {"f": {}}}': 'metrics.f: expected float, found {}',
    '{"name": "\\ud800"}': 'surrogates not allowed',
    '{"name": "x", "size_multiple": ' + '9' * 5000 + '}': 'integer string conversion',
    '[' * 100_000: 'recursion',
    '{"name":' * 100_000: 'recursion',
    f'{{"name": "{"x" * 2**20}"}}': '1048588 characters, more than 1048576',
    f'{{"{"k" * 500_000}": 1}}': r"unknown key 'k{200,300}\.\.\.",
}  # fmt: skip


@pytest.mark.parametrize('text', DAMAGED_CARDS, ids=lambda text: text[:40])
def test_a_damaged_card_inside_is_refused(tmp_path, text):
    proto = graph_cases.identity()
    proto.metadata_props.add(key=METADATA_KEY, value=text)
    match = f'model card inside the file is damaged: (?s:.*){DAMAGED_CARDS[text]}'
    with pytest.raises(ModelError, match=match) as caught:
        open_proto(tmp_path, proto)
    assert len(str(caught.value)) < 1500
