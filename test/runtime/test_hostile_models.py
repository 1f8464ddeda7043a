"""Whatever a file holds, opening it ends in a model or in one of our own errors."""

import graph_cases
import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from sim2real_ros.card import ModelCard
from sim2real_ros.errors import BackendError, ModelError, Sim2RealError
from sim2real_ros.runtime.model_file import ModelFile, open_model

# The same file is written again for every example.
ONE_FILE = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
MANY = settings(ONE_FILE, max_examples=2000)
SOME = settings(ONE_FILE, max_examples=500)


def rich_model():
    """A model with everything in it that a reader has to look at."""
    inner = helper.make_graph([], 'inner', [], [], [graph_cases.external_tensor('weights.bin')])
    proto = graph_cases.uint8_model(
        [
            helper.make_node('Identity', ['image'], ['translated']),
            helper.make_node('If', ['flag'], ['z'], then_branch=inner),
        ],
        constants={'flag': np.bool_(True)},
        metadata=graph_cases.card_metadata(method='test', metrics={'f1': 0.5}),
        functions=[helper.make_function('example.com', 'F', ['a'], ['b'], [], [])],
    )
    proto.graph.sparse_initializer.add().values.CopyFrom(
        graph_cases.external_tensor('weights.bin', 'sparse')
    )
    return proto


CONTENT = rich_model().SerializeToString(deterministic=True)


@pytest.fixture
def path(tmp_path):
    (tmp_path / 'weights.bin').write_bytes(bytes(12))
    return tmp_path / 'hostile.onnx'


def opens_or_explains(path, content):
    """Open the file; return whether it was accepted, fail on anything but a ModelError."""
    path.write_bytes(content)
    try:
        model: ModelFile | None = open_model(path)
        shown = f'{model.card} {model.inputs} {model.outputs}'
    except ModelError as error:
        model, shown = None, str(error)
    # Odd characters of the file must not break whoever prints what was found in it.
    assert shown.encode('utf-8')
    return model is not None


def test_the_unharmed_model_opens(path):
    assert opens_or_explains(path, CONTENT)


def test_a_file_cut_anywhere(path):
    accepted = sum(opens_or_explains(path, CONTENT[:end]) for end in range(len(CONTENT)))
    assert accepted < len(CONTENT) / 10


@given(
    st.lists(
        st.tuples(
            st.sampled_from(['set', 'delete', 'insert']),
            st.integers(0, len(CONTENT) - 1),
            st.integers(0, 255),
        ),
        min_size=1,
        max_size=6,
    )
)
@MANY
def test_a_file_with_some_bytes_changed(path, changes):
    content = bytearray(CONTENT)
    for change, index, value in changes:
        index = min(index, len(content) - 1)
        content[index : index + (change != 'insert')] = [value] if change != 'delete' else []
    opens_or_explains(path, bytes(content))


@given(st.binary(max_size=400))
@MANY
def test_a_file_of_any_bytes(path, content):
    opens_or_explains(path, content)


DIMS = st.one_of(
    st.none(),
    st.lists(
        st.one_of(
            st.integers(-(2**63), 2**63 - 1), st.sampled_from([0, 1, 3]), st.text(max_size=3)
        ),
        max_size=6,
    ),
)
TENSOR = st.tuples(st.sampled_from([0, 1, 2, 7, 8, 9, 17, 23, 99]), DIMS)
NAME = st.one_of(st.sampled_from(['image', 'x', '']), st.text(max_size=5))
CARD = st.fixed_dictionaries(
    {'name': st.text(max_size=5)},
    optional={
        'input': NAME,
        'output': NAME,
        'layout': st.sampled_from(['NHWC', 'NCHW']),
        'dtype': st.sampled_from(['uint8', 'float32']),
        'size': st.one_of(st.none(), st.lists(st.integers(-5, 2**70), max_size=3)),
        'size_multiple': st.integers(-1, 2**70),
        'extra_inputs': st.dictionaries(NAME, st.lists(st.floats(), max_size=3), max_size=2),
    },
)


@given(st.dictionaries(NAME, TENSOR, max_size=3), st.dictionaries(NAME, TENSOR, max_size=2), CARD)
@SOME
def test_a_graph_of_any_shape_with_any_card(path, inputs, outputs, card):
    proto = graph_cases.model([helper.make_node('Identity', ['x'], ['y'])], {}, {})
    for values, described in ((proto.graph.input, inputs), (proto.graph.output, outputs)):
        for name, (element, dims) in described.items():
            values.append(helper.make_tensor_value_info(name, element, dims))
    graph_cases.save(proto, path, card)
    opens_or_explains(path, proto.SerializeToString())


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS = st.one_of(st.sampled_from(sorted(ModelCard.__dataclass_fields__)), st.text(max_size=8))


@given(st.one_of(VALUES, st.dictionaries(KEYS, VALUES, max_size=4)))
@SOME
def test_a_card_of_any_values(path, content):
    path.write_bytes(CONTENT)
    path.with_suffix('.card.yaml').write_text(yaml.safe_dump(content))
    opens_or_explains(path, CONTENT)


@pytest.mark.parametrize('marker', ['image', 'translated', 'ours', 'weights.bin'])
def test_names_that_are_no_text(path, marker):
    """Protobuf reads bytes for text here; nobody could print or send them."""
    broken = CONTENT.replace(marker.encode(), b'\xff\xfe' + marker.encode()[2:])
    assert not opens_or_explains(path, broken)


def test_graphs_that_nest_too_deep(path):
    proto = graph_cases.identity()
    graph = proto.graph
    for _ in range(60):
        graph.node.add(op_type='If').attribute.add(name='then_branch').g.name = 'x'
        graph = graph.node[-1].attribute[0].g
    opens_or_explains(path, proto.SerializeToString())


def test_declared_sizes_cost_no_memory(path):
    """An initialiser that claims 2**60 values and brings none is refused by the runtimes."""
    proto = graph_cases.identity()
    proto.graph.initializer.add(name='huge', dims=[2**30, 2**30], data_type=TensorProto.FLOAT)
    assert opens_or_explains(path, proto.SerializeToString())


def test_runtimes_refuse_an_initialiser_without_values(load):
    node = helper.make_node('Add', ['x', 'huge'], ['y'])
    huge = TensorProto(name='huge', dims=[2**30, 2**30], data_type=TensorProto.FLOAT)
    proto = graph_cases.float_model([node], constants={'huge': huge})
    with pytest.raises(BackendError, match='cannot load'):
        load(proto, {**graph_cases.FLOAT_CARD, 'value_range': [0, 1]})


@pytest.mark.parametrize(
    'nodes',
    [
        [helper.make_node('Identity', ['absent'], ['translated'])],
        [helper.make_node('Identity', ['image'], ['elsewhere'])],
        [helper.make_node('Identity', ['loop'], ['loop'])],
        [helper.make_node('Add', ['image'], ['translated'])],
        [helper.make_node('Cast', ['image'], ['translated'], to=99)],
    ],
)
def test_runtimes_refuse_what_is_no_valid_graph(load, nodes):
    with pytest.raises(Sim2RealError, match=r'cannot load|failed'):
        load(graph_cases.uint8_model(nodes)).warm_up((8, 8))
