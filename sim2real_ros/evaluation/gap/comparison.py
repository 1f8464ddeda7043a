"""Comparison: three perceptions, made with sim, translated and real images, on the same test."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sim2real_ros.evaluation.gap.closing import GapClosed
from sim2real_ros.evaluation.quantity import Value

FEW_IMAGES = 30
"""Below it a percentile interval is known to be too narrow."""


@dataclass(frozen=True)
class ComparedScore:
    """One score of the three.

    Attributes:
        key: For files: ``map50``.
        title: For people: ``mAP50``.
        gap: The values, their differences and the share of the gap that is closed.
        is_main: Whether it deserves a sentence; others are rows of the table.
        unit: For people; '' for shares.
    """

    key: str
    title: str
    gap: GapClosed
    is_main: bool = True
    unit: str = ''

    def sentence(self) -> str:
        """Say in words how much of the gap is closed."""
        share = self.gap.share
        if share is None:
            return f'{self.title}: cannot be said: {self.gap.reason}.'
        text = f'{self.title}: translation closed {percent(share)} of the gap.'
        if share.low is None or share.high is None:
            return text
        if share.high < 0:
            return f'{text} It made things worse.'
        if share.low <= 0:
            return f'{text} The interval contains 0: it may have closed nothing.'
        return text


@dataclass(frozen=True)
class Comparison:
    """What was found.

    Attributes:
        title: For people.
        test: What was tested on.
        images: Number of images that count.
        scores: The main ones first.
        compared: What was compared, by ``sim``, ``translated`` and ``real``.
        notes: What must be known to judge the numbers.
        left_out: Images that could not be used, with the reasons.
    """

    title: str
    test: str
    images: int
    scores: tuple[ComparedScore, ...]
    compared: Mapping[str, Mapping[str, Any]]
    notes: tuple[str, ...] = ()
    left_out: tuple[str, ...] = field(default=())

    @property
    def is_complete(self) -> bool:
        """Whether all images were used."""
        return not self.left_out

    def sentences(self) -> list[str]:
        """Return the answer in words, a line for each main score."""
        return [score.sentence() for score in self.scores if score.is_main]

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {
            'title': self.title,
            'test': self.test,
            'images': self.images,
            'compared': {name: dict(each) for name, each in self.compared.items()},
            'answers': self.sentences(),
            'scores': {score.key: _score_json(score) for score in self.scores},
            'notes': list(self.notes),
            'left_out': list(self.left_out),
        }


def percent(value: Value) -> str:
    """Write a share as ``62 % (41..80 %)``; without brackets where there is no interval."""
    if value.low is None or value.high is None:
        return f'{100 * value.value:.0f} %'
    return f'{100 * value.value:.0f} % ({100 * value.low:.0f}..{100 * value.high:.0f} %)'


def notes_about_images(images: int) -> tuple[str, ...]:
    """Say what holds for every comparison of so many images."""
    notes = [
        'Intervals: 95 %, percentile bootstrap over the images, the same resamples for all three. '
        'Images of one drive are alike, so that the true intervals are wider.',
        'They do not hold the chance in the training: for that, train each several times with '
        'other seeds and compare again.',
    ]
    if images < FEW_IMAGES:
        notes.insert(0, f'Only {images} images: the intervals are too narrow, take more.')
    return tuple(notes)


def _score_json(score: ComparedScore) -> dict[str, Any]:
    values = dataclasses.asdict(score.gap)
    found: dict[str, Any] = {'title': score.title}
    for name in ('sim', 'translated', 'real', 'gained', 'gap', 'share'):
        value = values[name]
        kept = value and {key: each for key, each in value.items() if each is not None}
        found[{'gained': 'translated_minus_sim', 'gap': 'real_minus_sim',
               'share': 'share_of_gap_closed'}.get(name, name)] = kept  # fmt: skip
    if score.gap.reason:
        found['reason'] = score.gap.reason
    return found
