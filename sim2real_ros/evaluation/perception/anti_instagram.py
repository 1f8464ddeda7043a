"""The robot's colour correction: each channel is stretched, so that paint looks alike anywhere."""

from dataclasses import dataclass

import cv2
import numpy as np

from sim2real_ros.evaluation.frame import RgbImage


@dataclass(frozen=True)
class ColourBalanceOptions:
    """Constants of the colour correction; the defaults are those of duckietown/dt-core, daffy.

    Attributes:
        scale: Size of the picture that the thresholds are taken from, as a share of the image.
        cut_top_share: Share of its rows that is left out at the top, where the sky is.
        low_quantile: Share of the pixels that become the darkest level of a channel.
        high_quantile: Share of the pixels that do not become its brightest level; 1 for no limit.
            The robot's older correction has 0.004 and 0.996.
    """

    scale: float = 0.2
    cut_top_share: float = 0.3
    low_quantile: float = 0.4
    high_quantile: float = 1.0

    def __post_init__(self) -> None:
        """Check the limits.

        Raises:
            ValueError: A number is out of range.
        """
        if not 0 < self.scale <= 1:
            raise ValueError('scale must be above 0 and at most 1')
        if not 0 <= self.cut_top_share < 1:
            raise ValueError('cut_top_share must be from 0 to below 1')
        if not 0 <= self.low_quantile < self.high_quantile <= 1:
            raise ValueError('expected 0 <= low_quantile < high_quantile <= 1')


def balance_colours(rgb: RgbImage, options: ColourBalanceOptions | None = None) -> RgbImage:
    """Correct the colours of an image as anti_instagram of duckietown/dt-core (daffy) does.

    Per channel: levels beyond the quantiles become the quantiles, then the channel is stretched to
    0..255. dt-core calls the lower quantile a percentage of 0.8, halves it and uses it as a
    fraction, so that 40 % of the pixels turn black; the upper limit stays 255. The robot renews
    the quantiles every 5 s; here each image has its own.

    Args:
        rgb: uint8 RGB (H, W, 3).
        options: Constants of the correction; None for those of the robot.

    Returns:
        A new uint8 RGB (H, W, 3). A channel with a single level between its quantiles becomes 0.
    """
    options = options or ColourBalanceOptions()
    tables = np.zeros((256, 3), np.uint8)
    for channel, (low, high) in enumerate(_levels(rgb, options)):
        if high > low:
            levels = (np.clip(np.arange(256.0), low, high) - low) * (255.0 / (high - low))
            tables[:, channel] = np.rint(levels)
    return np.asarray(cv2.LUT(rgb, tables[None]), np.uint8)


def _levels(rgb: RgbImage, options: ColourBalanceOptions) -> list[tuple[int, int]]:
    """Return the levels that become 0 and 255, for each channel."""
    size = [max(1, round(side * options.scale)) for side in (rgb.shape[1], rgb.shape[0])]
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_NEAREST)
    rows = min(round(len(small) * options.cut_top_share), len(small) - 1)
    pixels = np.sort(small[rows:].reshape(-1, 3), axis=0)
    lows = pixels[int(len(pixels) * options.low_quantile)]
    if options.high_quantile < 1:
        highs = pixels[int(len(pixels) * options.high_quantile)]
    else:
        highs = rgb.reshape(-1, 3).max(axis=0)
    return [(int(low), int(high)) for low, high in zip(lows, highs, strict=True)]
