"""How much sharper the edges of simulated frames are than those of real ones.

The width of an edge is found from the edge alone: blurring a Gaussian edge of width s once more
by s0 lowers its steepness by R = sqrt((s^2 + s0^2) / s^2), whatever its height (Zhuo, Sim 2011,
Defocus map estimation from a single image, eq. 5). Power spectra would mix up blur and noise;
steep edges stand far above the noise.
"""

import math
from collections.abc import Sequence
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

from sim2real_ros.baselines.camera_effects.effects import BOUNDS
from sim2real_ros.baselines.camera_effects.estimate import (
    MIN_FRAMES,
    Estimate,
    bounded,
    difference,
    not_measured,
)
from sim2real_ros.baselines.camera_effects.reference import blur

Values = npt.NDArray[np.float32]

NAME = 'blur_sigma_px'
PRESMOOTHING_PX = 0.8
REBLUR_PX = 1.0
MIN_STEEPNESS = 6.0
"""Levels per pixel after presmoothing."""
MIN_EDGE_PIXELS = 50
SIGNAL_TO_TEXTURE = 4.0
"""How many times steeper an edge must be than the frame's median pixel."""

MATCHING_STEPS = 2


def fit_blur(sim: Sequence[Values], real: Sequence[Values]) -> Estimate:
    """Find the blur that makes the edges of ``sim`` as wide as those of ``real``.

    Args:
        sim: Frames of the simulator after the effects that come before: float32 (H, W, 3), RGB,
            0..255.
        real: Frames of the camera in the same form and size.
    """
    sim_luma = [frame.mean(axis=2) for frame in sim]
    found, wanted = _widths(sim_luma), _widths([frame.mean(axis=2) for frame in real])
    if min(len(found), len(wanted)) < MIN_FRAMES:
        return not_measured(
            NAME,
            f'{len(found)} sim and {len(wanted)} real frames have enough edges, '
            f'{MIN_FRAMES} are needed',
        )
    variance, error = difference(wanted, found)
    highest = BOUNDS[NAME][1]
    if variance > 2 * error:
        # Real edges are no ideal steps, so widths do not quite add up: look, and correct.
        for _ in range(MATCHING_STEPS):
            sigma = min(math.sqrt(max(variance, 0.0)), highest)
            blurred = _widths([blur(luma, sigma) for luma in sim_luma])
            if len(blurred) < MIN_FRAMES:
                break
            variance += difference(wanted, blurred)[0]
    sigma = math.sqrt(max(variance, 0.0))
    return bounded(NAME, sigma, error / (2 * sigma) if sigma else error, highest)


def _widths(frames: Sequence[Values]) -> list[float]:
    measured = (edge_variance(frame) for frame in frames)
    return [width for width in measured if width is not None]


def edge_variance(luma: Values) -> float | None:
    """Return the median squared width of the steep edges of an image, in square pixels.

    Args:
        luma: float32 (H, W), 0..255.

    Returns:
        The variance of the Gaussian that widened the edges, plus a constant that belongs to the
        way of measuring; None where there are too few steep edges.
    """
    smooth = _smoothed(luma, PRESMOOTHING_PX)
    steepness, along_x = _gradient(smooth)
    again, _ = _gradient(_smoothed(smooth, REBLUR_PX))
    floor = max(MIN_STEEPNESS, SIGNAL_TO_TEXTURE * float(np.median(steepness)))
    edges = _ridge(steepness, along_x) & (steepness >= floor)
    if np.count_nonzero(edges) < MIN_EDGE_PIXELS:
        return None
    ratio = np.maximum(steepness[edges] / np.maximum(again[edges], 1e-6), 1.0001)
    return float(np.median(REBLUR_PX**2 / (ratio**2 - 1))) - PRESMOOTHING_PX**2


def _smoothed(luma: Values, sigma_px: float) -> Values:
    return cast('Values', cv2.GaussianBlur(luma, (0, 0), sigma_px))


def _gradient(luma: Values) -> tuple[Values, npt.NDArray[np.bool_]]:
    dx = cv2.Sobel(luma, cv2.CV_32F, 1, 0, ksize=1, scale=0.5)
    dy = cv2.Sobel(luma, cv2.CV_32F, 0, 1, ksize=1, scale=0.5)
    return np.hypot(dx, dy), np.abs(dx) >= np.abs(dy)


def _ridge(steepness: Values, along_x: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Mark pixels no less steep than their two neighbours across the edge, off the border."""
    padded = np.pad(steepness, 1)
    horizontal = np.maximum(padded[1:-1, :-2], padded[1:-1, 2:])
    vertical = np.maximum(padded[:-2, 1:-1], padded[2:, 1:-1])
    ridge = steepness >= np.where(along_x, horizontal, vertical)
    margin = 4
    ridge[:margin] = ridge[-margin:] = False
    ridge[:, :margin] = ridge[:, -margin:] = False
    return np.asarray(ridge)
