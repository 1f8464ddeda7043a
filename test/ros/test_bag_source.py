import os
import struct
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

pytest.importorskip('rosbags')

from bag_files import START_NS, write_ros1, write_rosbag2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mcap.writer import Writer as McapWriter
from rosbags.interfaces import Qos, QosDurability, QosHistory, QosLiveliness, QosReliability
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from sim2real_ros.bags import BagConnection, open_bag
from sim2real_ros.errors import DataError
from sim2real_ros.ros.bags.offered_qos import FOREVER, MAX_DEPTH, OfferedQos
from sim2real_ros.ros.bags.source import BagTopic, CdrSource, recorded_qos

TIME = 'builtin_interfaces/msg/Time'


@contextmanager
def opened(path: Path):
    with open_bag(path) as reader:
        yield CdrSource(reader)


def contents(path: Path) -> dict[str, list[bytes]]:
    with opened(path) as source:
        found: dict[str, list[bytes]] = {topic.name: [] for topic in source.topics}
        for message in source.messages(list(found)):
            found[message.topic].append(message.cdr)
    return found


def qos(reliability=QosReliability.RELIABLE, durability=QosDurability.VOLATILE, depth=0):
    return Qos(
        QosHistory.KEEP_LAST if depth else QosHistory.UNKNOWN,
        depth,
        reliability,
        durability,
        FOREVER,
        FOREVER,
        QosLiveliness.AUTOMATIC,
        FOREVER,
        False,
    )


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_source_gives_rosbag2_bytes_unchanged(tmp_path, storage):
    expected = write_rosbag2(tmp_path / 'bag', storage=storage)
    assert contents(tmp_path / 'bag') == expected


@pytest.mark.parametrize(('storage', 'suffix'), [('mcap', 'mcap'), ('sqlite3', 'db3')])
def test_source_reads_a_file_without_its_folder(tmp_path, storage, suffix):
    expected = write_rosbag2(tmp_path / 'bag', storage=storage)
    assert contents(tmp_path / 'bag' / f'bag.{suffix}') == expected


def test_source_converts_ros1_to_the_bytes_of_ros2(tmp_path):
    expected = write_ros1(tmp_path / 'old.bag')
    assert contents(tmp_path / 'old.bag') == expected


def test_source_makes_topic_names_absolute(tmp_path):
    expected = write_ros1(tmp_path / 'old.bag', prefix='camera/')
    assert contents(tmp_path / 'old.bag') == expected


def test_messages_come_in_order_and_only_as_chosen(tmp_path):
    write_rosbag2(tmp_path / 'bag', count=4)
    with opened(tmp_path / 'bag') as source:
        found = list(source.messages(['/camera/camera_info']))
        assert list(source.messages([])) == []
    assert {message.topic for message in found} == {'/camera/camera_info'}
    assert [message.stamp_ns - START_NS for message in found] == [0, 50e6, 100e6, 150e6]


def test_topics_tell_type_and_recorded_qos(tmp_path):
    write_rosbag2(tmp_path / 'bag', count=3, qos=(qos(QosReliability.BEST_EFFORT, depth=50),))
    with opened(tmp_path / 'bag') as source:
        info, image = source.topics
    assert (image.name, image.msgtype) == ('/camera/image_raw', 'sensor_msgs/msg/Image')
    assert image.problem == info.problem == ''
    assert info.qos == OfferedQos(reliable=False, transient_local=False, depth=50)


def test_topics_have_no_qos_where_the_bag_is_silent(tmp_path):
    write_rosbag2(tmp_path / 'bag')
    with opened(tmp_path / 'bag') as source:
        assert [topic.qos for topic in source.topics] == [None, None]


def test_latched_ros1_topics_are_transient_local(tmp_path):
    write_ros1(tmp_path / 'old.bag', latching=1)
    with opened(tmp_path / 'old.bag') as source:
        assert all(topic.qos == OfferedQos(transient_local=True) for topic in source.topics)


def test_source_converts_ros1_in_mcap(tmp_path):
    definition = 'uint8 data\n'
    with (tmp_path / 'old.mcap').open('wb') as file:
        writer = McapWriter(file)
        writer.start('ros1')
        schema = writer.register_schema('std_msgs/UInt8', 'ros1msg', definition.encode())
        channel = writer.register_channel('a', 'ros1', schema, {'latching': '1'})
        writer.add_message(channel, START_NS, b'\7', START_NS)
        writer.finish()
    with opened(tmp_path / 'old.mcap') as source:
        assert source.topics == [
            BagTopic('/a', 'std_msgs/msg/UInt8', OfferedQos(transient_local=True))
        ]
        assert list(source.messages(['/a'])) == [('/a', START_NS, b'\0\1\0\0\7')]


@pytest.mark.parametrize(
    ('profiles', 'expected'),
    [
        ([qos()], OfferedQos(depth=10)),
        ([qos(QosReliability.BEST_EFFORT), qos()], OfferedQos(reliable=True, depth=10)),
        ([qos(QosReliability.BEST_EFFORT)], OfferedQos(reliable=False, depth=10)),
        ([qos(durability=QosDurability.TRANSIENT_LOCAL)], OfferedQos(transient_local=True)),
        ([qos(depth=10**9)], OfferedQos(depth=MAX_DEPTH)),
        ([qos()._replace(history=QosHistory.KEEP_ALL)], OfferedQos(depth=MAX_DEPTH)),
        ([qos(QosReliability.UNKNOWN, QosDurability.UNKNOWN)], OfferedQos()),
    ],
)
def test_from_recorded_serves_the_readers_of_every_publisher(profiles, expected):
    assert OfferedQos.from_recorded(profiles) == expected


def test_recorded_qos_survives_a_bag(tmp_path):
    offered = OfferedQos(reliable=False, transient_local=True)
    write_rosbag2(tmp_path / 'bag', qos=(offered.to_recorded(),))
    with opened(tmp_path / 'bag') as source:
        assert [topic.qos for topic in source.topics] == [offered, offered]


def test_source_names_types_whose_fields_differ(tmp_path):
    store = get_typestore(Stores.ROS1_NOETIC)
    with Writer1(tmp_path / 'old.bag') as writer:
        connection = writer.add_connection(
            '/image',
            'sensor_msgs/msg/Image',
            msgdef='Header header\nuint32 height\n',
            md5sum='00000000000000000000000000000000',
        )
        writer.write(connection, START_NS, b'')
        writer.add_connection('/ok', 'std_msgs/msg/Header', typestore=store)
    with opened(tmp_path / 'old.bag') as source:
        problems = {topic.name: topic.problem for topic in source.topics}
    assert 'other fields' in problems['/image']
    assert problems['/ok'] == ''


def test_source_names_topics_of_mixed_types(tmp_path):
    store = get_typestore(Stores.ROS2_JAZZY)
    with Writer(tmp_path / 'bag', version=8, storage_plugin=StoragePlugin.SQLITE3) as writer:
        writer.add_connection('/both', 'std_msgs/msg/Header', typestore=store)
        writer.add_connection('/both', 'std_msgs/msg/String', typestore=store)
    with opened(tmp_path / 'bag') as source:
        assert 'mixes the types' in source.topics[0].problem


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_source_reads_a_folder_without_metadata(tmp_path, storage):
    expected = write_rosbag2(tmp_path / 'bag', storage=storage)
    (tmp_path / 'bag' / 'metadata.yaml').unlink()
    assert contents(tmp_path / 'bag') == expected


def test_source_gives_what_is_left_of_a_truncated_bag(tmp_path):
    expected = write_ros1(tmp_path / 'old.bag', count=40)
    os.truncate(tmp_path / 'old.bag', (tmp_path / 'old.bag').stat().st_size // 2)
    found = contents(tmp_path / 'old.bag')
    for name, messages in found.items():
        assert 10 < len(messages) < 30
        assert messages == expected[name][: len(messages)]


def test_source_leaves_damaged_ros1_messages_out(tmp_path):
    store = get_typestore(Stores.ROS1_NOETIC)
    header = store.types['std_msgs/msg/Header'](1, store.types[TIME](2, 3), 'a')
    good = bytes(store.serialize_ros1(header, 'std_msgs/msg/Header'))
    with Writer1(tmp_path / 'old.bag') as writer:
        connection = writer.add_connection('head', 'std_msgs/msg/Header', typestore=store)
        for index, raw in enumerate([good, good[:-1], b'', good + b'x', good]):
            writer.write(connection, START_NS + index, raw)
    with opened(tmp_path / 'old.bag') as source:
        stamps = [message.stamp_ns - START_NS for message in source.messages(['/head'])]
        assert source.problems == ["Damaged messages on '/head' are left out."]
    assert stamps == [0, 4]


@pytest.mark.parametrize('text', ['[1, 2', '7', '- {depth: 1}', '- [', '[' * 500])
def test_nonsense_instead_of_qos_is_no_qos(text):
    assert recorded_qos([BagConnection(0, '/a', 'std_msgs/msg/Header', 1, text)]) is None


def test_source_refuses_unsafe_definitions(tmp_path):
    with Writer1(tmp_path / 'old.bag') as writer:
        writer.add_connection(
            '/evil', 'evil_msgs/msg/Thing', msgdef='string[100000000] a\n', md5sum='0' * 32
        )
    with opened(tmp_path / 'old.bag') as source:
        assert 'cannot be used' in source.topics[0].problem


def test_source_converts_types_that_only_the_bag_knows(tmp_path):
    store = get_typestore(Stores.ROS1_NOETIC)
    store.register(get_types_from_msg('uint8 a\nHeader header\n', 'own_msgs/msg/Thing'))
    header = store.types['std_msgs/msg/Header'](1, store.types[TIME](2, 3), 'a')
    thing = store.types['own_msgs/msg/Thing'](7, header)
    with Writer1(tmp_path / 'old.bag') as writer:
        connection = writer.add_connection('/own', 'own_msgs/msg/Thing', typestore=store)
        writer.write(connection, START_NS, store.serialize_ros1(thing, connection.msgtype))
    head = b'\0\1\0\0'
    assert contents(tmp_path / 'old.bag') == {
        '/own': [head + b'\7\0\0\0' + struct.pack('<iII2s', 2, 3, 2, b'a\0')]
    }


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data(), kind=st.sampled_from(['ros1.bag', 'x.mcap', 'x.db3']))
def test_damaged_bags_end_in_data_errors(tmp_path_factory, data, kind):
    folder = tmp_path_factory.mktemp('damaged')
    path = folder / kind
    if kind == 'ros1.bag':
        write_ros1(path, count=2)
    else:
        storage = 'mcap' if kind == 'x.mcap' else 'sqlite3'
        write_rosbag2(folder / 'x', count=2, storage=storage)
        path = folder / 'x' / kind
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 5))
        raw[at : at + 4] = struct.pack('<I', data.draw(st.integers(0, 2**32 - 1)))
    path.write_bytes(bytes(raw[: data.draw(st.integers(0, len(raw)))]))
    # Any other exception fails the test.
    with suppress(DataError):
        contents(path)
