"""A video of all frames, each beside what was made of it."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median

import numpy as np
import numpy.typing as npt

from sim2real_ros.data.collection.matching import Frame
from sim2real_ros.image import place, place_image
from sim2real_ros.image.video_file import VideoFile

Image = npt.NDArray[np.uint8]

DEFAULT_RATE_HZ = 24.0
MAX_WIDTH_PX = 3840

_SLOWEST_HZ, _FASTEST_HZ = 0.5, 240.0


def rate_of(frames: Sequence[Frame]) -> float:
    """Return the frames per second that the stamps tell, 24 where they tell none."""
    drives: dict[str, list[int]] = {}
    for frame in frames:
        if frame.listed.stamp_ns is not None:
            drives.setdefault(frame.listed.sequence, []).append(frame.listed.stamp_ns)
    steps = [
        later - earlier
        for stamps in map(sorted, drives.values())
        for earlier, later in pairwise(stamps)
        if later > earlier
    ]
    if not steps:
        return DEFAULT_RATE_HZ
    return round(min(max(1e9 / median(steps), _SLOWEST_HZ), _FASTEST_HZ), 3)


def write_video(path: Path, pictures: Iterable[Image], rate_hz: float) -> int:
    """Write pictures as a video of the size of the first; others are fitted into it.

    Args:
        path: An mp4 file.
        pictures: RGB uint8, (H, W, 3).
        rate_hz: Frames per second.

    Returns:
        The number of pictures.

    Raises:
        ImageError: OpenCV has no encoder for mp4, or refuses.
    """
    video: VideoFile | None = None
    for picture in pictures:
        if video is None:
            video = VideoFile(path, rate_hz, _even_size(picture))
        placement = place((picture.shape[1], picture.shape[0]), video.size, 'letterbox')
        video.write(place_image(picture, placement, border=0))
    if video is None:
        return 0
    video.close()
    return video.count


def _even_size(picture: Image) -> tuple[int, int]:
    height, width = picture.shape[:2]
    factor = min(1.0, MAX_WIDTH_PX / width)
    return max(2, round(width * factor) // 2 * 2), max(2, round(height * factor) // 2 * 2)
