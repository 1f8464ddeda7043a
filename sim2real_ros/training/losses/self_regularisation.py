"""Self-regularisation: a refined image stays near the simulated one (SimGAN)."""

from typing import Literal

import torch

from sim2real_ros.training.losses.region import Region, at_least_float32, weighted_mean

Normalisation = Literal['mean', 'sum']
"""``sum`` adds up the places of an image, as the paper does, ``mean`` averages them; both average
over images."""


def self_regularisation_loss(
    refined: torch.Tensor,
    sim: torch.Tensor,
    normalisation: Normalisation = 'mean',
    region: Region | None = None,
) -> torch.Tensor:
    """Return the absolute difference between refined and simulated images.

    After Shrivastava et al. 2017, eq. 4 with the identity as feature. ``sum`` is C*H*W times
    ``mean``: a weight for the one becomes a weight for the other by that factor, which grows with
    the image. See ``local_adversarial_loss`` for the balance between the two losses.

    Args:
        refined: (N, C, H, W), -1..1.
        sim: Likewise.
        normalisation: Over the values of an image.
        region: Where to look; None = everywhere.

    Returns:
        Scalar, in the unit of the images (times the number of values for ``sum``).
    """
    difference = (at_least_float32(refined) - at_least_float32(sim)).abs()
    return over_places(difference, normalisation, region)


def over_places(
    values: torch.Tensor, normalisation: Normalisation, region: Region | None = None
) -> torch.Tensor:
    """Reduce (N, C, H, W) to a scalar: the mean over images of the mean or sum over an image.

    Args:
        values: One loss per place.
        normalisation: Over the values of an image; in a region, only those inside count.
        region: Where to look; None = everywhere.
    """
    if normalisation == 'mean':
        return weighted_mean(values, region)
    weights = (
        None if region is None else region.weights(values.shape[-2], values.shape[-1], values)
    )
    return (values if weights is None else values * weights).sum() / len(values)
