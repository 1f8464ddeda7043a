"""Which topics of a bag are translated, which are left alone, and which camera_info follows."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from sim2real_ros.bags import (
    CAMERA_INFO_TYPE,
    COMPRESSED_TYPE,
    IMAGE_TYPES,
    BagConnection,
    BagReader,
)
from sim2real_ros.errors import DataError
from sim2real_ros.image import original_encoding
from sim2real_ros.image.encodings import is_depth

Size = tuple[int, int]


@dataclass(frozen=True)
class BagTopics:
    """The streams of a bag by what happens to them; everything else is passed on.

    Attributes:
        images: What is translated.
        infos: The camera_info of these cameras.
        left_alone: Why images of other topics are not translated, one sentence each.
    """

    images: tuple[BagConnection, ...]
    infos: tuple[BagConnection, ...] = ()
    left_alone: tuple[str, ...] = field(default=())

    @property
    def total(self) -> int | None:
        """Number of images, None where only reading would tell."""
        counts = [each.message_count for each in self.images]
        return None if None in counts else sum(filter(None, counts))


def choose_topics(reader: BagReader, wanted: Sequence[str]) -> BagTopics:
    """Choose the topics to translate.

    Args:
        reader: The open bag.
        wanted: Names or glob patterns, with or without the leading slash; () = all topics of
            camera images. Depth is never translated.

    Raises:
        DataError: There is no such topic.
    """
    candidates = [each for each in reader.connections if each.msgtype in IMAGE_TYPES]
    depth = {each.id: reason for each in candidates if (reason := _depth_reason(reader, each))}
    cameras = [each for each in candidates if each.id not in depth]
    for pattern in wanted:
        if not any(_matches(each.topic, pattern) for each in cameras):
            raise DataError(_no_such_topic(reader, pattern, cameras, depth))
    if not cameras:
        raise DataError(_no_such_topic(reader, '', cameras, depth))
    images = [e for e in cameras if not wanted or any(_matches(e.topic, w) for w in wanted)]
    spaces = {camera_namespace(each) for each in images}
    infos = [
        each
        for each in reader.connections
        if each.msgtype == CAMERA_INFO_TYPE and camera_namespace(each) in spaces
    ]
    return BagTopics(tuple(images), tuple(infos), tuple(dict.fromkeys(depth.values())))


def camera_namespace(connection: BagConnection) -> str:
    """Return what stands before the last part of a camera's image and camera_info topics.

    ``compressed`` is the name of a transport and no part of its own.
    """
    topic = connection.topic.strip('/')
    if connection.msgtype == COMPRESSED_TYPE:
        topic = topic.removesuffix('/compressed')
    return topic.rpartition('/')[0]


def _matches(topic: str, pattern: str) -> bool:
    return fnmatchcase(topic.strip('/'), pattern.strip('/'))


def _depth_reason(reader: BagReader, connection: BagConnection) -> str:
    """Say why a topic is depth; '' where it is not, as far as its first message tells."""
    reason = f'{connection.topic!r} is left alone: it carries depth, not colours.'
    if connection.topic.endswith('compressedDepth'):
        return reason
    message = next(reader.messages([connection]), None)
    if message is None:
        return ''
    try:
        content = reader.deserialize(message)
        field_name = 'format' if connection.msgtype == COMPRESSED_TYPE else 'encoding'
        text: object = getattr(content, field_name, None)
    except DataError:
        return ''
    if not isinstance(text, str):
        return ''
    encoding = original_encoding(text) if connection.msgtype == COMPRESSED_TYPE else text
    return reason if 'compressedDepth' in text or (encoding and is_depth(encoding)) else ''


def _no_such_topic(
    reader: BagReader, pattern: str, cameras: Sequence[BagConnection], depth: dict[int, str]
) -> str:
    names = sorted({each.topic for each in cameras})
    listing = ', '.join(map(repr, names)) or 'none'
    what = f'no camera image topic {pattern!r}' if pattern else 'no camera image topic'
    why = ' ' + ' '.join(dict.fromkeys(depth.values())) if depth else ''
    return f'The bag {str(reader.path)!r} has {what}; it has: {listing}.{why}'
