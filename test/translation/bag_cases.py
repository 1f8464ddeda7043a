"""Bags of all formats for the tests of this folder, written and read by others' programs."""

import numpy as np
from mcap.reader import make_reader
from rosbags.highlevel import AnyReader
from rosbags.interfaces import (
    Nodetype,
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2 import Writer as Writer2
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from sim2real_ros.image import ENCODINGS, compress

IMAGE = 'sensor_msgs/msg/Image'
COMPRESSED = 'sensor_msgs/msg/CompressedImage'
INFO = 'sensor_msgs/msg/CameraInfo'
STRING = 'std_msgs/msg/String'

FORMATS = ('mcap', 'db3', 'ros1')
STORES = {1: get_typestore(Stores.ROS1_NOETIC), 2: get_typestore(Stores.ROS2_JAZZY)}
LATCHED = Qos(
    QosHistory.KEEP_LAST, 7, QosReliability.RELIABLE, QosDurability.TRANSIENT_LOCAL,
    QosTime(1, 2), QosTime(3, 4), QosLiveliness.AUTOMATIC, QosTime(5, 6), False,
)  # fmt: skip


class BagContent:
    """Messages of one bag, in the order of recording, in the types of ROS 1 or 2."""

    def __init__(self, bag_format):
        self.format = bag_format
        self.version = 1 if bag_format == 'ros1' else 2
        self.store = STORES[self.version]
        self.messages = []

    def header(self, stamp_ns, frame_id='cam'):
        time = self.store.types['builtin_interfaces/msg/Time'](*divmod(stamp_ns, 10**9))
        extra = {'seq': 7} if self.version == 1 else {}
        return self.store.types['std_msgs/msg/Header'](stamp=time, frame_id=frame_id, **extra)

    def add(self, topic, msgtype, message):
        """Add a message; bytes are taken as they are."""
        if not isinstance(message, bytes):
            ros1 = self.version == 1
            serialize = self.store.serialize_ros1 if ros1 else self.store.serialize_cdr
            message = bytes(serialize(message, msgtype))
        self.messages.append((topic, msgtype, 10**9 + 10 * len(self.messages), message))

    def add_raw(self, topic, encoding, size, data, *, padding=0, big=0, trailing=0):
        """Add an Image whose pixels (and padding) are given as bytes, or made at random."""
        width, height = size
        spec = ENCODINGS.get(encoding)
        step = width * (spec.bytes_per_pixel if spec else 4) + padding
        if data is None:
            seed = len(self.messages)
            data = np.random.default_rng(seed).integers(0, 256, height * step + trailing, np.uint8)
        data = np.frombuffer(bytes(data), np.uint8)
        header = self.header(len(self.messages))
        message = self.store.types[IMAGE](header, height, width, encoding, big, step, data)
        self.add(topic, IMAGE, message)

    def add_compressed(self, topic, data, text):
        kind = self.store.types[COMPRESSED]
        data = np.frombuffer(bytes(data), np.uint8)
        self.add(topic, COMPRESSED, kind(self.header(len(self.messages)), text, data))

    def add_picture(self, topic, rgb, codec='jpeg'):
        self.add_compressed(topic, *compress(rgb, codec))

    def add_string(self, topic, text):
        self.add(topic, STRING, self.store.types[STRING](text))

    def add_info(self, topic, size, focal=10.0):
        k = np.array([focal, 0, size[0] / 2, 0, focal, size[1] / 2, 0, 0, 1])
        p = np.array([focal, 0, size[0] / 2, 1.5, 0, focal, size[1] / 2, 2.5, 0, 0, 1, 0])
        roi = self.store.types['sensor_msgs/msg/RegionOfInterest'](0, 0, 0, 0, False)
        values = (np.array([0.1, 0.2, 0, 0, 0]), k, np.eye(3).reshape(-1), p)
        self.add(topic, INFO, self.store.types[INFO](
            self.header(len(self.messages)), size[1], size[0], 'plumb_bob', *values, 0, 0, roi
        ))  # fmt: skip

    def write(self, path):
        """Write the bag; return what to give to a reader: the file or folder."""
        if self.version == 1:
            with Writer1(path) as writer:
                self._fill(writer, {})
            return path
        storage = StoragePlugin.MCAP if self.format == 'mcap' else StoragePlugin.SQLITE3
        with Writer2(path, version=9, storage_plugin=storage) as writer:
            self._fill(writer, {'offered_qos_profiles': [LATCHED]})
        return path

    def _fill(self, writer, more):
        connections = {}
        for topic, msgtype, time, raw in self.messages:
            if topic not in connections:
                connections[topic] = writer.add_connection(
                    topic, msgtype, typestore=self.store, **more
                )
            writer.write(connections[topic], time, raw)

    def name(self, stem):
        """Return a file or folder name for a bag of this format."""
        return f'{stem}.bag' if self.version == 1 else stem


def own_store(name, definition):
    """Return a typestore in which one message type has other fields than in ROS."""
    common = {
        each: fields
        for each, fields in STORES[2].fielddefs.items()
        if each.startswith(('std_msgs', 'builtin'))
    }
    own = get_typestore(Stores.EMPTY)
    own.register(common | get_types_from_msg(definition, name))
    return own


def any_message(store, name):
    """Make a message of whatever fields: numbers are 3, texts are 'rgb8'."""
    values = {'header': STORES[2].types['std_msgs/msg/Header'](
        STORES[2].types['builtin_interfaces/msg/Time'](0, 0), 'cam'
    )}  # fmt: skip
    for field, (kind, detail) in store.fielddefs[name][1]:
        if field == 'header':
            continue
        base = detail if kind == Nodetype.BASE else detail[0][1]
        value = 'rgb8' if base[0] == 'string' else 3
        if kind != Nodetype.BASE:
            value = np.full(detail[1] or 5, value, base[0])
        values[field] = value
    return store.types[name](**values)


def read_back(path):
    """Read a bag by rosbags: [(topic, type, time, bytes)]."""
    with AnyReader([path]) as reader:
        return [(c.topic, c.msgtype, time, bytes(raw)) for c, time, raw in reader.messages()]


def connections_of(path):
    """Return what rosbags says about the connections of a bag."""
    with AnyReader([path]) as reader:
        return sorted(
            (c.topic, c.msgtype, c.msgdef, c.digest, c.msgcount, str(c.ext))
            for c in reader.connections
        )


def read_mcap(file):
    """Read an mcap file by the mcap package's own reader."""
    with file.open('rb') as stream:
        return [
            (channel.topic, schema.name, message.log_time, message.publish_time, message.data)
            for schema, channel, message in make_reader(stream).iter_messages()
        ]


def contents(path):
    """Return the deserialised messages of a bag by topic, but for strings."""
    found = {}
    with AnyReader([path]) as reader:
        wanted = [c for c in reader.connections if c.msgtype != STRING]
        for connection, _, raw in reader.messages(connections=wanted):
            message = reader.deserialize(raw, connection.msgtype)
            found.setdefault(connection.topic, []).append(message)
    return found
