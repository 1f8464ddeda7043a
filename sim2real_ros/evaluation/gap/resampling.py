"""Resampling of images for numbers that are computed for a thousand samples at once."""

import numpy as np
import numpy.typing as npt

from sim2real_ros.evaluation.bootstrap import CONFIDENCE, RESAMPLES
from sim2real_ros.evaluation.quantity import Value


def resample_counts(
    count: int, *, resamples: int = RESAMPLES, seed: int = 0
) -> npt.NDArray[np.float64]:
    """Draw samples of images with replacement, the same as ``bootstrap_statistic`` draws.

    Args:
        count: Number of images, at least 1.
        resamples: Number of samples.
        seed: Of the drawing; the same seed gives pairs of the same samples.

    Returns:
        float64 (resamples, count): how often each image is in each sample.
    """
    random = np.random.default_rng(seed)
    drawn = (random.integers(0, count, count) for _ in range(resamples))
    return np.array([np.bincount(each, minlength=count) for each in drawn], np.float64)


def resampled_means(values: npt.NDArray[np.float64], *, seed: int = 0) -> npt.NDArray[np.float64]:
    """Return the means of columns over the samples that ``resample_counts`` draws.

    Args:
        values: (images, columns), NaN where an image has no value.
        seed: Of the drawing.

    Returns:
        float64 (RESAMPLES, columns), NaN where no image of a sample has a value.
    """
    count, defined = len(values), np.isfinite(values)
    filled = np.where(defined, values, 0)
    random, found = np.random.default_rng(seed), []
    for _ in range(RESAMPLES):
        weights = np.bincount(random.integers(0, count, count), minlength=count)
        total = weights @ defined
        none = np.full(total.shape, np.nan)
        found.append(np.divide(weights @ filled, total, out=none, where=total > 0))
    return np.array(found)


def interval(resampled: npt.NDArray[np.float64]) -> tuple[float, float] | None:
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


def value_with_interval(value: float, count: int, resampled: npt.NDArray[np.float64]) -> Value:
    """Put a number and what it was in resampled images together.

    Args:
        value: Of all images; not NaN.
        count: Number of images; below 2 there is no interval.
        resampled: (samples,), NaN where it is undefined.
    """
    ends = interval(resampled) if count > 1 else None
    return Value(value, count) if ends is None else Value(value, count, *ends)
