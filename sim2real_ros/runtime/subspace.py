"""Subspace: how far vectors lie from those that it was found from."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Subspace:
    """Where vectors are expected: around a mean, mostly along a few directions.

    Attributes:
        mean: (D,).
        scale: (D,) above 0; vectors minus mean are multiplied by it.
        components: (K, D), rows of length 1 at right angles: where the scaled vectors vary most.
        variances: (K,) above 0, along the components.
        residual_variance: Above 0; mean variance along one of the other D - K directions.
    """

    mean: Vectors
    scale: Vectors
    components: Vectors
    variances: Vectors
    residual_variance: float

    def distances(self, vectors: npt.NDArray[np.floating]) -> Vectors:
        """Return how far vectors are away.

        This is the Mahalanobis distance of a Gaussian with one variance in all directions outside
        of the subspace (probabilistic principal components: Tipping and Bishop 1999).

        Args:
            vectors: (N, D), finite.

        Returns:
            float64 (N,), 0 or more. Its square is D on average for vectors as expected.
        """
        offsets = (np.asarray(vectors, np.float64) - self.mean) * self.scale
        inside = offsets @ self.components.T
        outside = offsets - inside @ self.components
        squared = (inside**2 / self.variances).sum(axis=1)
        squared += (outside**2).sum(axis=1) / self.residual_variance
        distances: Vectors = np.sqrt(squared)
        return distances
