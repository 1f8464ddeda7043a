"""Writes the same messages into bags of every format, compression and layout."""

import random
from pathlib import Path

from mcap.writer import CompressionType, IndexType
from mcap.writer import Writer as McapWriter
from rosbags.interfaces import (
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin
from rosbags.rosbag2 import Writer as Writer2
from rosbags.typesys import Stores, get_typestore

ROS1, ROS2 = get_typestore(Stores.ROS1_NOETIC), get_typestore(Stores.ROS2_JAZZY)
STRING, IMAGE = 'std_msgs/msg/String', 'sensor_msgs/msg/Image'
TOPICS = (('/chatter', STRING), ('/camera/image', IMAGE), ('no/slash', STRING))
START = 1_700_000_000_000_000_000
QOS = Qos(
    QosHistory.KEEP_LAST,
    7,
    QosReliability.BEST_EFFORT,
    QosDurability.TRANSIENT_LOCAL,
    QosTime(0, 0),
    QosTime(1, 2),
    QosLiveliness.AUTOMATIC,
    QosTime(3, 4),
    False,
)

QOS_TEXT = """\
- history: 3
  depth: 0
  reliability: 1
  durability: 2
  deadline: {sec: 9223372036, nsec: 854775807}
  lifespan: {sec: 9223372036, nsec: 854775807}
  liveliness: 1
  liveliness_lease_duration: {sec: 9223372036, nsec: 854775807}
  avoid_ros_namespace_conventions: false"""


def messages(count=45, seed=1):
    """Return (index of topic, time, raw); the raw bytes are no real messages, only CDR-like."""
    generator = random.Random(seed)
    found = []
    for index in range(count):
        body = generator.randbytes(generator.randrange(20, 200)) + bytes(40)
        found.append((index % len(TOPICS), START + 1000 * index, b'\0\1\0\0' + body))
    return found


def expected(content=None):
    """Return what a reader must give: (topic, type, time, raw)."""
    return [(*TOPICS[index], time, raw) for index, time, raw in content or messages()]


def write_rosbag2(path: Path, content=None, storage=StoragePlugin.MCAP, mode=None, version=9):
    writer = Writer2(path, version=version, storage_plugin=storage)
    if mode:
        writer.set_compression(mode, CompressionFormat.ZSTD)
    writer.set_custom_data('weather', 'rain')
    with writer:
        connections = [
            writer.add_connection(name, kind, typestore=ROS2, offered_qos_profiles=[QOS])
            for name, kind in TOPICS
        ]
        for index, time, raw in content or messages():
            writer.write(connections[index], time, raw)
    return path


def write_ros1(path: Path, content=None, compression=None, chunk_bytes=1000):
    writer = Writer1(path)
    writer.chunk_threshold = chunk_bytes
    if compression:
        writer.set_compression(compression)
    with writer:
        connections = [
            writer.add_connection(
                name, kind, typestore=ROS1, callerid=f'/node{number}', latching=number % 2
            )
            for number, (name, kind) in enumerate(TOPICS)
        ]
        for index, time, raw in content or messages():
            writer.write(connections[index], time, raw)
    return path


def write_mcap(path: Path, content=None, compression=CompressionType.NONE, extras=True, **options):
    """Write with the writer of the mcap project, with all that mcap files may hold."""
    with path.open('wb') as file:
        writer = McapWriter(file, compression=compression, **{'chunk_size': 1000, **options})
        writer.start(profile='ros2', library='test')
        channels = []
        for name, kind in TOPICS:
            text = ROS2.generate_msgdef(kind, ros_version=2)[0]
            schema = writer.register_schema(kind, 'ros2msg', text.encode())
            metadata = {'offered_qos_profiles': QOS_TEXT, 'topic_type_hash': 'RIHS01_x'}
            channels.append(writer.register_channel(name, 'cdr', schema, metadata))
        if extras:
            writer.add_metadata('operator', {'name': 'nobody'})
            writer.add_attachment(5, 6, 'map.bin', 'application/octet-stream', bytes(3000))
        for number, (index, time, raw) in enumerate(content or messages()):
            writer.add_message(channels[index], time, raw, time - 77, number + 5)
        writer.finish()
    return path


BARE = {'index_types': IndexType.NONE, 'use_statistics': False, 'use_summary_offsets': False}
BARE |= {'repeat_channels': False, 'repeat_schemas': False}

MCAP_FILES = {
    'mcap-plain': {},
    'mcap-lz4': {'compression': CompressionType.LZ4},
    'mcap-zstd': {'compression': CompressionType.ZSTD},
    'mcap-unchunked': {'use_chunking': False},
    'mcap-no-summary': {'compression': CompressionType.ZSTD, **BARE},
    'mcap-unchunked-no-summary': {'use_chunking': False, **BARE},
    'mcap-data-crc': {'enable_data_crcs': True},
}
ROS1_FILES = {
    'ros1-none': None,
    'ros1-bz2': Writer1.CompressionFormat.BZ2,
    'ros1-lz4': Writer1.CompressionFormat.LZ4,
}
ROSBAG2_FOLDERS = {
    'db3': (StoragePlugin.SQLITE3, None),
    'db3-file': (StoragePlugin.SQLITE3, CompressionMode.FILE),
    'db3-message': (StoragePlugin.SQLITE3, CompressionMode.MESSAGE),
    'mcap': (StoragePlugin.MCAP, None),
    'mcap-file': (StoragePlugin.MCAP, CompressionMode.FILE),
    'mcap-message': (StoragePlugin.MCAP, CompressionMode.MESSAGE),
    'mcap-storage': (StoragePlugin.MCAP, CompressionMode.STORAGE),
}
VARIANTS = (*MCAP_FILES, *ROS1_FILES, *ROSBAG2_FOLDERS)


def write_variant(name, folder: Path, content=None):
    """Write one of ``VARIANTS``; return its path."""
    if name in MCAP_FILES:
        return write_mcap(folder / f'{name}.mcap', content, **MCAP_FILES[name])
    if name in ROS1_FILES:
        return write_ros1(folder / f'{name}.bag', content, ROS1_FILES[name])
    storage, mode = ROSBAG2_FOLDERS[name]
    return write_rosbag2(folder / name, content, storage, mode)


def data_file(path: Path) -> Path:
    """Return the file with the messages of a bag that has only one."""
    if path.is_file():
        return path
    (found,) = (each for each in path.iterdir() if each.name != 'metadata.yaml')
    return found
