"""Compare candidates: which is best, and which surely differs from the untranslated one."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sim2real_ros.evaluation.quantity import Quantity, Value
from sim2real_ros.evaluation.results import CandidateResults, EvaluationResults, QuantityGroup

Rank = Literal['best', 'close', '']
Verdict = Literal['better', 'worse', '']

# 95 % of a normal distribution lie within so many standard errors.
STANDARD_ERRORS = 1.96


@dataclass(frozen=True)
class Cell:
    """What one candidate has of one quantity.

    Attributes:
        value: None where it has none.
        rank: ``best`` for the best of the candidates; ``close`` where the interval overlaps that
            of the best, so that the numbers do not tell them apart. '' for all others, for sim
            and real, and where there is nothing to choose from.
        difference: From the untranslated frames; None where there is nothing to subtract.
        verdict: What the difference means; '' where the intervals overlap or are unknown.
    """

    value: Value | None
    rank: Rank = ''
    difference: float | None = None
    verdict: Verdict = ''


@dataclass(frozen=True)
class Row:
    """One quantity with a cell for every candidate, in their order."""

    quantity: Quantity
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Section:
    """The rows of one group; there is at least one."""

    group: QuantityGroup
    rows: tuple[Row, ...]


def compare(results: EvaluationResults) -> tuple[Section, ...]:
    """Line up the numbers of all candidates.

    Quantities that no candidate has a value of are left out, and groups without quantities.
    """
    sections = []
    for group in results.groups:
        rows = tuple(_row(quantity, results.candidates) for quantity in group.quantities)
        rows = tuple(row for row in rows if any(cell.value for cell in row.cells))
        if rows:
            sections.append(Section(group, rows))
    return tuple(sections)


def known_value(candidate: CandidateResults, key: str) -> Value | None:
    """Return a value that can be shown; None where there is none, or it is not finite."""
    value = candidate.values.get(key)
    return value if value is not None and math.isfinite(value.value) else None


def interval_of(value: Value) -> tuple[float, float] | None:
    """Return the 95 % interval: the measure's own, else the one of its standard error."""
    if value.low is not None and value.high is not None:
        ends = (value.low, value.high)
    elif value.std_error is not None:
        reach = STANDARD_ERRORS * value.std_error
        ends = (value.value - reach, value.value + reach)
    else:
        return None
    return ends if all(math.isfinite(end) for end in ends) else None


def _row(quantity: Quantity, candidates: Sequence[CandidateResults]) -> Row:
    values = [known_value(each, quantity.key) for each in candidates]
    contenders = {
        place: value
        for place, (each, value) in enumerate(zip(candidates, values, strict=True))
        if each.role == 'candidate' and value is not None
    }
    ranks = _ranks(quantity, contenders)
    sim = next((v for c, v in zip(candidates, values, strict=True) if c.role == 'sim'), None)
    if sim is not None and _perfect_by_construction(quantity, sim):
        sim = None
    cells = []
    for place, (candidate, value) in enumerate(zip(candidates, values, strict=True)):
        if value is None or sim is None or candidate.role != 'candidate':
            cells.append(Cell(value, ranks.get(place, '')))
            continue
        difference = value.value - sim.value
        cells.append(Cell(value, ranks.get(place, ''), difference, _verdict(quantity, value, sim)))
    return Row(quantity, tuple(cells))


def _ranks(quantity: Quantity, contenders: Mapping[int, Value]) -> dict[int, Rank]:
    numbers = [value.value for value in contenders.values()]
    if quantity.better == 'neither' or len(numbers) < 2 or min(numbers) == max(numbers):
        return {}
    best = max(numbers) if quantity.better == 'higher' else min(numbers)
    leaders = [value for value in contenders.values() if value.value == best]
    ranks: dict[int, Rank] = {}
    for place, value in contenders.items():
        if value.value == best:
            ranks[place] = 'best'
        elif any(_overlap(value, leader) for leader in leaders):
            ranks[place] = 'close'
    return ranks


def _verdict(quantity: Quantity, value: Value, sim: Value) -> Verdict:
    known = interval_of(value) is not None and interval_of(sim) is not None
    if quantity.better == 'neither' or not known or _overlap(value, sim):
        return ''
    return 'better' if (value.value > sim.value) == (quantity.better == 'higher') else 'worse'


def _overlap(one: Value, other: Value) -> bool:
    """Tell whether two intervals have a point in common; False where one is unknown."""
    first, second = interval_of(one), interval_of(other)
    if first is None or second is None:
        return False
    return first[0] <= second[1] and second[0] <= first[1]


def _perfect_by_construction(quantity: Quantity, sim: Value) -> bool:
    """Tell whether the untranslated frames were compared with themselves.

    They then have the best possible value in every frame, and any translation would look worse.
    """
    best = quantity.limits[1 if quantity.better == 'higher' else 0]
    if quantity.better == 'neither' or best is None:
        return False
    ends = interval_of(sim) or (sim.value, sim.value)
    return sim.value == best and ends == (best, best)
