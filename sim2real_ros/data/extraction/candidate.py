"""The nouns of an extraction: Stream, Candidate and Picture."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

MAX_TEXT_CHARS = 1000
"""Of names that a bag gives; ROS itself allows 255."""


@dataclass(frozen=True)
class Stream:
    """Frames that belong together: one topic of a bag, a video or a folder.

    Attributes:
        number: Unique within the work.
        path: Of the bag, video or folder, as it was named.
        label: Unique name of the stream that is a plain file name.
        name: Of the topic, video or folder alone, as a plain file name.
        folder: Where its images go: '' or a path that ends in a slash.
        topic: As recorded; '' outside bags.
        info_topic: CameraInfo topic of the same camera; '' where there is none.
        count: Number of frames, None where it is unknown.
        sequence: Name of the drive; '' for folders, whose images may have nothing in common.
    """

    number: int
    path: Path
    label: str
    name: str
    folder: str = ''
    topic: str = ''
    info_topic: str = ''
    count: int | None = None
    sequence: str = ''


@dataclass(frozen=True, eq=False)
class Picture:
    """A decoded frame.

    Attributes:
        rgb: uint8, (H, W, 3), RGB.
        stamp_ns: Time of capture, None where it is unknown.
        frame_id: Coordinate frame of the camera.
        encoding: Of the message or file.
        jpeg: The JPEG that it was, where that shows the same picture to everybody.
        sha256: Checksum of the file that it was; '' outside folders.
    """

    rgb: npt.NDArray[np.uint8]
    stamp_ns: int | None = None
    frame_id: str = ''
    encoding: str = ''
    jpeg: bytes | None = None
    sha256: str = ''


@dataclass(frozen=True, eq=False)
class Candidate:
    """A frame that may become an image, not decoded yet.

    Attributes:
        stream: Where it belongs.
        index: Its number in the stream, those counted too that are not wanted.
        load: Decodes it, in any thread; raises Sim2RealError where it is unreadable.
        where: What it is, for messages.
        seen: Number of frames of the source up to this one.
        recorded_ns: Time of recording in the bag.
        source_name: File of a folder, relative to it.
        problems: What of the source had turned out to be damaged so far.
    """

    stream: Stream
    index: int
    load: Callable[[], Picture]
    where: str
    seen: int
    recorded_ns: int | None = None
    source_name: str = ''
    problems: tuple[str, ...] = ()


def plain_text(text: str) -> str:
    """Make untrusted text fit for a manifest: of bounded length, and encodable."""
    return text[:MAX_TEXT_CHARS].encode('utf-8', 'backslashreplace').decode('utf-8')


def shown_text(text: str) -> str:
    """Make untrusted text fit for a terminal, too: control characters are escaped."""
    escaped = (c if c.isprintable() else c.encode('unicode_escape').decode() for c in text)
    return plain_text(''.join(escaped))
