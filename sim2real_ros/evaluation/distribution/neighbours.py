"""Distances from rows of features to their nearest neighbours."""

from typing import Literal

import numpy as np
import numpy.typing as npt

from sim2real_ros.errors import DataError

Metric = Literal['cosine', 'euclidean']
Features = npt.NDArray[np.floating]
Matrix = npt.NDArray[np.float64]

_BLOCK = 512


def nearest_distances(
    features: Features, reference: Features, metric: Metric = 'cosine'
) -> npt.NDArray[np.float64]:
    """Find how far each row is from the nearest row of another set.

    Args:
        features: (N, D).
        reference: (M, D), M at least 1.
        metric: ``cosine`` is 1 - cos of the angle, in 0..2, blind to the length of rows;
            ``euclidean`` the length of the difference.

    Returns:
        float64 (N,).

    Raises:
        DataError: The reference is empty, or the rows differ in length.
    """
    if features.ndim != 2 or reference.ndim != 2 or features.shape[1] != reference.shape[1]:
        raise DataError(
            f'features of the shapes {features.shape} and {reference.shape} cannot be compared; '
            'expected (images, values) of one network'
        )
    if not len(reference):
        raise DataError('there is no image to be near to; give at least one reference image')
    nearest = np.empty(len(features))
    for begin in range(0, len(features), _BLOCK):
        block = features[begin : begin + _BLOCK]
        nearest[begin : begin + _BLOCK] = distances(block, reference, metric).min(axis=1)
    return nearest


def kth_distances(features: Features, k: int) -> npt.NDArray[np.float64]:
    """Find how far each row is from its k-th nearest other row, Euclidean.

    Args:
        features: (N, D), N at least k + 1.
        k: 1 for the nearest.

    Returns:
        float64 (N,).
    """
    result = np.empty(len(features))
    for begin in range(0, len(features), _BLOCK):
        block = distances(features[begin : begin + _BLOCK], features, 'euclidean')
        # The row itself must not count, nor may rounding make it another's neighbour.
        rows = np.arange(len(block))
        block[rows, begin + rows] = np.inf
        result[begin : begin + _BLOCK] = np.partition(block, k - 1, axis=1)[:, k - 1]
    return result


def distances(first: Features, second: Features, metric: Metric) -> Matrix:
    """Compute the distances of all pairs.

    Args:
        first: (N, D).
        second: (M, D).
        metric: As in ``nearest_distances``.

    Returns:
        float64 (N, M), not negative.
    """
    ours, theirs = first.astype(np.float64), second.astype(np.float64)
    if metric == 'cosine':
        cosines: Matrix = _directions(ours) @ _directions(theirs).T
        return np.clip(1 - cosines, 0, 2)
    # Near the origin the squares are small, and so is what their difference loses.
    centre = theirs.mean(axis=0)
    ours -= centre
    theirs -= centre
    squares = np.square(ours).sum(axis=1)[:, None] + np.square(theirs).sum(axis=1)
    lengths: Matrix = np.sqrt(np.maximum(squares - 2 * ours @ theirs.T, 0))
    return lengths


def _directions(rows: Matrix) -> Matrix:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    directions: Matrix = rows / np.where(lengths > 0, lengths, 1)
    return directions
