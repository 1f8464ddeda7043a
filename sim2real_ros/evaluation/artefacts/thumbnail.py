"""Thumbnails: what remains of an image when texture and noise are averaged out."""

import cv2
import numpy as np
import numpy.typing as npt

from sim2real_ros.evaluation.artefacts.diversity import FLAT_STD, SMALL_SIDE_PX
from sim2real_ros.evaluation.frame import RgbImage, SimFrame

Thumbnail = npt.NDArray[np.float32]


def thumbnail(image: RgbImage, side_px: int = SMALL_SIDE_PX) -> Thumbnail:
    """Average an image down to a square, whatever its shape.

    Args:
        image: uint8 RGB (H, W, 3), both sides at least ``side_px``.
        side_px: Side of the copy.

    Returns:
        float32 RGB (side_px, side_px, 3), 0..255.
    """
    size = (side_px, side_px)
    return np.asarray(
        cv2.resize(image.astype(np.float32), size, interpolation=cv2.INTER_AREA), np.float32
    )


def sim_thumbnail(frame: SimFrame) -> Thumbnail:
    """Return the thumbnail of a simulated frame, for ``SimFrame.once``."""
    return thumbnail(frame.image)


def structure_distance(first: Thumbnail, second: Thumbnail) -> float:
    """Measure how much the layout of two thumbnails differs, whatever their brightness and tint.

    Root mean square difference after each channel was brought to mean 0 and standard deviation 1,
    as in ``diversity``.

    Returns:
        0 for equal structure, about 1 for unrelated images, 1.4 for inverted ones.
    """
    difference = _normalised(first) - _normalised(second)
    return float(np.sqrt((difference**2).mean() / 2))


def _normalised(image: Thumbnail) -> Thumbnail:
    centred = image - image.mean(axis=(0, 1))
    return np.asarray(centred / np.maximum(centred.std(axis=(0, 1)), FLAT_STD), np.float32)
