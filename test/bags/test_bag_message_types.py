"""Definitions of messages come from strangers, and rosbags executes what it makes of them."""

import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rosbags.typesys import Stores, get_typestore

from sim2real_ros.bags.connection import BagConnection, BagMessage
from sim2real_ros.bags.message_types import MessageTypes
from sim2real_ros.errors import DataError

ROS1, ROS2 = get_typestore(Stores.ROS1_NOETIC), get_typestore(Stores.ROS2_JAZZY)
IMAGE = 'sensor_msgs/msg/Image'


def connection(definition, msgtype='evil_msgs/msg/Thing', serialization='cdr', form='msg'):
    return BagConnection(0, '/t', msgtype, 1, '', serialization, definition, form)


def store_of(definition, **options):
    return MessageTypes().store_of(connection(definition, **options))


def image(store, **extra):
    time = store.types['builtin_interfaces/msg/Time'](1, 2)
    header = store.types['std_msgs/msg/Header'](stamp=time, frame_id='cam', **extra)
    return store.types[IMAGE](header, 1, 2, 'mono8', 0, 2, np.array([7, 8], np.uint8))


@pytest.mark.parametrize('text', ['usual', '', '{"no": 1}', 'uint8 data\n'])
def test_images_are_read_whatever_their_definition_says(text):
    if text == 'usual':
        text = ROS2.generate_msgdef(IMAGE, ros_version=2)[0]
    raw = bytes(ROS2.serialize_cdr(image(ROS2), IMAGE))
    message = BagMessage(connection(text, IMAGE, form='msg' if text else ''), 0, raw)
    if text.startswith('uint8'):
        # A definition that can be read is believed; then the bytes are something else.
        with pytest.raises(DataError, match=f'is no readable {IMAGE}'):
            MessageTypes().deserialize(message)
        return
    found = MessageTypes().deserialize(message)
    assert (found.header.frame_id, found.data.tolist()) == ('cam', [7, 8])
    assert type(found) is ROS2.types[IMAGE] or found.__msgtype__ == IMAGE


def test_usual_types_are_not_made_from_the_bag(monkeypatch):
    text, _ = ROS1.generate_msgdef(IMAGE)
    types = MessageTypes()
    usual = types.store_of(connection('', IMAGE, 'ros1', ''))
    monkeypatch.setattr(type(usual), 'register', None)
    assert types.store_of(connection(text, IMAGE, 'ros1')) is usual
    comments = '# a comment\n\n' + text.replace('\n', '   # why\n', 1)
    assert types.store_of(connection(comments, IMAGE, 'ros1')) is usual


def test_own_types_of_a_bag_are_read():
    text = (
        'string name\nPart[] parts\nuint8 KIND=3\n' + '=' * 80 + '\nMSG: my_msgs/Part\nint32 x\n'
    )
    mine = connection(text, 'my_msgs/msg/Whole')
    raw = b'\0\1\0\0' + b'\2\0\0\0a\0\0\0' + b'\1\0\0\0' + b'\5\0\0\0'
    types = MessageTypes()
    found = types.deserialize(BagMessage(mine, 0, raw))
    assert (found.name, found.parts[0].x) == ('a', 5)
    assert types.serialize(mine, found) == raw


def test_one_type_may_have_two_definitions():
    types = MessageTypes()
    for text, raw in (('int32 a', b'\1\0\0\0'), ('int32 a\nint32 b', b'\1\0\0\0\2\0\0\0')):
        found = types.deserialize(BagMessage(connection(text), 0, b'\0\1\0\0' + raw))
        assert found.a == 1


CODE = '__import__("pathlib").Path("hacked").touch()'
TYPES = [
    f'a/msg/B:\n    {CODE}\nclass C',
    f'a/msg/B"""\n    {CODE}\n    """',
    "a/msg/B': 1}\nopen('hacked', 'w')\n{'",
    'a/msg/../B',
    'msg/B',
    'a/b',
    'a/msg/Bä',
    '',
    'a' * 10**6,
]


@pytest.mark.parametrize('msgtype', TYPES)
def test_name_of_a_type_carries_no_code(msgtype, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match='is no name that ROS would accept'):
        store_of('int32 a', msgtype=msgtype)
    assert list(tmp_path.iterdir()) == []


DEFINITIONS = [
    f'int32 a: {CODE}',
    f'int32 a\n    {CODE}',
    f'int32 A="{CODE}',
    'int32 class',
    'int32 __init__',
    'int32 __class__',
    'int32 a\nint32 a',
    'a/B[] b\n' + '=' * 80 + f'\nMSG: a/B\nint32 x\n{CODE}',
    'a/B b\n' + '=' * 80 + f'\nMSG: a/B: {CODE}\nint32 x\n',
    f'int32 A=0\n{"=" * 80}\nMSG: x\nint32 {CODE}',
    'unknown_msgs/Type a',
    'evil_msgs/Thing a',
    'evil_msgs/Thing[] a',
    'uint8[99999999999] a',
    'uint8[-1] a',
    'Empty[] a\n' + '=' * 80 + '\nMSG: evil_msgs/Empty\n',
    'int32 a' * 10**6,
    'float64 A=1e999\nint32 a',
    f'int32 A={"9" * 10000}',
]


@pytest.mark.parametrize('definition', DEFINITIONS)
def test_definition_carries_no_code(definition, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r'The definition of .* cannot be used'):
        store_of(definition)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('code', [f'int32 a = {CODE}', f'int32 a #{CODE}'])
def test_default_and_comment_are_not_executed(code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert store_of(code).types['evil_msgs/msg/Thing'].__msgtype__ == 'evil_msgs/msg/Thing'
    assert list(tmp_path.iterdir()) == []


def test_string_constant_stays_a_string(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = store_of(f'string A=\'""" + {CODE} + """\'\nint32 a')
    assert 'hacked' in store.types['evil_msgs/msg/Thing'].A
    assert list(tmp_path.iterdir()) == []


def test_idl_is_not_parsed():
    """The parser of rosbags computes constants of any size, such as 1 << 10**12."""
    text = 'module a { module msg { const long A = 1 << 1000000000000; }; };'
    with pytest.raises(DataError, match=r'only \.msg definitions are read'):
        store_of(text, form='idl')
    assert store_of(text, msgtype=IMAGE, form='idl').types[IMAGE].__msgtype__ == IMAGE


@pytest.mark.parametrize('depth', [40, 100, 2000])
def test_types_within_types_come_to_an_end(depth):
    parts = [f'T{n + 1} a\nT{n + 1} b\n' for n in range(depth)] + ['int32 x\n']
    text = parts[0] + ''.join(
        f'{"=" * 80}\nMSG: evil_msgs/T{n}\n{part}' for n, part in enumerate(parts[1:], start=1)
    )
    with pytest.raises(DataError, match=r'larger than any message|contains itself, or too'):
        store_of(text)


few = settings(max_examples=150, deadline=None, derandomize=True)
quiet = settings(few, suppress_health_check=[HealthCheck.function_scoped_fixture])
WORDS = ['int32', ' ', '\n', 'a', '=', '[', ']', '#', '"', "'", '<=', '3', 'string', 'Header']
WORDS += ['=' * 80 + '\n', 'MSG: ', 'a/B', ':', '(', ')', '\\', '__x', 'import os', '\t', '\0']


@quiet
@given(st.lists(st.sampled_from(WORDS), max_size=40).map(''.join))
def test_any_definition_gives_a_type_or_an_error(definition):
    try:
        store = store_of(definition)
    except DataError:
        return
    assert 'evil_msgs/msg/Thing' in store.types


SHARED_TYPES = MessageTypes()


@quiet
@given(st.binary(max_size=200), st.sampled_from(['cdr', 'ros1']))
def test_any_bytes_give_a_message_or_an_error(content, serialization):
    prefix = b'\0\1\0\0' if serialization == 'cdr' else b''
    for msgtype in (IMAGE, 'sensor_msgs/msg/CameraInfo'):
        message = BagMessage(connection('', msgtype, serialization, ''), 0, prefix + content)
        try:
            found = SHARED_TYPES.deserialize(message)
        except DataError:
            continue
        assert found.header.frame_id is not None


def test_module_of_the_last_definition_is_all_that_is_left():
    before = set(sys.modules)
    store_of('int32 a')
    assert set(sys.modules) - before <= {'rosbags.usertypes'}


@pytest.mark.parametrize(
    'definition',
    [
        'string[100000000] a',
        'Part[5000] a\n' + '=' * 80 + '\nMSG: evil_msgs/Part\nint8 b\n',
        ''.join(f'int8 a{number}\n' for number in range(5000)),
    ],
)
def test_definitions_of_endless_code_are_refused(definition):
    with pytest.raises(DataError, match='more than 3000 fields'):
        store_of(definition)


def test_long_arrays_of_numbers_are_fine():
    assert store_of('float64[100000] a\nstring[100] b')
