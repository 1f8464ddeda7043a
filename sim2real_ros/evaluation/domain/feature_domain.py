"""How unlike the training frames the features of other frames are, by a network's own words."""

import numpy as np
import numpy.typing as npt

from sim2real_ros.errors import DataError
from sim2real_ros.evaluation.domain.fit import MIN_FRAMES
from sim2real_ros.evaluation.domain.subspace_fit import (
    fit_subspace,
    held_out_distances,
    unit_and_usual,
)


def feature_domain_values(
    training: npt.NDArray[np.floating], features: npt.NDArray[np.floating]
) -> npt.NDArray[np.float64]:
    """Score features as ``InputDomain`` scores frames: 99 % of frames as in training are below 1.

    A network that was trained on photographs sees what a grid of colours cannot: what kind of
    things there are. It costs far more than a node can spend, so this is for evaluation.

    Args:
        training: (N, D) features of the frames that a model was trained on, in the order of the
            drives, N at least 50.
        features: (M, D) features of other frames, by the same network.

    Returns:
        float64 (M,), 0 or more.

    Raises:
        DataError: There are too few training frames, the features do not fit together, or are
            not finite.
    """
    if training.ndim != 2 or features.ndim != 2 or training.shape[1] != features.shape[1]:
        raise DataError(
            f'Features of the shapes {training.shape} and {features.shape} cannot be compared; '
            'expected two tables with the same number of columns.'
        )
    if len(training) < MIN_FRAMES:
        raise DataError(
            f'{len(training)} training frames are too few to compare with; expected at least '
            f'{MIN_FRAMES}.'
        )
    if not (np.isfinite(training).all() and np.isfinite(features).all()):
        raise DataError('Features must be finite numbers: the network returned others.')
    subspace = fit_subspace(training)
    unit, _ = unit_and_usual(held_out_distances(training), training.shape[1])
    values: npt.NDArray[np.float64] = subspace.distances(features) / unit
    return values
