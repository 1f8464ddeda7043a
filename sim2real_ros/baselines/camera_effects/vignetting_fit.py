"""How much darker towards its corners a real frame is than a simulated one.

Mean images tell little: there is a sky above and a road below. Locally, though, content gets
brighter outwards as often as darker, while vignetting only darkens: the median of the radial
slope of the logarithm over all pixels shows it (Zheng, Yu, Kang, Lin, Kambhamettu 2008,
Single-image vignetting correction using radial gradient symmetry). Looking at flat places alone
would prefer those where the content makes up for the vignetting. A slope of the scene has one
sign above the middle and the other below, so the four sectors must agree.
"""

import math
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from sim2real_ros.baselines.camera_effects.effects import BOUNDS
from sim2real_ros.baselines.camera_effects.estimate import (
    MIN_FRAMES,
    SIGNIFICANT,
    Estimate,
    not_measured,
)
from sim2real_ros.baselines.camera_effects.reference import squared_radius

Values = npt.NDArray[np.float32]

NAME = 'corner_darkening'
WORKING_DIAGONAL_PX = 160
"""Frames are shrunk to this, which leaves slopes and takes away noise."""
MIN_SQUARED_RADIUS = 0.1
MIN_PIXELS = 100
SECTORS = 4


def fit_vignetting(sim: Sequence[Values], real: Sequence[Values]) -> Estimate:
    """Find how much light the corners of ``real`` lose beyond what those of ``sim`` do.

    Args:
        sim: Frames of the simulator: float32 (H, W, 3), RGB, 0..255.
        real: Frames of the camera in the same form and size.

    Returns:
        Part of the light that is lost in the corners; off where it does not stand out from
        how much the four sectors of the image disagree.
    """
    sectors, errors = [], []
    for domain, frames in (('real', real), ('sim', sim)):
        found = [c for c in map(sector_coefficients, frames) if c is not None]
        if len(found) < MIN_FRAMES:
            return not_measured(
                NAME, f'{len(found)} {domain} frames are well enough exposed, {MIN_FRAMES} needed'
            )
        sectors.append(np.mean(found, axis=0))
        errors.append(np.std(found, axis=0, ddof=1).mean() / math.sqrt(len(found)))
    excess = sectors[0] - sectors[1]
    coefficient = float(excess.mean())
    spread = float(excess.std(ddof=1)) / math.sqrt(SECTORS)
    error = math.hypot(spread, *errors)
    value, reach = _darkening(coefficient), _darkening(coefficient + error)
    if coefficient <= SIGNIFICANT * error or excess.min() <= 0:
        note = 'the four sectors of the image do not agree on it'
        return Estimate(NAME, value, reach - value, 0.0, note)
    highest = BOUNDS[NAME][1]
    note = f'limited to {highest:g}' if value > highest else ''
    return Estimate(NAME, value, reach - value, min(value, highest), note)


def _darkening(coefficient: float) -> float:
    return 1 - (1 + max(coefficient, -0.5)) ** -2


def sector_coefficients(frame: Values) -> npt.NDArray[np.float64] | None:
    """Return the c of ``(1 + c r^2)^-2`` seen right, left, below and above the middle.

    Args:
        frame: float32 (H, W, 3), 0..255.

    Returns:
        float64 (4,); None where one of the four has too few well exposed pixels.
    """
    luma = frame.mean(axis=2)
    scale = min(1.0, WORKING_DIAGONAL_PX / math.hypot(*luma.shape))
    luma = cv2.resize(luma, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    height, width = luma.shape
    if min(height, width) < 8:
        return None
    logarithm = np.log(luma + 1)
    dy, dx = np.gradient(logarithm)
    half_diagonal = math.hypot(height, width) / 2
    y = (np.arange(height)[:, np.newaxis] + 0.5 - height / 2) / half_diagonal
    x = (np.arange(width)[np.newaxis] + 0.5 - width / 2) / half_diagonal
    squared = squared_radius(height, width).astype(np.float64)
    # u / r with u = -d log(gain) / dr = 4 c r / (1 + c r^2), where 1 is the half diagonal.
    falling = -(dx * x + dy * y) * half_diagonal / np.maximum(squared, 1e-6)
    coefficient = falling / (4 - np.minimum(falling * squared, 2))
    usable = (luma > 10) & (luma < 245) & (squared > MIN_SQUARED_RADIUS)
    wide = np.abs(x) * height >= np.abs(y) * width
    medians = [
        _weighted_median(coefficient[usable & place], squared[usable & place])
        for place in (wide & (x > 0), wide & (x < 0), ~wide & (y > 0), ~wide & (y < 0))
    ]
    return None if any(map(math.isnan, medians)) else np.array(medians)


def _weighted_median(values: npt.NDArray[np.float64], weights: npt.NDArray[np.float64]) -> float:
    if len(values) < MIN_PIXELS / SECTORS:
        return math.nan
    order = np.argsort(values)
    cumulated = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(cumulated, cumulated[-1] / 2)])
