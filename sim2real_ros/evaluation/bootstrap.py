"""Bootstrap: how far a number would move if other frames had been taken.

Percentile bootstrap (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13).
Frames are resampled one by one: neighbours in a drive are alike, so true intervals are wider.
Everything here draws the same samples for the same seed and number of frames, so that numbers of
the same frames are resampled in pairs.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from sim2real_ros.evaluation.quantity import Value

RESAMPLES = 1000
CONFIDENCE = 0.95

Statistic = Callable[[npt.NDArray[np.intp]], float]
"""Computes a number from the frames with these indices; repeated indices count as often."""

Floats = npt.NDArray[np.float64]

_BLOCK = 100
"""Samples that are weighed at once, which bounds the memory."""


def bootstrap_mean(values: Floats, *, seed: int = 0) -> Value:
    """Average with its 95 % interval over resampled frames.

    Args:
        values: (N,), finite, N at least 1.
        seed: Of the resampling.

    Returns:
        The mean; without an interval for a single value.
    """
    mean, count = float(values.mean()), len(values)
    if count < 2:
        return Value(mean, count)
    if np.ptp(values) == 0:  # rounding must not open an interval
        return Value(mean, count, mean, mean)
    return value_with_interval(mean, count, resampled_means(values[:, None], seed=seed)[:, 0])


def bootstrap_statistic(statistic: Statistic, count: int, *, seed: int = 0) -> Value:
    """Compute any number over frames with its 95 % interval.

    Args:
        statistic: The number for some frames; NaN where it is undefined for them.
        count: Number of frames, at least 1.
        seed: Of the resampling.

    Returns:
        The number of all frames; without an interval for a single frame, or where the number is
        undefined in most samples.
    """
    value = statistic(np.arange(count))
    if count < 2:
        return Value(value, count)
    drawn = _drawn(count, RESAMPLES, seed)
    resampled = np.array([statistic(frames) for frames in drawn], np.float64)
    return value_with_interval(value, count, resampled)


def resample_counts(count: int, *, resamples: int | None = None, seed: int = 0) -> Floats:
    """Draw samples of frames with replacement, for numbers that weigh all frames at once.

    Args:
        count: Number of frames, at least 1.
        resamples: Number of samples; None = ``RESAMPLES``.
        seed: Of the drawing.

    Returns:
        float64 (resamples, count): how often each frame is in each sample.
    """
    return _counts(count, RESAMPLES if resamples is None else resamples, seed).astype(np.float64)


def resampled_means(values: Floats, *, seed: int = 0) -> Floats:
    """Return the means of columns over the samples that ``resample_counts`` draws.

    Args:
        values: (frames, columns), NaN where a frame has no value.
        seed: Of the drawing.

    Returns:
        float64 (RESAMPLES, columns), NaN where no frame of a sample has a value.
    """
    defined = np.isfinite(values)
    filled, weights = np.where(defined, values, 0), defined.astype(np.float64)
    counts = _counts(len(values), RESAMPLES, seed)
    means = np.full((len(counts), values.shape[1]), np.nan)
    for start in range(0, len(counts), _BLOCK):
        block = counts[start : start + _BLOCK].astype(np.float64)
        totals = block @ weights
        np.divide(block @ filled, totals, out=means[start : start + len(block)], where=totals > 0)
    return means


def interval(resampled: Floats) -> tuple[float, float] | None:
    """Return the percentile interval of a number over samples; None where most have none.

    Args:
        resampled: (samples,), NaN where the number is undefined.
    """
    defined = resampled[np.isfinite(resampled)]
    if len(defined) < max(2, len(resampled) // 2):
        return None
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(defined, [tail, 100 - tail])
    return float(low), float(high)


def value_with_interval(value: float, count: int, resampled: Floats) -> Value:
    """Put a number and what it was in resampled frames together.

    Args:
        value: Of all frames; not NaN.
        count: Number of frames; below 2 there is no interval.
        resampled: (samples,), NaN where it is undefined.
    """
    ends = interval(resampled) if count > 1 else None
    return Value(value, count) if ends is None else Value(value, count, *ends)


def _drawn(count: int, resamples: int, seed: int) -> Iterator[npt.NDArray[np.intp]]:
    random = np.random.default_rng(seed)
    return (random.integers(0, count, count) for _ in range(resamples))


# All quantities of a candidate rest on one or two numbers of frames.
@lru_cache(maxsize=4)
def _counts(count: int, resamples: int, seed: int) -> npt.NDArray[np.uint8]:
    """Count how often each frame is in each sample, a byte each; do not write to it."""
    counts = np.empty((resamples, count), np.uint8)
    for row, drawn in zip(counts, _drawn(count, resamples, seed), strict=True):
        # No frame is drawn 256 times: that needs 256 frames, and then it never happens.
        row[:] = np.bincount(drawn, minlength=count)
    counts.setflags(write=False)
    return counts
