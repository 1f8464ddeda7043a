"""Bags, videos and folders for the tests of extract-frames."""

import json
from pathlib import Path

import cv2
import numpy as np
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin
from rosbags.rosbag2 import Writer as Writer2
from rosbags.typesys import Stores, get_typestore

from sim2real_ros.image import compress

ROS1, ROS2 = get_typestore(Stores.ROS1_NOETIC), get_typestore(Stores.ROS2_JAZZY)
IMAGE, COMPRESSED = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'
INFO = 'sensor_msgs/msg/CameraInfo'
START_NS = 1_700_000_000 * 10**9
PERIOD_NS = 10**8

FORMATS = {
    'ros1': {},
    'ros1_bz2': {'compression': Writer1.CompressionFormat.BZ2},
    'ros1_lz4': {'compression': Writer1.CompressionFormat.LZ4},
    'mcap': {'storage': StoragePlugin.MCAP},
    'sqlite3': {'storage': StoragePlugin.SQLITE3},
    'mcap_zstd': {'storage': StoragePlugin.MCAP, 'mode': CompressionMode.STORAGE},
    'sqlite3_file': {'storage': StoragePlugin.SQLITE3, 'mode': CompressionMode.FILE},
    'sqlite3_message': {'storage': StoragePlugin.SQLITE3, 'mode': CompressionMode.MESSAGE},
}


def picture(number, size=(64, 48)):
    """A picture that keeps its hash under noise and differs from the others."""
    width, height = size
    coarse = np.random.default_rng(number).integers(20, 236, (6, 8, 3), np.uint8)
    rgb = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    noise = np.random.default_rng(1000 + number).integers(-6, 7, rgb.shape)
    return np.clip(rgb.astype(int) + noise, 0, 255).astype(np.uint8)


def header(store, stamp_ns):
    time = store.types['builtin_interfaces/msg/Time'](*divmod(stamp_ns, 10**9))
    extra = {'seq': 0} if store is ROS1 else {}
    return store.types['std_msgs/msg/Header'](stamp=time, frame_id='cam', **extra)


def raw(store, rgb, stamp_ns, encoding='rgb8'):
    height, width = rgb.shape[:2]
    data = np.ascontiguousarray(rgb).reshape(-1).view(np.uint8)
    step = data.size // height
    return store.types[IMAGE](header(store, stamp_ns), height, width, encoding, 0, step, data)


def compressed(store, rgb, stamp_ns, codec='jpeg', text=None):
    data, name = compress(rgb, codec)
    content = np.frombuffer(data, np.uint8)
    return store.types[COMPRESSED](header(store, stamp_ns), text or name, content)


def info(store, stamp_ns, size=(64, 48), focal=50.0, roi=(0, 0, 0, 0), binning=0):
    width, height = size
    k = np.array([focal, 0, width / 2, 0, focal, height / 2, 0, 0, 1], float)
    p = np.insert(k.reshape(3, 3), 3, [-3.0, 2.0, 0.0], axis=1).reshape(-1)
    d, r = np.array([0.1, -0.2, 0.0, 0.0, 0.0]), np.eye(3).reshape(-1)
    region = store.types['sensor_msgs/msg/RegionOfInterest'](*roi, False)
    return store.types[INFO](
        header(store, stamp_ns), height, width, 'plumb_bob', d, k, r, p, binning, binning, region
    )


def write_bag(path: Path, events, kind='mcap'):
    """Write (topic, type, message or bytes, recorded_ns) events; return what to open."""
    options = FORMATS[kind]
    ros1 = kind.startswith('ros1')
    store = ROS1 if ros1 else ROS2
    if ros1:
        path = path.with_name(f'{path.name}.bag')
        writer = Writer1(path)
        if options:
            writer.set_compression(options['compression'])
    else:
        writer = Writer2(path, version=9, storage_plugin=options['storage'])
        if 'mode' in options:
            writer.set_compression(options['mode'], CompressionFormat.ZSTD)
    connections = {}
    with writer:
        for topic, msgtype, message, recorded_ns in events:
            if (topic, msgtype) not in connections:
                connections[topic, msgtype] = writer.add_connection(
                    topic, msgtype, typestore=store
                )
            serialize = store.serialize_ros1 if ros1 else store.serialize_cdr
            content = message if isinstance(message, bytes) else serialize(message, msgtype)
            writer.write(connections[topic, msgtype], recorded_ns, bytes(content))
    return path


def camera_events(
    store=ROS2, count=6, topic='/cam/image_raw', make=raw, first=0, size=(64, 48), **options
):
    """One camera at 10 Hz; recorded a millisecond after the stamp."""
    msgtype = IMAGE if make is raw else COMPRESSED
    return [
        (topic, msgtype,
         make(store, picture(first + n, size), START_NS + n * PERIOD_NS, **options),
         START_NS + n * PERIOD_NS + 10**6)
        for n in range(count)
    ]  # fmt: skip


def info_events(store=ROS2, count=6, topic='/cam/camera_info', **options):
    return [
        (topic, INFO, info(store, START_NS + n * PERIOD_NS, **options), START_NS + n * PERIOD_NS)
        for n in range(count)
    ]


def in_order(*groups):
    return sorted((event for group in groups for event in group), key=lambda event: event[3])


def simple_bag(path, count=6, kind='mcap', **options):
    store = ROS1 if kind.startswith('ros1') else ROS2
    events = camera_events(store, count, **options)
    return write_bag(path, in_order(events, info_events(store, count)), kind)


def read_rgb(path):
    return cv2.imread(str(path), cv2.IMREAD_COLOR)[..., ::-1]


def names_in(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob('*') if p.is_file())


def tree(folder):
    return {name: (folder / name).read_bytes() for name in names_in(folder)}


def journal_lines(folder):
    """Number of finished items of unfinished work."""
    journal = folder / '.sim2real_journal.jsonl'
    if not journal.exists():
        return 0
    lines = journal.read_bytes().split(b'\n')[:-1]
    return sum('key' in json.loads(line) for line in lines)
