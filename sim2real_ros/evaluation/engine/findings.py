"""Findings: what is collected about one candidate while the frames go by."""

import math
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from sim2real_ros.evaluation.distribution.feature_statistics import FeatureStatistics
from sim2real_ros.evaluation.engine.failures import attempt
from sim2real_ros.evaluation.measure import Measure, Observation, Observations
from sim2real_ros.evaluation.quantity import Value
from sim2real_ros.evaluation.results import CandidateResults, Role

MAX_REASONS = 100
"""Different reasons that are told; those of files name the file, one for each frame."""

Looked = Sequence[Observation | None]
"""One observation for each measure; None where it had nothing to look at."""


class Findings:
    """Collects what measures see of one candidate, some hundred bytes for each frame.

    Args:
        name: Of the candidate.
        role: Of the candidate.
        description: Of the candidate.
        measures: In the order of the observations to come.
        statistics: Of the features, by key of their network.
    """

    def __init__(
        self,
        name: str,
        role: Role,
        description: str,
        measures: Sequence[Measure],
        statistics: Mapping[str, FeatureStatistics],
    ) -> None:
        """Start without frames."""
        self.name, self.role, self.description = name, role, description
        self.statistics = statistics
        self.frame_names: list[str] = []
        self.values: dict[str, Value] = {}
        self._measures = measures
        self._numbers: list[dict[str, array[float]]] = [{} for _ in measures]
        self._kept: list[list[npt.NDArray[np.generic]]] = [[] for _ in measures]
        self._problems: Counter[str] = Counter()
        self._notes: Counter[str] = Counter()
        self._judged = 0
        self._first_frame: dict[str, str] = {}

    def add(self, frame: str, looked: Looked | None) -> None:
        """Take what was seen in one frame; None where it has no translation."""
        before = len(self.frame_names)
        self.frame_names.append(frame)
        if looked is None:
            return
        self._judged += 1
        for numbers, kept, seen in zip(self._numbers, self._kept, looked, strict=True):
            if seen is None:
                continue
            for name, value in seen.values.items():
                column = numbers.setdefault(name, array('d'))
                column.extend([np.nan] * (before - len(column)))
                column.append(value if math.isfinite(value) else math.nan)
            if seen.kept is not None:
                kept.append(seen.kept)

    def add_problem(self, frame: str, reason: str) -> None:
        """Count a frame that was left out, and why; equal reasons are told once."""
        if reason not in self._problems and len(self._problems) >= MAX_REASONS:
            reason = 'other reasons'
        self._problems[reason] += 1
        self._first_frame.setdefault(reason, frame)

    def add_note(self, note: str) -> None:
        """Remember what was done to frames; equal notes are told once."""
        self._notes[note] += 1

    @property
    def judged(self) -> int:
        """Number of frames that were looked at."""
        return self._judged

    @property
    def notes(self) -> tuple[str, ...]:
        """What was done to frames, in sentences."""
        return tuple(f'{count} {note}' for note, count in self._notes.items())

    @property
    def problems(self) -> tuple[str, ...]:
        """What was left out, in sentences."""
        return tuple(
            f'{count} of the frames, first {self._first_frame[reason]!r}: {reason}'
            for reason, count in self._problems.most_common()
        )

    def results(self) -> CandidateResults:
        """Sum up over all frames."""
        values: dict[str, Value] = {}
        per_frame: dict[str, npt.NDArray[np.float64]] = {}
        failed = []
        for measure, numbers, kept in zip(self._measures, self._numbers, self._kept, strict=True):
            columns = {name: self._column(column) for name, column in numbers.items()}
            if columns or kept:
                seen = Observations(columns, kept)
                found, problem = attempt(type(measure).__name__, partial(measure.summarise, seen))
                values |= _finite(found or {})
                if problem:
                    failed.append(f'all frames together: {problem}')
            keys = [quantity.key for quantity in measure.quantities]
            per_frame |= {key: columns[key] for key in keys if key in columns}
        return CandidateResults(
            self.name,
            self.role,
            self.description,
            self._judged,
            {**values, **self.values},
            per_frame,
            tuple(self.frame_names),
            (*failed, *self.problems),
        )

    def _column(self, numbers: 'array[float]') -> npt.NDArray[np.float64]:
        column = np.full(len(self.frame_names), np.nan)
        column[: len(numbers)] = numbers
        return column


def _finite(values: Mapping[str, Value]) -> dict[str, Value]:
    """Leave out what is no number: a table and JSON can show none."""
    return {key: each for key, each in values.items() if math.isfinite(each.value)}
