"""Whether a block's edges are still in their place, or rather where the block seems to be now."""

import numpy as np
import numpy.typing as npt

from sim2real_ros.evaluation.structure.block_search import BLOCK_PX, BlockGrid, Floats
from sim2real_ros.evaluation.structure.edges import Bools, Edges, near

TOLERANCE_PX = 1
"""Of edges, in pixels of the view: edges that moved by 3 px must not count as kept."""

MIN_EDGE_PIXELS = 5


def stayed(
    corners: npt.NDArray[np.intp], shifts: Floats, grid: BlockGrid, before: Edges, after: Edges
) -> Bools:
    """Tell which blocks have at least as many of their edges in the old place as in the new one.

    Args:
        corners: intp (M, 2), of some blocks of the grid.
        shifts: float64 (M, 2), where they seem to be, as ``block_shifts`` gives them.
        grid: The blocks.
        before: Edges of the image that the blocks are from.
        after: Edges of the other one.

    Returns:
        bool (M,); False for blocks with fewer than ``MIN_EDGE_PIXELS``.
    """
    # Pixels of the view per searched pixel.
    scale = np.array(before.clear.shape) / grid.lengths.shape
    near_edges = near(after.faint, TOLERANCE_PX)
    found = []
    for corner, shift in zip(corners, shifts / grid.frame_px, strict=True):
        top, left = np.floor(corner * scale).astype(int)
        bottom, right = np.ceil((corner + BLOCK_PX) * scale).astype(int)
        inside = before.clear[top:bottom, left:right]
        own = np.argwhere(inside) + np.array([top, left])
        if len(own) < MIN_EDGE_PIXELS:
            found.append(False)
            continue
        there = own + np.rint(shift * scale).astype(int)
        found.append(_share(near_edges, own) >= _share(near_edges, there))
    return np.array(found, np.bool_)


def _share(edges: Bools, places: npt.NDArray[np.intp]) -> float:
    rows, columns = (
        np.clip(each, 0, limit - 1) for each, limit in zip(places.T, edges.shape, strict=True)
    )
    return float(edges[rows, columns].mean())
