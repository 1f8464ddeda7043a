"""BagSource: the images of one topic of a ROS 1 or ROS 2 bag, read without ROS."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from sim2real_ros.bags import (
    COMPRESSED_TYPE,
    RAW_TYPE,
    BagConnection,
    BagMessage,
    BagReader,
    accepts_bag,
    image_connections,
    open_bag,
)
from sim2real_ros.data.frame import Frame, Skipped, SourceInfo
from sim2real_ros.errors import DataError, ImageError
from sim2real_ros.image import decode, decompress

__all__ = ['COMPRESSED_TYPE', 'RAW_TYPE', 'BagSource']


class BagSource:
    """One image topic of a bag: ``.bag`` (ROS 1), ``.mcap``, ``.db3`` or a rosbag2 folder.

    The order is that of recording. A frame's stamp is its header's; where the header carries none
    (zero), it is the time of recording. Of a damaged bag the readable frames are yielded.

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
        with open_bag(path) as reader:
            connections = image_connections(reader)
            self.topic = _choose_topic(path, connections, topic, reader.problems)
            self._image_topics = {each.topic: each.msgtype for each in connections}
            counts = [c.message_count for c in connections if c.topic == self.topic]
        known = [count for count in counts if count is not None]
        self._frame_count = sum(known) if len(known) == len(counts) else None

    @staticmethod
    def accepts(path: Path) -> bool:
        """Accept files by their suffix, and folders that hold a rosbag2."""
        return accepts_bag(path)

    def info(self) -> SourceInfo:
        """Describe the bag and list its image topics."""
        return SourceInfo('bag', self.path, self._frame_count, self.topic, self._image_topics)

    def __iter__(self) -> Iterator[Frame]:
        """Read the topic's frames; unreadable messages are listed in ``skipped``."""
        self.skipped = []
        with open_bag(self.path) as reader:
            wanted = [c for c in image_connections(reader) if c.topic == self.topic]
            for index, message in enumerate(reader.messages(wanted)):
                try:
                    yield _to_frame(reader, message)
                except (DataError, ImageError) as error:
                    self.skipped.append(Skipped(f'message {index}', str(error)))
            self.skipped += [Skipped('part of the bag', each) for each in reader.problems]


def _choose_topic(
    path: Path, connections: tuple[BagConnection, ...], wanted: str | None, problems: list[str]
) -> str:
    topics = sorted({each.topic for each in connections})
    found = [t for t in topics if wanted is None or t.strip('/') == wanted.strip('/')]
    if len(found) == 1:
        return found[0]
    listing = ', '.join(topics) or 'none'
    if not topics:
        what = f'The bag {str(path)!r} has no image topic (Image or CompressedImage).'
        raise DataError(' '.join((what, *problems[:3])))
    if wanted is None:
        raise DataError(f'The bag {str(path)!r} has several image topics, choose one: {listing}.')
    raise DataError(f'The bag {str(path)!r} has no image topic {wanted!r}; it has: {listing}.')


def _to_frame(reader: BagReader, message: BagMessage) -> Frame:
    fields = reader.deserialize(message)
    if message.connection.msgtype == COMPRESSED_TYPE:
        image = decode(decompress(fields.data, fields.format))
    else:
        image = decode(fields)
    stamp = fields.header.stamp
    stamp_ns = stamp.sec * 1_000_000_000 + stamp.nanosec
    return Frame(
        np.ascontiguousarray(image),
        stamp_ns or message.recorded_ns,
        fields.header.frame_id,
        message.connection.topic,
    )
