"""EvaluationResults: everything an evaluation found, as it is written and shown."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from sim2real_ros.evaluation.frame import RgbImage
from sim2real_ros.evaluation.quantity import Quantity, Value

Role = Literal['sim', 'candidate', 'real']


@dataclass(frozen=True)
class QuantityGroup:
    """Quantities that answer one question.

    Attributes:
        key: For anchors and files: ``distribution``, ``structure``.
        title: For people: ``Does it look real?``.
        description: One or two sentences for people.
        quantities: In the order to show them.
    """

    key: str
    title: str
    description: str
    quantities: tuple[Quantity, ...]


@dataclass(frozen=True, eq=False)
class CandidateResults:
    """What was found about one column of the table.

    Attributes:
        name: Unique.
        role: ``sim`` for the untranslated frames, ``real`` for the real ones, else ``candidate``.
        description: What it is: the model's card in a line, or the folder.
        frames: Number of frames that were judged.
        values: By key of the quantities.
        per_frame: float64 (frames of the evaluation,) by key, NaN where there is no value. Real
            frames have their own number of rows.
        frame_names: One for each row of ``per_frame``.
        problems: What was left out or failed, in sentences.
    """

    name: str
    role: Role
    description: str
    frames: int
    values: Mapping[str, Value]
    per_frame: Mapping[str, npt.NDArray[np.float64]] = field(default_factory=dict)
    frame_names: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class PictureRow:
    """Pictures to look at side by side.

    Attributes:
        caption: Why this frame is shown: ``drive/000120.png: lowest edge F1 of 'cut'``.
        pictures: By name of the candidate, RGB uint8, small; real frames are other scenes.
    """

    caption: str
    pictures: Mapping[str, RgbImage]


@dataclass(frozen=True, eq=False)
class EvaluationResults:
    """All that was found.

    Attributes:
        title: Of the report.
        groups: What was measured; quantities that no candidate has a value of are left out.
        candidates: The columns: sim first, then the candidates, then real.
        protocol: What must be known to compare the numbers with others: feature network, resize,
            numbers of images, seeds, versions; by name, in order.
        warnings: What makes numbers doubtful: too few images, masks that do not fit.
        pictures: Rows of pictures, the most telling ones first.
    """

    title: str
    groups: tuple[QuantityGroup, ...]
    candidates: tuple[CandidateResults, ...]
    protocol: Mapping[str, str]
    warnings: tuple[str, ...] = ()
    pictures: tuple[PictureRow, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the numbers as JSON values; pictures and values of single frames are left out."""
        return {
            'title': self.title,
            'protocol': dict(self.protocol),
            'warnings': list(self.warnings),
            'groups': [dataclasses.asdict(group) for group in self.groups],
            'candidates': [_candidate_json(each) for each in self.candidates],
        }


def known_groups(
    groups: Iterable[QuantityGroup], candidates: Sequence[CandidateResults]
) -> tuple[QuantityGroup, ...]:
    """Leave out the quantities that no candidate has a value of, and groups without any."""
    known = {key for each in candidates for key in each.values}
    reduced = (
        dataclasses.replace(
            group, quantities=tuple(each for each in group.quantities if each.key in known)
        )
        for group in groups
    )
    return tuple(group for group in reduced if group.quantities)


def _candidate_json(candidate: CandidateResults) -> dict[str, Any]:
    return {
        'name': candidate.name,
        'role': candidate.role,
        'description': candidate.description,
        'frames': candidate.frames,
        'values': {key: _value_json(value) for key, value in candidate.values.items()},
        'problems': list(candidate.problems),
    }


def _value_json(value: Value) -> dict[str, float]:
    return {name: each for name, each in dataclasses.asdict(value).items() if each is not None}
