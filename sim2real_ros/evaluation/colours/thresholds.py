"""ColourThresholds: which pixels a robot takes for which colour, as ranges in HSV."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from sim2real_ros.config import load_yaml
from sim2real_ros.evaluation.frame import IdImage, RgbImage

HsvImage = npt.NDArray[np.uint8]
BoolImage = npt.NDArray[np.bool_]
Triple = tuple[int, int, int]

HUE_LIMIT = 180
"""OpenCV's hue of 8-bit images is half of the degrees: 0..179; 180 as an upper end is allowed."""


@dataclass(frozen=True)
class HsvRange:
    """A box in OpenCV's 8-bit HSV (hue 0..179, saturation and value 0..255); ends are inside.

    Attributes:
        low: (hue, saturation, value).
        high: The same; not below ``low``. A hue range over red's 0 takes two ranges.
    """

    low: Triple
    high: Triple

    def __post_init__(self) -> None:
        """Check the limits.

        Raises:
            ValueError: An end is out of range, or low lies above high.
        """
        for low, high, limit in zip(self.low, self.high, (HUE_LIMIT, 255, 255), strict=True):
            if not 0 <= low <= high <= limit:
                raise ValueError(
                    f'HSV range {self.low}-{self.high}: expected 0 <= low <= high <= '
                    f'({HUE_LIMIT}, 255, 255)'
                )


@dataclass(frozen=True)
class LineColour:
    """One colour that a robot looks for.

    Attributes:
        ranges: HSV ranges; a pixel in any of them has the colour.
        mask_ids: Ids in masks of what has this colour.
    """

    ranges: tuple[HsvRange, ...]
    mask_ids: tuple[int, ...] = ()


@dataclass(frozen=True)
class ColourThresholds:
    """What a robot takes for which colour.

    Attributes:
        name: For tables.
        description: Where the numbers come from.
        colours: By name, in the order to show them.
        display_rgb: Colour of each to draw it with; grey where it is not given.
    """

    name: str
    colours: dict[str, LineColour]
    description: str = ''
    display_rgb: dict[str, Triple] = field(default_factory=dict)

    def pixels(self, hsv: HsvImage, colour: str) -> BoolImage:
        """Tell which pixels have a colour.

        Args:
            hsv: uint8 (H, W, 3) as ``to_hsv`` gives it.
            colour: A key of ``colours``.

        Returns:
            bool (H, W).
        """
        found = np.zeros(hsv.shape[:2], np.uint8)
        for each in self.colours[colour].ranges:
            found |= cv2.inRange(hsv, np.array(each.low), np.array(each.high)).astype(np.uint8)
        return found > 0

    def labelled(self, mask: IdImage, colour: str) -> BoolImage:
        """Tell which pixels of a mask belong to a colour; bool (H, W)."""
        return np.isin(mask, self.colours[colour].mask_ids)


def to_hsv(rgb: RgbImage) -> HsvImage:
    """Convert uint8 RGB (H, W, 3) to OpenCV's 8-bit HSV."""
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV), np.uint8)


def load_thresholds(path: str | Path) -> ColourThresholds:
    """Read thresholds from a YAML file, such as ``config/perception/duckietown_real.yaml``.

    Raises:
        ConfigError: The file cannot be read or does not describe thresholds.
    """
    return load_yaml(ColourThresholds, path)


def with_mask_ids(
    thresholds: ColourThresholds, ids: Mapping[str, tuple[int, ...]]
) -> ColourThresholds:
    """Replace the mask ids of some colours.

    Raises:
        ValueError: A colour is unknown.
    """
    unknown = sorted(set(ids) - set(thresholds.colours))
    if unknown:
        raise ValueError(
            f'unknown colours {", ".join(unknown)}; the thresholds {thresholds.name!r} have '
            f'{", ".join(thresholds.colours)}'
        )
    colours = {
        name: LineColour(each.ranges, tuple(ids.get(name, each.mask_ids)))
        for name, each in thresholds.colours.items()
    }
    return ColourThresholds(thresholds.name, colours, thresholds.description,
                            thresholds.display_rgb)  # fmt: skip
