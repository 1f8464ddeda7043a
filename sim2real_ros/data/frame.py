"""The nouns that all sources share: Frame, Skipped, SourceInfo and the Source protocol."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from sim2real_ros.image import RawImage, decode


@dataclass(frozen=True, eq=False)
class Frame:
    """One camera image and where it comes from.

    Attributes:
        image: RGB uint8, shape (H, W, 3), C-contiguous.
        stamp_ns: Time of capture in nanoseconds; 0 where the source knows none.
        frame_id: Coordinate frame of the camera; '' where the source knows none.
        topic: ROS topic as recorded; '' outside bags.
        name: File name relative to its folder; '' where a frame is no file of its own.
    """

    image: npt.NDArray[np.uint8]
    stamp_ns: int = 0
    frame_id: str = ''
    topic: str = ''
    name: str = ''


@dataclass(frozen=True)
class Skipped:
    """A frame that could not be read, and why."""

    where: str
    reason: str


@dataclass(frozen=True)
class SourceInfo:
    """What is known about a source before its frames are read.

    Attributes:
        kind: Key of the source in ``SOURCES``.
        path: What was opened.
        frame_count: Number of frames to expect, None where it is unknown.
        topic: The topic that is read; '' outside bags.
        image_topics: All image topics of a bag with their message types.
    """

    kind: str
    path: Path
    frame_count: int | None
    topic: str = ''
    image_topics: Mapping[str, str] = field(default_factory=dict)


class Source(Protocol):
    """A stream of frames that can be read more than once.

    Iterating yields the readable frames in order. Unreadable ones in between are left out and
    listed in ``skipped``, which starts anew with each iteration.
    """

    skipped: list[Skipped]

    def __init__(self, path: Path, topic: str | None = None) -> None:
        """Open ``path``; raises DataError where it holds no images to read."""

    @staticmethod
    def accepts(path: Path) -> bool:
        """Tell from name and kind of file alone whether this source reads ``path``."""

    def info(self) -> SourceInfo:
        """Describe the source."""

    def __iter__(self) -> Iterator[Frame]:
        """Read the frames from the beginning."""


def from_opencv(bgr: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return what OpenCV has read, BGR uint8 (H, W, 3), as contiguous RGB."""
    height, width, _ = bgr.shape
    data = np.ascontiguousarray(bgr).reshape(-1)
    return np.ascontiguousarray(decode(RawImage(height, width, 'bgr8', False, width * 3, data)))
