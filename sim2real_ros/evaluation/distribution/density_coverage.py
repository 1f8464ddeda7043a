"""Density and coverage: are translated images where real ones are, and everywhere they are?"""

from dataclasses import dataclass

import numpy as np

from sim2real_ros.errors import DataError
from sim2real_ros.evaluation.distribution.neighbours import Features, distances, kth_distances

DEFAULT_K = 5

_BLOCK = 512

_ROUNDING = 1e-6
"""Of a distance between equal rows, at most, in units of the spread of all rows."""


@dataclass(frozen=True)
class DensityCoverage:
    """Both numbers, about 1 for two samples of one distribution.

    Attributes:
        density: How many of the real images' neighbourhoods a candidate image lies in, divided by
            k; above 1 where candidates crowd at the commonest real images.
        coverage: Share of the real images that have a candidate in their neighbourhood.
        empty_neighbourhoods: How many real images have k copies or more among the real ones, so
            that their neighbourhood has no extent and no candidate can lie in it.
    """

    density: float
    coverage: float
    empty_neighbourhoods: int = 0


def density_coverage(
    candidate: Features, real: Features, *, k: int = DEFAULT_K
) -> DensityCoverage:
    """Compare two sets of features by neighbourhoods.

    The neighbourhood of a real image reaches to its k-th nearest real image (Euclidean; what lies
    on the rim is outside).

    Source: Naeem et al., Reliable Fidelity and Diversity Metrics for Generative Models (ICML
    2020), equations 3 and 4.

    Args:
        candidate: (M, D), M at least 1.
        real: (N, D), N at least k + 1.
        k: Size of the neighbourhoods.

    Raises:
        DataError: Too few images, or rows that differ in length.
    """
    if candidate.ndim != 2 or real.ndim != 2 or candidate.shape[1] != real.shape[1]:
        raise DataError(
            f'features of the shapes {candidate.shape} and {real.shape} cannot be compared; '
            'expected (images, values) of one network'
        )
    if len(candidate) < 1 or len(real) < k + 1:
        raise DataError(
            f'{len(candidate)} candidate and {len(real)} real images are too few for density and '
            f'coverage; expected at least 1 and {k + 1}'
        )
    radii = kth_distances(real, k)
    # Rounding must not make copies neighbours of each other now and then.
    radii[radii <= _ROUNDING * np.linalg.norm(real.std(axis=0, dtype=np.float64))] = 0
    inside = 0
    covered = 0
    for begin in range(0, len(real), _BLOCK):
        block = slice(begin, begin + _BLOCK)
        is_inside = distances(real[block], candidate, 'euclidean') < radii[block, None]
        inside += int(is_inside.sum())
        covered += int(is_inside.any(axis=1).sum())
    return DensityCoverage(
        inside / (k * len(candidate)), covered / len(real), int((radii == 0).sum())
    )
