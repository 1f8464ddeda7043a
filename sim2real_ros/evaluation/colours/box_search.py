"""The box in HSV that separates a colour best: found by exact search, not by steps from a guess.

F-beta is a ratio of two sums over pixels, so Dinkelbach's method (On nonlinear fractional
programming, Management Science 13, 1967) applies: the box of the best ratio is the box of the
largest sum for weights that follow from the ratio reached so far. For given intervals of
saturation and value, the arc of hues with the largest sum takes one pass over the circle (Kadane's
algorithm, and its complement for arcs over hue 0). So all boxes can be compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sim2real_ros.evaluation.colours.histogram import Counts

Interval = tuple[int, int]
"""First and last bin; both are inside."""

BINS = (8, 16, 32, 64)
"""Bins of saturation and value at which all boxes are compared, one after the other: a good box
of a coarse grid rules most boxes of the next one out."""

TOLERANCE = 0.002
"""A limit that brings less F-beta than this fits the frames at hand, not the colour: thresholds
with it would fail where the light is a little different."""

MOST_HUE_MARGIN_BINS = 5
"""How far an arc of hues may reach into hues that do not occur; 5 bins are 10 degrees."""


@dataclass(frozen=True)
class HsvBox:
    """A box of histogram bins; its hues are an arc of a circle.

    Attributes:
        hue_first: First hue bin; the arc goes on upwards, over the end to 0.
        hue_count: Number of hue bins, at least 1.
        saturation: Bins of saturation.
        value: Bins of value.
    """

    hue_first: int
    hue_count: int
    saturation: Interval
    value: Interval

    def hues(self, bins: int) -> npt.NDArray[np.intp]:
        """Return the hue bins of the arc, on a circle of so many."""
        return (self.hue_first + np.arange(self.hue_count)) % bins

    def sum_of(self, counts: Counts) -> int:
        """Add up the counts (hue, saturation, value) inside."""
        (s_low, s_high), (v_low, v_high) = self.saturation, self.value
        inside = counts[self.hues(len(counts)), s_low : s_high + 1, v_low : v_high + 1]
        return int(inside.sum())


def f_score(hits: float, predicted: float, positives: float, beta: float = 1.0) -> float:
    """Compute F-beta from numbers of pixels.

    van Rijsbergen, Information Retrieval, 1979: recall counts ``beta`` times as much as precision.

    Args:
        hits: Pixels that were predicted and are positive.
        predicted: Pixels that were predicted.
        positives: Pixels that are positive.
        beta: Above 0.

    Returns:
        0 to 1; NaN where nothing is positive.
    """
    if positives <= 0:
        return float('nan')
    return (1 + beta**2) * hits / (beta**2 * positives + predicted)


def fit_box(
    positives: Counts, total: Counts, beta: float = 1.0, tolerance: float = TOLERANCE
) -> tuple[HsvBox, float]:
    """Find the box with the best F-beta.

    No box with edges on the bins of the histogram is better by more than ``tolerance``, up to 64
    bins for saturation and value.

    Args:
        positives: int64 (hues, saturations, values): pixels of the colour.
        total: The same of all pixels.
        beta: Above 0; above 1 prefers recall.
        tolerance: Limits that bring less than this are dropped.

    Returns:
        The box and its F-beta on these counts.

    Raises:
        ValueError: There are no positives.
    """
    if not positives.any():
        raise ValueError('no pixel has the colour, so that no box can be fitted')
    sides = positives.shape[1], positives.shape[2]
    fine = _Search(positives, total, beta)
    box = HsvBox(0, len(positives), (0, sides[0] - 1), (0, sides[1] - 1))
    for bins in BINS:
        steps = -(-sides[0] // bins), -(-sides[1] // bins)
        search = _Search(_pooled(positives, steps), _pooled(total, steps), beta)
        found = search.better(fine.score(box))
        box = box if found is None else _unpooled(found, steps, sides)
    box = _centred(fine.simplified(box, fine.score(box) - tolerance), total)
    return box, fine.score(box)


def best_box(
    weights: npt.NDArray[np.float64],
    saturations: Sequence[Interval],
    values: Sequence[Interval],
    floor: float = -np.inf,
) -> HsvBox | None:
    """Find the box with the largest sum of weights, over all arcs of hues.

    Args:
        weights: (hues, saturations, values).
        saturations: Intervals to choose from.
        values: The same of values.
        floor: Look only for sums above it, which is faster.

    Returns:
        The box, None where no sum lies above ``floor``.
    """
    sums, gains = _cumulated(weights), _cumulated(np.maximum(weights, 0).sum(0)[np.newaxis])[0]
    lows = np.array([low for low, _ in values])
    highs = np.array([high + 1 for _, high in values])
    best, chosen = floor, None
    # No arc has more than all positive weights; those that can have most come first.
    bounds = [gains[high + 1, -1] - gains[low, -1] for low, high in saturations]
    for number in np.argsort(bounds)[::-1]:
        if bounds[number] <= best:
            break
        low, high = saturations[number]
        row = gains[high + 1] - gains[low]
        promising = np.flatnonzero(row[highs] - row[lows] > best)
        if not len(promising):
            continue
        slab = sums[:, high + 1] - sums[:, low]
        found = _best_arc_sums(slab[:, highs[promising]] - slab[:, lows[promising]])
        index = int(found.argmax())
        if found[index] > best:
            best, chosen = float(found[index]), ((low, high), values[promising[index]])
    if chosen is None:
        return None
    (low, high), value = chosen
    line = weights[:, low : high + 1, value[0] : value[1] + 1].sum((1, 2))
    return HsvBox(*_best_arc(line), (low, high), value)


def _cumulated(weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Add up along saturation and value, beginning with zeros."""
    hues, rows, columns = weights.shape
    sums = np.zeros((hues, rows + 1, columns + 1))
    sums[:, 1:, 1:] = weights.cumsum(1).cumsum(2)
    return sums


class _Search:
    """Looks for boxes of a better F-beta in one pair of histograms."""

    def __init__(self, positives: Counts, total: Counts, beta: float) -> None:
        self._positives, self._total, self._beta = positives, total, beta
        self._count = int(positives.sum())
        self._saturations, self._values = intervals(total.shape[1]), intervals(total.shape[2])

    def score(self, box: HsvBox) -> float:
        hits, predicted = box.sum_of(self._positives), box.sum_of(self._total)
        return f_score(hits, predicted, self._count, self._beta)

    def better(self, score: float) -> HsvBox | None:
        """Return the best of all boxes; None where none is better than the score."""
        box = None
        while True:
            weights = (1 + self._beta**2) * self._positives - score * self._total
            # A box is better than the score just where its weights come to more than this.
            floor = score * self._beta**2 * self._count
            found = best_box(weights, self._saturations, self._values, floor)
            reached = score if found is None else self.score(found)
            if reached <= score:
                return box
            box, score = found, reached

    def simplified(self, box: HsvBox, floor: float) -> HsvBox:
        """Drop limits, the least useful first, while the score is at least ``floor``."""
        hues, rows, columns = self._total.shape
        while True:
            (s_low, s_high), (v_low, v_high) = box.saturation, box.value
            wider = [
                replace(box, hue_first=0, hue_count=hues),
                replace(box, saturation=(0, s_high)),
                replace(box, saturation=(s_low, rows - 1)),
                replace(box, value=(0, v_high)),
                replace(box, value=(v_low, columns - 1)),
            ]
            wider = [each for each in wider if each != box]
            best = max(wider, key=self.score, default=box)
            if best == box or self.score(best) < floor:
                return box
            box = best


def intervals(bins: int) -> list[Interval]:
    """List all intervals of a number of bins."""
    return [(low, high) for low in range(bins) for high in range(low, bins)]


def _best_arc_sums(lines: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the largest sum of an arc in each column of (hues, N); arcs may pass hue 0."""
    sums = np.zeros((len(lines) + 1, lines.shape[1]))
    np.cumsum(lines, axis=0, out=sums[1:])
    straight = (sums[1:] - np.minimum.accumulate(sums[:-1])).max(0)
    if len(lines) < 2:
        return np.asarray(straight)
    # What an arc over hue 0 leaves out is an interval that leaves at least one bin at both ends.
    left_out = (sums[2:-1] - np.maximum.accumulate(sums[1:-2])).min(0, initial=np.inf)
    return np.asarray(np.maximum(straight, sums[-1] - left_out))


def _best_arc(line: npt.NDArray[np.float64]) -> tuple[int, int]:
    """Return first bin and number of bins of the arc with the largest sum."""
    sums = np.concatenate([[0.0], line.cumsum()])
    gains = sums[1:] - np.minimum.accumulate(sums[:-1])
    last = int(gains.argmax())
    first = int(sums[: last + 1].argmin())
    if len(line) < 3:
        return first, last - first + 1
    costs = sums[2:-1] - np.maximum.accumulate(sums[1:-2])
    end = int(costs.argmin()) + 2
    if sums[-1] - costs[end - 2] <= gains[last]:
        return first, last - first + 1
    start = 1 + int(sums[1:end].argmax())
    return end, len(line) - end + start


def _pooled(counts: Counts, steps: tuple[int, int]) -> Counts:
    """Add up blocks of saturation and value bins."""
    rows, columns = (
        np.arange(0, counts.shape[1], steps[0]),
        np.arange(0, counts.shape[2], steps[1]),
    )
    return np.asarray(np.add.reduceat(np.add.reduceat(counts, rows, axis=1), columns, axis=2))


def _unpooled(box: HsvBox, steps: tuple[int, int], sides: tuple[int, int]) -> HsvBox:
    saturation, value = (
        (low * step, min((high + 1) * step, side) - 1)
        for (low, high), step, side in zip((box.saturation, box.value), steps, sides, strict=True)
    )
    return HsvBox(box.hue_first, box.hue_count, saturation, value)


def _centred(box: HsvBox, total: Counts) -> HsvBox:
    """Move the edges to the middle of bins without a pixel, where they separate as well.

    Edges of the first frames' own colours would miss those of the next frames. A gap that reaches
    the end of the scale belongs to the box as a whole.
    """
    (s_low, s_high), (v_low, v_high) = box.saturation, box.value
    arc = box.hues(len(total))
    saturation = _centred_interval(s_low, s_high, total[arc, :, v_low : v_high + 1].sum((0, 2)))
    s_low, s_high = saturation
    value = _centred_interval(v_low, v_high, total[arc, s_low : s_high + 1].sum((0, 1)))
    inside = total[:, s_low : s_high + 1, value[0] : value[1] + 1].sum((1, 2))
    first, count = _centred_arc(box.hue_first, box.hue_count, inside)
    return HsvBox(first, count, saturation, value)


def _centred_interval(low: int, high: int, line: npt.NDArray[np.int64]) -> Interval:
    low, high = low + _empty(line[low:]), high - _empty(line[: high + 1][::-1])
    below, above = _empty(line[:low][::-1]), _empty(line[high + 1 :])
    low = 0 if below == low else low - below // 2
    high = len(line) - 1 if high + above == len(line) - 1 else high + above // 2
    return low, high


def _centred_arc(first: int, count: int, circle: npt.NDArray[np.int64]) -> tuple[int, int]:
    if count == len(circle):
        return first, count
    # Seen from the arc's first bin, hue bins lie on a line: first the arc, then the rest.
    line = np.roll(circle, -first)
    start, end = _empty(line), count - _empty(line[:count][::-1])
    rest = np.concatenate([line[end:], line[:start]])
    before, after = (min(_empty(gap) // 2, MOST_HUE_MARGIN_BINS) for gap in (rest[::-1], rest))
    return (first + start - before) % len(circle), end - start + before + after


def _empty(line: npt.NDArray[np.int64]) -> int:
    """Count the bins without a pixel at the beginning of a line."""
    filled = np.flatnonzero(line)
    return int(filled[0]) if len(filled) else len(line)
