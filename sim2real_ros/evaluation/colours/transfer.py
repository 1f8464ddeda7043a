"""TransferMatrix: how well thresholds of one domain find the colours of another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan

import numpy as np
import numpy.typing as npt

from sim2real_ros.evaluation.bootstrap import bootstrap_statistic
from sim2real_ros.evaluation.colours.box_search import f_score
from sim2real_ros.evaluation.colours.thresholds import ColourThresholds, to_hsv
from sim2real_ros.evaluation.frame import IdImage, RgbImage
from sim2real_ros.evaluation.quantity import Value

PixelCounts = npt.NDArray[np.int64]
"""(frames, 3): hits, predicted, positive pixels."""


class TransferCounts:
    """Counts of pixels in the held-out frames of one domain, for several thresholds."""

    def __init__(self, thresholds: Sequence[ColourThresholds], colours: ColourThresholds) -> None:
        """Begin to count.

        Args:
            thresholds: Whose predictions are counted; colours go by their names.
            colours: Which colours there are, and their mask ids.
        """
        self._thresholds, self._colours = thresholds, colours
        self._counts: dict[tuple[str, str], list[tuple[int, int, int]]] = {
            (each.name, colour): []
            for each in thresholds
            for colour in colours.colours
            if colour in each.colours
        }

    def add(self, image: RgbImage, mask: IdImage) -> None:
        """Count the pixels of one frame.

        Args:
            image: uint8 RGB (H, W, 3).
            mask: uint8 (H, W) ids.
        """
        hsv = to_hsv(image)
        for colour in self._colours.colours:
            truth = self._colours.labelled(mask, colour)
            positives = int(truth.sum())
            for each in self._thresholds:
                if colour in each.colours:
                    found = each.pixels(hsv, colour)
                    hits = int((found & truth).sum())
                    self._counts[each.name, colour].append((hits, int(found.sum()), positives))

    def counts(self, thresholds: str, colour: str) -> PixelCounts | None:
        """Return the counts of one name of thresholds; None where they lack the colour."""
        found = self._counts.get((thresholds, colour))
        return None if found is None else np.array(found, np.int64).reshape(-1, 3)


@dataclass(frozen=True)
class Cell:
    """What thresholds reach in a domain for a colour.

    Attributes:
        score: F-beta over the pixels of all held-out frames.
        ratio: ``score`` over that of the thresholds fitted on the domain itself; None where
            none were.
    """

    score: Value
    ratio: Value | None = None


@dataclass(frozen=True)
class TransferMatrix:
    """All that was found.

    Attributes:
        thresholds: Names of the rows.
        domains: Names of the columns.
        colours: Names of the colours.
        beta: Of F-beta.
        cells: By (thresholds, domain, colour); missing where a colour does not occur.
        means: By (thresholds, domain): over the colours that occur there.
    """

    thresholds: tuple[str, ...]
    domains: tuple[str, ...]
    colours: tuple[str, ...]
    beta: float = 1.0
    cells: Mapping[tuple[str, str, str], Cell] = field(default_factory=dict)
    means: Mapping[tuple[str, str], Cell] = field(default_factory=dict)

    @property
    def score_name(self) -> str:
        """``F1``, or ``F2`` and so on."""
        return f'F{self.beta:g}'

    def cell(self, thresholds: str, domain: str, colour: str | None) -> Cell | None:
        """Return a cell; that of the mean where the colour is None."""
        if colour is None:
            return self.means.get((thresholds, domain))
        return self.cells.get((thresholds, domain, colour))


def transfer_matrix(
    counts: Mapping[str, TransferCounts],
    thresholds: Sequence[str],
    colours: Sequence[str],
    beta: float = 1.0,
) -> TransferMatrix:
    """Compute scores and ratios with their 95 % intervals over resampled frames.

    Args:
        counts: By domain. Thresholds of a domain's name are those fitted on it.
        thresholds: Names of all thresholds.
        colours: Names of all colours.
        beta: Of F-beta.
    """
    cells, means = {}, {}
    for domain, counted in counts.items():
        found = {c: counted.counts(domain, c) for c in colours}
        own = {c: each for c, each in found.items() if each is not None}
        present = [c for c in colours if _occurs(counted, thresholds, c)]
        for row in thresholds:
            mine = {c: counted.counts(row, c) for c in present}
            known = {c: each for c, each in mine.items() if each is not None}
            for colour, each in known.items():
                reference = [own[colour]] if colour in own else None
                cell = _cell([each], reference, beta)
                if cell:
                    cells[row, domain, colour] = cell
            if present and len(known) == len(present):
                all_own = [own[c] for c in present if c in own]
                reference = all_own if len(all_own) == len(present) else None
                cell = _cell(list(known.values()), reference, beta)
                if cell:
                    means[row, domain] = cell
    return TransferMatrix(tuple(thresholds), tuple(counts), tuple(colours), beta, cells, means)


def _occurs(counted: TransferCounts, thresholds: Sequence[str], colour: str) -> bool:
    found = (counted.counts(row, colour) for row in thresholds)
    return any(each is not None and each[:, 2].any() for each in found)


def _cell(
    counts: Sequence[PixelCounts], own: Sequence[PixelCounts] | None, beta: float
) -> Cell | None:
    """Compute the mean over colours; None where it is undefined."""
    mine = np.stack(counts, 1)
    frames = len(mine)
    score = bootstrap_statistic(lambda chosen: _mean_score(mine[chosen], beta), frames)
    if isnan(score.value):
        return None
    if own is None:
        return Cell(score)
    best = np.stack(own, 1)

    def ratio(chosen: npt.NDArray[np.intp]) -> float:
        reference = _mean_score(best[chosen], beta)
        return _mean_score(mine[chosen], beta) / reference if reference > 0 else float('nan')

    if np.array_equal(mine, best) and score.value > 0:
        return Cell(score, Value(1.0, frames))
    value = bootstrap_statistic(ratio, frames)
    return Cell(score, None if isnan(value.value) else value)


def _mean_score(counts: PixelCounts, beta: float) -> float:
    """Return the mean over colours of F-beta over frames, from (frames, colours, 3).

    A resample that lacks a colour says nothing about it: its mean is NaN, and it is left out.
    """
    sums = counts.sum(0).tolist()
    return sum(f_score(hits, found, n, beta) for hits, found, n in sums) / len(sums)
