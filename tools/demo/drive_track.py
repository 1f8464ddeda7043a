"""The road of the demo drive: a closed centre line of straights and arcs, measured in metres."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Track:
    """A closed centre line, sampled at equal distances along its length.

    Attributes:
        points: (N, 2) positions x, y in metres; point N would be point 0 again.
        headings: (N,) driving directions in radians, continuous (not wrapped to one turn).
        length_m: Length of one lap.
    """

    points: FloatArray
    headings: FloatArray
    length_m: float

    def at(self, along_m: FloatArray | float, left_m: FloatArray | float) -> FloatArray:
        """Return (M, 2) positions at distances along the lap, shifted to the left of the line."""
        along = np.atleast_1d(np.asarray(along_m, dtype=np.float64))
        heading = self.heading(along)
        normal = np.stack([-np.sin(heading), np.cos(heading)], axis=1)
        centre = np.stack([self._lookup(along, self.points[:, axis]) for axis in (0, 1)], axis=1)
        return np.asarray(centre + normal * np.broadcast_to(left_m, along.shape)[:, None])

    def heading(self, along_m: FloatArray | float) -> FloatArray:
        """Return the (M,) driving directions in radians at distances along the lap."""
        along = np.atleast_1d(np.asarray(along_m, dtype=np.float64))
        turn = self.headings[-1] - self.headings[0]
        whole_turn = 2 * np.pi * np.round(turn / (2 * np.pi))
        laps = np.floor(along / self.length_m)
        return np.asarray(self._lookup(along, self.headings, whole_turn) + laps * whole_turn)

    def distance_m(self, x: float, y: float) -> float:
        """Return the distance in metres from a position to the nearest sample of the line."""
        return float(np.min(np.hypot(self.points[:, 0] - x, self.points[:, 1] - y)))

    def _lookup(self, along: FloatArray, values: FloatArray, step: float = 0.0) -> FloatArray:
        """Interpolate `values` within a lap; after a lap they begin again, `step` higher."""
        knots = np.linspace(0.0, self.length_m, len(values) + 1)
        closed = np.append(values, values[0] + step)
        return np.asarray(np.interp(np.mod(along, self.length_m), knots, closed))


def rounded_track(
    corners: Sequence[tuple[float, float]], radius_m: float, spacing_m: float = 0.02
) -> Track:
    """Build a track from a polygon whose corners become arcs of one radius.

    Args:
        corners: Polygon in driving order, x and y in metres.
        radius_m: Radius of every arc of the centre line.
        spacing_m: Distance between two samples.

    Returns:
        The closed track; its first sample is the end of the arc at the last corner.

    Raises:
        ValueError: An arc does not fit between its neighbours.
    """
    polygon = np.asarray(corners, dtype=np.float64)
    count = len(polygon)
    arcs = [
        _arc(polygon[i - 1], polygon[i], polygon[(i + 1) % count], radius_m) for i in range(count)
    ]
    dense = np.concatenate([arcs[-1][-1:], *arcs])
    steps = np.hypot(*np.diff(dense, axis=0).T)
    along = np.append(0.0, np.cumsum(steps))
    length = float(along[-1])
    samples = np.arange(max(round(length / spacing_m), 8)) * spacing_m
    samples *= length / (len(samples) * spacing_m)
    points = np.stack([np.interp(samples, along, dense[:, axis]) for axis in (0, 1)], axis=1)
    ahead, behind = np.roll(points, -1, axis=0), np.roll(points, 1, axis=0)
    headings = np.unwrap(np.arctan2(*(ahead - behind).T[::-1]))
    return Track(points, headings, length)


def _arc(before: FloatArray, corner: FloatArray, after: FloatArray, radius_m: float) -> FloatArray:
    """Return (M, 2) points of the arc that replaces `corner`, from tangent to tangent."""
    inward = (corner - before) / np.linalg.norm(corner - before)
    outward = (after - corner) / np.linalg.norm(after - corner)
    turn = float(np.arctan2(inward[0] * outward[1] - inward[1] * outward[0], inward @ outward))
    tangent_m = radius_m * abs(np.tan(turn / 2))
    room_m = min(np.linalg.norm(corner - before), np.linalg.norm(after - corner))
    if tangent_m > room_m:
        raise ValueError(
            f'the arc at corner {corner.tolist()!r} needs {tangent_m:.2f} m of straight road, '
            f'found {room_m:.2f} m: use a smaller radius than {radius_m!r} m'
        )
    side = np.sign(turn)
    centre = corner - inward * tangent_m + side * radius_m * np.array([-inward[1], inward[0]])
    first = np.arctan2(inward[1], inward[0]) - side * np.pi / 2
    angles = first + np.linspace(0.0, turn, 48)
    return np.asarray(centre + radius_m * np.stack([np.cos(angles), np.sin(angles)], axis=1))
