"""Writes small bags of every format for the tests of the sources."""

from pathlib import Path

import numpy as np
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2 import Writer as Writer2
from rosbags.typesys import Stores, get_typestore

from sim2real_ros.image import compress

IMAGE, COMPRESSED = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'


def images(count=3, height=6, width=8):
    generator = np.random.default_rng(1)
    return [generator.integers(0, 256, (height, width, 3), dtype=np.uint8) for _ in range(count)]


def header(store, stamp_ns, ros1):
    time = store.types['builtin_interfaces/msg/Time'](*divmod(stamp_ns, 10**9))
    extra = {'seq': 0} if ros1 else {}
    return store.types['std_msgs/msg/Header'](stamp=time, frame_id='cam', **extra)


def raw_message(store, rgb, stamp_ns, ros1=False, encoding='rgb8'):
    height, width, _ = rgb.shape
    return store.types[IMAGE](
        header(store, stamp_ns, ros1), height, width, encoding, 0, width * 3, rgb.reshape(-1)
    )


def compressed_message(store, rgb, stamp_ns, ros1=False):
    data, text = compress(rgb, 'png')
    return store.types[COMPRESSED](
        header(store, stamp_ns, ros1), text, np.frombuffer(data, np.uint8)
    )


def write_bag2(path: Path, topics, storage=StoragePlugin.MCAP):
    """Write a rosbag2; ``topics`` maps a name to (message type, [messages])."""
    store = get_typestore(Stores.ROS2_JAZZY)
    with Writer2(path, version=9, storage_plugin=storage) as writer:
        for name, (kind, messages) in topics.items():
            connection = writer.add_connection(name, kind, typestore=store)
            for index, message in enumerate(messages):
                raw = message if isinstance(message, bytes) else store.serialize_cdr(message, kind)
                writer.write(connection, 1000 + index, raw)
    return path


def write_bag1(path: Path, topics):
    store = get_typestore(Stores.ROS1_NOETIC)
    with Writer1(path) as writer:
        for name, (kind, messages) in topics.items():
            connection = writer.add_connection(name, kind, typestore=store)
            for index, message in enumerate(messages):
                writer.write(connection, 1000 + index, store.serialize_ros1(message, kind))
    return path
