"""Geometry of rings: area, bounds, clipping, and joining several into one and back."""

from collections.abc import Sequence

import numpy as np

from sim2real_ros.labels.label_set import Box, Part, Ring


def signed_area(ring: Ring) -> float:
    """Return the area in px^2 (shoelace formula), > 0 where the picture shows it clockwise."""
    # Relative to a corner, so that far from the origin no digits are lost.
    x, y = (ring - ring[0]).T
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


def area_of_parts(parts: Sequence[Part]) -> float:
    """Return the area of some parts without their holes, in px^2."""
    return sum(
        abs(signed_area(part.outline)) - sum(abs(signed_area(hole)) for hole in part.holes)
        for part in parts
    )


def box_of_parts(parts: Sequence[Part]) -> Box:
    """Return the bounds of some parts: (x_min, y_min, x_max, y_max) in pixels."""
    points = np.concatenate([part.outline for part in parts])
    (x_min, y_min), (x_max, y_max) = points.min(axis=0), points.max(axis=0)
    return float(x_min), float(y_min), float(x_max), float(y_max)


def part_of_box(box: Box) -> Part:
    """Return a box as a polygon of four corners, clockwise from the top left."""
    x_min, y_min, x_max, y_max = box
    return Part(np.array([(x_min, y_min), (x_max, y_min), (x_max, y_max), (x_min, y_max)]))


def intersection_over_union(one: Box, other: Box) -> float:
    """Return the IoU of two boxes, 0 where both are empty."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(0.0, width) * max(0.0, height)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    union = areas - shared
    return shared / union if union > 0 else 0.0


def clip_ring(ring: Ring, box: Box) -> Ring:
    """Cut off what lies outside of a box (Sutherland and Hodgman, 1974).

    Where a ring leaves the box more than once, its pieces stay joined along the box's border by
    lines without area.

    Returns:
        The ring inside the box; fewer than 3 points where nothing is left.
    """
    for axis, limit, sign in ((0, box[0], 1), (1, box[1], 1), (0, box[2], -1), (1, box[3], -1)):
        if len(ring) == 0:
            break
        ring = _clip_side(ring, axis, limit, sign)
    return ring


def _clip_side(ring: Ring, axis: int, limit: float, sign: int) -> Ring:
    """Keep what lies on one side of a line; points on the line count as inside."""
    distance = (ring[:, axis] - limit) * sign
    inside = distance >= 0
    if inside.all():
        return ring
    following, next_distance = np.roll(ring, -1, axis=0), np.roll(distance, -1)
    crosses = inside != np.roll(inside, -1)
    span = np.where(crosses, distance - next_distance, 1.0)
    crossing = ring + (following - ring) * (distance / span)[:, None]
    crossing[:, axis] = limit
    both = np.stack((ring, crossing), axis=1).reshape(-1, 2)
    return np.asarray(both[np.stack((inside, crosses), axis=1).reshape(-1)])
