"""Memorising: are outputs copies of training images?"""

import numpy as np

from sim2real_ros.evaluation.bootstrap import bootstrap_mean, bootstrap_statistic
from sim2real_ros.evaluation.distribution.neighbours import Features, Metric, nearest_distances
from sim2real_ros.evaluation.quantity import Quantity, Value

COPY_QUANTILE = 0.01
"""An output nearer to a training image than this share of held-out images is called a copy."""

MIN_HELD_OUT = 100
"""Fewer held-out images have no such quantile; their nearest one stands for it."""

_ROUNDING = 1e-9
"""Cosine distances of equal images, at most."""


def memorising_quantities(extractor_key: str) -> tuple[Quantity, ...]:
    """Say what the numbers about memorising mean.

    Args:
        extractor_key: Of the network whose features are compared.
    """
    return (
        Quantity(
            f'nearest_training_distance_{extractor_key}',
            'Distance to the nearest training image',
            'neither',
            'Median over the images of the cosine distance to the nearest real training image, in '
            f'the features of {extractor_key}. 0 is a copy.',
            limits=(0, 2),
            decimals=4,
        ),
        Quantity(
            f'nearest_training_ratio_{extractor_key}',
            'The same, relative to held-out real images',
            'neither',
            'The median distance to the nearest training image, divided by that of real images '
            'which were not trained on. About 1 for images as new as those; far below 1 where '
            'training images are given back; above 1 where the images are unlike the real ones.',
            limits=(0, None),
        ),
        Quantity(
            f'memorised_share_{extractor_key}',
            'Share of copies',
            'lower',
            'Share of the images that are nearer to a training image than 99 % of the held-out '
            'real images are. About 0.01 is chance; much more means that training images are '
            'given back.',
            limits=(0, 1),
        ),
    )


def memorising_values(
    candidate: Features,
    training: Features,
    held_out: Features,
    extractor_key: str,
    metric: Metric = 'cosine',
) -> tuple[dict[str, Value], tuple[str, ...]]:
    """Compare how near outputs and held-out real images are to the training images.

    Nearness is no proof: frames of one drive are near to each other, so hold whole drives out.

    Args:
        candidate: (N, D) features of the outputs.
        training: (M, D) of the real images that were trained on.
        held_out: (K, D) of real images that were not.
        extractor_key: Of the network.
        metric: See ``nearest_distances``.

    Returns:
        Values by key, and sentences about what makes them doubtful. Without images of all three
        kinds there are no values; without any distance between held-out and training images no
        ratio and no share.

    Raises:
        DataError: The features differ in length.
    """
    if not min(len(candidate), len(training), len(held_out)):
        return {}, ()
    ours = nearest_distances(candidate, training, metric)
    theirs = nearest_distances(held_out, training, metric)
    values = {
        f'nearest_training_distance_{extractor_key}': bootstrap_statistic(
            lambda chosen: float(np.median(ours[chosen])), len(ours)
        )
    }
    usual = float(np.median(theirs))
    if usual > _ROUNDING:
        values[f'nearest_training_ratio_{extractor_key}'] = bootstrap_statistic(
            lambda chosen: float(np.median(ours[chosen])) / usual, len(ours)
        )
    threshold = float(np.quantile(theirs, COPY_QUANTILE, method='lower'))
    if threshold <= _ROUNDING:
        return values, (
            'held-out real images are copies of training images: nothing can be said about the '
            'share of memorised ones; hold whole drives out',
        )
    copied = (ours < threshold).astype(np.float64)
    values[f'memorised_share_{extractor_key}'] = bootstrap_mean(copied)
    if len(theirs) < MIN_HELD_OUT:
        return values, (
            f'the share of copies rests on {len(theirs)} held-out real images; expected at least '
            f'{MIN_HELD_OUT}',
        )
    return values, ()
