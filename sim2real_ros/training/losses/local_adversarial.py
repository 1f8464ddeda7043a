"""Local adversarial loss: every patch has to look real by itself (SimGAN)."""

import torch
from torch.nn import functional

from sim2real_ros.training.losses.region import Region, at_least_float32
from sim2real_ros.training.losses.self_regularisation import Normalisation, over_places
from sim2real_ros.training.networks.local_discriminator import REAL, REFINED


def local_adversarial_loss(
    logits: torch.Tensor,
    real: bool,
    normalisation: Normalisation = 'mean',
    region: Region | None = None,
) -> torch.Tensor:
    """Return the cross entropy of a discriminator's answer at every place of its map.

    After Shrivastava et al. 2017, eq. 2 and section 2.2. The paper adds up the places of a map
    (``sum``); ``mean`` is that divided by h*w. So these two train alike, but for a factor on the
    total that Adam does not see::

        sum(adversarial)  + w * sum(self_regularisation)
        mean(adversarial) + w * C*H*W / (h*w) * mean(self_regularisation)

    For SimGAN's 35x55 grey images (a map of 9x14) C*H*W / (h*w) is 15.3; for RGB at a map of a
    quarter of the size it is 48.

    Args:
        logits: (N, 2, h, w), channel 0 for refined, 1 for real.
        real: The wanted answer. The refiner wants ``True`` for what it made.
        normalisation: Over the places of a map.
        region: Where to look; None = everywhere.

    Returns:
        Scalar; ``mean`` of undecided logits is log 2.
    """
    wanted = torch.full_like(logits[:, 0], REAL if real else REFINED, dtype=torch.long)
    entropy = functional.cross_entropy(at_least_float32(logits), wanted, reduction='none')
    return over_places(entropy[:, None], normalisation, region)
