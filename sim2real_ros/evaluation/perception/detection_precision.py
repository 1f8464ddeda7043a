"""Average precision over images, for one sample of the images or for a thousand at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sim2real_ros.evaluation.perception.detection_matching import IOU_THRESHOLDS

RECALLS = np.linspace(0, 1, 101)
"""COCO's: precision is read at these recalls."""

_MAX_CELLS = 4_000_000
"""Largest temporary matrix, in numbers of 8 bytes."""

Weights = npt.NDArray[np.float64]
"""float64 (samples, images): how often each image is in each sample."""


@dataclass(frozen=True, eq=False)
class _ClassRows:
    """The detections of one class in all images, highest score first.

    Attributes:
        image: (N,) index of the image.
        score: (N,).
        hits: uint16 (N,), a bit for each threshold.
        ignored: uint16 (N,), alike.
        truth: float64 (images,) number of true boxes.
    """

    image: npt.NDArray[np.intp]
    score: npt.NDArray[np.float32]
    hits: npt.NDArray[np.uint16]
    ignored: npt.NDArray[np.uint16]
    truth: npt.NDArray[np.float64]


class PooledDetections:
    """The matched detections of many images.

    Attributes:
        images: Number of images.
    """

    def __init__(self, matched: Sequence[npt.NDArray[np.void]], classes: int) -> None:
        """Pool images.

        Args:
            matched: One array of ``match_image`` for each image.
            classes: Number of classes.
        """
        self.images = len(matched)
        index = np.repeat(np.arange(self.images), [len(each) for each in matched])
        rows = np.concatenate(matched)
        self._classes = [_class_rows(rows, index, label, self.images) for label in range(classes)]

    def average_precision(self, weights: Weights | None = None) -> npt.NDArray[np.float64]:
        """Compute AP as COCO does: precision made monotonous, mean over 101 recalls.

        Args:
            weights: The samples; None = every image once.

        Returns:
            float64 (samples, classes, thresholds) in 0..1; NaN for classes without a true box.
        """
        if weights is None:
            weights = np.ones((1, self.images))
        shape = (len(weights), len(self._classes), len(IOU_THRESHOLDS))
        found = np.full(shape, np.nan)
        for label, rows in enumerate(self._classes):
            if not rows.truth.any():
                continue
            step = max(1, _MAX_CELLS // max(1, len(rows.image), self.images))
            for begin in range(0, len(weights), step):
                part = slice(begin, begin + step)
                found[part, label] = _class_precision(rows, weights[part])
        return found

    def counts_above(self, threshold: float) -> tuple[npt.NDArray[np.float64], ...]:
        """Count at one score threshold and an IoU of 0.5, over all classes.

        Returns:
            Three float64 (images,): right detections, wrong detections, true boxes.
        """
        right, wrong, truth = np.zeros((3, self.images))
        for rows in self._classes:
            shown = rows.score >= threshold
            hit, ignored = rows.hits & 1 > 0, rows.ignored & 1 > 0
            np.add.at(right, rows.image[shown & hit], 1)
            np.add.at(wrong, rows.image[shown & ~hit & ~ignored], 1)
            truth += rows.truth
        return right, wrong, truth


def mean_over_classes(average_precision: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the mean over the classes that have true boxes.

    Args:
        average_precision: (samples, classes, ...), NaN for classes without.

    Returns:
        (samples, ...); NaN where no class has any.
    """
    known = ~np.isnan(average_precision)
    count = known.sum(axis=1)
    total = np.where(known, average_precision, 0).sum(axis=1)
    share = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    return np.asarray(share)


def _class_rows(
    rows: npt.NDArray[np.void], index: npt.NDArray[np.intp], label: int, images: int
) -> _ClassRows:
    of_class = rows['label'] == label
    is_truth = rows['is_truth']
    truth = np.bincount(index[of_class & is_truth], minlength=images).astype(np.float64)
    chosen = np.nonzero(of_class & ~is_truth)[0]
    chosen = chosen[np.argsort(-rows['score'][chosen], kind='stable')]
    found = rows[chosen]
    return _ClassRows(index[chosen], found['score'], found['hits'], found['ignored'], truth)


def _class_precision(rows: _ClassRows, weights: Weights) -> npt.NDArray[np.float64]:
    """Return AP of one class, (samples, thresholds)."""
    truth = weights @ rows.truth
    found = np.zeros((len(weights), len(IOU_THRESHOLDS)))
    ever = np.nonzero(rows.hits)[0]
    # Precision only peaks at right detections, so that nothing else need be looked at there.
    seen = {0: _seen_before(rows, weights, np.ones(len(rows.image), bool), ever)}
    for column in range(len(IOU_THRESHOLDS)):
        hit = rows.hits[ever] >> column & 1 > 0
        if not hit.any():
            continue
        ignored = rows.ignored >> column & 1 > 0
        key = column + 1 if ignored.any() else 0
        if key not in seen:
            seen[key] = _seen_before(rows, weights, ~ignored, ever)
        right = np.cumsum(weights[:, rows.image[ever[hit]]], axis=1)
        found[:, column] = _area(right, seen[key][:, hit], truth)
    found[truth == 0] = np.nan
    return found


def _seen_before(
    rows: _ClassRows,
    weights: Weights,
    counts: npt.NDArray[np.bool_],
    positions: npt.NDArray[np.intp],
) -> npt.NDArray[np.float64]:
    """Count the detections up to and with some positions, (samples, positions)."""
    # Between two positions only the number of each image's detections matters: a product of
    # matrices in place of a sum over all detections.
    segment = np.searchsorted(positions, np.arange(len(rows.image)))
    images, found = weights.shape[1], np.zeros((len(weights), len(positions)))
    block = max(1, _MAX_CELLS // images)
    for begin in range(0, len(positions), block):
        width = min(block, len(positions) - begin)
        inside = counts & (segment >= begin) & (segment < begin + width)
        table = np.zeros((images, width))
        np.add.at(table, (rows.image[inside], segment[inside] - begin), 1)
        found[:, begin : begin + width] = weights @ table
    return np.asarray(np.cumsum(found, axis=1))


def _area(
    right: npt.NDArray[np.float64],
    seen: npt.NDArray[np.float64],
    truth: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Return the mean precision over ``RECALLS``, (samples,)."""
    precision = np.divide(right, seen, out=np.zeros_like(right), where=seen > 0)
    precision = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    recall = right / np.maximum(truth, 1)[:, None]
    # How many of the recalls are reached at each position, less those reached before.
    reached = np.searchsorted(RECALLS, recall, side='right')
    reached[:, 1:] -= reached[:, :-1].copy()
    return np.asarray((precision * reached).sum(axis=1) / len(RECALLS))
