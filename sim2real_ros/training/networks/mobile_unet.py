"""A U-Net of depthwise separable convolutions that runs live on two CPU cores.

Blocks are the inverted residuals of M. Sandler et al., "MobileNetV2" (2018). The image enters in
half size and the answer is a change to the full-size image, so detail costs nothing.
"""

import torch
from torch import nn

from sim2real_ros.training.networks.image_size import check_size
from sim2real_ros.training.networks.normalisation import Norm, has_bias, normalisation
from sim2real_ros.training.networks.resampling import BinomialBlur
from sim2real_ros.training.networks.tapped_generator import TappedGenerator
from sim2real_ros.training.options import GeneratorOptions

USUAL_FILTERS, USUAL_BLOCKS = 16, 4
EXPANSION = 4


class MobileUnet(TappedGenerator):
    """Three halvings, blocks at an eighth of the size, three doublings with skips.

    The usual ``feature_layers`` are the three halvings, the first and the last block. Batch norm
    vanishes into the convolutions on export; instance norm costs about as much as they do.
    """

    size_multiple = 8
    minimum_size = 16

    def __init__(self, options: GeneratorOptions) -> None:
        """Build it; weights start as torch starts them.

        Args:
            options: ``filters``, ``blocks`` and ``norm`` count.
        """
        super().__init__()
        filters, blocks = options.filters or USUAL_FILTERS, options.blocks or USUAL_BLOCKS
        norm, widths = options.norm, [filters, 2 * filters, 4 * filters]
        self.encoder = nn.Sequential(
            _convolution(3, widths[0], norm, kernel=3, stride=2),
            _separable(widths[0], widths[1], norm, stride=2),
            _separable(widths[1], widths[2], norm, stride=2),
            *(_InvertedResidual(widths[2], norm) for _ in range(blocks)),
        )
        self.module_channels = [*widths, *[widths[2]] * blocks]
        self.feature_layers = tuple(dict.fromkeys((0, 1, 2, 3, 2 + blocks)))
        self.up_to_quarter = _Doubling(widths[2], widths[1], norm)
        self.up_to_half = _Doubling(widths[1], widths[0], norm)
        # Four positions of three colours per pixel of half size.
        self.last = nn.Sequential(nn.Conv2d(widths[0], 12, 3, padding=1), nn.PixelShuffle(2))
        # The positions are learned apart from each other: what they differ by in every pixel
        # would be a checkerboard, which has exactly the period that this blur cancels.
        self.smooth = BinomialBlur()

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Translate images.

        The network decides which share of the way to white (positive) or to black (negative) each
        value goes, so results cannot leave -1..1 and 0 means no change.

        Args:
            image: (N, 3, H, W) in -1..1.

        Returns:
            The same shape and range.

        Raises:
            ConfigError: H or W is not a multiple of 8, or less than 16.
        """
        check_size(image, self.size_multiple, self.minimum_size)
        half = self.encoder[0](image)
        quarter = self.encoder[1](half)
        deep = self.up_to_quarter(self.encoder[2:](quarter), quarter)
        share: torch.Tensor = self.smooth(torch.tanh(self.last(self.up_to_half(deep, half))))
        return image + (share - share.abs() * image)

    def feature_modules(self) -> nn.Sequential:
        """Return ``encoder``: the halvings, then the blocks."""
        return self.encoder


class _InvertedResidual(nn.Module):
    def __init__(self, channels: int, norm: Norm) -> None:
        super().__init__()
        wide = EXPANSION * channels
        self.layers = nn.Sequential(
            _convolution(channels, wide, norm),
            _convolution(wide, wide, norm, kernel=3, groups=wide),
            _convolution(wide, channels, norm, relu=False),
        )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        change: torch.Tensor = self.layers(features)
        return features + change


class _Doubling(nn.Module):
    def __init__(self, channels: int, filters: int, norm: Norm) -> None:
        super().__init__()
        # Narrowed before it is enlarged: the same result at a quarter of the work.
        self.narrow = nn.Conv2d(channels, filters, 1)
        self.enlarge = nn.Upsample(scale_factor=2, mode='bilinear', align_corners=False)
        self.mix = _separable(filters, filters, norm)

    def forward(self, features: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        mixed: torch.Tensor = self.mix(self.enlarge(self.narrow(features)) + skip)
        return mixed


def _convolution(
    channels: int,
    filters: int,
    norm: Norm,
    *,
    kernel: int = 1,
    stride: int = 1,
    groups: int = 1,
    relu: bool = True,
) -> nn.Sequential:
    convolution = nn.Conv2d(
        channels, filters, kernel, stride, kernel // 2, groups=groups, bias=has_bias(norm)
    )
    layers = nn.Sequential(convolution, normalisation(norm, filters))
    return layers.append(nn.ReLU(inplace=True)) if relu else layers


def _separable(channels: int, filters: int, norm: Norm, *, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        _convolution(channels, channels, norm, kernel=3, stride=stride, groups=channels),
        _convolution(channels, filters, norm),
    )
