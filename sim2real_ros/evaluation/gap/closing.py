"""Share of the gap closed: how far a translation moves a score from simulation to reality."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sim2real_ros.errors import DataError
from sim2real_ros.evaluation.bootstrap import Statistic, resample_counts, value_with_interval
from sim2real_ros.evaluation.quantity import Better, Value

Samples = npt.NDArray[np.float64]
"""float64 (1 + samples,): a score of all images, then of each resample of them."""

_ROUNDING = 1e-9


@dataclass(frozen=True)
class GapClosed:
    """What a translation has done to a score.

    Attributes:
        sim: Score of what was trained on simulated images, or of these themselves.
        translated: The same for translated images.
        real: The same for real images.
        gained: ``translated - sim``.
        gap: ``real - sim``.
        share: ``gained / gap``: 0 = nothing, 1 = as good as real; below 0 worse than sim. None
            where it cannot be said.
        reason: Why ``share`` is None; '' where it is not.
    """

    sim: Value
    translated: Value
    real: Value
    gained: Value
    gap: Value
    share: Value | None
    reason: str = ''


def gap_closed(
    sim: float, translated: float, real: float, *, better: Better = 'neither', noise: float = 0.0
) -> float:
    """Compute the share of the gap between simulation and reality that a translation closes.

    ``(translated - sim) / (real - sim)``, which is the same for scores and for distances: for a
    distance such as KID, ``real`` is what real images have to other real images.

    Args:
        sim: Without translation.
        translated: With translation.
        real: What can be reached at best.
        better: Which way the score is good. Where real is not better than sim, there is no gap.
        noise: Differences of real and sim up to this one mean nothing.

    Returns:
        The share, not limited: below 0 where the translation harms, above 1 where it goes beyond
        real. NaN where there is no gap.
    """
    gap = real - sim
    sign = {'higher': 1, 'lower': -1, 'neither': math.copysign(1, gap)}[better]
    smallest = max(noise, _ROUNDING * max(abs(real), abs(sim)))
    if not math.isfinite(gap) or not math.isfinite(translated) or gap * sign <= smallest:
        return math.nan
    return (translated - sim) / gap


def gap_of_samples(
    sim: Samples, translated: Samples, real: Samples, count: int, *, better: Better = 'higher'
) -> GapClosed:
    """Compute the share closed and its interval from scores of the same resampled images.

    Percentile bootstrap of the ratio. The share is only said where the 95 % interval of
    ``real - sim`` lies on the good side of 0: else its denominator may as well be 0.

    Args:
        sim: The score of all images first, then of each resample; NaN where it is undefined.
        translated: Alike, of the same resamples.
        real: Alike, of the same resamples.
        count: Number of images.
        better: Which way the score is good.

    Raises:
        DataError: A score of all images is undefined.
    """
    if not np.isfinite([sim[0], translated[0], real[0]]).all():
        raise DataError(
            f'The scores are {sim[0]:g} (sim), {translated[0]:g} (translated) and {real[0]:g} '
            '(real); expected finite numbers.'
        )
    gap, gained = real - sim, translated - sim
    scores = [
        value_with_interval(float(each[0]), count, each[1:]) for each in (sim, translated, real)
    ]
    gain = value_with_interval(float(gained[0]), count, gained[1:])
    difference = value_with_interval(float(gap[0]), count, gap[1:])
    reason = _no_gap(difference, better)
    share = None
    if not reason:
        share = value_with_interval(
            gap_closed(float(sim[0]), float(translated[0]), float(real[0]), better=better),
            count,
            _ratios(gained[1:], gap[1:], float(gap[0])),
        )
    return GapClosed(scores[0], scores[1], scores[2], gain, difference, share, reason)


def gap_closed_interval(
    sim: Statistic,
    translated: Statistic,
    real: Statistic,
    count: int,
    *,
    better: Better = 'higher',
    seed: int = 0,
) -> GapClosed:
    """Compute the share closed with a paired bootstrap over the images that all three share.

    Args:
        sim: The score of the first for images with these indices; NaN where it is undefined.
            ``mean_of`` makes one of a number per image.
        translated: Of the second, for the same images.
        real: Of the third, for the same images.
        count: Number of images, at least 1.
        better: Which way the score is good.
        seed: Of the resampling.

    Raises:
        DataError: A score of all images is undefined.
    """
    drawn = resample_counts(count, seed=seed)
    frames = [np.arange(count), *(np.repeat(np.arange(count), row.astype(int)) for row in drawn)]
    samples = [
        np.array([score(each) for each in frames], np.float64) for score in (sim, translated, real)
    ]
    return gap_of_samples(samples[0], samples[1], samples[2], count, better=better)


def mean_of(values: npt.NDArray[np.float64]) -> Statistic:
    """Return the mean over images as a statistic; (N,) finite."""

    def mean(frames: npt.NDArray[np.intp]) -> float:
        return float(values[frames].mean())

    return mean


def _ratios(
    gained: npt.NDArray[np.float64], gap: npt.NDArray[np.float64], whole: float
) -> npt.NDArray[np.float64]:
    """Divide, where a resample has a gap in the direction of the whole; NaN elsewhere."""
    has_gap = gap * whole > 0
    ratios = np.full(len(gap), np.nan)
    return np.asarray(np.divide(gained, gap, out=ratios, where=has_gap))


def _no_gap(gap: Value, better: Better) -> str:
    """Say why there is no gap to close; '' where there is one."""
    if math.isnan(gap_closed(0.0, 0.0, gap.value, better=better)):
        return f'real is no better than sim (difference {gap.value:.3g})'
    if gap.count < 2:
        return 'one image says nothing about the noise'
    if gap.low is None or gap.high is None or gap.low <= 0 <= gap.high:
        shown = '' if gap.low is None else f', 95 % interval {gap.low:.3g}..{gap.high:.3g}'
        return f'the difference of real and sim is within noise ({gap.value:.3g}{shown})'
    return ''
