"""The Fréchet distance of two sets of features (FID, where these are Inception's)."""

import numpy as np

from sim2real_ros.errors import DataError
from sim2real_ros.evaluation.distribution.feature_statistics import FeatureStatistics


def frechet_distance(first: FeatureStatistics, second: FeatureStatistics) -> float:
    """Compute the squared Fréchet distance of two Gaussians with these means and covariances.

    |m1 - m2|^2 + tr(C1) + tr(C2) - 2 tr((C1 C2)^(1/2)). With R1^T R1 = C1 and R2^T R2 = C2 the
    last trace is the sum of the singular values of R1 R2^T. So no root of a product is computed,
    which would lose half of the digits where a covariance is singular, as it is with fewer images
    than features.

    The number grows as images get fewer: compare it only between equal numbers of images.

    Source: Dowson and Landau, The Fréchet Distance between Multivariate Normal Distributions
    (1982); for images Heusel et al., GANs Trained by a Two Time-Scale Update Rule (NeurIPS 2017).

    Args:
        first: At least 2 images.
        second: At least 2 images, by the same network.

    Returns:
        At least 0; 0 for equal statistics.

    Raises:
        DataError: A set has fewer than 2 images, or the features differ in length.
    """
    if first.dimensions != second.dimensions:
        raise DataError(
            f'features of {first.dimensions} and of {second.dimensions} values cannot be '
            'compared; compute both with the same network'
        )
    roots = first.square_root(), second.square_root()
    shift = first.mean - second.mean
    traces = sum(float(np.square(root).sum()) for root in roots)
    fidelity = float(np.linalg.svd(roots[0] @ roots[1].T, compute_uv=False).sum())
    return max(0.0, float(shift @ shift) + traces - 2 * fidelity)
