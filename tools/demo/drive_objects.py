"""What stands beside the road of the demo drive: ducks, cones, cars, houses, trees, signs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from drive_shapes import Mesh, box, ellipsoid, frustum, roof

SURFACE, BACKGROUND, WHITE_LINE, YELLOW_LINE, RED_LINE, OBJECT = range(6)
"""Label ids of the masks."""

PALETTE = (
    (90, 90, 90),
    (150, 200, 250),
    (255, 255, 255),
    (255, 220, 0),
    (220, 20, 20),
    (240, 120, 40),
)
"""RGB colours that show the label ids, in their order."""

Colour = tuple[float, float, float]

BLACK: Colour = (0.07, 0.07, 0.08)
WHITE: Colour = (0.93, 0.93, 0.93)
YELLOW: Colour = (0.98, 0.80, 0.06)
ORANGE: Colour = (0.96, 0.42, 0.06)
RED: Colour = (0.80, 0.08, 0.08)
GREY: Colour = (0.45, 0.46, 0.48)
GLASS: Colour = (0.16, 0.22, 0.30)
WOOD: Colour = (0.40, 0.26, 0.14)


@dataclass(frozen=True)
class Part:
    """One flat-coloured or textured piece of the scene.

    Attributes:
        mesh: Its triangles.
        colour: Red, green, blue in [0, 1].
        label: Its id in the masks.
        texture: Name of a texture that is multiplied by the colour, or empty.
    """

    mesh: Mesh
    colour: Colour
    label: int = OBJECT
    texture: str = ''


def placed(
    parts: Sequence[Part], x: float, y: float, yaw: float, scale: float = 1.0
) -> list[Part]:
    """Return the parts scaled, turned by `yaw` radians and put at x, y (metres)."""
    return [
        Part(part.mesh.scaled(scale).moved(x, y, yaw=yaw), part.colour, part.label, part.texture)
        for part in parts
    ]


def duck() -> list[Part]:
    """Build a rubber duck, 7 cm tall, that looks along x."""
    eyes = [ellipsoid((0.005, 0.005, 0.005), 0.058).moved(0.032, side) for side in (-0.011, 0.011)]
    return [
        Part(ellipsoid((0.036, 0.028, 0.024), 0.022), YELLOW),
        Part(ellipsoid((0.021, 0.021, 0.020), 0.053).moved(0.015), YELLOW),
        Part(ellipsoid((0.014, 0.010, 0.012), 0.036).moved(-0.034), YELLOW),
        Part(ellipsoid((0.012, 0.010, 0.004), 0.050).moved(0.038), ORANGE),
        *(Part(eye, BLACK) for eye in eyes),
    ]


def traffic_cone() -> list[Part]:
    """Build a traffic cone, 9 cm tall, with one white band."""
    return [
        Part(box(0.062, 0.062, 0.007), ORANGE),
        Part(frustum(0.024, 0.0168, 0.032, 0.007), ORANGE),
        Part(frustum(0.0168, 0.0110, 0.026, 0.039), WHITE),
        Part(frustum(0.0110, 0.0044, 0.029, 0.065), ORANGE),
    ]


def car(paint: Colour) -> list[Part]:
    """Build a small car, 20 cm long, that drives along x."""
    wheel = frustum(0.026, 0.026, 0.02).moved(y=0.01, roll=1.5707963)
    hub = frustum(0.012, 0.012, 0.022).moved(y=0.011, roll=1.5707963)
    spots = [(x, y) for x in (-0.06, 0.06) for y in (-0.058, 0.058)]
    return [
        Part(box(0.20, 0.116, 0.042, 0.018), paint),
        Part(box(0.112, 0.100, 0.036, 0.060).moved(-0.012), paint),
        Part(box(0.114, 0.090, 0.024, 0.064).moved(-0.012), GLASS),
        Part(box(0.090, 0.102, 0.024, 0.064).moved(-0.012), GLASS),
        Part(box(0.206, 0.106, 0.010, 0.020), GREY),
        *(Part(wheel.moved(x, y, 0.026), BLACK) for x, y in spots),
        *(Part(hub.moved(x, y, 0.026), GREY) for x, y in spots),
        *(Part(box(0.004, 0.022, 0.012, 0.042).moved(0.101, y), WHITE) for y in (-0.04, 0.04)),
        *(Part(box(0.004, 0.022, 0.012, 0.042).moved(-0.101, y), RED) for y in (-0.04, 0.04)),
    ]


def house(wall: Colour, tiles: Colour) -> list[Part]:
    """Build a house of 60 x 40 cm with a gable roof; its door looks along -y."""
    panes = [(x, y, z) for x in (-0.19, 0.19) for y in (-0.2, 0.2) for z in (0.07, 0.24)]
    return [
        Part(box(0.60, 0.40, 0.38), wall),
        Part(roof(0.66, 0.48, 0.20, 0.38), tiles),
        Part(box(0.06, 0.06, 0.18, 0.44).moved(0.18, 0.08), GREY),
        Part(box(0.10, 0.02, 0.19).moved(0.0, -0.2), WOOD),
        *(Part(box(0.13, 0.012, 0.10, z).moved(x, y), WHITE) for x, y, z in panes),
        *(Part(box(0.11, 0.016, 0.08, z + 0.01).moved(x, y), GLASS) for x, y, z in panes),
    ]


def block(wall: Colour, floors: int) -> list[Part]:
    """Build a block of flats of 70 x 50 cm with rows of windows on all sides."""
    height = 0.2 * floors + 0.05
    levels = [0.2 * floor + 0.08 for floor in range(floors)]
    bands = [(x, z) for x in (-0.24, -0.08, 0.08, 0.24) for z in levels]
    return [
        Part(box(0.70, 0.50, height), wall),
        Part(box(0.74, 0.54, 0.03, height), GREY),
        *(Part(box(0.10, 0.508, 0.09, z).moved(x), GLASS) for x, z in bands),
        *(
            Part(box(0.708, 0.10, 0.09, z).moved(0.0, y), GLASS)
            for y in (-0.13, 0.13)
            for z in levels
        ),
    ]


def broadleaf() -> list[Part]:
    """Build a tree with round leafage, 60 cm tall."""
    green: Colour = (0.20, 0.46, 0.15)
    light: Colour = (0.27, 0.54, 0.18)
    return [
        Part(frustum(0.032, 0.022, 0.26), WOOD),
        Part(ellipsoid((0.16, 0.16, 0.15), 0.36), green),
        Part(ellipsoid((0.11, 0.11, 0.10), 0.50).moved(0.03, 0.02), light),
        Part(ellipsoid((0.10, 0.10, 0.09), 0.32).moved(-0.10, -0.07), light),
    ]


def conifer() -> list[Part]:
    """Build a fir of three cones, 70 cm tall."""
    green: Colour = (0.10, 0.34, 0.18)
    tiers = [(0.19, 0.10), (0.155, 0.26), (0.115, 0.42)]
    return [
        Part(frustum(0.028, 0.028, 0.12), WOOD),
        *(Part(frustum(radius, 0.0, 0.28, z, sides=12), green) for radius, z in tiers),
    ]


def stop_sign() -> list[Part]:
    """Build a red octagon with a white rim and bar on a pole, 26 cm tall; it looks along -x."""
    rim = frustum(0.052, 0.052, 0.006, sides=8).moved(roll=1.5707963).moved(yaw=1.5707963)
    plate = frustum(0.046, 0.046, 0.009, sides=8).moved(roll=1.5707963).moved(yaw=1.5707963)
    return [
        Part(box(0.012, 0.012, 0.22).moved(0.006), GREY),
        Part(rim.moved(-0.006, z=0.21), WHITE),
        Part(plate.moved(-0.0075, z=0.21), RED),
        Part(box(0.003, 0.056, 0.014, 0.203).moved(-0.0080), WHITE),
    ]
