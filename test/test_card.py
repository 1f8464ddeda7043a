import dataclasses
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2real_ros.card import METADATA_KEY, InputDomainNumbers, ModelCard, side_file_path
from sim2real_ros.errors import ModelError

FINITE = st.floats(allow_nan=False, allow_infinity=False)
POSITIVE = st.floats(1e-9, 1e9)


@st.composite
def input_domains(draw):
    length, count = draw(st.integers(1, 5)), draw(st.integers(1, 3))
    rows = st.lists(st.floats(-1e9, 1e9), min_size=length, max_size=length)
    return InputDomainNumbers(
        descriptor=draw(st.text()),
        frames=draw(st.integers(1, 10**9)),
        mean=draw(rows),
        scale=draw(st.lists(POSITIVE, min_size=length, max_size=length)),
        components=draw(st.lists(rows, min_size=count, max_size=count)),
        variances=draw(st.lists(POSITIVE, min_size=count, max_size=count)),
        residual_variance=draw(POSITIVE),
        unit_distance=draw(POSITIVE),
        usual_distance=draw(POSITIVE),
    )


CARDS = st.builds(
    ModelCard,
    name=st.text(),
    method=st.text(),
    description=st.text(),
    dtype=st.just('float32'),
    value_range=st.tuples(st.floats(-1e6, -1), st.floats(0, 1e6)),
    layout=st.sampled_from(['NHWC', 'NCHW']),
    colour_order=st.sampled_from(['RGB', 'BGR']),
    size=st.none() | st.tuples(st.integers(1, 5000), st.integers(1, 5000)),
    size_multiple=st.integers(1, 4096),
    extra_inputs=st.dictionaries(st.text(), st.lists(FINITE, max_size=4), max_size=3),
    metrics=st.dictionaries(st.text(), FINITE, max_size=3),
    input_domain=st.none() | input_domains(),
)


@given(CARDS)
@settings(max_examples=300, deadline=None)
def test_a_card_survives_the_way_through_metadata(card):
    assert ModelCard.from_metadata(card.to_metadata()) == card


def test_metadata_of_others_holds_no_card():
    assert ModelCard.from_metadata({}) is None
    assert ModelCard.from_metadata({'author': 'somebody', 'sim2real': '{}'}) is None


def test_the_card_is_readable_json_with_sorted_keys():
    content = json.loads(ModelCard('x').to_metadata()[METADATA_KEY])
    assert list(content) == sorted(content)
    assert content['layout'] == 'NHWC'


def test_a_card_can_be_changed_only_into_a_valid_one():
    card = ModelCard('x')
    with pytest.raises(dataclasses.FrozenInstanceError, match='cannot assign'):
        card.name = 'y'
    with pytest.raises(ValueError, match='size must be positive'):
        dataclasses.replace(card, size=(0, 5))


WRONG = {
    'value_range must be': {'dtype': 'float32', 'value_range': (1.0, 1.0)},
    'black < white': {'dtype': 'float32', 'value_range': (float('nan'), 1.0)},
    r'uint8 model has value_range \(0, 255\)': {'value_range': (-1.0, 1.0)},
    'size must be positive': {'size': (640, -480)},
    r'size_multiple must lie in 1\.\.4096, not 0': {'size_multiple': 0},
    r'size_multiple must lie in 1\.\.4096, not 5000': {'size_multiple': 5000},
}


@pytest.mark.parametrize('message', WRONG)
def test_numbers_without_meaning_are_refused(message):
    with pytest.raises(ValueError, match=message):
        ModelCard('x', **WRONG[message])


@pytest.mark.parametrize(
    ('model', 'side'),
    [
        ('x.onnx', 'x.card.yaml'),
        ('folder.d/x.v1.onnx', 'folder.d/x.v1.card.yaml'),
        ('x', 'x.card.yaml'),
    ],
)
def test_the_side_card_lies_beside_the_model(model, side):
    assert str(side_file_path(model)) == side


def test_a_side_card_is_read(tmp_path):
    assert ModelCard.read_side_file(tmp_path / 'x.onnx') is None
    (tmp_path / 'x.card.yaml').write_text("""
        # somebody else's model
        name: theirs
        layout: NCHW
        dtype: float32
        value_range: [-1, 1]
        size: [512, 384]
        extra_inputs: {style: [0, 1], 7: [1]}
    """)
    assert ModelCard.read_side_file(tmp_path / 'x.onnx') == ModelCard(
        'theirs',
        layout='NCHW',
        dtype='float32',
        value_range=(-1.0, 1.0),
        size=(512, 384),
        extra_inputs={'style': [0.0, 1.0], '7': [1.0]},
    )


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('{name: x, colour_oder: BGR}', "unknown key 'colour_oder'. Did you mean 'colour_order'"),
        ('{name: x, color_order: BGR}', "unknown key 'color_order'. Did you mean 'colour_order'"),
        ('layout: NCHW', "the key 'name' is missing"),
        ('{name: x, layout: nchw}', r"expected one of \['NHWC', 'NCHW'\], found 'nchw'"),
        ('{name: x, value_range: [0, 1]}', r'a uint8 model has value_range \(0, 255\)'),
        ('{name: x, size: [4.5, 4]}', r'size\[0\]: expected int, found 4.5'),
        ('{name: &x y, method: *x}', r'aliases such as \*x are not supported'),
        ('{name: x, extra_inputs: {style: 1}}', 'extra_inputs.style: expected a list, found 1'),
        ('[]', 'expected keys and values, found list'),
        ('', "the key 'name' is missing"),
        ('{', 'is not valid YAML'),
    ],
)
def test_a_side_card_that_does_not_fit_is_refused(tmp_path, text, message):
    (tmp_path / 'x.card.yaml').write_text(text)
    with pytest.raises(ModelError, match=rf'side card cannot be used: .*x\.card\.yaml.*{message}'):
        ModelCard.read_side_file(tmp_path / 'x.onnx')


def test_a_folder_of_that_name_is_no_side_card(tmp_path):
    (tmp_path / 'x.card.yaml').mkdir()
    assert ModelCard.read_side_file(tmp_path / 'x.onnx') is None


DOMAIN = {
    'descriptor': 'some/1',
    'frames': 60,
    'mean': [0.5, 0.25],
    'scale': [1.0, 2.0],
    'components': [[0.6, 0.8]],
    'variances': [0.1],
    'residual_variance': 0.01,
    'unit_distance': 3.0,
    'usual_distance': 1.0,
}


def test_cards_without_domain_are_what_they_were_before_there_were_domains():
    """Byte for byte, so that models that are written again keep their checksum."""
    assert ModelCard('x').to_metadata() == {
        METADATA_KEY: '{"colour_order": "RGB", "description": "", "dtype": "uint8", '
        '"extra_inputs": {}, "input": "image", "layout": "NHWC", "licence": "", "method": '
        '"unknown", "metrics": {}, "name": "x", "output": "translated", "size": null, '
        '"size_multiple": 1, "source_domain": "", "target_domain": "", "training_data": "", '
        '"value_range": [0.0, 255.0]}'
    }


def test_a_domain_is_read_from_a_side_card(tmp_path):
    (tmp_path / 'x.card.yaml').write_text(json.dumps({'name': 'x', 'input_domain': DOMAIN}))
    card = ModelCard.read_side_file(tmp_path / 'x.onnx')
    assert card.input_domain == InputDomainNumbers(**DOMAIN)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'mean': []}, 'not 1 of 0'),
        ({'mean': [0.0] * 513}, 'not 1 of 513'),
        ({'components': []}, 'not 0 of 2'),
        ({'components': [[0.0, 1.0]] * 33}, 'not 33 of 2'),
        ({'components': [[1.0]]}, 'must have 2 values'),
        ({'scale': [1.0, 2.0, 3.0]}, 'must have 2 values'),
        ({'variances': [0.1, 0.2]}, '1 components need as many variances, not 2'),
        ({'frames': 0}, '1 frame or more, not 0'),
        ({'frames': 1.5}, 'frames: expected int'),
        ({'variances': [0.0]}, r'must lie in 1e-09\.\.1e\+09'),
        ({'scale': [1.0, -1.0]}, r'must lie in 1e-09\.\.1e\+09'),
        ({'scale': [1.0, float('nan')]}, r'must lie in 1e-09\.\.1e\+09'),
        ({'unit_distance': float('inf')}, r'must lie in 1e-09\.\.1e\+09'),
        ({'usual_distance': 0}, r'must lie in 1e-09\.\.1e\+09'),
        ({'residual_variance': 1e-10}, r'must lie in 1e-09\.\.1e\+09'),
        ({'mean': [0.0, float('nan')]}, 'must lie within'),
        ({'mean': [0.0, -1e10]}, 'must lie within'),
        ({'components': [[0.0, float('inf')]]}, 'must lie within'),
        ({'mean': ['0', '1']}, "expected float, found '0'"),
        ({'mean': None}, 'expected a list'),
        ({'extra': 1}, "unknown key 'extra'"),
    ],
)
def test_numbers_of_a_domain_that_do_not_fit_are_refused(change, message):
    content = {'name': 'x', 'input_domain': DOMAIN | change}
    with pytest.raises(ModelError, match=message):
        ModelCard.from_metadata({METADATA_KEY: json.dumps(content)})
