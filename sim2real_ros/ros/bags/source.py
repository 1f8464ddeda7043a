"""Give the messages of any bag as ROS 2 knows them: absolute topic names, QoS and CDR bytes.

Knows nothing of a running ROS. ROS 2 messages leave as they were recorded, byte for byte; ROS 1
messages are rewritten in the ROS 2 encoding of the same fields.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from rosbags.interfaces import Nodetype
from rosbags.rosbag2.metadata import parse_qos
from rosbags.typesys import Stores, get_typestore

from sim2real_ros.bags import BagConnection, BagReader
from sim2real_ros.errors import DataError
from sim2real_ros.ros.bags.offered_qos import OfferedQos

HEADER = 'std_msgs/msg/Header'
# Of one connection: hundreds of publishers.
MAX_QOS_CHARACTERS = 1 << 16

Convert = Callable[[bytes], bytes | memoryview]
# Type name to constants and fields, in the form that rosbags parses definitions into.
Fielddefs = Mapping[str, tuple[Any, list[tuple[str, Any]]]]


@dataclass(frozen=True)
class BagTopic:
    """One topic of a bag.

    Attributes:
        name: Absolute topic name.
        msgtype: Type name such as `sensor_msgs/msg/Image`.
        qos: What its publishers offered, None if the bag does not say.
        problem: Why it cannot be played, empty if it can.
    """

    name: str
    msgtype: str
    qos: OfferedQos | None = None
    problem: str = ''


class CdrMessage(NamedTuple):
    """One message of a bag: its topic's name, the bag's stamp, and the CDR bytes with header."""

    topic: str
    stamp_ns: int
    cdr: bytes


class CdrSource:
    """The topics and messages of an open bag."""

    def __init__(self, reader: BagReader) -> None:
        """Sort the connections of the bag into topics."""
        self.path = reader.path
        self.problems = reader.problems
        self._reader = reader
        self._ros2 = get_typestore(Stores.ROS2_JAZZY)
        self._converters: dict[int, Convert] = {}
        self._connections: dict[str, list[BagConnection]] = {}
        for connection in reader.connections:
            self._connections.setdefault(absolute_name(connection.topic), []).append(connection)
        self.topics = [self._describe(*each) for each in sorted(self._connections.items())]

    def _describe(self, name: str, connections: Sequence[BagConnection]) -> BagTopic:
        types = sorted({connection.msgtype for connection in connections})
        problem = '' if len(types) == 1 else f'it mixes the types {", ".join(types)}'
        try:
            for connection in connections:
                self._converters[connection.id] = self._converter(connection)
        except DataError as error:
            problem = problem or str(error)
        return BagTopic(name, types[0], recorded_qos(connections), problem)

    def _converter(self, connection: BagConnection) -> Convert:
        """Return the function from recorded bytes to CDR bytes.

        Raises:
            DataError: There is none.
        """
        if connection.serialization == 'cdr':
            return bytes
        ros1 = self._reader.types.store_of(connection).fielddefs
        ros2 = self._ros2.fielddefs
        if connection.msgtype not in ros2:
            self._ros2.register({name: ros1[name] for name in ros1 if name not in ros2})
        if not same_layout(ros1, ros2, connection.msgtype):
            raise DataError('its ROS 1 definition has other fields than the one of ROS 2')
        # Code is generated at the first use, which no message shall wait for.
        self._ros2.get_msgdef(connection.msgtype)
        return partial(self._ros2.ros1_to_cdr, typename=connection.msgtype)

    def messages(self, names: Sequence[str]) -> Iterator[CdrMessage]:
        """Yield the messages of some topics in the order of recording.

        Args:
            names: Absolute names of topics without a `problem`.

        Yields:
            One message at a time; the bag is not held in memory. What is lost to damage is told
            in `problems`.
        """
        wanted = [each for name in names for each in self._connections[name]]
        for connection, stamp_ns, raw in self._reader.messages(wanted):
            name = absolute_name(connection.topic)
            try:
                cdr = bytes(self._converters[connection.id](raw))
            # Generated code stumbles over damaged bytes in many ways.
            except Exception:
                self._reader.tell(f'Damaged messages on {name!r} are left out.')
                continue
            yield CdrMessage(name, stamp_ns, cdr)


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


def absolute_name(topic: str) -> str:
    """Return a topic name with its leading slash, which old ROS 1 bags leave out."""
    return topic if topic.startswith('/') else f'/{topic}'


def recorded_qos(connections: Sequence[BagConnection]) -> OfferedQos | None:
    """Return the QoS to offer for a topic as its publishers did; None if the bag is silent."""
    # Latched is what ROS 2 calls transient local.
    if any(connection.latching for connection in connections):
        return OfferedQos(reliable=True, transient_local=True)
    try:
        texts = [connection.qos[:MAX_QOS_CHARACTERS] for connection in connections]
        profiles = [profile for text in texts for profile in parse_qos(text)]
        return OfferedQos.from_recorded(profiles) if profiles else None
    # Text of a bag that nobody vouches for, in a parser that expects the best.
    except Exception:
        return None
