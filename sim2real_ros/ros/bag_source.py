"""Read any bag as a stream of CDR messages: ROS 1, and rosbag2 with sqlite3 or mcap storage.

Knows the bag formats and nothing of a running ROS. rosbag2 messages leave as they were recorded,
byte for byte; ROS 1 messages are rewritten in the ROS 2 encoding of the same fields.

A bag may come from anywhere, so whatever goes wrong inside the parser is told as a DataError.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from rosbags.interfaces import Connection, ConnectionExtRosbag1, Nodetype, Qos
from rosbags.rosbag1 import Reader as Reader1
from rosbags.rosbag2 import Reader as Reader2
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from sim2real_ros.errors import DataError
from sim2real_ros.ros.bag_qos import TopicQos

HEADER = 'std_msgs/msg/Header'

Convert = Callable[[bytes], bytes]
# Type name to constants and fields, in the form that rosbags parses definitions into.
Fielddefs = Mapping[str, tuple[Any, list[tuple[str, Any]]]]


@dataclass(frozen=True)
class BagTopic:
    """One topic of a bag.

    Attributes:
        name: Absolute topic name.
        msgtype: Type name such as `sensor_msgs/msg/Image`.
        message_count: Number of messages in the bag.
        qos: What its publishers offered, None if the bag does not say.
        problem: Why it cannot be played, empty if it can.
    """

    name: str
    msgtype: str
    message_count: int
    qos: TopicQos | None = None
    problem: str = ''


class BagMessage(NamedTuple):
    """One message of a bag: its topic's name, the bag's stamp, and the CDR bytes with header."""

    topic: str
    stamp_ns: int
    cdr: bytes


class BagSource:
    """A bag that is open for reading; use `open_bag`."""

    def __init__(self, path: Path, reader: Reader1 | Reader2) -> None:
        """Sort the connections of an open reader into topics."""
        self.path = path
        self._reader = reader
        self._converters: dict[int, Convert] = {}
        self._connections: dict[str, list[Connection]] = {}
        for connection in reader.connections:
            self._connections.setdefault(absolute_name(connection.topic), []).append(connection)
        store = Ros1Types() if isinstance(reader, Reader1) else None
        self.topics = [self._describe(name, store) for name in sorted(self._connections)]

    def _describe(self, name: str, store: 'Ros1Types | None') -> BagTopic:
        connections = self._connections[name]
        types = sorted({connection.msgtype for connection in connections})
        problem = '' if len(types) == 1 else f'it mixes the types {", ".join(types)}'
        if store and not problem:
            problem = store.learn(connections[0])
        for connection in connections:
            self._converters[connection.id] = store.converter(types[0]) if store else bytes
        return BagTopic(
            name=name,
            msgtype=types[0],
            message_count=sum(connection.msgcount for connection in connections),
            qos=recorded_qos(connections),
            problem=problem,
        )

    def messages(self, names: Sequence[str]) -> Iterator[BagMessage]:
        """Yield the messages of some topics in the order of their stamps.

        Args:
            names: Absolute topic names, as in `topics`.

        Yields:
            One message at a time; the bag is not held in memory.

        Raises:
            DataError: The bag is damaged at this point.
        """
        wanted = [each for name in names for each in self._connections[name]]
        if not wanted:
            return
        with bag_errors(self.path):
            for connection, stamp_ns, raw in self._reader.messages(connections=wanted):
                cdr = self._converters[connection.id](raw)
                yield BagMessage(absolute_name(connection.topic), stamp_ns, cdr)


class Ros1Types:
    """The ROS 2 layout of the message types of a ROS 1 bag."""

    def __init__(self) -> None:
        """Start with the types that ROS itself knows."""
        self._ros1 = get_typestore(Stores.ROS1_NOETIC)
        self._store = get_typestore(Stores.ROS2_JAZZY)

    def learn(self, connection: Connection) -> str:
        """Make a type convertible.

        Args:
            connection: Connection of a ROS 1 bag, with its message definition.

        Returns:
            The reason why this type cannot be converted, empty if it can.
        """
        try:
            definitions = get_types_from_msg(connection.msgdef.data, connection.msgtype)
            known = self._store.fielddefs
            self._store.register({k: v for k, v in definitions.items() if k not in known})
            ros1 = {**self._ros1.fielddefs, **definitions}
            same = same_layout(ros1, self._store.fielddefs, connection.msgtype)
        except Exception as error:
            return f'its definition in the bag cannot be used ({one_line(error)})'
        return '' if same else 'its ROS 1 definition has other fields than the one of ROS 2'

    def converter(self, msgtype: str) -> Convert:
        """Return the function from ROS 1 bytes to CDR bytes of one type."""
        return lambda raw: bytes(self._store.ros1_to_cdr(raw, msgtype))


def same_layout(left: Fielddefs, right: Fielddefs, msgtype: str) -> bool:
    """Tell if two definitions put the same fields in the same order, whatever they are called.

    Args:
        left: Types of ROS 1.
        right: Types of ROS 2.
        msgtype: Type to compare. The header counts as equal: the conversion drops its counter.
    """
    if msgtype == HEADER:
        return True
    left_fields = [field for _, field in left[msgtype][1]]
    if left_fields != [field for _, field in right[msgtype][1]]:
        return False
    inner = [f[1][0] if f[0] in (Nodetype.SEQUENCE, Nodetype.ARRAY) else f for f in left_fields]
    return all(same_layout(left, right, str(f[1])) for f in inner if f[0] == Nodetype.NAME)


@contextmanager
def open_bag(path: Path) -> Iterator[BagSource]:
    """Open a bag for reading.

    Args:
        path: A ROS 1 `.bag` file, a rosbag2 folder, or one `.mcap` or `.db3` file.

    Yields:
        The open bag.

    Raises:
        DataError: There is no such bag, it is damaged, or of another format.
    """
    if not path.exists():
        raise DataError(f'{str(path)!r} does not exist; give a .bag file or a rosbag2 folder.')
    if path.is_dir() and not (path / 'metadata.yaml').is_file():
        raise DataError(
            f'{str(path)!r} has no metadata.yaml, so it is no complete rosbag2 folder; '
            f'give the folder that has one, or one of its .mcap or .db3 files.'
        )
    with bag_errors(path):
        reader = Reader1(path) if path.suffix == '.bag' and path.is_file() else Reader2(path)
        reader.open()
    try:
        with bag_errors(path):
            source = BagSource(path, reader)
        yield source
    finally:
        reader.close()


@contextmanager
def bag_errors(path: Path) -> Iterator[None]:
    """Turn any error of the parsers into a DataError of one line that names the bag."""
    try:
        yield
    except (DataError, GeneratorExit):
        raise
    except Exception as error:
        raise DataError(
            f'{str(path)!r} cannot be read as a bag: {one_line(error)}; '
            f'expected a ROS 1 .bag file or a rosbag2 folder, .mcap or .db3 file.'
        ) from error


def one_line(error: BaseException) -> str:
    """Return an error as one short line: its words, or its name if it has none."""
    words = ' '.join(str(error).split())[:200].rstrip('.')
    return words if words else type(error).__name__


def absolute_name(topic: str) -> str:
    """Return a topic name with its leading slash, which old ROS 1 bags leave out."""
    return topic if topic.startswith('/') else f'/{topic}'


def recorded_qos(connections: Sequence[Connection]) -> TopicQos | None:
    """Return the QoS to offer for a topic as its publishers did; None if the bag is silent."""
    profiles: list[Qos] = []
    for connection in connections:
        if isinstance(connection.ext, ConnectionExtRosbag1):
            # Latched is what ROS 2 calls transient local.
            if connection.ext.latching:
                return TopicQos(reliable=True, transient_local=True)
        else:
            profiles += connection.ext.offered_qos_profiles
    return TopicQos.from_recorded(profiles) if profiles else None
