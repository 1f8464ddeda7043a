"""ThresholdScores: does a robot's colour threshold find the pixels of the painted lines?"""

import re
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from sim2real_ros.errors import ImageError
from sim2real_ros.evaluation.bootstrap import bootstrap_statistic
from sim2real_ros.evaluation.colours.thresholds import ColourThresholds, to_hsv
from sim2real_ros.evaluation.frame import EvaluatedFrame, IdImage
from sim2real_ros.evaluation.measure import Measure, Need, Observation, Observations
from sim2real_ros.evaluation.quantity import Better, Quantity, Value

FloatArray = npt.NDArray[np.float64]

CUT_TOP_SHARE = 0.25
"""Share of the rows that is left out at the top: there is no road in them."""

_SCORES = {
    'f1': ('F1', 'harmonic mean of precision and recall; 1 is perfect, 0 is nothing right'),
    'precision': ('precision', 'share of the pixels taken for the colour that are labelled so'),
    'recall': ('recall', 'share of the labelled pixels that are taken for the colour'),
    'iou': ('IoU', 'intersection over union of the found and the labelled pixels'),
}


class _Kind(NamedTuple):
    """One score of one colour under some thresholds, and the names of its counts."""

    score: str
    key: str
    counts: tuple[str, str, str]


def key_suffixes(thresholds: Sequence[ColourThresholds]) -> list[str]:
    """Return what tells the keys of several thresholds apart, beginning with an underscore.

    It is the name in lower case without what all names begin with, up to an underscore:
    ``duckietown_real`` and ``duckietown_sim`` give ``_real`` and ``_sim``. A single one gives ''.
    """
    if len(thresholds) < 2:
        return [''] * len(thresholds)
    words = [re.sub(r'[^a-z0-9]+', '_', each.name.lower()).strip('_') for each in thresholds]
    parts = [each.split('_') for each in words]
    shared = 0
    while all(len(each) > shared + 1 for each in parts) and len({p[shared] for p in parts}) == 1:
        shared += 1
    names = ['_'.join(each[shared:]) for each in parts]
    if len(set(names)) < len(names) or '' in names:
        names = [f'{name}_{number}'.strip('_') for number, name in enumerate(names, 1)]
    return [f'_{name}' for name in names]


class ThresholdScores(Measure):
    """Compare the pixels that thresholds take for a colour with the masks.

    The value of a frame is that of its own pixels. The summary pools the pixels of all frames,
    so that frames with little paint do not count as much as those with a lot, and resamples
    frames for the interval.
    """

    needs: frozenset[Need] = frozenset({'mask'})

    def __init__(
        self, thresholds: Sequence[ColourThresholds], *, cut_top_share: float = CUT_TOP_SHARE
    ) -> None:
        """Choose the thresholds.

        Args:
            thresholds: One or more; images are converted to HSV once for all of them. Colours
                without ids of masks are left out.
            cut_top_share: Share of the rows to leave out at the top, from 0 to below 1.

        Raises:
            ValueError: ``cut_top_share`` is out of range.
        """
        if not 0 <= cut_top_share < 1:
            raise ValueError(f'cut_top_share must be from 0 to below 1, found {cut_top_share}')
        self._cut_top_share = cut_top_share
        self._thresholds = tuple(zip(thresholds, key_suffixes(thresholds), strict=True))
        self._colours = [
            (each, colour, f'{colour}{suffix}', _table(line.mask_ids))
            for each, suffix in self._thresholds
            for colour, line in each.colours.items()
            if line.mask_ids
        ]
        self._kinds: list[_Kind] = []
        quantities = []
        for each, colour, name, _ in self._colours:
            for score in _SCORES:
                self._kinds.append(_Kind(score, f'{score}_{name}', _count_names(name)))
                quantities.append(_quantity(score, f'{score}_{name}', colour, each.name))
        self.quantities = tuple(quantities)

    def of_frame(self, frame: EvaluatedFrame) -> Observation:
        """Count right and wrong pixels, and score them.

        Raises:
            ImageError: The mask is not of the size of the image.
        """
        mask = frame.sim.mask
        if mask is None:
            return Observation()
        if mask.shape != frame.translated.shape[:2]:
            raise ImageError(
                f'The mask of {frame.sim.name!r} has {mask.shape[1]}x{mask.shape[0]} pixels, its '
                f'image {frame.translated.shape[1]}x{frame.translated.shape[0]}: they must match.'
            )
        first_row = int(len(mask) * self._cut_top_share)
        hsv, mask = to_hsv(frame.translated[first_row:]), mask[first_row:]
        values: dict[str, float] = {}
        for thresholds, colour, name, table in self._colours:
            found = thresholds.pixels(hsv, colour).view(np.uint8)
            counts = _counted(found, np.asarray(cv2.LUT(mask, table), np.uint8))
            values.update(zip(_count_names(name), map(float, counts), strict=True))
        for kind in self._kinds:
            score = _score(kind.score, *(values[each] for each in kind.counts))
            if not np.isnan(score):
                values[kind.key] = score
        return Observation(values)

    def summarise(self, seen: Observations) -> dict[str, Value]:
        """Score the pixels of all frames together."""
        summary = {}
        for kind in self._kinds:
            counts = np.stack([seen.defined(each) for each in kind.counts])
            if not counts.size:
                continue
            value = _pooled(kind.score, counts)
            if not np.isnan(value.value):
                summary[kind.key] = value
        return summary


def _pooled(score: str, counts: FloatArray) -> Value:
    """Score counts (3, frames) of all frames together, with an interval over frames."""
    return bootstrap_statistic(
        lambda frames: _score(score, *counts[:, frames].sum(axis=1)), counts.shape[1]
    )


def _count_names(name: str) -> tuple[str, str, str]:
    return f'tp_{name}', f'fp_{name}', f'fn_{name}'


def _table(mask_ids: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """Return a table that turns ids into 1 and everything else into 0."""
    return np.isin(np.arange(256), mask_ids).astype(np.uint8)


def _counted(found: IdImage, labelled: IdImage) -> tuple[int, int, int]:
    """Count true positives, false positives and false negatives of two images of 0 and 1."""
    right = cv2.countNonZero(found & labelled)
    return right, cv2.countNonZero(found) - right, cv2.countNonZero(labelled) - right


def _score(score: str, tp: float, fp: float, fn: float) -> float:
    """Return a score of counted pixels; NaN where it says nothing."""
    above, below = {
        'f1': (2 * tp, 2 * tp + fp + fn),
        'precision': (tp, tp + fp),
        'recall': (tp, tp + fn),
        'iou': (tp, tp + fp + fn),
    }[score]
    return float(above / below) if below else float('nan')


def _quantity(score: str, key: str, colour: str, thresholds: str) -> Quantity:
    title, meaning = _SCORES[score]
    better: Better = 'higher'
    return Quantity(
        key,
        f'{colour.capitalize()} pixels, {title} ({thresholds})',
        better,
        f'The pixels that {thresholds!r} takes for {colour}, compared with the labelled ones: '
        f'{meaning}. Pixels of all frames are pooled.',
        limits=(0.0, 1.0),
    )
