"""The residual block of CycleGAN and UNIT."""

import torch
from torch import nn

from sim2real_ros.training.networks.normalisation import Norm, has_bias, normalisation


class ResidualBlock(nn.Module):
    """Add two reflected 3x3 convolutions, with normalisation and one ReLU between, to the input.

    The names of the weights are those of pytorch-CycleGAN-and-pix2pix: ``conv_block.1`` and
    ``conv_block.5``, or ``conv_block.6`` with dropout.
    """

    def __init__(
        self, channels: int, norm: Norm, *, dropout: bool = False, separable: bool = False
    ) -> None:
        """Build one block.

        Args:
            channels: Of input and output.
            norm: After each convolution.
            dropout: Drop half of the features between the convolutions.
            separable: Convolve each channel for itself first, then mix the channels.
        """
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.ReflectionPad2d(1),
            _convolution(channels, norm, separable),
            normalisation(norm, channels),
            nn.ReLU(inplace=True),
            *([nn.Dropout(0.5)] if dropout else []),
            nn.ReflectionPad2d(1),
            _convolution(channels, norm, separable),
            normalisation(norm, channels),
        )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return (N, channels, H, W) of the same size; H and W at least 2."""
        change: torch.Tensor = self.conv_block(features)
        return features + change


def _convolution(channels: int, norm: Norm, separable: bool) -> nn.Module:
    if not separable:
        return nn.Conv2d(channels, channels, 3, bias=has_bias(norm))
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, groups=channels, bias=False),
        nn.Conv2d(channels, channels, 1, bias=has_bias(norm)),
    )
