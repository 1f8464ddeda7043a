"""Weights in other files: used from the model's folder, refused from anywhere else."""

import graph_cases
import numpy as np
import pytest
import yaml
from onnx import TensorProto, helper

from sim2real_ros.errors import BackendError, ModelError
from sim2real_ros.runtime.model_file import open_model

ADD = helper.make_node('Add', ['x', 'weights'], ['y'])
CARD = {**graph_cases.FLOAT_CARD, 'value_range': [0, 1]}


def adding_model(location, **entries):
    weights = graph_cases.external_tensor(location, shape=(1, 3, 1, 1), **entries)
    return graph_cases.float_model([ADD], constants={'weights': weights})


def write_weights(path, values=(0.1, 0.2, 0.3)):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(np.array(values, np.float32).tobytes())


@pytest.fixture
def folder(tmp_path):
    """The model's folder, with weights outside of it too."""
    write_weights(tmp_path / 'secret.bin')
    (tmp_path / 'model').mkdir()
    return tmp_path / 'model'


@pytest.mark.parametrize('location', ['weights.bin', 'deep/weights.bin', './weights.bin'])
def test_weights_inside_the_folder_work(folder, load, location):
    write_weights(folder / location)
    path = graph_cases.save(adding_model(location), folder / 'model.onnx', CARD)
    translator = load(path)
    assert translator.model.content == b''
    assert len(translator.model.sha256) == 64
    rgb = np.full((4, 4, 3), 100, np.uint8)
    result = translator.translate(rgb)[0, 0].astype(int)
    assert np.abs(result - [125.5, 151, 176.5]).max() <= 0.5


def test_weights_in_the_current_folder_work(folder, load, monkeypatch):
    write_weights(folder / 'weights.bin')
    graph_cases.save(adding_model('weights.bin'), folder / 'model.onnx', CARD)
    monkeypatch.chdir(folder)
    assert load('model.onnx').translate(np.zeros((2, 2, 3), np.uint8))[0, 0, 1] == 51


@pytest.mark.parametrize(
    'entries', [{'offset': 4096, 'length': 12}, {'length': 4}, {'offset': -4}, {'offset': 'x'}]
)
def test_weights_beyond_the_end_of_their_file_are_refused(folder, load, entries):
    write_weights(folder / 'weights.bin')
    path = graph_cases.save(adding_model('weights.bin', **entries), folder / 'model.onnx', CARD)
    with pytest.raises(BackendError, match=r'cannot load .*model\.onnx'):
        load(path)


OUTSIDE = [
    '../secret.bin',
    'deep/../../secret.bin',
    './/..//secret.bin',
    '..\\secret.bin',
    '/etc/passwd',
    '/dev/zero',
    'absent.bin',
    'link.bin',
    'linked/secret.bin',
    'loop.bin',
    'deep',
    '.',
    '',
    '\0',
    'weights.bin\0../secret.bin',
    'x' * 5000,
    'file:///etc/passwd',
    '*/_ORT_MEM_ADDR_/*',
    None,
]


@pytest.mark.parametrize('location', OUTSIDE, ids=lambda text: repr(text)[:30])
def test_weights_outside_the_folder_are_refused(folder, location):
    write_weights(folder / 'weights.bin')
    (folder / 'deep').mkdir()
    (folder / 'link.bin').symlink_to(folder.parent / 'secret.bin')
    (folder / 'linked').symlink_to(folder.parent)
    (folder / 'loop.bin').symlink_to('loop.bin')
    path = graph_cases.save(adding_model(location), folder / 'model.onnx', CARD)
    with pytest.raises(ModelError, match='own folder; refused') as caught:
        open_model(path)
    assert len(str(caught.value)) < 1000


def test_every_location_of_a_tensor_is_checked(folder):
    write_weights(folder / 'weights.bin')
    proto = adding_model('weights.bin')
    proto.graph.initializer[0].external_data.add(key='location', value='../secret.bin')
    with pytest.raises(ModelError, match=r"keeps weights in '\.\./secret\.bin'"):
        open_model(graph_cases.save(proto, folder / 'model.onnx', CARD))


def test_a_location_counts_even_where_the_tensor_claims_to_hold_its_values(folder):
    proto = adding_model('../secret.bin')
    proto.graph.initializer[0].data_location = TensorProto.DEFAULT
    with pytest.raises(ModelError, match='own folder; refused'):
        open_model(graph_cases.save(proto, folder / 'model.onnx', CARD))


def test_links_inside_the_folder_may_be_followed(folder):
    write_weights(folder / 'blobs' / '0001')
    (folder / 'weights.bin').symlink_to('blobs/0001')
    path = graph_cases.save(adding_model('weights.bin'), folder / 'model.onnx', CARD)
    assert open_model(path).content == b''


@pytest.fixture
def link(folder, tmp_path):
    """A link to a model, in another folder than the model and its weights."""
    write_weights(folder / 'weights.bin', (0.4, 0.4, 0.4))
    graph_cases.save(adding_model('weights.bin'), folder / 'model.onnx')
    (tmp_path / 'elsewhere').mkdir()
    path = tmp_path / 'elsewhere' / 'link.onnx'
    path.symlink_to(folder / 'model.onnx')
    path.with_suffix('.card.yaml').write_text(yaml.safe_dump(CARD))
    return path


def test_weights_beside_the_target_of_a_link_are_not_taken(link):
    with pytest.raises(ModelError, match=r"keeps weights in 'weights\.bin', which is not a file"):
        open_model(link)


def test_the_weights_that_were_checked_are_those_that_are_loaded(link, load):
    write_weights(link.parent / 'weights.bin', (0.2, 0.2, 0.2))
    assert load(link).translate(np.zeros((2, 2, 3), np.uint8))[0, 0, 0] == 51


def _graph_with_tensor(tensor):
    return helper.make_graph([], 'inner', [], [], [tensor])


def _in_nodes(attribute_name, value):
    node = helper.make_node('If', ['x'], ['z'])
    attribute = node.attribute.add(name=attribute_name)
    {
        't': lambda: attribute.t.CopyFrom(value),
        'tensors': lambda: attribute.tensors.append(value),
        'g': lambda: attribute.g.CopyFrom(_graph_with_tensor(value)),
        'graphs': lambda: attribute.graphs.append(_graph_with_tensor(value)),
        'sparse_tensor': lambda: attribute.sparse_tensor.values.CopyFrom(value),
        'sparse_tensors': lambda: attribute.sparse_tensors.add().indices.CopyFrom(value),
    }[attribute_name]()
    return node


NODE_PLACES = ['t', 'tensors', 'g', 'graphs', 'sparse_tensor', 'sparse_tensors']


def _node_with_deep_tensor(tensor):
    """An If inside an If inside an If: sub-graphs may nest."""
    node = _in_nodes('g', tensor)
    for _ in range(2):
        outer = helper.make_node('If', ['x'], ['z'])
        outer.attribute.add(name='then_branch').g.node.append(node)
        node = outer
    return node


@pytest.mark.parametrize('place', [*NODE_PLACES, 'deep'])
def test_tensors_of_nodes_are_checked(folder, place):
    tensor = graph_cases.external_tensor('../secret.bin')
    node = _node_with_deep_tensor(tensor) if place == 'deep' else _in_nodes(place, tensor)
    proto = graph_cases.identity()
    proto.graph.node.append(node)
    with pytest.raises(ModelError, match='own folder; refused'):
        open_model(graph_cases.save(proto, folder / 'model.onnx'))


@pytest.mark.parametrize('place', ['sparse values', 'sparse indices', 'training'])
def test_other_tensors_of_graphs_are_checked(folder, place):
    tensor = graph_cases.external_tensor('../secret.bin')
    proto = graph_cases.identity()
    if place == 'training':
        proto.training_info.add().initialization.initializer.append(tensor)
    elif place == 'sparse values':
        proto.graph.sparse_initializer.add().values.CopyFrom(tensor)
    else:
        proto.graph.sparse_initializer.add().indices.CopyFrom(tensor)
    with pytest.raises(ModelError, match='own folder; refused'):
        open_model(graph_cases.save(proto, folder / 'model.onnx'))


@pytest.mark.parametrize('place', ['node', 'default of an attribute'])
def test_tensors_of_functions_are_checked(folder, place):
    tensor = graph_cases.external_tensor('../secret.bin')
    function = helper.make_function('example.com', 'F', ['a'], ['b'], [], [])
    if place == 'node':
        function.node.append(_in_nodes('t', tensor))
    else:
        function.attribute_proto.add(name='default').t.CopyFrom(tensor)
    proto = graph_cases.identity()
    proto.functions.append(function)
    with pytest.raises(ModelError, match='own folder; refused'):
        open_model(graph_cases.save(proto, folder / 'model.onnx'))
