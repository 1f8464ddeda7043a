"""Kullback-Leibler divergence of UNIT's latent codes from the standard normal distribution."""

import torch

from sim2real_ros.training.losses.region import at_least_float32


def kl_loss(mean: torch.Tensor) -> torch.Tensor:
    """Return the mean of the squared latent means.

    UNIT's encoders give a mean and a fixed variance of 1. The divergence of N(mean, 1) from
    N(0, 1) is mean²/2 per value (Liu et al. 2017, "Unsupervised Image-to-Image Translation
    Networks"); as in their code the half is left to the weight.

    Args:
        mean: Latent means of any shape, as the encoder gives them, without noise.

    Returns:
        A float32 or float64 scalar.
    """
    return at_least_float32(mean).square().mean()
