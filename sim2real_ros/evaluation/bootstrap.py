"""Bootstrap: how far a number would move if other frames had been taken."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from sim2real_ros.evaluation.quantity import Value

RESAMPLES = 1000
CONFIDENCE = 0.95

Statistic = Callable[[npt.NDArray[np.intp]], float]
"""Computes a number from the frames with these indices; repeated indices count as often."""


def bootstrap_mean(values: npt.NDArray[np.float64], *, seed: int = 0) -> Value:
    """Average with its 95 % interval over resampled frames.

    Percentile bootstrap (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter
    13). Frames are resampled one by one: neighbours in a drive are alike, so the true interval is
    wider than this one.

    Args:
        values: (N,), finite, N at least 1.
        seed: Of the resampling.

    Returns:
        The mean; without an interval for a single value.
    """
    mean, count = float(values.mean()), len(values)
    if count < 2:
        return Value(mean, count)
    random = np.random.default_rng(seed)
    # Row by row: all resamples at once would take a thousand times the memory of the values.
    means = [float(values[random.integers(0, count, count)].mean()) for _ in range(RESAMPLES)]
    return _with_interval(mean, count, means)


def bootstrap_statistic(statistic: Statistic, count: int, *, seed: int = 0) -> Value:
    """Compute any number over frames with its 95 % interval, as ``bootstrap_mean`` does.

    Args:
        statistic: The number for some frames; NaN where it is undefined for them.
        count: Number of frames, at least 1.
        seed: Of the resampling.
    """
    value = statistic(np.arange(count))
    if count < 2:
        return Value(value, count)
    random = np.random.default_rng(seed)
    resampled = (statistic(random.integers(0, count, count)) for _ in range(RESAMPLES))
    return _with_interval(value, count, [each for each in resampled if not np.isnan(each)])


def _with_interval(value: float, count: int, resampled: list[float]) -> Value:
    if len(resampled) < RESAMPLES // 2:
        return Value(value, count)
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(resampled, [tail, 100 - tail])
    return Value(value, count, float(low), float(high))
