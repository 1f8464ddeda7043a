"""Difference hash: 64 bits that tell pictures apart as the eye does, roughly.

Source: N. Krawetz, "Kind of Like That" (Hacker Factor, 2013): reduce the picture to 9 x 8 grey
values and note for each whether its right neighbour is brighter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_GRID = (9, 8)
_SAMPLES = 96
"""Rows or columns that are looked at; more make the averages no better."""


def difference_hash(rgb: NDArray[np.uint8]) -> int:
    """Return the hash of an image as a number of 64 bits.

    Args:
        rgb: uint8, (H, W, 3), RGB.
    """
    step = max(1, min(rgb.shape[:2]) // _SAMPLES)
    grey = cv2.cvtColor(np.ascontiguousarray(rgb[::step, ::step]), cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, _GRID, interpolation=cv2.INTER_AREA)
    bits = np.packbits(small[:, :-1] < small[:, 1:])
    return int.from_bytes(bits.tobytes(), 'big')


def hamming_distance(one: int, other: int) -> int:
    """Return in how many bits two hashes differ, 0 to 64."""
    return (one ^ other).bit_count()
