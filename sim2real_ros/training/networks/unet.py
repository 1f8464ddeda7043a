"""The generator of pix2pix.

P. Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks" (2017),
appendix 6.1.1.
"""

from itertools import pairwise

import torch
from torch import nn

from sim2real_ros.errors import ConfigError
from sim2real_ros.training.networks.image_size import check_size
from sim2real_ros.training.networks.normalisation import has_bias, normalisation
from sim2real_ros.training.networks.resampling import doubling
from sim2real_ros.training.options import GeneratorOptions, Size

USUAL_FILTERS, USUAL_DEPTH = 64, 8
MINIMUM_DEPTH = 2


class UnetGenerator(nn.Module):
    """Halve down to a few pixels and double back, with every level handed across.

    Levels are nested, so weights have the names of pytorch-CycleGAN-and-pix2pix, whose
    checkpoints load as they are (a depth of 8 is its ``unet_256``, 7 its ``unet_128``).

    Attributes:
        size_multiple: 2 ** depth; of height and width.
    """

    def __init__(self, options: GeneratorOptions) -> None:
        """Build it; weights start as torch starts them.

        Raises:
            ConfigError: The depth is less than 2.
        """
        super().__init__()
        filters, depth = options.filters or USUAL_FILTERS, options.depth or USUAL_DEPTH
        if depth < MINIMUM_DEPTH:
            raise ConfigError(f'generator depth must be at least {MINIMUM_DEPTH}, not {depth!r}')
        widths = [filters * min(2**level, 8) for level in range(depth)]
        level = _Level(options, widths[-2], widths[-1])
        for outer, inner in reversed(list(pairwise(widths[:-1]))):
            # Only the levels of the full width drop out: those between the fifth and the last.
            dropout = options.dropout and outer == inner
            level = _Level(options, outer, inner, level, dropout=dropout)
        self.model = _Level(options, 3, filters, level, outermost=True)
        self.size_multiple = 2**depth

    @staticmethod
    def size_advice(size: Size) -> str:
        """Tell which depth would take images of (width, height) pixels; '' = none would."""
        depth = min((side & -side).bit_length() - 1 for side in size)
        if depth < MINIMUM_DEPTH:
            return ''
        return f'generator.depth={depth} for multiples of {2**depth}'

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Translate images.

        Args:
            image: (N, 3, H, W) in -1..1.

        Returns:
            The same shape and range.

        Raises:
            ConfigError: H or W is not a multiple of 2 ** depth.
        """
        check_size(image, self.size_multiple)
        translated: torch.Tensor = self.model(image)
        return translated


class _Level(nn.Module):
    """One halving, whatever lies below, one doubling."""

    def __init__(
        self,
        options: GeneratorOptions,
        outer: int,
        inner: int,
        below: nn.Module | None = None,
        *,
        outermost: bool = False,
        dropout: bool = False,
    ) -> None:
        super().__init__()
        self.outermost = outermost
        bias = has_bias(options.norm)
        down: list[nn.Module] = [nn.Conv2d(outer, inner, 4, 2, padding=1, bias=bias)]
        up = _up(options, inner if below is None else 2 * inner, outer, bias or outermost)
        if outermost:
            up.append(nn.Tanh())
        else:
            down.insert(0, nn.LeakyReLU(0.2, inplace=True))
            up.append(normalisation(options.norm, outer))
            if below is not None:
                down.append(normalisation(options.norm, inner))
        if below is not None:
            down.append(below)
        self.model = nn.Sequential(*down, *up, *([nn.Dropout(0.5)] if dropout else []))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        # The leaky ReLU overwrites the features that are handed across, as in the original; the
        # ReLU that comes next on the way up makes both forms equal.
        changed: torch.Tensor = self.model(features)
        return changed if self.outermost else torch.cat([features, changed], dim=1)


def _up(options: GeneratorOptions, channels: int, filters: int, bias: bool) -> list[nn.Module]:
    layers = doubling(options.upsampling, channels, filters, bias=bias, kernel=4)
    return [nn.ReLU(inplace=True), layers[0] if len(layers) == 1 else nn.Sequential(*layers)]
