"""The nouns of the room: what a bag says about a topic, and one message of it."""

from dataclasses import dataclass
from typing import NamedTuple

RAW_TYPE = 'sensor_msgs/msg/Image'
COMPRESSED_TYPE = 'sensor_msgs/msg/CompressedImage'
CAMERA_INFO_TYPE = 'sensor_msgs/msg/CameraInfo'
IMAGE_TYPES = (RAW_TYPE, COMPRESSED_TYPE)


@dataclass(frozen=True)
class BagConnection:
    """One stream of messages of one type on one topic; a topic may have several.

    Everything but ``id`` and ``message_count`` is text of the bag: not trusted.

    Attributes:
        id: Number within the open reader.
        topic: As recorded, possibly without its leading slash.
        msgtype: With ROS 2's middle part also for ROS 1: ``sensor_msgs/msg/Image``.
        message_count: Number of messages, None where only reading would tell.
        qos: The publishers' QoS profiles as the bag writes them (YAML text), '' unknown.
        serialization: ``cdr`` (ROS 2) or ``ros1``.
        definition: The message definition as recorded, '' unknown.
        definition_format: ``msg``, ``idl`` or '' where there is no usable definition.
        latching: Whether the ROS 1 publisher gave its last message to late subscribers.
    """

    id: int
    topic: str
    msgtype: str
    message_count: int | None
    qos: str = ''
    serialization: str = 'cdr'
    definition: str = ''
    definition_format: str = ''
    latching: bool = False


class BagMessage(NamedTuple):
    """One recorded message.

    Attributes:
        connection: Where it belongs.
        recorded_ns: Time of recording in nanoseconds; the header's own stamp is inside ``raw``.
        raw: The serialised message, CDR with its four bytes of header, or ROS 1.
    """

    connection: BagConnection
    recorded_ns: int
    raw: bytes
