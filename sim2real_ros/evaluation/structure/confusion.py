"""Confusion: which class was taken for which, pixel by pixel, and what follows from it."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sim2real_ros.errors import ImageError
from sim2real_ros.evaluation.frame import IdImage

Confusion = npt.NDArray[np.int64]
"""(C, C): pixels by true class (row) and predicted class (column)."""

NOT_COUNTED = -1


def confusion(truth: IdImage, predicted: IdImage, class_ids: Sequence[int]) -> Confusion:
    """Count which class was taken for which.

    Args:
        truth: uint8 (H, W).
        predicted: uint8 (H, W).
        class_ids: Ids that count, in the order of rows and columns; pixels with another id in
            either image are left out.

    Returns:
        int64 (C, C).

    Raises:
        ImageError: The images differ in size.
    """
    if truth.shape != predicted.shape:
        raise ImageError(
            f'A mask has the shape {truth.shape}, what is compared with it {predicted.shape}; '
            'expected equal sizes.'
        )
    count = len(class_ids)
    index = np.full(256, NOT_COUNTED, np.int64)
    index[list(class_ids)] = np.arange(count)
    rows, columns = index[truth], index[predicted]
    counted = (rows >= 0) & (columns >= 0)
    flat = rows[counted] * count + columns[counted]
    return np.bincount(flat, minlength=count * count).reshape(count, count)


def pixel_accuracy(counts: Confusion) -> float:
    """Return the share of pixels with the right class; NaN without pixels."""
    total = counts.sum()
    return float(np.trace(counts) / total) if total else float('nan')


def class_accuracy(counts: Confusion) -> float:
    """Return the mean over the true classes of the share of their pixels that are right."""
    return _mean_of_occurring(np.diag(counts), counts.sum(1))


def mean_iou(counts: Confusion) -> float:
    """Return the mean intersection over union, over classes that occur on either side."""
    return _mean_of_occurring(np.diag(counts), counts.sum(0) + counts.sum(1) - np.diag(counts))


def _mean_of_occurring(parts: npt.NDArray[np.int64], wholes: npt.NDArray[np.int64]) -> float:
    occurring = wholes > 0
    if not occurring.any():
        return float('nan')
    return float((parts[occurring] / wholes[occurring]).mean())
