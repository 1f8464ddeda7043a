"""Turn masks into polygons that run along the edges of the pixels, so that nothing is lost.

cv2.findContours joins pixel *centres* instead, which makes every shape half a pixel smaller.
"""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from sim2real_ros.errors import ImageError
from sim2real_ros.labels.label_set import Part, Ring
from sim2real_ros.labels.rings import signed_area

_STEPS = np.array([(1, 0), (0, 1), (-1, 0), (0, -1)])
"""Directions 0 to 3 in x and y: right, down, left, up; the next one is a right turn."""

_Indices = npt.NDArray[np.int64]


def parts_from_mask(mask: npt.NDArray[np.generic], epsilon_px: float = 0.0) -> tuple[Part, ...]:
    """Trace the outlines of a mask.

    Pixels that touch at a corner belong to the same part, as for cv2.findContours. Outlines run
    clockwise as one sees the picture, holes the other way round.

    Args:
        mask: (H, W); what is not 0 is inside.
        epsilon_px: How far a simplified outline may lie from the true one; 0 gives polygons from
            which ``rasterise`` makes exactly this mask again.

    Returns:
        The parts by their topmost row, then leftmost column; () for an empty mask.

    Raises:
        ImageError: `mask` has not two dimensions.
    """
    if mask.ndim != 2:
        raise ImageError(f'mask has shape {mask.shape}, expected (height, width)')
    inside = np.asarray(mask != 0)
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    if not rows.size:
        return ()
    top, left = int(rows[0]), int(columns[0])
    cropped = inside[top : rows[-1] + 1, left : columns[-1] + 1]
    outlines: dict[int, Ring] = {}
    holes: dict[int, list[Ring]] = {}
    for component, ring, is_hole in _rings(cropped):
        moved = ring + np.array((left, top))
        if is_hole:
            holes.setdefault(component, []).append(moved)
        else:
            outlines[component] = moved
    parts = tuple(Part(ring, tuple(holes.get(key, ()))) for key, ring in outlines.items())
    return simplify_parts(parts, epsilon_px)


def simplify_parts(parts: Sequence[Part], epsilon_px: float) -> tuple[Part, ...]:
    """Leave out corners that lie within ``epsilon_px`` of the outline without them.

    Ramer, 1972; Douglas and Peucker, 1973. What would lose its area stays as it is.
    """
    if epsilon_px <= 0:
        return tuple(parts)
    result = []
    for part in parts:
        outline = _simplified(part.outline, epsilon_px)
        holes = (_simplified(hole, epsilon_px) for hole in part.holes)
        kept = tuple(hole for hole in holes if len(hole) >= 3)
        result.append(part if len(outline) < 3 else Part(outline, kept))
    return tuple(result)


def _rings(inside: npt.NDArray[np.bool_]) -> list[tuple[int, Ring, bool]]:
    """Return (component, ring, whether it is a hole) for all rings of a mask."""
    padded = np.pad(inside, 1)
    _, components = cv2.connectedComponents(padded.astype(np.uint8), connectivity=8)
    vertex, direction, width = _cracks(padded)
    label, rank = _order(_successors(vertex, direction, padded.shape))
    order = np.lexsort((rank, label))
    vertex, direction = vertex[order], direction[order]
    bounds = np.flatnonzero(np.diff(label[order])) + 1
    rings = []
    for points, ways in zip(np.split(vertex, bounds), np.split(direction, bounds), strict=True):
        x, y = points[0] % width, points[0] // width
        # The pixel to the right of the first crack; vertex (x, y) is the corner of pixel (x, y).
        pixel = [(y, x), (y, x - 1), (y - 1, x - 1), (y - 1, x)][ways[0]]
        corners = points[ways != np.roll(ways, 1)]
        ring = np.stack((corners % width, corners // width), axis=1) - 1.0
        rings.append((int(components[pixel]), ring, signed_area(ring) < 0))
    return rings


def _cracks(padded: npt.NDArray[np.bool_]) -> tuple[_Indices, _Indices, int]:
    """Return the unit edges between inside and outside: start vertices and directions.

    The inside lies to the right of each edge. Vertices are numbered row by row; vertex (x, y) is
    the top left corner of pixel (x, y).
    """
    here, above = padded[1:, 1:], padded[:-1, 1:]
    left, corner = padded[1:, :-1], padded[:-1, :-1]
    # Of the vertex where these four pixels meet: which cracks start there.
    starts = (here & ~above, left & ~here, corner & ~left, above & ~corner)
    width = padded.shape[1]
    found = [np.nonzero(each) for each in starts]
    vertex = [(y + 1) * width + x + 1 for y, x in found]
    direction = [np.full(len(each), number) for number, each in enumerate(vertex)]
    return np.concatenate(vertex), np.concatenate(direction), width


def _successors(vertex: _Indices, direction: _Indices, shape: tuple[int, int]) -> _Indices:
    """Return, for every crack, the index of the crack that follows it."""
    height, width = shape
    number = np.full((4, height * width), -1, np.int64)
    number[direction, vertex] = np.arange(len(vertex))
    steps = _STEPS[:, 0] + _STEPS[:, 1] * width
    end = vertex + steps[direction]
    # Turning left where two pixels meet at a corner joins them into one part.
    following = number[(direction + 3) % 4, end]
    for turn in (0, 1):
        candidate = number[(direction + turn) % 4, end]
        following = np.where(following < 0, candidate, following)
    return np.asarray(following)


def _order(following: _Indices) -> tuple[_Indices, _Indices]:
    """Return for every crack the lowest index in its ring, and its place behind that one.

    By pointer doubling: after k rounds, 2^k steps along the ring have been looked at.
    """
    count = len(following)
    rounds = max(1, int(count).bit_length())
    label, jump = np.arange(count), following
    for _ in range(rounds):
        label, jump = np.minimum(label, label[jump]), jump[jump]
    # Cut every ring before its lowest index and count the steps to that cut.
    is_last = following == label
    jump = np.where(is_last, np.arange(count), following)
    steps = np.where(is_last, 0, 1)
    for _ in range(rounds):
        steps, jump = steps + steps[jump], jump[jump]
    return label, -steps


def _simplified(ring: Ring, epsilon_px: float) -> Ring:
    points = cv2.approxPolyDP(ring.astype(np.float32), epsilon_px, True)
    return np.asarray(points, np.float64).reshape(-1, 2)
