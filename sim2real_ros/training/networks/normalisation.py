"""Normalisation between convolutions, as options name it."""

from typing import Literal

from torch import nn

Norm = Literal['instance', 'batch', 'none']


def normalisation(kind: Norm, channels: int) -> nn.Module:
    """Build one normalisation of (N, channels, H, W).

    ``instance`` has no weights and no running statistics, as in CycleGAN: it computes the same in
    training and in use. ``none`` is an identity, so that the layers after it keep their numbers.
    """
    if kind == 'instance':
        return nn.InstanceNorm2d(channels)
    return nn.BatchNorm2d(channels) if kind == 'batch' else nn.Identity()


def has_bias(kind: Norm) -> bool:
    """Say whether the convolution before it has a bias; batch norm brings its own.

    Before instance norm a bias changes nothing, but CycleGAN's checkpoints carry one.
    """
    return kind != 'batch'
