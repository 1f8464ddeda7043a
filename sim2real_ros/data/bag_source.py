"""BagSource: the images of one topic of a ROS 1 or ROS 2 bag, read without ROS."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from rosbags.highlevel import AnyReader
from rosbags.interfaces import Connection
from rosbags.typesys import Stores, get_typestore

from sim2real_ros.data.frame import Frame, Skipped, SourceInfo
from sim2real_ros.errors import DataError, ImageError
from sim2real_ros.image import decode, decompress

RAW_TYPE = 'sensor_msgs/msg/Image'
COMPRESSED_TYPE = 'sensor_msgs/msg/CompressedImage'
BAG_SUFFIXES = frozenset({'.bag', '.mcap', '.db3'})


class BagSource:
    """One image topic of a bag: ``.bag`` (ROS 1), ``.mcap``, ``.db3`` or a rosbag2 folder.

    The order is that of recording. A frame's stamp is its header's; where the header carries none
    (zero), it is the time of recording.

    Args:
        path: The bag.
        topic: The topic to read, with or without its leading slash; None where there is only one.

    Raises:
        DataError: The bag cannot be read, has no image topic, has several and none was chosen, or
            has not the chosen one.
    """

    def __init__(self, path: Path, topic: str | None = None) -> None:
        """Open the bag once to find the topic."""
        self.path = path
        self.skipped: list[Skipped] = []
        with self._open() as reader:
            connections = _image_connections(reader)
            self.topic = _choose_topic(path, connections, topic)
            self._image_topics = {each.topic: each.msgtype for each in connections}
            self._frame_count = sum(c.msgcount for c in connections if c.topic == self.topic)

    @staticmethod
    def accepts(path: Path) -> bool:
        """Accept files by their suffix, and folders with a ``metadata.yaml``."""
        if path.is_dir():
            return (path / 'metadata.yaml').is_file()
        return path.suffix.lower() in BAG_SUFFIXES

    def info(self) -> SourceInfo:
        """Describe the bag and list its image topics."""
        return SourceInfo('bag', self.path, self._frame_count, self.topic, self._image_topics)

    def __iter__(self) -> Iterator[Frame]:
        """Read the topic's frames; unreadable messages are listed in ``skipped``."""
        self.skipped = []
        with self._open() as reader:
            wanted = [c for c in _image_connections(reader) if c.topic == self.topic]
            for index, (connection, recorded_ns, raw) in enumerate(self._messages(reader, wanted)):
                try:
                    yield _to_frame(reader, connection, recorded_ns, raw)
                except ImageError as error:
                    self.skipped.append(Skipped(f'message {index}', str(error)))

    @contextmanager
    def _open(self) -> Iterator[AnyReader]:
        store = Stores.ROS1_NOETIC if self.path.suffix == '.bag' else Stores.ROS2_JAZZY
        try:
            reader = AnyReader([self.path], default_typestore=get_typestore(store))
            reader.open()
        # A damaged bag ends in whatever its decoder stumbled over: struct, sqlite, yaml, key ...
        except Exception as error:
            raise DataError(
                f'Cannot read the bag {str(self.path)!r}: {_reason(error)}. A killed recorder '
                'or a copy that was cut off leaves a bag without its end; `mcap recover` or '
                '`ros2 bag reindex` may repair it.'
            ) from error
        try:
            yield reader
        finally:
            reader.close()

    def _messages(
        self, reader: AnyReader, connections: list[Connection]
    ) -> Iterator[tuple[Connection, int, bytes]]:
        messages = reader.messages(connections=connections)
        while True:
            try:
                message = next(messages, None)
            except Exception as error:
                self.skipped.append(Skipped('rest of the bag', _reason(error)))
                return
            if message is None:
                return
            yield message


def _image_connections(reader: AnyReader) -> list[Connection]:
    # compressedDepth carries distances behind a private header: nothing to look at.
    return [
        each
        for each in reader.connections
        if each.msgtype in (RAW_TYPE, COMPRESSED_TYPE)
        and not each.topic.endswith('compressedDepth')
    ]


def _choose_topic(path: Path, connections: list[Connection], wanted: str | None) -> str:
    topics = sorted({each.topic for each in connections})
    found = [t for t in topics if wanted is None or t.strip('/') == wanted.strip('/')]
    if len(found) == 1:
        return found[0]
    listing = ', '.join(topics) or 'none'
    if not topics:
        raise DataError(f'The bag {str(path)!r} has no image topic (Image or CompressedImage).')
    if wanted is None:
        raise DataError(f'The bag {str(path)!r} has several image topics, choose one: {listing}.')
    raise DataError(f'The bag {str(path)!r} has no image topic {wanted!r}; it has: {listing}.')


def _to_frame(reader: AnyReader, connection: Connection, recorded_ns: int, raw: bytes) -> Frame:
    try:
        message: Any = reader.deserialize(raw, connection.msgtype)
    except Exception as error:
        raise ImageError(f'the message is damaged: {_reason(error)}') from error
    if connection.msgtype == COMPRESSED_TYPE:
        image = decode(decompress(message.data, message.format))
    else:
        image = decode(message)
    stamp = message.header.stamp
    stamp_ns = stamp.sec * 1_000_000_000 + stamp.nanosec
    return Frame(
        np.ascontiguousarray(image),
        stamp_ns or recorded_ns,
        message.header.frame_id,
        connection.topic,
    )


def _reason(error: Exception) -> str:
    return ' '.join(f'{type(error).__name__}: {error}'.split())
