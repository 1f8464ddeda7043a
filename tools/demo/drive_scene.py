"""The place of the demo drive: what lies where, and where camera and traffic are at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from drive_objects import (
    BACKGROUND,
    RED,
    RED_LINE,
    SURFACE,
    WHITE,
    WHITE_LINE,
    YELLOW_LINE,
    Colour,
    Part,
    block,
    broadleaf,
    car,
    conifer,
    duck,
    house,
    placed,
    stop_sign,
    traffic_cone,
)
from drive_shapes import ellipsoid, ground, merged, strip
from drive_track import FloatArray, Track, rounded_track

CORNERS_M = [(0.0, 0.0), (3.5, -0.2), (3.8, 1.3), (2.2, 1.6), (1.9, 2.8), (0.1, 2.7)]
RADIUS_M = 0.5
EDGE_M = 0.235
"""Distance from the centre line to the middle of a white line; lines are 48 and 25 mm wide."""
LANE_M = 0.115
CAMERA_HEIGHT_M = 0.12
CAMERA_PITCH_DOWN = np.deg2rad(13.0)
SPEED_M_S = 0.76
TRAFFIC_SPEED_M_S = 0.35
STOP_LINES_M = (0.9, 5.35)
CONES_M = (
    *((1.75, -0.33), (1.95, -0.335), (2.15, -0.34), (2.35, -0.35), (4.1, 0.335), (4.35, 0.335)),
    *((6.6, -0.33), (6.85, -0.335), (9.3, -0.335), (9.55, -0.335), (9.8, -0.34)),
)
PARKED_M = (7.75, -0.42)
"""Distance along the lap and to the left of the centre line, of cones and of the parked car."""


@dataclass(frozen=True)
class Scene:
    """Everything that the camera can see.

    Attributes:
        track: The road.
        fixed: What never moves.
        traffic: Cars around their own origin, and the lap distance where each begins.
        wobble: (4,) phases in radians of the camera's sway.
    """

    track: Track
    fixed: list[Part]
    traffic: list[tuple[list[Part], float]]
    wobble: FloatArray

    def camera(self, time_s: float) -> tuple[FloatArray, FloatArray]:
        """Return position and viewing direction (3,) of the camera, in metres, at a time.

        The camera keeps to the right lane, sways a little, and looks at the road ahead as a
        lane follower does.
        """
        along = SPEED_M_S * time_s
        phases = self.wobble + np.array([1.1, 2.3, 0.7, 3.1]) * time_s
        sway_m = 0.012 * np.sin(phases[0]) + 0.006 * np.sin(phases[1])
        eye = self.track.at(along, -LANE_M + sway_m)[0]
        ahead = self.track.at(along + 0.28, -LANE_M)[0] - eye
        yaw = np.arctan2(ahead[1], ahead[0]) + 0.012 * np.sin(phases[2])
        down = CAMERA_PITCH_DOWN + 0.006 * np.sin(phases[3])
        level = np.cos(down)
        view = np.array([level * np.cos(yaw), level * np.sin(yaw), -np.sin(down)])
        return np.append(eye, CAMERA_HEIGHT_M), view

    def traffic_pose(self, start_m: float, time_s: float) -> tuple[float, float, float]:
        """Return x, y (metres) and yaw (radians) of an oncoming car at a time."""
        along = start_m - TRAFFIC_SPEED_M_S * time_s
        x, y = self.track.at(along, LANE_M)[0]
        return float(x), float(y), float(self.track.heading(along)[0] + np.pi)


def build_scene(seed: int) -> Scene:
    """Lay out the scene; the same seed gives the same scene."""
    rng = np.random.default_rng(seed)
    track = rounded_track(CORNERS_M, RADIUS_M)
    fixed = [*_land(), *_road(track), *_roadside(track, rng), *_town(track, rng), *_hills(rng)]
    traffic = [(car((0.12, 0.30, 0.68)), 3.3), (car((0.72, 0.74, 0.76)), 8.0)]
    return Scene(track, fixed, traffic, rng.uniform(0, 2 * np.pi, 4))


def textures(seed: int) -> dict[str, npt.NDArray[np.uint8]]:
    """Make the seeded textures, (256, 256, 3) RGB uint8, named as in `Part.texture`."""
    rng = np.random.default_rng(seed)
    asphalt = _noise(rng, (74, 75, 79), fine=1.6, coarse=3.0)
    grass = _noise(rng, (92, 141, 58), fine=2.0, coarse=6.0)
    return {'asphalt': asphalt, 'grass': grass}


def _noise(
    rng: np.random.Generator, colour: tuple[int, int, int], fine: float, coarse: float
) -> npt.NDArray[np.uint8]:
    """Return a seamless speckled texture around a colour; `fine`, `coarse` are deviations."""
    grain = np.repeat(np.repeat(rng.normal(0, fine, (128, 128)), 2, axis=0), 2, axis=1)
    patches = np.repeat(np.repeat(rng.normal(0, coarse, (8, 8)), 32, axis=0), 32, axis=1)
    for _ in range(3):
        rolled = [np.roll(patches, shift, axis) for axis in (0, 1) for shift in (-9, 0, 9)]
        patches = np.mean(rolled, axis=0)
    level = (grain + 3 * patches)[..., None] * np.array(colour) / max(colour)
    return np.asarray(np.clip(np.array(colour) + level, 0, 255), dtype=np.uint8)


def _land() -> list[Part]:
    """Return the grass plain."""
    return [Part(ground((-7.0, -7.0), (11.0, 10.0), 1.6), (1, 1, 1), SURFACE, 'grass')]


def _road(track: Track) -> list[Part]:
    """Return asphalt and lines; every kind of line is a body of its own, just above the road."""
    lap = (0.0, track.length_m)
    dashes = round(track.length_m / 0.095)
    pitch = track.length_m / dashes
    yellow = [
        strip(track, (i * pitch, i * pitch + 0.058), (-0.0125, 0.0125), 0.004)
        for i in range(dashes)
    ]
    white = [strip(track, lap, (side - 0.024, side + 0.024), 0.004) for side in (-EDGE_M, EDGE_M)]
    red = [
        strip(track, (at, at + 0.05), (-EDGE_M + 0.024, -0.0125), 0.006, columns=3)
        for at in STOP_LINES_M
    ]
    asphalt = strip(track, lap, (-0.30, 0.30), 0.002, columns=12, uv_per_m=2.5)
    return [
        Part(asphalt, (1, 1, 1), SURFACE, 'asphalt'),
        Part(merged(white), WHITE, WHITE_LINE),
        Part(merged(yellow), (0.96, 0.78, 0.10), YELLOW_LINE),
        Part(merged(red), RED, RED_LINE),
    ]


def _roadside(track: Track, rng: np.random.Generator) -> list[Part]:
    """Return cones, a parked car, stop signs and ducks along the road."""
    parts: list[Part] = []
    taken = [track.at(along, left)[0] for along, left in (*CONES_M, PARKED_M)]
    for along, left in CONES_M:
        x, y = track.at(along, left)[0]
        parts += placed(traffic_cone(), x, y, rng.uniform(0, 1.5))
    for along in STOP_LINES_M:
        x, y = track.at(along + 0.03, -0.34)[0]
        parts += placed(stop_sign(), x, y, float(track.heading(along)[0]))
    x, y = track.at(*PARKED_M)[0]
    paint = (0.78, 0.16, 0.12)
    parts += placed(car(paint), x, y, float(track.heading(PARKED_M[0])[0]), 1.1)
    for along in np.arange(0.35, track.length_m, 0.62):
        side = rng.choice((-1.0, 1.0), p=(0.6, 0.4)) * rng.uniform(0.34, 0.46)
        x, y = track.at(float(along + rng.uniform(-0.15, 0.15)), side)[0]
        yaw, scale = rng.uniform(0, 2 * np.pi), rng.uniform(0.9, 1.25)
        if all(np.hypot(x - a, y - b) > 0.2 for a, b in taken):
            parts += placed(duck(), x, y, yaw, scale)
    return parts


def _town(track: Track, rng: np.random.Generator) -> list[Part]:
    """Return houses and trees, spread by chance where they keep clear of road and each other."""
    walls: list[Colour] = [
        (0.86, 0.80, 0.66),
        (0.72, 0.45, 0.36),
        (0.80, 0.82, 0.84),
        (0.62, 0.70, 0.76),
    ]
    tiles: list[Colour] = [(0.60, 0.22, 0.16), (0.36, 0.30, 0.30)]
    taken: list[tuple[float, float, float]] = []
    parts: list[Part] = []
    for number in range(64):
        built = number < 22
        radius = 0.42 if built else 0.20
        spot = _free_spot(track, rng, taken, radius)
        if spot is None:
            continue
        taken.append((*spot, radius))
        if built:
            wall = walls[number % len(walls)]
            kind = (
                block(wall, 2 + number % 3) if number % 3 == 0 else house(wall, tiles[number % 2])
            )
        else:
            kind = conifer() if number % 2 else broadleaf()
        yaw = float(rng.integers(4)) * np.pi / 2 + rng.uniform(-0.2, 0.2)
        parts += placed(kind, *spot, yaw, rng.uniform(0.8, 1.2))
    return parts


def _free_spot(
    track: Track,
    rng: np.random.Generator,
    taken: list[tuple[float, float, float]],
    radius_m: float,
) -> tuple[float, float] | None:
    """Draw a position for a disc of a radius, or None when 60 draws all hit something."""
    for _ in range(60):
        x, y = rng.uniform(-2.2, 6.2), rng.uniform(-2.4, 5.0)
        clear = track.distance_m(x, y) > radius_m + 0.40
        if clear and all(np.hypot(x - a, y - b) > radius_m + r for a, b, r in taken):
            return float(x), float(y)
    return None


def _hills(rng: np.random.Generator) -> list[Part]:
    """Return a ring of low hills that hides the edge of the plain."""
    parts = []
    for angle in np.arange(0, 2 * np.pi, 0.28):
        size = rng.uniform(0.8, 1.25)
        hill = ellipsoid((1.9 * size, 1.3, 0.62 * size), 0.0, sides=18)
        shade = rng.uniform(0.9, 1.1)
        colour = (0.38 * shade, 0.53 * shade, 0.42 * shade)
        x, y = 1.9 + 6.6 * np.cos(angle), 1.3 + 6.6 * np.sin(angle)
        parts.append(Part(hill.moved(x, y, yaw=angle + np.pi / 2), colour, BACKGROUND))
    return parts
