import os
import shutil
from pathlib import Path

import pytest
from bag_variants import (
    IMAGE,
    ROS2,
    START,
    STRING,
    TOPICS,
    VARIANTS,
    data_file,
    expected,
    messages,
    write_mcap,
    write_ros1,
    write_rosbag2,
    write_variant,
)
from mcap.writer import Writer as McapWriter
from rosbags.highlevel import AnyReader
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import StoragePlugin
from rosbags.typesys import Stores, get_typestore

from sim2real_ros.bags import BagMessage, accepts_bag, image_connections, open_bag
from sim2real_ros.errors import DataError


def read(path, **selection):
    with open_bag(path) as reader:
        found = [
            (m.connection.topic, m.connection.msgtype, m.recorded_ns, m.raw)
            for m in reader.messages(**selection)
        ]
        assert reader.problems == []
        return found


@pytest.mark.parametrize('variant', VARIANTS)
def test_every_format_gives_the_same_messages(variant, tmp_path):
    path = write_variant(variant, tmp_path)
    assert accepts_bag(path)
    assert read(path) == expected()
    assert read(data_file(path)) == expected(), 'the bare file'
    with open_bag(path) as reader:
        assert reader.ros_version == (1 if variant.startswith('ros1') else 2)
        assert [(c.topic, c.msgtype, c.message_count) for c in reader.connections] == [
            (*topic, 15) for topic in TOPICS
        ]
        assert [c.topic for c in image_connections(reader)] == ['/camera/image']
        assert (reader.start_ns, reader.end_ns) == (START, START + 44_000)
        assert all(
            'string data' in c.definition for c in reader.connections if c.msgtype == STRING
        )


@pytest.mark.parametrize('variant', VARIANTS)
def test_topics_and_times_can_be_chosen(variant, tmp_path):
    path = write_variant(variant, tmp_path)
    with open_bag(path) as reader:
        chosen = [c for c in reader.connections if c.msgtype == STRING]
        found = [m.raw for m in reader.messages(chosen, START + 6_000, START + 30_000)]
        assert list(reader.messages([])) == []
    wanted = [each for each in messages() if START + 6_000 <= each[1] < START + 30_000]
    assert found == [raw for index, _, raw in wanted if TOPICS[index][1] == STRING]


@pytest.mark.parametrize('variant', VARIANTS)
def test_messages_out_of_order_come_in_the_order_of_time(variant, tmp_path):
    content = messages()
    content[20:32] = reversed(content[20:32])
    content[3], content[40] = content[40], content[3]
    path = write_variant(variant, tmp_path, content)
    assert read(path) == sorted(expected(content), key=lambda each: each[2])


SHARED = Path(os.environ.get('SIM2REAL_DATA', Path(__file__).parents[3] / 'shared' / 'data'))
REAL = sorted((SHARED / 'bags').iterdir()) if (SHARED / 'bags').is_dir() else []


@pytest.mark.skipif(not REAL, reason='needs the shared test data (SIM2REAL_DATA)')
@pytest.mark.parametrize('path', REAL, ids=lambda path: path.name)
def test_real_bags_read_as_rosbags_reads_them(path):
    with AnyReader([path], default_typestore=ROS2) as reference, open_bag(path) as reader:
        # Messages of the same time have no order of their own.
        found = sorted(reader.messages(), key=lambda m: (m.recorded_ns, m.connection.topic))
        original = sorted(reference.messages(), key=lambda each: (each[1], each[0].topic))
        assert [(m.recorded_ns, m.raw) for m in found] == [(t, bytes(d)) for _, t, d in original]
        assert [m.connection.topic for m in found] == [c.topic for c, _, _ in original]
        for message, (connection, _, raw) in zip(found, original, strict=True):
            one, other = (
                reader.deserialize(message),
                reference.deserialize(raw, connection.msgtype),
            )
            assert repr(one) == repr(other)
            assert reader.serialize(message.connection, one) == message.raw
        assert reader.problems == []


@pytest.mark.parametrize('name', ['a?b#c%20d.db3', 'ünï côde.db3', "quo'te.db3"])
def test_database_with_any_name_is_found(name, tmp_path):
    path = write_rosbag2(tmp_path / 'bag', storage=StoragePlugin.SQLITE3)
    shutil.move(data_file(path), tmp_path / name)
    assert read(tmp_path / name) == expected()


@pytest.mark.parametrize('variant', ['ros1-none', 'db3', 'mcap', 'mcap-zstd', 'db3-file'])
def test_content_counts_and_not_the_suffix(variant, tmp_path):
    path = data_file(write_variant(variant, tmp_path))
    renamed = path.rename(tmp_path / 'something.bag')
    assert read(renamed) == expected()


def test_ros1_topic_may_have_several_connections_and_types(tmp_path):
    path = tmp_path / 'many.bag'
    store = get_typestore(Stores.ROS1_NOETIC)
    with Writer1(path) as writer:
        kinds = [(STRING, '/a'), (STRING, '/b'), ('std_msgs/msg/Header', '/a')]
        for number, (kind, caller) in enumerate(kinds):
            connection = writer.add_connection('/x', kind, typestore=store, callerid=caller)
            writer.write(connection, number, b'\1\0\0\0a')
    with open_bag(path) as reader:
        assert [c.msgtype for c in reader.connections] == [kind for kind, _ in kinds]
        assert [m.connection.id for m in reader.messages()] == [0, 1, 2]
        assert [m.recorded_ns for m in reader.messages([reader.connections[1]])] == [1]


def test_unknown_types_are_passed_and_only_refused_when_asked_for(tmp_path):
    path = tmp_path / 'odd.mcap'
    with path.open('wb') as file:
        writer = McapWriter(file)
        writer.start()
        json = writer.register_schema('whatever', 'jsonschema', b'{}')
        writer.add_message(writer.register_channel('t', 'json', json), 1, b'{}', 1)
        writer.add_message(writer.register_channel('/u', 'cdr', 0), 2, b'\0\1\0\0', 2)
        strange = writer.register_schema('my_msgs/msg/Thing', 'ros2idl', b'module x {')
        writer.add_message(writer.register_channel('/v', 'cdr', strange), 3, b'\0\1\0\0', 3)
        writer.finish()
    with open_bag(path) as reader:
        one, two, three = reader.messages()
        assert (one.raw, two.connection.msgtype, image_connections(reader)) == (b'{}', '', ())
        for message, reason in ((one, 'no name'), (two, 'no name'), (three, 'only .msg')):
            with pytest.raises(DataError, match=reason):
                reader.deserialize(message)
        assert reader.problems == []


def test_damaged_message_is_a_data_error(tmp_path):
    path = write_mcap(tmp_path / 'a.mcap')
    with open_bag(path) as reader:
        connection = image_connections(reader)[0]
        for raw in (b'', b'\0\1\0\0', b'\0\1\0\0' + b'\xff' * 100, bytes(1000)):
            with pytest.raises(DataError, match=r'is no readable sensor_msgs/msg/Image'):
                reader.deserialize(BagMessage(connection, 0, raw))


def test_object_of_another_type_cannot_be_serialised(tmp_path):
    path = write_mcap(tmp_path / 'a.mcap')
    with pytest.raises(DataError, match=f'Cannot write a {IMAGE}'), open_bag(path) as reader:
        reader.serialize(image_connections(reader)[0], object())


@pytest.mark.parametrize('name', ['a.bag', 'a.mcap', 'a.db3'])
@pytest.mark.parametrize(
    ('content', 'reason'),
    [(b'', 'empty'), (b'nothing at all', 'begins neither'), (b'\0', 'begin')],
)
def test_what_is_no_bag_is_refused(name, content, reason, tmp_path):
    (tmp_path / name).write_bytes(content)
    with (
        pytest.raises(DataError, match=rf'Cannot read the bag .*{name}.*{reason}'),
        open_bag(tmp_path / name),
    ):
        pass


def test_missing_bag_is_refused(tmp_path):
    with pytest.raises(DataError, match='it does not exist'), open_bag(tmp_path / 'a.bag'):
        pass


def test_old_and_encrypted_ros1_bags_are_refused(tmp_path):
    path = write_ros1(tmp_path / 'a.bag')
    content = path.read_bytes()
    path.write_bytes(content.replace(b'#ROSBAG V2.0', b'#ROSBAG V1.2'))
    with pytest.raises(DataError, match='rosbag fix'), open_bag(path):
        pass
    field = b'\x0b\0\0\0encryptor=x'
    length = int.from_bytes(content[13:17], 'little')
    header = content[17 : 17 + length].replace(b'conn_count=', b'encryptor=x')
    assert field[4:] in header
    path.write_bytes(content[:17] + header + content[17 + length :])
    with pytest.raises(DataError, match='encrypted'), open_bag(path):
        pass


def test_temporary_copies_are_removed(tmp_path, monkeypatch):
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path / 'temporary'))
    (tmp_path / 'temporary').mkdir()
    path = write_variant('db3-file', tmp_path)
    with open_bag(path) as reader:
        assert len(list(reader.messages())) == 45
        assert list((tmp_path / 'temporary').rglob('*.db3'))
    assert list((tmp_path / 'temporary').iterdir()) == []
