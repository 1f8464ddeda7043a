"""Frames to calibrate with, and others to judge the result by."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim2real_ros.data import Skipped, Source, Spread
from sim2real_ros.errors import DataError
from sim2real_ros.image import resize

RgbImage = NDArray[np.uint8]
Size = tuple[int, int]

MIN_FRAMES = 4


@dataclass(frozen=True)
class FrameSets:
    """Frames of one size, in their order.

    Attributes:
        calibration: uint8 (H, W, 3) RGB, to find the range of every value from.
        held_out: The same, to measure on; none of them is in ``calibration``.
        skipped: What could not be read.
    """

    calibration: tuple[RgbImage, ...]
    held_out: tuple[RgbImage, ...]
    skipped: tuple[Skipped, ...] = ()


def read_frame_sets(
    source: Source, calibration: int, held_out: int, size_of: Callable[[Size], Size]
) -> FrameSets:
    """Read frames that are spread over a source, and share them out.

    Args:
        source: Folder, video or bag.
        calibration: Wanted number of frames to calibrate with, at least 1.
        held_out: Wanted number of others, at least 1; a source with too few frames gives less of
            both.
        size_of: The (width, height) at which the model runs for that of the first frame.

    Raises:
        DataError: There are fewer than 4 readable frames, or nothing can be read at all.
    """
    images: list[RgbImage] = []
    size: Size | None = None
    for frame in Spread(source, calibration + held_out):
        height, width, _ = frame.image.shape
        size = size or size_of((width, height))
        images.append(resize(frame.image, size))
    if len(images) < MIN_FRAMES:
        raise DataError(
            f'{len(images)} readable frames are too few to calibrate with some and to judge by '
            f'others; expected at least {MIN_FRAMES}, better 24 that show all there is to see.'
        )
    judged = _evenly_spread(len(images), held_out / (calibration + held_out))
    return FrameSets(
        tuple(image for index, image in enumerate(images) if index not in judged),
        tuple(image for index, image in enumerate(images) if index in judged),
        tuple(source.skipped),
    )


def _evenly_spread(count: int, share: float) -> set[int]:
    """Choose a share of the numbers below ``count``: at least one, not all."""
    chosen = min(count - 1, max(1, round(count * share)))
    return {(2 * index + 1) * count // (2 * chosen) for index in range(chosen)}


def some_of(images: Sequence[RgbImage], limit: int) -> list[RgbImage]:
    """Choose at most ``limit`` images, evenly spread."""
    if len(images) <= limit:
        return list(images)
    return [images[index] for index in sorted(_evenly_spread(len(images), limit / len(images)))]
