"""A small U-Net, the student of HyPER-GAN.

"HyPER-GAN" (arXiv 2603.10604) trains it on a slow teacher's outputs to run live in a simulator:
6.17 million weights and 23.0 billion multiplications at 512x384 with 64 filters, a sixth of
CycleGAN's ResNet; 1.55 million and 5.9 billion with 32.
"""

import torch
from torch import nn

from sim2real_ros.training.networks.image_size import check_size
from sim2real_ros.training.networks.normalisation import has_bias, normalisation
from sim2real_ros.training.networks.resampling import doubling
from sim2real_ros.training.networks.residual import ResidualBlock
from sim2real_ros.training.networks.tapped_generator import TappedGenerator
from sim2real_ros.training.options import GeneratorOptions

USUAL_FILTERS, USUAL_BLOCKS = 64, 4


class HyperUnet(TappedGenerator):
    """Three halvings, residual blocks at an eighth of the size, three doublings with skips.

    The usual ``feature_layers`` are the three halvings, the first and the last block.
    """

    size_multiple = 8
    minimum_size = 16

    def __init__(self, options: GeneratorOptions) -> None:
        """Build it; weights start as torch starts them.

        Args:
            options: ``filters``, ``blocks``, ``norm``, ``dropout`` and ``upsampling`` count.
        """
        super().__init__()
        filters, blocks = options.filters or USUAL_FILTERS, options.blocks or USUAL_BLOCKS
        widths = [filters, 2 * filters, 4 * filters]
        down = [
            _halving(options, before, after)
            for before, after in zip([3, *widths], widths, strict=False)
        ]
        body = [
            ResidualBlock(4 * filters, options.norm, dropout=options.dropout)
            for _ in range(blocks)
        ]
        self.encoder = nn.Sequential(*down, *body)
        self.module_channels = [*widths, *[4 * filters] * blocks]
        self.feature_layers = tuple(dict.fromkeys((0, 1, 2, 3, 2 + blocks)))
        # The skips double the channels that come up from below.
        self.up = nn.ModuleList(
            [
                _doubling(options, 4 * filters, 2 * filters),
                _doubling(options, 4 * filters, filters),
            ]
        )
        last = doubling(options.upsampling, 2 * filters, 3, bias=True, kernel=4)
        self.last = nn.Sequential(*last, nn.Tanh())

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Translate images.

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
        deep = self.encoder[2:](quarter)
        deep = torch.cat([self.up[0](deep), quarter], dim=1)
        deep = torch.cat([self.up[1](deep), half], dim=1)
        translated: torch.Tensor = self.last(deep)
        return translated

    def feature_modules(self) -> nn.Sequential:
        """Return ``encoder``: the halvings, then the blocks."""
        return self.encoder


def _halving(options: GeneratorOptions, channels: int, filters: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, filters, 4, 2, padding=1, bias=has_bias(options.norm)),
        normalisation(options.norm, filters),
        nn.ReLU(inplace=True),
    )


def _doubling(options: GeneratorOptions, channels: int, filters: int) -> nn.Sequential:
    bias = has_bias(options.norm)
    return nn.Sequential(
        *doubling(options.upsampling, channels, filters, bias=bias, kernel=4),
        normalisation(options.norm, filters),
        nn.ReLU(inplace=True),
    )
