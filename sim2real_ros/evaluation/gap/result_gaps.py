"""The share of the gap closed for every quantity that sim, candidate and real have."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from sim2real_ros.evaluation.bootstrap import RESAMPLES
from sim2real_ros.evaluation.gap.closing import gap_closed, gap_of_samples
from sim2real_ros.evaluation.gap.resampling import resampled_means
from sim2real_ros.evaluation.quantity import Quantity, Value
from sim2real_ros.evaluation.results import (
    CandidateResults,
    EvaluationResults,
    QuantityGroup,
    Role,
)

PREFIX = 'gap_closed_'

_NORMAL_95 = 1.959964
"""Half of a 95 % interval in standard errors."""

_PAIRED_SEED, _REAL_SEED, _NORMAL_SEED = 0, 1, 2

Samples = npt.NDArray[np.float64]


def with_gap_group(results: EvaluationResults) -> EvaluationResults:
    """Return results with a last group: the gaps closed; the same results where there is none."""
    values = gap_values(results)
    if not any(values.values()):
        return results
    candidates = tuple(
        replace(each, values={**each.values, **values.get(each.name, {})})
        for each in results.candidates
    )
    return replace(results, candidates=candidates, groups=(*results.groups, gap_group(results)))


def gap_group(results: EvaluationResults) -> QuantityGroup:
    """Return the quantities that belong to ``gap_values``, in the order of the results."""
    found = {key for values in gap_values(results).values() for key in values}
    quantities = [gap_quantity(each) for each in _quantities(results)]
    return QuantityGroup(
        'gap',
        'How much of the gap is closed?',
        'For each number that simulated, translated and real frames have: the share of the '
        'difference between simulated and real that the translation takes away. It says nothing '
        'about numbers in which the two do not differ measurably; these are left out.',
        tuple(each for each in quantities if each.key in found),
    )


def gap_quantity(quantity: Quantity) -> Quantity:
    """Describe the share of the gap closed in a quantity."""
    return Quantity(
        f'{PREFIX}{quantity.key}',
        f'Gap closed: {quantity.title}',
        'neither' if quantity.better == 'neither' else 'higher',
        f'Share of the difference between simulated and real frames in "{quantity.title}" that '
        'the translation takes away: 0 = none, 1 = like real frames, below 0 = farther away than '
        'without translation, above 1 = beyond real frames.',
        source='(candidate - sim) / (real - sim)',
        decimals=2,
    )


def gap_values(results: EvaluationResults) -> dict[str, dict[str, Value]]:
    """Compute the share of the gap closed by every candidate in every quantity.

    Intervals: where a number is the mean of its frames, these are resampled, sim and candidate
    in pairs, real frames independently. Else the numbers are drawn from normal distributions of
    their standard errors (or of the width of their intervals), independently of each other; sim
    and candidate are compared with the same real images, so that this interval is rather too
    wide. A number without either counts as exact.

    Args:
        results: With one column of the role sim and one of the role real; else nothing is found.

    Returns:
        By name of the candidate and key ``gap_closed_KEY``. Quantities are left out where real is
        no better than sim, or within noise of it.
    """
    sim, real = _first(results, 'sim'), _first(results, 'real')
    candidates = [each for each in results.candidates if each.role == 'candidate']
    if sim is None or real is None:
        return {each.name: {} for each in candidates}
    keys = [each.key for each in _quantities(results)]
    columns = {
        each.name: _column_samples(each, keys, seed)
        for each, seed in ((sim, _PAIRED_SEED), (real, _REAL_SEED))
    }
    found: dict[str, dict[str, Value]] = {}
    for candidate in candidates:
        own = _column_samples(candidate, keys, _PAIRED_SEED)
        found[candidate.name] = {}
        for quantity in _quantities(results):
            triple = [
                samples.get(quantity.key)
                for samples in (columns[sim.name], own, columns[real.name])
            ]
            count = _count(quantity.key, sim, candidate, real)
            value = _share(triple, count, quantity)
            if value is not None:
                found[candidate.name][f'{PREFIX}{quantity.key}'] = value
    return found


def _share(triple: list[Samples | None], count: int, quantity: Quantity) -> Value | None:
    known = [each for each in triple if each is not None]
    if len(known) < 3:
        return None
    if all(np.ptp(each) == 0 for each in known):  # nothing is known of their noise
        share = gap_closed(*(float(each[0]) for each in known), better=quantity.better)
        return None if np.isnan(share) else Value(share, count)
    sim, translated, real = known
    return gap_of_samples(sim, translated, real, count, better=quantity.better).share


def _column_samples(column: CandidateResults, keys: list[str], seed: int) -> Mapping[str, Samples]:
    """Return the value and what it may have been, (1 + RESAMPLES,) by key."""
    values = {key: column.values[key] for key in keys if key in column.values}
    means = [key for key, value in values.items() if _is_mean(column.per_frame.get(key), value)]
    samples = {}
    if means:
        drawn = resampled_means(np.column_stack([column.per_frame[key] for key in means]),
                                seed=seed)  # fmt: skip
        samples = dict(zip(means, drawn.T, strict=True))
    for index, (key, value) in enumerate(values.items()):
        if key not in samples:
            # Each column and quantity is drawn for itself.
            random = np.random.default_rng([_NORMAL_SEED, index, *column.name.encode()])
            samples[key] = random.normal(value.value, _std_error(value), RESAMPLES)
    return {key: np.concatenate(([values[key].value], each)) for key, each in samples.items()}


def _is_mean(frames: npt.NDArray[np.float64] | None, value: Value) -> bool:
    if frames is None:
        return False
    defined = frames[np.isfinite(frames)]
    return len(defined) > 1 and bool(np.isclose(defined.mean(), value.value, rtol=1e-6))


def _std_error(value: Value) -> float:
    if value.std_error is not None:
        return value.std_error
    if value.low is not None and value.high is not None:
        return max(0.0, value.high - value.low) / (2 * _NORMAL_95)
    return 0.0


def _count(key: str, *columns: CandidateResults) -> int:
    return min((each.values[key].count for each in columns if key in each.values), default=0)


def _first(results: EvaluationResults, role: Role) -> CandidateResults | None:
    return next((each for each in results.candidates if each.role == role), None)


def _quantities(results: EvaluationResults) -> list[Quantity]:
    return [quantity for group in results.groups for quantity in group.quantities]
