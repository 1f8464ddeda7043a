"""Where each block of an image went in another one."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from sim2real_ros.evaluation.structure.slopes import searched, slopes
from sim2real_ros.evaluation.structure.view import FloatImage, StructureView

BLOCK_PX, STEP_PX, REACH_PX = 20, 10, 10
"""Side and distance of the blocks, and how far they are looked for; in searched pixels."""

MIN_SLOPE = 0.12
"""Root mean square of a block's slopes below which there is nothing to find again."""

FOUND_CORRELATION = 0.5
CLEARLY_BETTER = 0.15
"""How much better another place must fit than the old one, before a block counts as moved."""

AS_GOOD = 0.02
"""Of places that fit alike the nearest is taken: how far something moved along a straight edge
cannot be seen."""

_DISTANCES_PX = np.hypot(*np.mgrid[-REACH_PX : REACH_PX + 1, -REACH_PX : REACH_PX + 1])

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class BlockGrid:
    """Blocks of an image that have structure.

    Attributes:
        lengths: float32 (h, w), length of the slopes of the normalised luminance.
        corners: intp (N, 2), row and column of the upper left corners of the blocks.
        frame_px: Width of one pixel of ``lengths`` in pixels of the frame.
    """

    lengths: FloatImage
    corners: npt.NDArray[np.intp]
    frame_px: float


def block_grid(view: StructureView) -> BlockGrid:
    """Cut an image into overlapping blocks and keep those that can be found again."""
    lengths, frame_px = slope_lengths(view)
    squares = cv2.boxFilter(
        np.square(lengths), -1, (BLOCK_PX, BLOCK_PX), anchor=(0, 0), borderType=cv2.BORDER_CONSTANT
    )
    rows, columns = (
        np.arange(REACH_PX, max(side - BLOCK_PX - REACH_PX + 1, REACH_PX), STEP_PX)
        for side in lengths.shape
    )
    energies = squares[np.ix_(rows, columns)]
    found = np.argwhere(energies >= MIN_SLOPE**2)
    corners = np.stack([rows[found[:, 0]], columns[found[:, 1]]], 1)
    return BlockGrid(lengths, corners.astype(np.intp), frame_px)


def slope_lengths(view: StructureView) -> tuple[FloatImage, float]:
    """Return the lengths of the slopes, which do not tell which side of an edge is brighter.

    Returns:
        float32 (h, w), reduced as ``searched`` does; and the width of one of its pixels in pixels
        of the frame.
    """
    image, frame_px = searched(view)
    return np.abs(slopes(image)), frame_px


def block_shifts(grid: BlockGrid, lengths: FloatImage) -> Floats:
    """Look for each block around its place.

    Places are compared by normalised cross-correlation. A block is shifted only if another place
    fits clearly better than the old one: along a straight edge all places fit alike.

    Args:
        grid: The blocks.
        lengths: float32 (h, w) of the other image, as ``slope_lengths`` gives them.

    Returns:
        float64 (N, 2), down and right in pixels of the frame; NaN for blocks that were found
        nowhere.
    """
    shifts = [_shift(grid, lengths, int(y), int(x)) for y, x in grid.corners]
    return np.array(shifts, np.float64).reshape(-1, 2) * grid.frame_px


def _shift(grid: BlockGrid, lengths: FloatImage, top: int, left: int) -> tuple[float, float]:
    block = grid.lengths[top : top + BLOCK_PX, left : left + BLOCK_PX]
    reach = BLOCK_PX + 2 * REACH_PX
    window = lengths[top - REACH_PX :, left - REACH_PX :][:reach, :reach]
    fits = np.asarray(cv2.matchTemplate(window, block, cv2.TM_CCOEFF_NORMED), np.float32)
    best, here = float(fits.max()), float(fits[REACH_PX, REACH_PX])
    if not np.isfinite(best) or best < FOUND_CORRELATION:
        return np.nan, np.nan
    if best < here + CLEARLY_BETTER:
        return 0.0, 0.0
    row, column = np.unravel_index(
        np.where(fits >= best - AS_GOOD, _DISTANCES_PX, np.inf).argmin(), fits.shape
    )
    down = row - REACH_PX + _vertex(fits[:, column], int(row))
    right = column - REACH_PX + _vertex(fits[row], int(column))
    return float(down), float(right)


def _vertex(values: npt.NDArray[np.float32], index: int) -> float:
    """Return where beside a pixel the maximum lies, by a parabola: -0.5..0.5."""
    if not 0 < index < len(values) - 1:
        return 0.0
    before, here, after = (float(values[index + i]) for i in (-1, 0, 1))
    curvature = before - 2 * here + after
    if curvature >= 0:
        return 0.0
    # The nearest of several good places need not be the very top.
    return min(0.5, max(-0.5, 0.5 * (before - after) / curvature))
