"""The learned parts around a bilateral grid: its guide, its detail branch, and layers of both."""

import torch
from torch import nn
from torch.nn import functional

from sim2real_ros.training.networks.normalisation import Norm, has_bias, normalisation
from sim2real_ros.training.networks.resampling import BinomialBlur

LUMINANCE = (0.299, 0.587, 0.114)
"""Shares of red, green and blue in ITU-R BT.601."""

_START_SLOPE = 4.0
"""Black gets the guide 0.02 and white 0.98, and both still learn."""

_HALF_RANGE = 127.5
"""Levels of 255 in a unit of -1..1."""


class ZeroConvolution(nn.Module):
    """A convolution that starts as 0, whatever the initialisation of the others.

    What is added to the image then starts as nothing.
    """

    def __init__(self, channels: int, filters: int, kernel: int, padding: int = 0) -> None:
        """Build it, from ``channels`` to ``filters``."""
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(filters, channels, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(filters))
        self.padding = padding

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Convolve (N, channels, H, W)."""
        return functional.conv2d(features, self.weight, self.bias, padding=self.padding)


class Guide(nn.Module):
    """Tell each pixel's place on the brightness axis of the grid, from its own colour alone.

    A sigmoid of the luminance to begin with; a small network for each pixel bends it into any
    curve of any mixture of the colours. Matrix products, as convolutions of so few channels are
    slow on a CPU.
    """

    def __init__(self, filters: int) -> None:
        """Build it with so many channels inside."""
        super().__init__()
        slopes = [_START_SLOPE * share for share in LUMINANCE]
        self.slopes = nn.Parameter(torch.tensor([[*slopes, 0.0]]))
        self.inner = nn.Linear(3, filters)
        self.outer = nn.Linear(filters, 1, bias=False)

    def forward(self, terms: torch.Tensor) -> torch.Tensor:
        """Look at red, green, blue in -1..1 and 1, (..., 4, pixels).

        Returns:
            (..., 1, pixels) in 0..1.
        """
        inner = torch.cat([self.inner.weight, self.inner.bias[:, None]], 1)
        bend = self.outer.weight @ torch.relu(inner @ terms)
        return torch.sigmoid(self.slopes @ terms + bend)


class DetailBranch(nn.Module):
    """Changes of single pixels, computed at half the size, and bounded.

    The receptive field has 13 pixels a side, but for what instance norm knows of the whole image:
    enough for noise, blur and surface, too little for objects.
    """

    def __init__(self, filters: int, norm: Norm, levels: float) -> None:
        """Build it.

        Args:
            filters: Channels at half the size.
            norm: After each of its convolutions but the last.
            levels: Largest change, in levels of 255.
        """
        super().__init__()
        self.layers = nn.Sequential(
            *halving(3, filters, norm),
            *_separable(filters, norm),
            *_separable(filters, norm),
            ZeroConvolution(filters, 12, 1),
            nn.PixelShuffle(2),
        )
        self.amplitude = levels / _HALF_RANGE
        # The four positions are learned apart: what they differ by everywhere is a checkerboard.
        self.smooth = BinomialBlur()

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return the change (N, 3, H, W) of an image (N, 3, H, W) in -1..1; H and W are even."""
        return self.bounded(self.unbounded(image))

    def unbounded(self, image: torch.Tensor) -> torch.Tensor:
        """Return what ``bounded`` takes, (N, 12, H / 2, W / 2): four pixels of three colours."""
        unbounded: torch.Tensor = self.layers[:-1](image)
        return unbounded

    def bounded(self, unbounded: torch.Tensor) -> torch.Tensor:
        """Put the pixels in their places, and bound and blur them: (N, 3, H, W)."""
        change: torch.Tensor = self.smooth(torch.tanh(self.layers[-1](unbounded)))
        return self.amplitude * change


def halving(channels: int, filters: int, norm: Norm) -> list[nn.Module]:
    """Return the layers of a strided convolution: (N, channels, H, W) to half of H and W."""
    convolution = nn.Conv2d(channels, filters, 3, stride=2, padding=1, bias=has_bias(norm))
    return [convolution, normalisation(norm, filters), nn.ReLU(inplace=True)]


def _separable(filters: int, norm: Norm) -> list[nn.Module]:
    # The norm between keeps weights that start small from making values that vanish.
    return [
        nn.Conv2d(filters, filters, 3, padding=1, groups=filters, bias=has_bias(norm)),
        normalisation(norm, filters),
        nn.Conv2d(filters, filters, 1, bias=has_bias(norm)),
        normalisation(norm, filters),
        nn.ReLU(inplace=True),
    ]
