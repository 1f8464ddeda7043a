"""The refiner of SimGAN.

A. Shrivastava et al., "Learning from Simulated and Unsupervised Images through Adversarial
Training" (2017), section 2.3 and appendix.
"""

import torch
from torch import nn

from sim2real_ros.training.networks.tapped_generator import TappedGenerator
from sim2real_ros.training.options import GeneratorOptions

USUAL_FILTERS, USUAL_BLOCKS = 64, 4


class Refiner(TappedGenerator):
    """Residual blocks at full size, which can change texture and nothing that is far apart.

    With 4 blocks an output pixel depends on 19x19 pixels of the input.

    The usual ``feature_layers`` are the first layer, the middle and the last block.
    """

    size_multiple = 1

    def __init__(self, options: GeneratorOptions, channels: int = 3) -> None:
        """Build it; weights start as torch starts them.

        Args:
            options: ``filters`` and ``blocks`` count.
            channels: Of images; the paper's were grey.
        """
        super().__init__()
        filters = options.filters or USUAL_FILTERS
        blocks = options.blocks or USUAL_BLOCKS
        self.model = nn.Sequential(
            nn.Sequential(nn.Conv2d(channels, filters, 3, padding=1), nn.ReLU(inplace=True)),
            *(_RefinerBlock(filters) for _ in range(blocks)),
            nn.Sequential(nn.Conv2d(filters, channels, 1), nn.Tanh()),
        )
        self.feature_layers = tuple(dict.fromkeys((0, (blocks + 1) // 2, blocks)))
        self.module_channels = [*[filters] * (1 + blocks), channels]

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Refine images (N, channels, H, W) in -1..1 to the same."""
        refined: torch.Tensor = self.model(image)
        return refined

    def feature_modules(self) -> nn.Sequential:
        """Return ``model``: the first layer, the blocks, the last layer."""
        return self.model


class _RefinerBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3, padding=1),
        )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        change: torch.Tensor = self.layers(features)
        return torch.relu(features + change)
