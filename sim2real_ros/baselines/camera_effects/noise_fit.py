"""How much noise real frames have beyond what simulated ones show.

Small patches without coarse structure are compared at equal brightness: the variance that is left
after taking away a plane, in luma and chroma, and how much neighbours have in common. Fine
texture without edges counts as noise, in both domains; only the difference is used.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sim2real_ros.baselines.camera_effects.discrete_gaussian import (
    autocorrelation,
    sigma_of_correlation,
)
from sim2real_ros.baselines.camera_effects.effects import BOUNDS
from sim2real_ros.baselines.camera_effects.estimate import (
    MIN_FRAMES,
    SIGNIFICANT,
    Estimate,
    not_measured,
)
from sim2real_ros.baselines.camera_effects.noise_field import OPPONENT_AXES

Values = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.float64]

NAMES = (
    *('noise_dark_levels', 'noise_bright_levels', 'chroma_ratio'),
    *('grain_sigma_px', 'chroma_grain_sigma_px'),
)

PATCH = 8
OFFSET = 4
"""Patches begin here, so that none is a block of a JPEG file, in which noise is rounded away."""
FLAT_SHARE = 0.3
"""Share of the patches, those with the least coarse structure, that is looked at."""
BINS = 8
"""Of brightness, over 0..255."""
MIN_PATCHES = 8
"""In a bin of a frame."""
LOW, HIGH = 12, 243
"""Patches with a value beyond may have been clipped."""
WIDE_ENOUGH = 64
"""Range of brightness, in levels, from which on a slope of the variance is told."""

LEAST_ERROR = 0.1
"""Of a variance in a bin, in squared levels: about that of rounding to whole levels."""

LUMA, CHROMA, LUMA_NEIGHBOURS, CHROMA_NEIGHBOURS = range(4)


def fit_noise(sim: Sequence[Values], real: Sequence[Values]) -> tuple[Estimate, ...]:
    """Find the noise to add to ``sim``.

    Args:
        sim: Frames of the simulator after the effects that come before: float32 (H, W, 3), RGB,
            0..255.
        real: Frames of the camera in the same form and size.

    Returns:
        Estimates in the order of NAMES.
    """
    before, wanted = (_summary(np.stack([binned_moments(f) for f in d])) for d in (sim, real))
    bins = np.flatnonzero(np.isfinite(before.middle[:, LUMA] + wanted.middle[:, LUMA]))
    if len(bins) == 0:
        reason = 'no brightness at which enough frames of both have flat places'
        return tuple(not_measured(name, reason) for name in NAMES)
    excess = wanted.middle[bins] - before.middle[bins]
    # Where the simulator has textures, its frames disagree, and the bin has little to say.
    weights = 1 / (wanted.error[bins, LUMA] ** 2 + before.error[bins, LUMA] ** 2 + LEAST_ERROR**2)
    dark, bright = _line((bins + 0.5) * 256 / BINS, excess[:, LUMA], weights)
    total = np.average(excess, axis=0, weights=weights)
    error = 1 / math.sqrt(float(weights.sum()))
    if total[LUMA] <= SIGNIFICANT * error:
        return _no_noise(dark, bright, error)
    return _estimates(dark, bright, total, error)


def _estimates(dark: float, bright: float, total: Numbers, error: float) -> tuple[Estimate, ...]:
    luma, chroma, luma_neighbours, chroma_neighbours = (float(value) for value in total)
    grain, luma_seen = _grain(luma_neighbours / luma)
    chroma_grain, chroma_seen = 0.0, 1.0
    if chroma > 0.1 * luma:
        chroma_grain, chroma_seen = _grain(chroma_neighbours / chroma)
    ratio = _root(chroma / chroma_seen / luma * luma_seen)
    levels = (_root(dark / luma_seen), _root(bright / luma_seen))
    values = (*levels, ratio, grain, chroma_grain)
    relative = error / (2 * luma)
    found = []
    for name, value in zip(NAMES, values, strict=True):
        highest = BOUNDS[name][1]
        note = f'limited to {highest:g}' if value > highest else ''
        found.append(Estimate(name, value, value * relative, min(value, highest), note))
    return tuple(found)


def _grain(correlation: float) -> tuple[float, float]:
    """Return the grain of a measured correlation, and how much of its variance patches show."""
    highest = BOUNDS['grain_sigma_px'][1]
    grain = sigma_of_correlation(correlation, highest, lambda sigma: seen_in_patches(sigma)[1])
    return grain, seen_in_patches(grain)[0]


def seen_in_patches(sigma_px: float) -> tuple[float, float]:
    """Return what is measured of noise of variance 1 whose neighbours correlate.

    The plane that is taken away from a patch takes coarse noise with it.

    Args:
        sigma_px: Of the discrete Gaussian that correlates the noise.

    Returns:
        The mean variance, and the correlation with the next neighbour.
    """
    index = np.arange(PATCH)
    axis = autocorrelation(sigma_px)[np.abs(index[:, np.newaxis] - index)]
    basis = _plane_basis()
    keep = np.eye(PATCH * PATCH) - basis @ basis.T
    covariance = keep @ np.kron(axis, axis) @ keep
    variance = float(np.trace(covariance)) / (PATCH * PATCH - 3)
    pairs = covariance.reshape((PATCH,) * 4)
    y, x = np.mgrid[:PATCH, : PATCH - 1]
    return variance, float(pairs[y, x, y, x + 1].mean()) / variance


def _no_noise(dark: float, bright: float, error: float) -> tuple[Estimate, ...]:
    levels = math.sqrt(error)
    note = 'not told from zero'
    first = (
        Estimate(name, _root(variance), levels, 0.0, note)
        for name, variance in zip(NAMES, (dark, bright), strict=False)
    )
    return (*first, *(not_measured(name, note) for name in NAMES[2:]))


def _root(variance: float) -> float:
    return math.sqrt(max(variance, 0.0))


def _line(middles: Numbers, variances: Numbers, weights: Numbers) -> tuple[float, float]:
    """Return the variances at 0 and 255 of a line through them, neither below zero."""
    mean = float(np.average(variances, weights=weights))
    if np.ptp(middles) < WIDE_ENOUGH:
        return mean, mean
    slope, start = np.polyfit(middles, variances, 1, w=np.sqrt(weights))
    dark, bright = float(start), float(start + 255 * slope)
    # A line that would cut zero is turned about its weighted middle until it touches it.
    centre = float(np.average(middles, weights=weights))
    if dark < 0 < mean:
        return 0.0, mean * 255 / centre
    if bright < 0 < mean:
        return mean * 255 / (255 - centre), 0.0
    return dark, bright


@dataclass(frozen=True, eq=False)
class _Summary:
    """What the frames of a domain agree on, each (BINS, 4); NaN where too few can tell."""

    middle: Numbers
    error: Numbers


def _summary(table: Numbers) -> _Summary:
    """Summarise (frames, BINS, 4), with NaN where a frame has nothing to say.

    Textures make a few frames stand out by hundreds, so medians are used.
    """
    middle, error = np.full((2, BINS, 4), np.nan)
    for each in range(BINS):
        known = table[np.isfinite(table[:, each, LUMA]), each]
        if len(known) >= MIN_FRAMES:
            middle[each] = np.median(known, axis=0)
            deviation = np.median(np.abs(known - middle[each]), axis=0)
            # Of a normal distribution, and for its median.
            error[each] = 1.4826 * 1.2533 * deviation / math.sqrt(len(known))
    return _Summary(middle, error)


def binned_moments(frame: Values) -> Numbers:
    """Measure the flat patches of a frame, by brightness.

    Args:
        frame: float32 (H, W, 3), RGB, 0..255.

    Returns:
        (BINS, 4): medians of luma variance, mean chroma variance, and the covariances of luma and
        of chroma with the next neighbours; NaN in bins with too few patches.
    """
    result = np.full((BINS, 4), np.nan)
    patches = _patches(frame)
    patches = patches[(patches.min(axis=(1, 2)) > LOW) & (patches.max(axis=(1, 2)) < HIGH)]
    if len(patches) < MIN_PATCHES:
        return result
    opponent = np.moveaxis(patches @ OPPONENT_AXES.T.astype(np.float32), 2, 0)
    basis = _plane_basis().astype(np.float32)
    coefficients = opponent[0] @ basis
    residual = opponent - (opponent @ basis) @ basis.T
    brightness = patches.mean(axis=(1, 2))
    structure = np.hypot(coefficients[:, 1], coefficients[:, 2])
    moments = _moments(residual)
    bins = np.minimum((brightness * BINS / 256).astype(int), BINS - 1)
    for each in range(BINS):
        inside = np.flatnonzero(bins == each)
        if len(inside) * FLAT_SHARE >= MIN_PATCHES:
            flat = inside[structure[inside] <= np.quantile(structure[inside], FLAT_SHARE)]
            result[each] = np.median(moments[flat], axis=0)
    return result


def _patches(frame: Values) -> Values:
    """Cut a frame into (n, PATCH * PATCH, 3)."""
    inner = frame[OFFSET:, OFFSET:]
    rows, columns = inner.shape[0] // PATCH, inner.shape[1] // PATCH
    inner = inner[: rows * PATCH, : columns * PATCH]
    grid = inner.reshape(rows, PATCH, columns, PATCH, 3).swapaxes(1, 2)
    return np.asarray(grid.reshape(-1, PATCH * PATCH, 3))


def _plane_basis() -> Numbers:
    """Return an orthonormal basis of planes over a patch: constant, and the two slopes."""
    y, x = np.mgrid[:PATCH, :PATCH].reshape(2, -1) - (PATCH - 1) / 2
    basis = np.stack([np.ones_like(x), x, y], axis=1)
    return np.asarray(basis / np.linalg.norm(basis, axis=0))


def _moments(residual: Values) -> Values:
    """Return the four moments of each patch from its residuals (3, n, PATCH * PATCH)."""
    # A plane takes three of the patch's degrees of freedom.
    variance = (residual**2).sum(axis=2) / (PATCH * PATCH - 3)
    square = residual.reshape(*residual.shape[:2], PATCH, PATCH)
    right = (square[..., 1:] * square[..., :-1]).mean(axis=(2, 3))
    below = (square[..., 1:, :] * square[..., :-1, :]).mean(axis=(2, 3))
    covariance = (right + below) / 2
    columns = [variance[0], variance[1:].mean(axis=0), covariance[0], covariance[1:].mean(axis=0)]
    return np.stack(columns, axis=1)
