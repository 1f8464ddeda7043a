"""Edge-aware smoothness: what is flat in the sim image stays flat when it is translated."""

from __future__ import annotations

import torch
from torch.nn import functional

from sim2real_ros.training.losses.region import Region, at_least_float32, weighted_mean

CELL_SIDE = 8
"""Pixels. Between neighbouring pixels, painting that is smooth has hardly any slope."""

EDGE_SLOPE = 5.0
"""A step of this part of a unit of -1..1 in the sim image lets e times as much pass."""


def edge_aware_smoothness(
    translated: torch.Tensor, sim: torch.Tensor, region: Region | None = None
) -> torch.Tensor:
    """Return how much neighbouring cells of the translated image differ where those of sim do not.

    Differences of mean colours, weighted by exp(-EDGE_SLOPE * |difference in the sim image|):
    C. Godard et al., "Unsupervised Monocular Depth Estimation with Left-Right Consistency" (2017),
    equation 3, there for disparities of pixels. Cells that the border cuts are left out.

    Args:
        translated: RGB, (N, 3, H, W), -1..1; H and W of two cells at least.
        sim: What it is the translation of, likewise.
        region: Where to look; None = everywhere.

    Returns:
        Scalar, in units of -1..1 per cell: the mean of that across and that down.
    """
    ours = functional.avg_pool2d(at_least_float32(translated), CELL_SIDE)
    theirs = functional.avg_pool2d(at_least_float32(sim), CELL_SIDE)
    across, down = (
        weighted_mean(
            ours.diff(dim=axis).abs()
            * torch.exp(-EDGE_SLOPE * theirs.diff(dim=axis).abs().mean(1, keepdim=True)),
            region,
        )
        for axis in (3, 2)
    )
    return (across + down) / 2
