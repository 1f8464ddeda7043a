"""A discriminator that judges features of a network that has seen a million photos.

A. Sauer et al., "Projected GANs Converge Faster" (2021).
"""

import torch
from torch import nn
from torch.nn import functional

from sim2real_ros.errors import ConfigError
from sim2real_ros.training.networks.differentiable_augmentation import (
    shifted_and_partly_hidden,
)
from sim2real_ros.training.networks.efficientnet_lite0 import DEPTHS, FixedFeatureMaps
from sim2real_ros.training.networks.image_size import check_size
from sim2real_ros.training.networks.spectral_convolution import SpectralConvolution
from sim2real_ros.training.options import DiscriminatorOptions

USUAL_FILTERS = 64
LOGIT_STRIDE = 32
"""Pixels of the image per logit, at every scale."""
_MINIMUM_SIZE_PX = 64


class ProjectedDiscriminator(nn.Module):
    """Logit maps of fixed features, one for each depth of EfficientNet-Lite0.

    Features at the strides 4, 8, 16 and 32 are mixed by fixed random projections, so that a
    generator cannot serve some channels and forget the rest: 1x1 within a depth, then 3x3 from
    each depth into the finer one before it. Small networks judge the mixtures; they alone learn.

    The projections are drawn as weights are, from torch's random numbers, and are in checkpoints;
    the network behind the features is not.

    Attributes:
        minimum_size: Of height and width, in pixels: 64.
    """

    def __init__(self, options: DiscriminatorOptions, channels: int = 3) -> None:
        """Build it; weights start as torch starts them.

        Args:
            options: ``filters`` of the finest mixture (doubling from depth to depth), ``scales``
                = number of depths, from the finest on, and ``augment`` count.
            channels: Of the input: 3.

        Raises:
            ConfigError: There are not so many depths, or the input is no image.
            ModelError: The packages with the network and its weights are not installed.
        """
        super().__init__()
        depths = DEPTHS[: options.scales]
        if options.scales > len(DEPTHS):
            raise ConfigError(
                f'the discriminator projected has no {options.scales} scales: its network has '
                f'features at {len(DEPTHS)} depths; set discriminator.scales to 1..{len(DEPTHS)}'
            )
        if channels != 3:
            raise ConfigError(
                f'the discriminator projected cannot judge {channels} channels, as of two images '
                'at once: its network knows single RGB images; choose another discriminator.name'
            )
        filters = options.filters or USUAL_FILTERS
        widths = [filters * 2**index for index in range(len(depths))]
        self.features = FixedFeatureMaps(len(depths))
        self.mixing = _Mixing([depth.channels for depth in depths], widths)
        self.heads = nn.ModuleList(
            _head(width, depth.stride) for width, depth in zip(widths, depths, strict=True)
        )
        self._augments = options.augment
        self.minimum_size = _MINIMUM_SIZE_PX

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        """Return logits (N, 1, h, w) per depth of images (N, 3, H, W) in -1..1, RGB.

        h is H / 32 rounded down, at every depth.

        Raises:
            ConfigError: H or W is less than ``minimum_size``.
        """
        check_size(image, 1, self.minimum_size)
        if self._augments and self.training:
            image = shifted_and_partly_hidden(image)
        mixed = self.mixing(self.features(image))
        return [head(each) for head, each in zip(self.heads, mixed, strict=True)]


class _Mixing(nn.Module):
    """Fixed random projections: across channels, then from coarse to fine (section 3.2)."""

    def __init__(self, channels: list[int], widths: list[int]) -> None:
        super().__init__()
        self._count = len(channels)
        for index, (own, width) in enumerate(zip(channels, widths, strict=True)):
            self.register_buffer(f'channels_{index}', _projection(width, own, 1))
            if index:
                self.register_buffer(f'scales_{index}', _projection(widths[index - 1], width, 3))

    def forward(self, features: list[torch.Tensor]) -> list[torch.Tensor]:
        """Return (N, width, h, w) per depth, in the order given: the finest first."""
        mixed: list[torch.Tensor] = []
        for index in reversed(range(self._count)):
            value = functional.conv2d(features[index], self.get_buffer(f'channels_{index}'))
            if mixed:
                kernel = self.get_buffer(f'scales_{index + 1}')
                coarse = functional.conv2d(mixed[0], kernel, padding=1)
                value = value + functional.interpolate(
                    coarse, value.shape[2:], mode='bilinear', align_corners=False
                )
            mixed.insert(0, value)
        return mixed


def _projection(outputs: int, inputs: int, side: int) -> torch.Tensor:
    """Draw weights that keep the mean square of independent features."""
    scale: float = (inputs * side**2) ** -0.5
    return scale * torch.randn(outputs, inputs, side, side)


def _head(width: int, stride: int) -> nn.Sequential:
    """Build the network that judges one mixture, whatever its size, at LOGIT_STRIDE."""
    layers = nn.Sequential()
    while stride < LOGIT_STRIDE:
        layers.append(SpectralConvolution(width, 2 * width, 4, 2, padding=1))
        layers.append(nn.LeakyReLU(0.2, inplace=True))
        width, stride = 2 * width, 2 * stride
    layers.append(SpectralConvolution(width, 1, 3, padding=1))
    return layers
