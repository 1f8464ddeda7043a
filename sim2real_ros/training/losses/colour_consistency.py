"""Colour consistency: the robot's thresholds see in the translation what the simulator's saw.

Colour thresholds that were tuned in simulation tell which pixels of a simulated frame are white,
yellow, red; the thresholds of the real robot must tell the same of its translation. Needs no
masks. Both sets of thresholds are boxes in OpenCV's 8-bit HSV.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional

from sim2real_ros.errors import ConfigError
from sim2real_ros.evaluation.colours.thresholds import ColourThresholds, HsvRange
from sim2real_ros.training.losses.region import Region, at_least_float32

HUE_TURN = 180.0
"""OpenCV's hues of 8-bit images come round after this many."""

HUE_MARGIN, SATURATION_MARGIN, VALUE_MARGIN = 2.0, 12.0, 8.0
"""How far inside its box a pixel has to be, and how far outside where it must not be in it."""

_HUE_UNIT, _SATURATION_UNIT, _VALUE_UNIT = 10.0, 50.0, 50.0
"""What a loss of 1 is: so many steps of the axis that is farthest off."""

_LEAST_SHARE = 0.005
"""A colour that fewer pixels have counts as if so many had it: its errors would weigh too much."""

_HALF_RANGE = 127.5


@dataclass(frozen=True)
class ColourPair:
    """One colour, as the simulator shows it and as the robot looks for it."""

    name: str
    sim: tuple[HsvRange, ...]
    real: tuple[HsvRange, ...]


def colour_pairs(sim: ColourThresholds, real: ColourThresholds) -> tuple[ColourPair, ...]:
    """Pair the colours that both sets of thresholds know.

    Raises:
        ConfigError: There is none.
    """
    names = [name for name in real.colours if name in sim.colours]
    if not names:
        raise ConfigError(
            f'the thresholds {sim.name!r} ({", ".join(sim.colours)}) and {real.name!r} '
            f'({", ".join(real.colours)}) have no colour in common'
        )
    return tuple(
        ColourPair(name, sim.colours[name].ranges, real.colours[name].ranges) for name in names
    )


def colour_consistency(
    translated: torch.Tensor,
    sim: torch.Tensor,
    pairs: tuple[ColourPair, ...],
    region: Region | None = None,
    top: float = 0.0,
) -> torch.Tensor:
    """Return how far the translated pixels are from what the robot has to find.

    As F1 does, it counts both kinds of error in pixels, and relates them to the pixels that have
    the colour in simulation: how far these are outside of the robot's boxes, and how deep all
    others are inside of one.

    Args:
        translated: RGB, (N, 3, H, W), -1..1.
        sim: What it was made from, likewise.
        pairs: Of colours, at least one.
        region: Where to look; None = everywhere.
        top: Share of the height, from the top, not to look at.

    Returns:
        Scalar: 0 where both detectors agree with a margin, else in units of 10 steps of hue or
        50 of saturation or value.
    """
    translated, sim = at_least_float32(translated), at_least_float32(sim)
    with torch.autocast(translated.device.type, enabled=False):
        before, after = hsv(sim), hsv(translated)
        weights = torch.ones_like(before[:, :1])
        weights[:, :, : round(top * weights.shape[2])] = 0
        chosen = None if region is None else region.weights(sim.shape[-2], sim.shape[-1], sim)
        if chosen is not None:
            weights = weights * chosen
        losses = []
        for pair in pairs:
            wanted = _depth(before, pair.sim) >= 0
            depth = _depth(after, pair.real, 1.0)
            larger = _depth(after, pair.real, -1.0)
            errors = torch.where(wanted, functional.relu(-depth), functional.relu(larger))
            least = _LEAST_SHARE * weights.sum()
            count = torch.maximum((wanted * weights).sum(), least).clamp(min=1.0)
            losses.append((errors * weights).sum() / count)
        return torch.stack(losses).mean()


def hsv(image: torch.Tensor) -> torch.Tensor:
    """Convert RGB to HSV with the scale of OpenCV's 8-bit HSV, but without its rounding.

    Args:
        image: (N, 3, H, W), -1..1.

    Returns:
        (N, 3, H, W): hue in 0 to below 180, saturation and value in 0..255. The hue of grey is 0.
    """
    levels = (image + 1) * _HALF_RANGE
    red, green, blue = levels.unbind(1)
    value, largest = levels.max(1)
    spread = value - levels.min(1).values
    # Grey has no hue, and its gradient would be infinite.
    divisor = spread.clamp(min=1.0)
    sixth = torch.where(
        largest == 0,
        (green - blue) / divisor,
        torch.where(largest == 1, 2 + (blue - red) / divisor, 4 + (red - green) / divisor),
    )
    hue = torch.remainder(sixth * (HUE_TURN / 6), HUE_TURN)
    saturation = 255 * spread / value.clamp(min=1.0)
    return torch.stack([hue, saturation, value], 1)


def _depth(
    pixels: torch.Tensor, ranges: tuple[HsvRange, ...], margins: float = 0.0
) -> torch.Tensor:
    """Return how deep HSV pixels (N, 3, H, W) lie in the nearest box, (N, 1, H, W).

    Args:
        pixels: From ``hsv``.
        ranges: The boxes.
        margins: 1 = the box is smaller by the margins, -1 = larger.

    Returns:
        In units of the axis that decides; negative outside.
    """
    depths = [_depth_in(pixels, each, margins) for each in ranges]
    return torch.stack(depths).max(0).values[:, None]


def _depth_in(pixels: torch.Tensor, box: HsvRange, margins: float) -> torch.Tensor:
    axes = []
    rules = (
        (HUE_MARGIN, _HUE_UNIT, HUE_TURN),
        (SATURATION_MARGIN, _SATURATION_UNIT, 255.0),
        (VALUE_MARGIN, _VALUE_UNIT, 255.0),
    )
    for axis, (margin, unit, limit) in enumerate(rules):
        values, shift = pixels[:, axis], margins * margin
        # An end that no pixel can pass is none.
        if box.low[axis] > 0:
            axes.append((values - (box.low[axis] + shift)) / unit)
        if box.high[axis] < limit:
            axes.append(((box.high[axis] - shift) - values) / unit)
    if not axes:
        return torch.full_like(pixels[:, 0], float('inf'))
    return torch.stack(axes).min(0).values
