"""The generator of CycleGAN and CUT.

J.-Y. Zhu et al., "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial
Networks" (2017), appendix 7.2, and T. Park et al., "Contrastive Learning for Unpaired
Image-to-Image Translation" (2020) for the anti-aliased form.
"""

import torch
from torch import nn

from sim2real_ros.training.networks.image_size import check_size
from sim2real_ros.training.networks.normalisation import Norm, has_bias, normalisation
from sim2real_ros.training.networks.resampling import BlurPool, doubling
from sim2real_ros.training.networks.residual import ResidualBlock
from sim2real_ros.training.networks.tapped_generator import TappedGenerator
from sim2real_ros.training.options import GeneratorOptions

USUAL_FILTERS, USUAL_BLOCKS = 64, 9
USUAL_SEPARABLE_FILTERS, USUAL_SEPARABLE_BLOCKS = 16, 6


class ResnetGenerator(TappedGenerator):
    """Halve twice, change by residual blocks, double twice.

    The modules stand in one sequence ``model``, so weights have the names and numbers of
    pytorch-CycleGAN-and-pix2pix and CUT, whose checkpoints load as they are.

    The usual ``feature_layers`` are the padded image, the two halving convolutions, the first and
    the fifth block: 0, 4, 8, 12, 16 in CUT's anti-aliased form.
    """

    size_multiple = 4
    minimum_size = 8

    def __init__(self, options: GeneratorOptions, *, separable: bool = False) -> None:
        """Build it; weights start as torch starts them.

        Args:
            options: ``depth`` has no meaning here.
            separable: Depthwise separable convolutions in the blocks, and 16 filters and 6 blocks
                unless told otherwise.
        """
        super().__init__()
        filters = options.filters or (USUAL_SEPARABLE_FILTERS if separable else USUAL_FILTERS)
        blocks = options.blocks or (USUAL_SEPARABLE_BLOCKS if separable else USUAL_BLOCKS)
        head = [
            nn.ReflectionPad2d(3),
            nn.Conv2d(3, filters, 7, bias=has_bias(options.norm)),
            *_norm_and_relu(options.norm, filters),
        ]
        first, second = (_halving(options, filters * width) for width in (1, 2))
        body = [
            ResidualBlock(4 * filters, options.norm, dropout=options.dropout, separable=separable)
            for _ in range(blocks)
        ]
        tail = [
            *_doubling(options, 4 * filters),
            *_doubling(options, 2 * filters),
            nn.ReflectionPad2d(3),
            nn.Conv2d(filters, 3, 7),
            nn.Tanh(),
        ]
        self.model = nn.Sequential(*head, *first, *second, *body, *tail)
        start = len(head) + len(first) + len(second)
        taps = (0, len(head), len(head) + len(first), start, start + min(4, blocks - 1))
        self.feature_layers = tuple(dict.fromkeys(taps))
        self.module_channels = _channels(self.model)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Translate images.

        Args:
            image: (N, 3, H, W) in -1..1.

        Returns:
            The same shape and range.

        Raises:
            ConfigError: H or W is not a multiple of 4, or less than 8.
        """
        check_size(image, self.size_multiple, self.minimum_size)
        translated: torch.Tensor = self.model(image)
        return translated

    def feature_modules(self) -> nn.Sequential:
        """Return ``model``."""
        return self.model


def _channels(modules: nn.Sequential) -> list[int]:
    channels, counts = 3, []
    for module in modules:
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            channels = module.out_channels
        counts.append(channels)
    return counts


def _norm_and_relu(norm: Norm, channels: int) -> list[nn.Module]:
    return [normalisation(norm, channels), nn.ReLU(inplace=True)]


def _halving(options: GeneratorOptions, channels: int) -> list[nn.Module]:
    blur = options.downsampling == 'blur'
    bias = has_bias(options.norm)
    convolution = nn.Conv2d(channels, 2 * channels, 3, 1 if blur else 2, padding=1, bias=bias)
    layers = [convolution, *_norm_and_relu(options.norm, 2 * channels)]
    return [*layers, BlurPool()] if blur else layers


def _doubling(options: GeneratorOptions, channels: int) -> list[nn.Module]:
    return [
        *doubling(options.upsampling, channels, channels // 2, bias=has_bias(options.norm)),
        *_norm_and_relu(options.norm, channels // 2),
    ]
