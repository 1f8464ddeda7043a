"""Adversarial losses: what a discriminator and its generator hold against each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch.nn import functional

from sim2real_ros.training.losses.region import Region, at_least_float32, weighted_mean

AdversarialKind = Literal['lsgan', 'vanilla', 'hinge', 'wgan']
"""``lsgan``: squared distance to 1 or 0 (Mao 2017). ``vanilla``: cross entropy of the sigmoid
(Goodfellow 2014). ``hinge``: logits beyond +-1 satisfy the discriminator (Lim and Ye 2017).
``wgan``: the critic's plain value (Arjovsky 2017), to be used with ``gradient_penalty``."""

Logits = torch.Tensor | Sequence[torch.Tensor]


def adversarial_loss(
    logits: Logits,
    real: bool,
    kind: AdversarialKind,
    *,
    for_generator: bool = False,
    region: Region | None = None,
) -> torch.Tensor:
    """Return how far a discriminator's answer is from the wanted one.

    Nothing is halved here: CycleGAN and pix2pix halve the sum for the discriminator themselves.

    Args:
        logits: The discriminator's answer without sigmoid, (N, 1, h, w); or several maps, one per
            scale, whose losses are added up.
        real: The wanted answer. A generator wants ``True`` for what it made.
        kind: Which loss.
        for_generator: Whether the loss is the generator's; makes a difference for ``hinge``,
            which a generator wants to push beyond any bound.
        region: Where to look; None = everywhere.

    Returns:
        Scalar.
    """
    if not isinstance(logits, torch.Tensor):
        parts = [
            adversarial_loss(each, real, kind, for_generator=for_generator, region=region)
            for each in logits
        ]
        return torch.stack(parts).sum()
    per_place = _unbounded if for_generator and kind == 'hinge' else _PER_PLACE[kind]
    return weighted_mean(per_place(at_least_float32(logits), real), region)


def _lsgan(x: torch.Tensor, real: bool) -> torch.Tensor:
    return (x - 1 if real else x).square()


def _vanilla(x: torch.Tensor, real: bool) -> torch.Tensor:
    return functional.softplus(-x if real else x)


def _hinge(x: torch.Tensor, real: bool) -> torch.Tensor:
    return functional.relu(1 - x if real else 1 + x)


def _unbounded(x: torch.Tensor, real: bool) -> torch.Tensor:
    return -x if real else x


_PER_PLACE: dict[str, Callable[[torch.Tensor, bool], torch.Tensor]] = {
    'lsgan': _lsgan,
    'vanilla': _vanilla,
    'hinge': _hinge,
    'wgan': _unbounded,
}


def gradient_penalty(
    discriminator: Callable[[torch.Tensor], Logits],
    real: torch.Tensor,
    fake: torch.Tensor,
    *,
    target_norm: float = 1.0,
) -> torch.Tensor:
    """Return how far the critic's slope is from 1 between real and fake (Gulrajani 2017, eq. 3).

    The slope is that of the sum of all logits, with respect to one image at a random place on the
    line between a real and a fake one. Computed in float32, for slopes of slopes do not survive
    16 bits.

    Args:
        discriminator: From (N, C, H, W) to logits.
        real: (N, C, H, W), -1..1.
        fake: Likewise.
        target_norm: The wanted slope.

    Returns:
        Scalar, without a weight; the usual one is 10.
    """
    real, fake = at_least_float32(real.detach()), at_least_float32(fake.detach())
    with torch.autocast(real.device.type, enabled=False):
        share = torch.rand(len(real), 1, 1, 1, device=real.device, dtype=real.dtype)
        between = (share * real + (1 - share) * fake).requires_grad_()
        logits = discriminator(between)
        maps = [logits] if isinstance(logits, torch.Tensor) else list(logits)
        total = torch.stack([each.sum() for each in maps]).sum()
        (slope,) = torch.autograd.grad(total, between, create_graph=True)
        # The tiny number keeps the root differentiable at 0.
        norms = (slope.flatten(1).square().sum(1) + 1e-16).sqrt()
        return (norms - target_norm).square().mean()
