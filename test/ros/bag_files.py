"""Bags that the tests write themselves, with what a reader must find in them."""

from pathlib import Path

import numpy as np
from rosbags.interfaces import Qos
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

IMAGE = 'sensor_msgs/msg/Image'
INFO = 'sensor_msgs/msg/CameraInfo'
START_NS = 1_700_000_000_000_000_000
PERIOD_NS = 50_000_000
STORAGES = {'mcap': StoragePlugin.MCAP, 'sqlite3': StoragePlugin.SQLITE3}

Expected = dict[str, list[bytes]]


def camera_messages(store, count, size=(32, 24)):
    """Yield (stamp_ns, image, camera_info) of a made-up camera."""
    random = np.random.default_rng(7)
    width, height = size
    types = store.types
    for index in range(count):
        stamp_ns = START_NS + index * PERIOD_NS
        stamp = types['builtin_interfaces/msg/Time'](*divmod(stamp_ns, 10**9))
        fields = {'stamp': stamp, 'frame_id': 'camera_optical'}
        if 'seq' in dict(store.fielddefs['std_msgs/msg/Header'][1]):
            fields['seq'] = index
        header = types['std_msgs/msg/Header'](**fields)
        pixels = random.integers(0, 256, height * width * 3, np.uint8)
        image = types[IMAGE](header, height, width, 'rgb8', 0, width * 3, pixels)
        yield stamp_ns, image, camera_info(store, header, size)


def camera_info(store, header, size):
    roi = store.types['sensor_msgs/msg/RegionOfInterest'](0, 0, 0, 0, False)
    k, r, p = (np.arange(n, dtype=np.float64) for n in (9, 9, 12))
    return store.types[INFO](
        header, size[1], size[0], 'plumb_bob', np.zeros(5), k, r, p, 0, 0, roi
    )


def write_rosbag2(path: Path, count=5, storage='mcap', qos: tuple[Qos, ...] = (), **kwargs):
    """Write a camera and its camera_info; return the CDR bytes of each topic."""
    store = get_typestore(Stores.ROS2_JAZZY)
    expected: Expected = {'/camera/image_raw': [], '/camera/camera_info': []}
    with Writer(path, version=8, storage_plugin=STORAGES[storage]) as writer:
        connections = {
            name: writer.add_connection(
                name, msgtype, typestore=store, offered_qos_profiles=list(qos)
            )
            for name, msgtype in zip(expected, (IMAGE, INFO), strict=True)
        }
        for stamp_ns, image, info in camera_messages(store, count, **kwargs):
            for (name, found), message, msgtype in zip(
                expected.items(), (image, info), (IMAGE, INFO), strict=True
            ):
                found.append(bytes(store.serialize_cdr(message, msgtype)))
                writer.write(connections[name], stamp_ns, found[-1])
    return expected


def write_ros1(path: Path, count=5, prefix='/camera/', latching=None):
    """Write the same camera as a ROS 1 bag; return the CDR bytes that ROS 2 must see."""
    store1, store2 = get_typestore(Stores.ROS1_NOETIC), get_typestore(Stores.ROS2_JAZZY)
    expected: Expected = {'/camera/image_raw': [], '/camera/camera_info': []}
    with Writer1(path) as writer:
        connections = [
            writer.add_connection(
                f'{prefix}{name}', msgtype, typestore=store1, callerid='/cam', latching=latching
            )
            for name, msgtype in (('image_raw', IMAGE), ('camera_info', INFO))
        ]
        both = zip(camera_messages(store1, count), camera_messages(store2, count), strict=True)
        for (stamp_ns, *ros1), (_, *ros2) in both:
            for connection, old, new, found in zip(
                connections, ros1, ros2, expected.values(), strict=True
            ):
                raw = store1.serialize_ros1(old, connection.msgtype)
                writer.write(connection, stamp_ns, bytes(raw))
                found.append(bytes(store2.serialize_cdr(new, connection.msgtype)))
    return expected
