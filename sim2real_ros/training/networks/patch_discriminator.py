"""Discriminators that judge an image patch by patch.

P. Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks" (2017),
appendix 6.1.2.
"""

import torch
from torch import nn

from sim2real_ros.training.networks.image_size import check_size
from sim2real_ros.training.networks.normalisation import has_bias, normalisation
from sim2real_ros.training.networks.resampling import BlurPool
from sim2real_ros.training.options import DiscriminatorOptions

USUAL_FILTERS = 64


def receptive_field(layers: int) -> int:
    """Return the side, in pixels, of the patch that one logit of ``patch`` depends on.

    Args:
        layers: Strided layers: 1, 2, 3, 4 see 16, 34, 70, 142 pixels.
    """
    side = 1
    for stride in (1, 1, *[2] * layers):
        side = (side - 1) * stride + 4
    return side


class PatchDiscriminator(nn.Module):
    """Logits of overlapping patches, 70x70 pixels by default.

    The modules stand in one sequence ``model``, so weights have the names and numbers of
    pytorch-CycleGAN-and-pix2pix.

    Attributes:
        minimum_size: Of height and width, in pixels: 24 with 3 layers.
    """

    def __init__(self, options: DiscriminatorOptions, channels: int = 3) -> None:
        """Build it; weights start as torch starts them.

        Args:
            options: ``layers`` strided ones are followed by two that are not.
            channels: Of the input.
        """
        super().__init__()
        filters = options.filters or USUAL_FILTERS
        bias, blur = has_bias(options.norm), options.downsampling == 'blur'
        self.model = nn.Sequential()
        widths = [filters * min(2**layer, 8) for layer in range(options.layers + 1)]
        for index, width in enumerate(widths):
            halves = index < options.layers
            stride = 2 if halves and not blur else 1
            self.model.append(
                nn.Conv2d(channels, width, 4, stride, padding=1, bias=bias or index == 0)
            )
            if index:
                self.model.append(normalisation(options.norm, width))
            self.model.append(nn.LeakyReLU(0.2, inplace=True))
            if halves and blur:
                self.model.append(BlurPool())
            channels = width
        self.model.append(nn.Conv2d(channels, 1, 4, padding=1))
        # The two layers that do not halve lose a pixel each.
        self.minimum_size = 3 * 2**options.layers

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return logits (N, 1, h, w) of images (N, channels, H, W) in -1..1.

        With 3 layers, h is H / 8 - 2.

        Raises:
            ConfigError: There would be no logit at all.
        """
        check_size(image, 1, self.minimum_size)
        logits: torch.Tensor = self.model(image)
        return logits


class PixelDiscriminator(nn.Module):
    """Logits of single pixels, by 1x1 convolutions; it sees colours and no texture."""

    def __init__(self, options: DiscriminatorOptions, channels: int = 3) -> None:
        """Build it; weights start as torch starts them.

        Args:
            options: ``filters`` and ``norm`` count.
            channels: Of the input.
        """
        super().__init__()
        filters, bias = options.filters or USUAL_FILTERS, has_bias(options.norm)
        self.net = nn.Sequential(
            nn.Conv2d(channels, filters, 1),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(filters, 2 * filters, 1, bias=bias),
            normalisation(options.norm, 2 * filters),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(2 * filters, 1, 1, bias=bias),
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return logits (N, 1, H, W) of images (N, channels, H, W) in -1..1."""
        logits: torch.Tensor = self.net(image)
        return logits
