"""Gradient consistency: edges of the sim image stay where they are when it is translated."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch.nn import functional

from sim2real_ros.training.losses.region import Region, at_least_float32, l1

_LUMINANCE = (0.299, 0.587, 0.114)  # of R, G, B: ITU-R BT.601
_SMOOTH, _SLOPE = (0.25, 0.5, 0.25), (-0.5, 0.0, 0.5)


def sobel(image: torch.Tensor) -> torch.Tensor:
    """Return the slopes of the luminance, in image units per pixel.

    Sobel's filters divided by 8, so that a ramp which rises by 1 per pixel gives 1. Beyond the
    border the outermost pixels are repeated.

    Args:
        image: RGB, (N, 3, H, W).

    Returns:
        (N, 2, H, W): to the right, and downwards; float32 or better.
    """
    image = at_least_float32(image)
    # Stays outside autocast: slopes are small differences of large numbers.
    with torch.autocast(image.device.type, enabled=False):
        padded = functional.pad(image, (1, 1, 1, 1), mode='replicate')
        return functional.conv2d(padded, _kernels(image.device, image.dtype))


@lru_cache(maxsize=8)
def _kernels(device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    """Return luminance and slope in one filter, (2, 3, 3, 3).

    Made once per device, for numbers from here would keep every step waiting for it.
    """
    luminance = torch.tensor(_LUMINANCE, dtype=torch.float64)
    smooth = torch.tensor(_SMOOTH, dtype=torch.float64)
    slope = torch.tensor(_SLOPE, dtype=torch.float64)
    sobels = torch.stack([torch.outer(smooth, slope), torch.outer(slope, smooth)])
    return (luminance.reshape(1, 3, 1, 1) * sobels[:, None]).to(device, dtype)


def gradient_consistency(
    translated: torch.Tensor, sim: torch.Tensor, region: Region | None = None
) -> torch.Tensor:
    """Return the mean absolute difference between the edges of two images.

    Args:
        translated: RGB, (N, 3, H, W), -1..1.
        sim: What it should have its edges from, likewise.
        region: Where to look; None = everywhere.

    Returns:
        Scalar.
    """
    return l1(sobel(translated), sobel(sim), region)
