import dataclasses
import os
from typing import Literal, Optional

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2real_ros import config
from sim2real_ros.config import convert, from_mapping, load_yaml
from sim2real_ros.errors import ConfigError


@dataclasses.dataclass(frozen=True)
class Lens:
    focal_px: float
    model: Literal['pinhole', 'fisheye'] = 'pinhole'


@dataclasses.dataclass(frozen=True)
class Camera:
    name: str
    width: int = 640
    gain: float = 1.0
    enabled: bool = True
    mode: Literal['raw', 'compressed'] = 'raw'
    crop: int | None = None
    size: tuple[int, int] = (640, 480)
    weights: tuple[float, ...] = ()
    tags: list[str] = dataclasses.field(default_factory=list)
    limits: dict[str, float] = dataclasses.field(default_factory=dict)
    curves: dict[str, list[float]] = dataclasses.field(default_factory=dict)
    lens: Lens | None = None
    lenses: list[Lens] = dataclasses.field(default_factory=list)
    old_style: Optional[str] = None  # noqa: UP045

    def __post_init__(self):
        if self.width < 1:
            raise ValueError(f'width must be positive, not {self.width}')


@pytest.fixture
def load(tmp_path):
    def load_text(text, **options):
        path = tmp_path / 'camera.yaml'
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_yaml(Camera, path, **options)

    return load_text


def test_every_field_type(load):
    camera = load("""
        name: front
        width: 320
        gain: 2
        enabled: no
        mode: compressed
        crop: 7
        size: [320, 240]
        weights: [1, 2.5]
        tags: [a, b]
        limits: {low: 1, 2: .5}
        curves: {red: [0, 1.5], blue: []}
        lens: {focal_px: 300, model: fisheye}
        lenses: [{focal_px: 1.5}]
        old_style: x
    """)
    assert camera == Camera(
        name='front',
        width=320,
        gain=2.0,
        enabled=False,
        mode='compressed',
        crop=7,
        size=(320, 240),
        weights=(1.0, 2.5),
        tags=['a', 'b'],
        limits={'low': 1.0, '2': 0.5},
        curves={'red': [0.0, 1.5], 'blue': []},
        lens=Lens(300.0, 'fisheye'),
        lenses=[Lens(1.5)],
        old_style='x',
    )
    assert isinstance(camera.gain, float)
    assert isinstance(camera.weights, tuple)


def test_absent_keys_take_their_defaults(load):
    assert load('name: front') == Camera('front')
    assert load('{name: front, crop: null, lens: ~}') == Camera('front')


def test_overrides_replace_keys_of_the_file(load):
    assert load('{name: a, width: 1}', overrides={'width': 2}) == Camera('a', 2)
    assert load('', overrides={'name': 'b'}).name == 'b'
    with pytest.raises(ConfigError, match=r"unknown key 'widht'\. Did you mean 'width'"):
        load('name: a', overrides={'widht': 2})


WRONG = {
    'name: 7': 'name: expected str, found 7',
    'name: [a]': r"name: expected str, found \['a'\]",
    'name: null': 'name: expected str, found None',
    'name: 2024-01-01': 'name: expected str, found datetime.date',
    'width: 1.0': 'width: expected int, found 1.0',
    'width: "1"': "width: expected int, found '1'",
    'width: true': 'width: expected int, found True',
    'width: 0': 'width must be positive, not 0',
    'gain: true': 'gain: expected float, found True',
    'gain: high': "gain: expected float, found 'high'",
    'gain: 1e5': "gain: expected float, found '1e5'",
    f'gain: 1{"0" * 400}': 'gain: 10+.* cannot be used: int too large to convert to float',
    'enabled: 1': 'enabled: expected bool, found 1',
    'enabled: "yes"': "enabled: expected bool, found 'yes'",
    'mode: RAW': r"mode: expected one of \['raw', 'compressed'\], found 'RAW'",
    'mode: [raw]': 'mode: expected one of',
    'crop: x': "crop: expected int, found 'x'",
    'crop: false': 'crop: expected int, found False',
    'size: [1]': r'size: expected 2 values, found \[1\]',
    'size: [1, 2, 3]': 'size: expected 2 values',
    'size: 640x480': "size: expected a list, found '640x480'",
    'size: [1, a]': r"size\[1\]: expected int, found 'a'",
    'size: {w: 1, h: 2}': 'size: expected a list, found {',
    'weights: [1, x]': r"weights\[1\]: expected float, found 'x'",
    'tags: a': "tags: expected a list, found 'a'",
    'tags: [a, 1]': r'tags\[1\]: expected str, found 1',
    'limits: [1]': r'limits: expected keys and values, found \[1\]',
    'limits: {a: b}': "limits.a: expected float, found 'b'",
    'limits: {on: 1}': 'limits: expected text as key, found True; quote it',
    'limits: {null: 1}': 'limits: expected text as key, found None',
    'curves: {red: [1, x]}': r"curves.red\[1\]: expected float, found 'x'",
    'lens: 3': 'lens: expected keys and values, found 3',
    'lens: {}': "lens: the key 'focal_px' is missing",
    'lens: {focal_px: x}': "lens: focal_px: expected float, found 'x'",
    'lens: {focal_px: 1, modle: x}': "lens: unknown key 'modle'. Did you mean 'model'",
    'lenses: [{focal_px: 1}, {}]': r"lenses\[1\]: the key 'focal_px' is missing",
    'widht: 3': "unknown key 'widht'. Did you mean 'width'",
    'zzzzzz: 3': r"unknown key 'zzzzzz'. Known keys: name, width, gain,",
    '3: 3': 'unknown key 3. Known keys:',
    'null: 3': 'unknown key None. Known keys:',
    f'{"k" * 1000}: 3': r"unknown key 'k{299}\.\.\.\. Known keys:",
    f'width: {"x" * 5000}': r"width: expected int, found 'x{299}\.\.\.\.",
}


@pytest.mark.parametrize('text', WRONG, ids=lambda text: text[:30])
def test_a_wrong_value_says_where_and_what_was_expected(load, text):
    text = text if 'name' in text.partition(':')[0] else f'name: front\n{text}'
    with pytest.raises(ConfigError, match=rf'camera\.yaml.*: {WRONG[_last_line(text)]}'):
        load(text)


def _last_line(text):
    return text.rpartition('\n')[2]


def test_a_missing_key_is_named(load):
    with pytest.raises(ConfigError, match="the key 'name' is missing"):
        load('')
    with pytest.raises(ConfigError, match="the key 'name' is missing"):
        load('# nothing but a comment')


@pytest.mark.parametrize('text', ['[a, b]', 'word', '7', 'true', '- name: front'])
def test_a_file_that_is_no_mapping_is_refused(load, text):
    with pytest.raises(ConfigError, match='expected keys and values, found'):
        load(text)


INVALID = {
    'name: [': 'is not valid YAML: ',
    'name: a: b': 'mapping values are not allowed',
    'a\tb: {': 'is not valid YAML',
    '{{}: 1}': 'unhashable key',
    '? [a]\n: 1': 'unhashable key',
    'name: a\n---\nname: b': 'expected a single document',
    b'name: \xff\xfe': 'is not valid YAML: .*codec can.t decode',
    'name: "\x07"': 'special characters are not allowed',
    'name: a\nname: b': "the key 'name' appears twice",
    'name: a\nlens: {focal_px: 1, focal_px: 2}': "the key 'focal_px' appears twice",
    'name: &a b\nmode: *a': r'aliases such as \*a are not supported',
    'name: a\n<<: {width: 3, width: 4}': 'appears twice',
    'name: !!python/object/apply:os.getcwd []': 'could not determine a constructor',
    'name: 2024-99-99': 'month must be in 1..12',
    'name: !!int x': 'is not valid YAML',
    'name: !!bool x': 'is not valid YAML',
    'name: !!timestamp x': 'is not valid YAML',
    'name: !!float []': 'is not valid YAML',
    f'name: {"9" * 5000}': 'integer string conversion',
    '[' * 5000: 'nests too deep',
    '{a: ' * 5000: 'nests too deep',
    'name: "\\ud800"': 'cannot be used: .*surrogates not allowed',
}


@pytest.mark.parametrize('text', INVALID, ids=lambda text: repr(text[:30]))
def test_invalid_yaml_is_refused(load, text):
    with pytest.raises(ConfigError, match=INVALID[text]):
        load(text)


@pytest.mark.parametrize('repeat', ['[*a, *a, *a, *a, *a, *a, *a, *a]', '{<<: [*a, *a, *a, *a]}'])
def test_a_file_cannot_unfold_to_gigabytes(load, repeat):
    levels = ''.join(
        f'{new}: &{new} {repeat.replace("*a", f"*{old}")}\n'
        for old, new in zip('abcdefghijklmnop', 'bcdefghijklmnopq', strict=True)
    )
    with pytest.raises(ConfigError, match='aliases such as'):
        load(f'a: &a {{x: 1}}\n{levels}name: *q\n')


def test_a_huge_file_is_refused(load):
    with pytest.raises(ConfigError, match='is larger than 1048576 bytes'):
        load('# ' + 'x' * config.MAX_YAML_BYTES)


@pytest.mark.parametrize('name', ['absent.yaml', '', 'a\0b', 'x' * 5000, 'locked.yaml'])
def test_a_file_that_cannot_be_read_is_named(tmp_path, name):
    if name == 'locked.yaml':
        (tmp_path / name).touch(0o000)
        if os.geteuid() == 0:
            pytest.skip('root reads everything')
    with pytest.raises(ConfigError, match='Cannot read '):
        load_yaml(Camera, tmp_path / name)


def test_a_device_without_end_is_refused():
    with pytest.raises(ConfigError, match='is larger than'):
        load_yaml(Camera, '/dev/zero')


def test_from_mapping_names_where_the_values_came_from():
    with pytest.raises(ConfigError, match=r"^command line: the key 'name' is missing"):
        from_mapping(Camera, {}, 'command line')


def test_convert_takes_tuples_where_lists_are_wanted():
    assert convert((1, 2), tuple[int, int], 'x') == (1, 2)
    assert convert(('a',), list[str], 'x') == ['a']


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
FIELDS = [field.name for field in dataclasses.fields(Camera)]


@given(st.dictionaries(st.one_of(st.sampled_from(FIELDS), st.text(max_size=5)), VALUES))
@settings(max_examples=500, deadline=None)
def test_any_mapping_becomes_a_camera_or_a_config_error(mapping):
    try:
        camera = from_mapping(Camera, mapping, 'test')
    except ConfigError as error:
        reason = str(error)
    else:
        reason = ''
        assert isinstance(camera, Camera)
    assert reason == '' or reason.startswith('test')


@given(st.text(max_size=60))
@settings(max_examples=500, deadline=None)
def test_any_text_becomes_a_camera_or_a_config_error(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / 'any.yaml'
    path.write_text(text, encoding='utf-8')
    try:
        assert isinstance(load_yaml(Camera, path), Camera)
    except ConfigError as error:
        reason = str(error)
    else:
        reason = 'any.yaml'
    assert 'any.yaml' in reason
