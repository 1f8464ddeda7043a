"""The robot's colour correction: each channel is stretched, so that paint looks alike anywhere."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from sim2real_ros.evaluation.frame import RgbImage


@dataclass(frozen=True)
class ColourBalanceOptions:
    """Constants of the colour correction; the defaults are those of duckietown/dt-core, daffy.

    Attributes:
        scale: Size of the picture that the thresholds are taken from, as a share of the image.
        cut_top_share: Share of its rows that is left out at the top, where the sky is.
        low_quantile: Share of the pixels that become the darkest level of a channel.
    """

    scale: float = 0.2
    cut_top_share: float = 0.3
    low_quantile: float = 0.4

    def __post_init__(self) -> None:
        """Check the limits.

        Raises:
            ValueError: A number is out of range.
        """
        if not 0 < self.scale <= 1:
            raise ValueError('scale must be above 0 and at most 1')
        if not (0 <= self.cut_top_share < 1 and 0 <= self.low_quantile < 1):
            raise ValueError('cut_top_share and low_quantile must be from 0 to below 1')


def balance_colours(rgb: RgbImage, options: ColourBalanceOptions | None = None) -> RgbImage:
    """Correct the colours of an image as anti_instagram of duckietown/dt-core (daffy) does.

    Per channel: levels below the quantile become the quantile, then the channel is stretched to
    0..255. dt-core calls the quantile a percentage of 0.8, halves it and uses it as a fraction,
    so that 40 % of the pixels turn black; the upper limit stays 255. The robot renews the quantile
    every 5 s; here each image has its own.

    Args:
        rgb: uint8 RGB (H, W, 3).
        options: Constants of the correction; None for those of the robot.

    Returns:
        A new uint8 RGB (H, W, 3). A channel with a single level above its quantile becomes 0.
    """
    options = options or ColourBalanceOptions()
    lows = _low_levels(rgb, options)
    tables = np.zeros((256, 3), np.uint8)
    for channel, low in enumerate(lows):
        high = int(rgb[..., channel].max())
        if high > low:
            levels = (np.clip(np.arange(256.0), low, high) - low) * (255.0 / (high - low))
            tables[:, channel] = np.rint(levels)
    return np.asarray(cv2.LUT(rgb, tables[None]), np.uint8)


def _low_levels(rgb: RgbImage, options: ColourBalanceOptions) -> npt.NDArray[np.intp]:
    """Return the quantile of each channel."""
    size = [max(1, round(side * options.scale)) for side in (rgb.shape[1], rgb.shape[0])]
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_NEAREST)
    rows = min(round(len(small) * options.cut_top_share), len(small) - 1)
    pixels = np.sort(small[rows:].reshape(-1, 3), axis=0)
    return np.asarray(pixels[int(len(pixels) * options.low_quantile)], np.intp)
