"""Turn polygons into masks, exactly: a pixel belongs to a shape when its centre lies inside.

The rule of COCO and of computer graphics. cv2.fillPoly also paints every pixel that the outline
touches, which makes shapes half a pixel larger all around.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from sim2real_ros.image.limits import checked_size
from sim2real_ros.labels.label_set import Part, Ring

_MAX_CROSSINGS = 2**21
"""Crossings of outlines with rows that are held at a time; bounds the memory."""


def rasterise(parts: Iterable[Part], size: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Fill the parts of an instance: their union, without their holes.

    Args:
        parts: Polygons in pixels with the origin at the image's corner; what lies outside of the
            image is cut off.
        size: (width, height) of the mask.

    Returns:
        (height, width), True inside. Within a part, the even-odd rule decides.

    Raises:
        ImageError: The size is unusable.
    """
    width, height = checked_size(*size, what='mask')
    mask = np.zeros((height, width), bool)
    for part in parts:
        _fill(part.rings, mask)
    return mask


def _fill(rings: Sequence[Ring], mask: npt.NDArray[np.bool_]) -> None:
    """Add the inside of some rings, by the even-odd rule over all of them, to a mask."""
    starts = np.concatenate([np.asarray(ring, np.float64) for ring in rings])
    ends = np.concatenate([np.roll(ring, -1, axis=0) for ring in rings])
    height, width = mask.shape
    # Rows and columns whose centres (n + 0.5) can be inside.
    left, top = np.clip(np.ceil(starts.min(axis=0) - 0.5), 0, (width, height)).astype(int)
    right, bottom = np.clip(np.ceil(starts.max(axis=0) - 0.5), 0, (width, height)).astype(int)
    if left >= right or top >= bottom:
        return
    toggles = np.zeros((bottom - top, right - left + 1), bool)
    _toggle_crossings(starts - (left, top), ends - (left, top), toggles)
    mask[top:bottom, left:right] |= np.logical_xor.accumulate(toggles[:, :-1], axis=1)


def _toggle_crossings(starts: Ring, ends: Ring, toggles: npt.NDArray[np.bool_]) -> None:
    """Flip, in every row, the first pixel whose centre lies to the right of each edge."""
    rows, columns = toggles.shape
    upper = np.minimum(starts[:, 1], ends[:, 1])
    lower = np.maximum(starts[:, 1], ends[:, 1])
    # An edge meets the rows whose centres lie in [upper, lower).
    first = np.clip(np.ceil(upper - 0.5), 0, rows).astype(np.int64)
    counts = np.clip(np.ceil(lower - 0.5), 0, rows).astype(np.int64) - first
    used = np.flatnonzero(counts > 0)
    chunk = max(1, _MAX_CROSSINGS // rows)
    for begin in range(0, len(used), chunk):
        edges = used[begin : begin + chunk]
        repeats = counts[edges]
        edge = np.repeat(edges, repeats)
        before = np.cumsum(repeats) - repeats
        row = np.arange(len(edge)) - np.repeat(before - first[edges], repeats)
        part = (row + 0.5 - starts[edge, 1]) / (ends[edge, 1] - starts[edge, 1])
        x = starts[edge, 0] + part * (ends[edge, 0] - starts[edge, 0])
        column = np.clip(np.ceil(x - 0.5), 0, columns - 1).astype(np.int64)
        flips = np.bincount(row * columns + column, minlength=rows * columns)
        toggles ^= (flips % 2).astype(bool).reshape(rows, columns)
