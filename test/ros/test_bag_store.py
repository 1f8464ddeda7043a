import pytest

pytest.importorskip('rosbags')

from bag_files import IMAGE, camera_messages
from rosbags.highlevel import AnyReader
from rosbags.typesys import Stores, get_typestore

from sim2real_ros.errors import DataError
from sim2real_ros.ros.bags.offered_qos import OfferedQos
from sim2real_ros.ros.bags.store import BagStore
from sim2real_ros.ros.bags.type_definitions import TypeDefinitions

STORE = get_typestore(Stores.ROS2_JAZZY)


def image_bytes(count):
    return [
        (stamp_ns, bytes(STORE.serialize_cdr(image, IMAGE)))
        for stamp_ns, image, _ in camera_messages(STORE, count)
    ]


def write(path, messages, storage='mcap'):
    with BagStore(path, storage) as store:
        store.add_topic('/image', IMAGE, OfferedQos(reliable=False))
        store.add_topic('/silent', 'std_msgs/msg/String', OfferedQos())
        for stamp_ns, cdr in messages:
            store.write('/image', stamp_ns, cdr)
        return store


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_store_writes_a_bag_that_others_read(tmp_path, storage):
    messages = image_bytes(3)
    store = write(tmp_path / 'bag', messages, storage)
    assert store.counts == {'/image': 3, '/silent': 0}
    with AnyReader([tmp_path / 'bag']) as reader:
        assert {c.topic: c.msgtype for c in reader.connections} == {
            '/image': IMAGE,
            '/silent': 'std_msgs/msg/String',
        }
        found = [(stamp, bytes(raw)) for _, stamp, raw in reader.messages()]
        assert reader.deserialize(found[0][1], IMAGE).encoding == 'rgb8'
    assert found == messages


def test_store_names_the_files_after_the_bag_and_leaves_nothing_else(tmp_path):
    write(tmp_path / 'deep' / 'bag', image_bytes(1))
    names = sorted(path.name for path in (tmp_path / 'deep').rglob('*'))
    assert names == ['bag', 'bag.mcap', 'metadata.yaml']


def test_store_without_message_leaves_nothing(tmp_path):
    store = BagStore(tmp_path / 'bag')
    store.add_topic('/image', IMAGE, OfferedQos())
    assert store.close() is False
    assert list(tmp_path.iterdir()) == []


def test_store_keeps_what_came_before_an_error(tmp_path):
    def fail():
        with BagStore(tmp_path / 'bag') as store:
            store.add_topic('/image', IMAGE, OfferedQos())
            store.write('/image', *image_bytes(1)[0])
            raise RuntimeError('later')

    with pytest.raises(RuntimeError, match='later'):
        fail()
    with AnyReader([tmp_path / 'bag']) as reader:
        assert reader.message_count == 1


def test_store_is_not_in_its_place_until_it_is_closed(tmp_path):
    store = BagStore(tmp_path / 'bag')
    store.add_topic('/image', IMAGE, OfferedQos())
    store.write('/image', *image_bytes(1)[0])
    assert [path.name for path in tmp_path.iterdir()] == ['bag.partial']
    assert store.close() is True
    assert store.close() is True
    assert [path.name for path in tmp_path.iterdir()] == ['bag']


def test_store_refuses_to_overwrite(tmp_path):
    (tmp_path / 'bag').mkdir()
    with pytest.raises(DataError, match='exists already and is not overwritten'):
        BagStore(tmp_path / 'bag')


def test_store_refuses_to_replace_what_appeared_meanwhile(tmp_path):
    store = BagStore(tmp_path / 'bag')
    store.add_topic('/image', IMAGE, OfferedQos())
    store.write('/image', *image_bytes(1)[0])
    (tmp_path / 'bag').mkdir()
    with pytest.raises(DataError, match='exists already'):
        store.close()


def test_store_refuses_what_an_interrupted_recording_left(tmp_path):
    (tmp_path / 'bag.partial').mkdir()
    with pytest.raises(DataError, match='interrupted recording left; move it away'):
        BagStore(tmp_path / 'bag')


def test_store_refuses_unknown_storages(tmp_path):
    with pytest.raises(DataError, match=r"storage is 'tar'; expected one of"):
        BagStore(tmp_path / 'bag', 'tar')


def test_store_refuses_types_without_definition(tmp_path):
    store = BagStore(tmp_path / 'bag')
    with pytest.raises(DataError, match=r"No definition of 'nobody_msgs/msg/None'"):
        store.add_topic('/a', 'nobody_msgs/msg/None', OfferedQos())
    store.close()


def test_definitions_are_read_from_installed_packages(tmp_path):
    folder = tmp_path / 'share' / 'own_msgs' / 'msg'
    folder.mkdir(parents=True)
    (folder / 'Inner.msg').write_text('std_msgs/Header header\nfloat32[] values\n')
    (folder / 'Outer.msg').write_text('Inner[] inner\nsensor_msgs/Image image\n')
    types = TypeDefinitions([tmp_path / 'share'])
    types.learn('own_msgs/msg/Outer')
    assert {'own_msgs/msg/Outer', 'own_msgs/msg/Inner'} <= set(types.store.fielddefs)
    assert types.store.hash_rihs01('own_msgs/msg/Outer').startswith('RIHS01_')


def test_definitions_that_cannot_be_parsed_are_refused(tmp_path):
    folder = tmp_path / 'own_msgs' / 'msg'
    folder.mkdir(parents=True)
    (folder / 'Bad.msg').write_text('!!! no message')
    with pytest.raises(DataError, match=r"'own_msgs/msg/Bad' cannot be parsed"):
        TypeDefinitions([tmp_path]).learn('own_msgs/msg/Bad')
