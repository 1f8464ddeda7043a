"""Write several rings as one, joined by bridges without width, and take them apart again.

YOLO segmentation has one ring per instance. A bridge goes from a corner of the one ring to a
corner of the next and comes back the same way, so it encloses nothing. Holes run against their
outline: by the even-odd rule and by the non-zero rule they stay empty.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from sim2real_ros.labels.label_set import Part, Ring
from sim2real_ros.labels.rings import signed_area

_MAX_PAIRS = 2**17
"""Pairs of corners that are compared to find the shortest bridge; beyond, a short one will do."""

_Point = tuple[float, float]


def join_rings(parts: Sequence[Part]) -> Ring:
    """Return one ring that encloses all parts without their holes."""
    joined: Ring | None = None
    for part in parts:
        joined = _joined(joined, _turned(part.outline, clockwise=True))
        for hole in part.holes:
            joined = _joined(joined, _turned(hole, clockwise=False))
    if joined is None:
        raise ValueError('there is no part to join')
    return joined


def split_ring(ring: Ring) -> tuple[Part, ...]:
    """Take a ring apart at its bridges; a ring without bridges is returned as it is.

    Edges that run to and fro between the same two corners are bridges, whoever has written them.
    Without them the rest falls into rings; those that run against the largest are holes.

    Returns:
        The parts; () where nothing with an area is left.
    """
    points = [(float(x), float(y)) for x, y in ring]
    edges = [
        (one, other)
        for one, other in zip(points, [*points[1:], *points[:1]], strict=True)
        if one != other
    ]
    kept = _without_bridges(edges)
    if len(kept) == len(edges):
        return (Part(ring),) if len(edges) >= 3 else ()
    loops = [loop for loop in _loops(kept) if signed_area(loop) != 0]
    if not loops:
        return ()
    largest = max(loops, key=lambda loop: abs(signed_area(loop)))
    clockwise = signed_area(largest) > 0
    outlines = [loop for loop in loops if (signed_area(loop) > 0) == clockwise]
    holes = [loop for loop in loops if (signed_area(loop) > 0) != clockwise]
    return _assign(outlines, holes)


def _turned(ring: Ring, *, clockwise: bool) -> Ring:
    return ring if (signed_area(ring) > 0) == clockwise else ring[::-1]


def _joined(joined: Ring | None, ring: Ring) -> Ring:
    if joined is None:
        return ring
    here, there = _bridge(joined, ring)
    inserted = np.roll(ring, -there, axis=0)
    return np.concatenate((joined[: here + 1], inserted, inserted[:1], joined[here:]))


def _bridge(one: Ring, other: Ring) -> tuple[int, int]:
    """Return the indices of two corners that are near each other."""
    if len(one) * len(other) <= _MAX_PAIRS:
        distances = ((one[:, None] - other[None]) ** 2).sum(axis=2)
        here, there = divmod(int(distances.argmin()), len(other))
        return here, there
    here = int(((one - other.mean(axis=0)) ** 2).sum(axis=1).argmin())
    there = int(((other - one[here]) ** 2).sum(axis=1).argmin())
    return int(((one - other[there]) ** 2).sum(axis=1).argmin()), there


def _without_bridges(edges: list[tuple[_Point, _Point]]) -> list[tuple[_Point, _Point]]:
    """Leave out every edge whose way back is there too."""
    counts = Counter(edges)
    spare = Counter({(a, b): min(n, counts[b, a]) for (a, b), n in counts.items()})
    kept = []
    for edge in edges:
        if spare[edge] > 0:
            spare[edge] -= 1
        else:
            kept.append(edge)
    return kept


def _loops(edges: list[tuple[_Point, _Point]]) -> list[Ring]:
    """Follow edges, as many to every corner as from it, until each has been in one loop.

    At a corner with several ways out the latest one is taken, so that rings which touch come
    apart in the order in which they were joined.
    """
    ways: dict[_Point, list[_Point]] = {}
    for start, end in reversed(edges):
        ways.setdefault(start, []).append(end)
    loops = []
    for first, _ in edges:
        while ways[first]:
            loop, here = [first], ways[first].pop()
            while here != first:
                loop.append(here)
                here = ways[here].pop()
            if len(loop) >= 3:
                loops.append(np.array(loop))
    return loops


def _assign(outlines: list[Ring], holes: list[Ring]) -> tuple[Part, ...]:
    """Give every hole to the smallest outline around it; a hole around nothing is none."""
    outlines = sorted(outlines, key=lambda ring: abs(signed_area(ring)))
    owned: list[list[Ring]] = [[] for _ in outlines]
    for hole in holes:
        for number, outline in enumerate(outlines):
            if _contains(outline, hole):
                owned[number].append(hole)
                break
    pairs = zip(outlines, owned, strict=True)
    return tuple(Part(outline, tuple(inner)) for outline, inner in reversed(list(pairs)))


def _contains(outline: Ring, hole: Ring) -> bool:
    """Tell whether most of a hole's corners lie inside an outline or on it."""
    x, y = hole[:, 0, None], hole[:, 1, None]
    x0, y0 = outline.T
    x1, y1 = np.roll(outline, -1, axis=0).T
    with np.errstate(divide='ignore', invalid='ignore'):
        at = x0 + (y - y0) / (y1 - y0) * (x1 - x0)
    crossings = (((y0 <= y) != (y1 <= y)) & (x < at)).sum(axis=1)
    return bool((crossings % 2).mean() >= 0.5)
