"""The share of the gap closed for every quantity that sim, candidate and real have."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from sim2real_ros.evaluation.bootstrap import RESAMPLES, interval, resampled_means
from sim2real_ros.evaluation.gap.closing import gap_of_samples
from sim2real_ros.evaluation.quantity import Quantity, Value
from sim2real_ros.evaluation.results import (
    CandidateResults,
    EvaluationResults,
    QuantityGroup,
    Role,
)

PREFIX = 'gap_closed_'

GROUPS_WITH_A_GAP = ('distribution', 'perception')

_GROUPS_BEFORE = ('distribution', 'perception')

_NORMAL_95 = 1.959964
"""Half of a 95 % interval in standard errors."""

_PAIRED_SEED, _REAL_SEED, _NORMAL_SEED = 0, 1, 2

Samples = npt.NDArray[np.float64]


def with_gap_group(results: EvaluationResults) -> EvaluationResults:
    """Return results with a further group; the same results where no gap was measured.

    The group stands behind the last one that says how real images look, or what perception sees.
    """
    values = gap_values(results)
    if not any(values.values()):
        return results
    candidates = tuple(
        replace(each, values={**each.values, **values.get(each.name, {})})
        for each in results.candidates
    )
    groups = list(results.groups)
    before = [place for place, each in enumerate(groups) if each.key in _GROUPS_BEFORE]
    groups.insert(max(before, default=len(groups) - 1) + 1, _group(results, values))
    return replace(results, candidates=candidates, groups=tuple(groups))


def gap_group(results: EvaluationResults) -> QuantityGroup:
    """Return the quantities that belong to ``gap_values``, in the order of the results."""
    return _group(results, gap_values(results))


def _group(results: EvaluationResults, values: Mapping[str, Mapping[str, Value]]) -> QuantityGroup:
    found = {key for each in values.values() for key in each}
    quantities = [gap_quantity(each) for each in _quantities(results)]
    return QuantityGroup(
        'gap',
        'How much of the gap is closed?',
        'For each number that simulated, translated and real frames have: the share of the '
        'difference between simulated and real that the translation takes away. Left out are '
        'numbers in which the two do not differ measurably, and those whose error is unknown.',
        tuple(each for each in quantities if each.key in found),
    )


def gap_quantity(quantity: Quantity) -> Quantity:
    """Describe the share of the gap closed in a quantity."""
    has_good_side = quantity.better != 'neither'
    beyond = (
        'above 1 = better than real frames.'
        if has_good_side
        else 'it cannot be more than 1, for going beyond real frames leads away from them again.'
    )
    return Quantity(
        f'{PREFIX}{quantity.key}',
        f'Gap closed: {quantity.title}',
        'higher',
        f'Share of the difference between simulated and real frames in "{quantity.title}" that '
        'the translation takes away: 0 = none, 1 = like real frames, below 0 = farther away than '
        f'without translation; {beyond}',
        limits=(None, None if has_good_side else 1.0),
        source='(candidate - sim) / (real - sim)'
        if has_good_side
        else '1 - |candidate - real| / |sim - real|',
        decimals=2,
        is_detail=quantity.is_detail,
    )


def gap_values(results: EvaluationResults) -> dict[str, dict[str, Value]]:
    """Compute the share of the gap closed by every candidate in every quantity.

    Intervals: where a number is the mean of its frames, these are resampled, sim and candidate
    in pairs, real frames independently. Else the numbers are drawn from normal distributions of
    their standard errors (or of the width of their intervals), independently of each other; sim
    and candidate are compared with the same real images, so that this interval is rather too
    wide. Nothing is said where the noise of one of the three is unknown. That holds for Fréchet
    distances, too, which moreover depend on the numbers of images.

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
    sim, translated, real = known
    if quantity.better == 'neither':
        # As near to real as sim is, is 0; beyond real is as far away as short of it.
        sim, translated, real = -np.abs(sim - real), -np.abs(translated - real), 0 * real
        if _is_noise(known[0] - known[2]):
            return None
        return gap_of_samples(sim, translated, real, count, better='higher').share
    return gap_of_samples(sim, translated, real, count, better=quantity.better).share


def _is_noise(differences: Samples) -> bool:
    """Tell whether a difference, and what it was in samples, may as well be 0."""
    ends = interval(differences[1:])
    return ends is None or ends[0] <= 0 <= ends[1]


def _column_samples(column: CandidateResults, keys: list[str], seed: int) -> Mapping[str, Samples]:
    """Return the value and what it may have been, (1 + RESAMPLES,) by key, where that is known."""
    values = {key: column.values[key] for key in keys if key in column.values}
    means = [key for key, value in values.items() if _is_mean(column.per_frame.get(key), value)]
    values = {key: each for key, each in values.items() if key in means or _has_noise(each)}
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
    assert value.low is not None
    assert value.high is not None
    return max(0.0, value.high - value.low) / (2 * _NORMAL_95)


def _has_noise(value: Value) -> bool:
    return value.std_error is not None or (value.low is not None and value.high is not None)


def _count(key: str, *columns: CandidateResults) -> int:
    return min((each.values[key].count for each in columns if key in each.values), default=0)


def _first(results: EvaluationResults, role: Role) -> CandidateResults | None:
    return next((each for each in results.candidates if each.role == role), None)


def _quantities(results: EvaluationResults) -> list[Quantity]:
    """Choose those whose gap means something: defects and motion have none to real frames."""
    groups = [group for group in results.groups if group.key in GROUPS_WITH_A_GAP]
    return [quantity for group in groups for quantity in group.quantities]
