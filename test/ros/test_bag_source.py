import struct
from contextlib import suppress
from pathlib import Path

import pytest

pytest.importorskip('rosbags')

from bag_files import START_NS, write_ros1, write_rosbag2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rosbags.interfaces import Qos, QosDurability, QosHistory, QosLiveliness, QosReliability
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from sim2real_ros.errors import DataError
from sim2real_ros.ros.bag_qos import FOREVER, MAX_DEPTH, TopicQos
from sim2real_ros.ros.bag_source import open_bag


def contents(path: Path) -> dict[str, list[bytes]]:
    with open_bag(path) as source:
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
def test_open_bag_gives_rosbag2_bytes_unchanged(tmp_path, storage):
    expected = write_rosbag2(tmp_path / 'bag', storage=storage)
    assert contents(tmp_path / 'bag') == expected


@pytest.mark.parametrize(('storage', 'suffix'), [('mcap', 'mcap'), ('sqlite3', 'db3')])
def test_open_bag_reads_a_file_without_its_folder(tmp_path, storage, suffix):
    expected = write_rosbag2(tmp_path / 'bag', storage=storage)
    assert contents(tmp_path / 'bag' / f'bag.{suffix}') == expected


def test_open_bag_converts_ros1_to_the_bytes_of_ros2(tmp_path):
    expected = write_ros1(tmp_path / 'old.bag')
    assert contents(tmp_path / 'old.bag') == expected


def test_open_bag_makes_topic_names_absolute(tmp_path):
    expected = write_ros1(tmp_path / 'old.bag', prefix='camera/')
    assert contents(tmp_path / 'old.bag') == expected


def test_messages_come_in_order_and_only_as_chosen(tmp_path):
    write_rosbag2(tmp_path / 'bag', count=4)
    with open_bag(tmp_path / 'bag') as source:
        found = list(source.messages(['/camera/camera_info']))
        assert list(source.messages([])) == []
    assert {message.topic for message in found} == {'/camera/camera_info'}
    assert [message.stamp_ns - START_NS for message in found] == [0, 50e6, 100e6, 150e6]


def test_topics_tell_type_count_and_recorded_qos(tmp_path):
    write_rosbag2(tmp_path / 'bag', count=3, qos=(qos(QosReliability.BEST_EFFORT, depth=50),))
    with open_bag(tmp_path / 'bag') as source:
        info, image = source.topics
    assert (image.name, image.msgtype, image.message_count, image.problem) == (
        '/camera/image_raw',
        'sensor_msgs/msg/Image',
        3,
        '',
    )
    assert info.qos == TopicQos(reliable=False, transient_local=False, depth=50)


def test_topics_have_no_qos_where_the_bag_is_silent(tmp_path):
    write_rosbag2(tmp_path / 'bag')
    with open_bag(tmp_path / 'bag') as source:
        assert [topic.qos for topic in source.topics] == [None, None]


def test_latched_ros1_topics_are_transient_local(tmp_path):
    write_ros1(tmp_path / 'old.bag', latching=1)
    with open_bag(tmp_path / 'old.bag') as source:
        assert all(topic.qos == TopicQos(transient_local=True) for topic in source.topics)


@pytest.mark.parametrize(
    ('profiles', 'expected'),
    [
        ([qos()], TopicQos(depth=10)),
        ([qos(QosReliability.BEST_EFFORT), qos()], TopicQos(reliable=True, depth=10)),
        ([qos(QosReliability.BEST_EFFORT)], TopicQos(reliable=False, depth=10)),
        ([qos(durability=QosDurability.TRANSIENT_LOCAL)], TopicQos(transient_local=True)),
        ([qos(depth=10**9)], TopicQos(depth=MAX_DEPTH)),
        ([qos()._replace(history=QosHistory.KEEP_ALL)], TopicQos(depth=MAX_DEPTH)),
        ([qos(QosReliability.UNKNOWN, QosDurability.UNKNOWN)], TopicQos()),
    ],
)
def test_from_recorded_serves_the_readers_of_every_publisher(profiles, expected):
    assert TopicQos.from_recorded(profiles) == expected


def test_recorded_qos_survives_a_bag(tmp_path):
    offered = TopicQos(reliable=False, transient_local=True)
    write_rosbag2(tmp_path / 'bag', qos=(offered.to_recorded(),))
    with open_bag(tmp_path / 'bag') as source:
        assert [topic.qos for topic in source.topics] == [offered, offered]


def test_open_bag_names_types_whose_fields_differ(tmp_path):
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
    with open_bag(tmp_path / 'old.bag') as source:
        problems = {topic.name: topic.problem for topic in source.topics}
    assert 'other fields' in problems['/image']
    assert problems['/ok'] == ''


def test_open_bag_names_topics_of_mixed_types(tmp_path):
    store = get_typestore(Stores.ROS2_JAZZY)
    with Writer(tmp_path / 'bag', version=8, storage_plugin=StoragePlugin.SQLITE3) as writer:
        writer.add_connection('/both', 'std_msgs/msg/Header', typestore=store)
        writer.add_connection('/both', 'std_msgs/msg/String', typestore=store)
    with open_bag(tmp_path / 'bag') as source:
        assert 'mixes the types' in source.topics[0].problem


def test_open_bag_refuses_what_is_not_there(tmp_path):
    with (
        pytest.raises(DataError, match=r'nowhere.*does not exist'),
        open_bag(tmp_path / 'nowhere'),
    ):
        pass


def test_open_bag_refuses_a_folder_without_metadata(tmp_path):
    with pytest.raises(DataError, match=r'has no metadata\.yaml'), open_bag(tmp_path):
        pass


@pytest.mark.parametrize('name', ['x.bag', 'x.mcap', 'x.db3', 'x.avi', 'x'])
def test_open_bag_refuses_garbage(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b'no bag at all' * 40)
    with pytest.raises(DataError, match=r'cannot be read as a bag: [^\n]*$'), open_bag(path):
        pass


@pytest.mark.parametrize('text', ['', '[1, 2', 'rosbag2_bagfile_information: 7', '{}'])
def test_open_bag_refuses_broken_metadata(tmp_path, text):
    write_rosbag2(tmp_path / 'bag')
    (tmp_path / 'bag' / 'metadata.yaml').write_text(text)
    with pytest.raises(DataError, match='cannot be read as a bag'), open_bag(tmp_path / 'bag'):
        pass


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
