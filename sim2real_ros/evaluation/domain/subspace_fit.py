"""Find the subspace of vectors, and how far vectors like them lie from it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sim2real_ros.runtime.subspace import Subspace, Vectors

COMPONENTS = 24
BLOCKS = 10
UNIT_QUANTILE = 0.99

_VECTORS_PER_COMPONENT = 4
_DEFAULT_TOLERANCE = 1e-3
_SMALLEST_DISTANCE = 1e-3


@dataclass(frozen=True)
class ValueGroup:
    """Neighbouring values of a vector that belong together.

    Attributes:
        length: How many there are.
        tolerance: Standard deviation that each value may have by what does not matter: another
            size, compression, a little noise. It is added to what the vectors show, since those
            of a simulator show next to none.
    """

    length: int
    tolerance: float = _DEFAULT_TOLERANCE


def fit_subspace(vectors: npt.NDArray[np.floating], groups: Sequence[ValueGroup] = ()) -> Subspace:
    """Find the subspace of some vectors.

    Args:
        vectors: (N, D), finite, N at least 2.
        groups: In the order of the values, lengths summing to D; () = all belong together. Each
            group is scaled to the same total variance, so that none outvotes the others by its
            unit or its length.

    Returns:
        The mean, and at most 24 principal components: one for every four vectors.
    """
    vectors = np.asarray(vectors, np.float64)
    count, length = vectors.shape
    groups = groups or (ValueGroup(length),)
    lengths = [group.length for group in groups]
    covariance = np.cov(vectors, rowvar=False).reshape(length, length)
    covariance += np.diag(np.repeat([group.tolerance**2 for group in groups], lengths))
    totals = [part.sum() for part in np.split(np.diag(covariance), np.cumsum(lengths)[:-1])]
    scale = np.repeat(1 / np.sqrt(totals), lengths)
    variances, rows = np.linalg.eigh(covariance * np.outer(scale, scale))
    kept = max(1, min(COMPONENTS, count // _VECTORS_PER_COMPONENT, length - 1))
    components = rows.T[::-1][:kept]
    # The sign of a component is arbitrary; fixed, the same frames give the same file everywhere.
    largest = np.abs(components).argmax(axis=1)
    components = components * np.sign(components[np.arange(kept), largest])[:, np.newaxis]
    residual = float(variances[:-kept].mean()) if kept < length else float(variances[0])
    return Subspace(vectors.mean(axis=0), scale, components, variances[::-1][:kept], residual)


def held_out_distances(
    vectors: npt.NDArray[np.floating], groups: Sequence[ValueGroup] = ()
) -> Vectors:
    """Find how far vectors like these lie from the subspace of the others.

    Neighbours in a drive are alike, and a subspace knows its own vectors too well. So the vectors
    are cut into ten blocks of neighbours, and each block is measured by what the other nine give.

    Args:
        vectors: (N, D) in the order of the drive, N at least 20.
        groups: As for ``fit_subspace``.

    Returns:
        float64 (N,).
    """
    distances = []
    for block in np.array_split(np.arange(len(vectors)), BLOCKS):
        others = np.delete(vectors, block, axis=0)
        distances.append(fit_subspace(others, groups).distances(vectors[block]))
    return np.concatenate(distances)


def unit_and_usual(distances: Vectors, length: int) -> tuple[float, float]:
    """Return the distances that 99 % and half of some vectors stay below.

    Args:
        distances: As ``held_out_distances`` returns them.
        length: Of a vector. Its root is what the distance of a vector that fits is expected to be,
            and the first result is no less: of vectors that are all the same, both would be 0.
    """
    unit, usual = np.quantile(distances, [UNIT_QUANTILE, 0.5])
    expected = float(np.sqrt(length))
    return max(float(unit), expected), max(float(usual), _SMALLEST_DISTANCE)
