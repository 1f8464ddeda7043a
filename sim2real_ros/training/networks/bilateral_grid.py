"""Generators that change colours by place and brightness, and leave the drawing as it is.

After M. Gharbi et al., "Deep Bilateral Learning for Real-Time Image Enhancement" (HDRnet, 2017):
a network looks at a small copy of the image and answers with a grid of colour matrices, which a
guide of the full-size image looks up for each pixel.
"""

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from sim2real_ros.training.networks.bilateral_grid_layers import (
    DetailBranch,
    Guide,
    ZeroConvolution,
    halving,
)
from sim2real_ros.training.networks.bilateral_grid_slicing import (
    COLOURS,
    TERMS,
    fit_tiles,
    slice_grid,
)
from sim2real_ros.training.networks.image_size import check_size
from sim2real_ros.training.networks.residual import ResidualBlock
from sim2real_ros.training.networks.tapped_generator import TappedGenerator
from sim2real_ros.training.options import GeneratorOptions

USUAL_FILTERS, USUAL_BLOCKS, USUAL_DEPTH = 16, 4, 4
WIDEST = 4
"""No layer has more channels than this many times ``filters``."""


class BilateralGrid(TappedGenerator):
    """A colour matrix for every place and brightness, added to the identity.

    A pixel's result depends on its own colour, and on nothing near it but through the matrices,
    which change smoothly: edges stay where they are, and none can appear. It starts as the
    identity.

    The copy has the grid's size times two to the power of ``depth``; it shows the whole image, so
    train on whole images, not on crops, where the result is to depend on the place.

    The usual ``feature_layers`` are the copy, the halvings' results, the first and the last block.
    """

    size_multiple = 1
    minimum_size = 16

    def __init__(self, options: GeneratorOptions) -> None:
        """Build it; weights start as torch starts them, and what adds to the image as 0.

        Args:
            options: ``filters``, ``blocks``, ``depth``, ``norm`` and those of a grid count.
        """
        super().__init__()
        filters, blocks = options.filters or USUAL_FILTERS, options.blocks or USUAL_BLOCKS
        depth = options.depth or USUAL_DEPTH
        widths = [filters * min(2**number, WIDEST) for number in range(depth)]
        self.grid_size, self.bins = options.grid_size, options.grid_bins
        self.encoder = nn.Sequential(
            SmallCopy(options.grid_size, depth),
            *(
                nn.Sequential(*halving(before, after, options.norm))
                for before, after in zip([3, *widths], widths, strict=False)
            ),
            *(ResidualBlock(widths[-1], options.norm, separable=True) for _ in range(blocks)),
        )
        self.module_channels = [3, *widths, *[widths[-1]] * blocks]
        self.feature_layers = tuple(dict.fromkeys((*range(depth + 2), depth + blocks)))
        # The cells' mean colours tell what normalisation hides: how bright the image is.
        self.means = nn.AvgPool2d(2**depth)
        # A kernel of two cells makes matrices for the corners of cells.
        self.head = ZeroConvolution(widths[-1] + 3, COLOURS * TERMS * self.bins, 2, padding=1)
        self.guide = Guide(options.guide_filters)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Translate images.

        Args:
            image: (N, 3, H, W) in -1..1.

        Returns:
            The same shape and range.

        Raises:
            ConfigError: H or W is less than 16, or no multiple of ``size_multiple``.
        """
        check_size(image, self.size_multiple, self.minimum_size)
        return limited(image + self.change(image))

    def change(self, image: torch.Tensor) -> torch.Tensor:
        """Return what is added to images (N, 3, H, W) before the result is cut off at -1 and 1."""
        columns, rows = self.grid_size
        tiled = fit_tiles(image, columns, rows)
        sliced = slice_grid(tiled, self.guide, self.matrices(image))
        return sliced[..., : image.shape[2], : image.shape[3]]

    def matrices(self, image: torch.Tensor) -> torch.Tensor:
        """Return the grid of images (N, 3, H, W): (N, 3, 4, bins, rows + 1, columns + 1)."""
        copy = self.encoder[0](image)
        features = torch.cat([self.encoder[1:](copy), self.means(copy)], 1)
        grid: torch.Tensor = self.head(features)
        return grid.reshape(-1, COLOURS, TERMS, self.bins, *grid.shape[2:])

    def feature_modules(self) -> nn.Sequential:
        """Return ``encoder``: the copy, the halvings, then the blocks."""
        return self.encoder


class BilateralGridDetail(BilateralGrid):
    """The same, and a change of single pixels that stays within ``detail_levels`` of 255."""

    size_multiple = 2

    def __init__(self, options: GeneratorOptions) -> None:
        """Build it.

        Args:
            options: As for ``BilateralGrid``, and ``detail_levels``.
        """
        super().__init__(options)
        filters = options.filters or USUAL_FILTERS
        self.detail = DetailBranch(filters, options.norm, options.detail_levels)

    def change(self, image: torch.Tensor) -> torch.Tensor:
        """Return what is added to images (N, 3, H, W), whose sides are even."""
        detail: torch.Tensor = self.detail(image)
        return super().change(image) + detail


class SmallCopy(nn.Module):
    """Shrink an image to the size that the grid's network looks at."""

    def __init__(self, grid_size: tuple[int, int], depth: int) -> None:
        """Make copies of the grid's (columns, rows) times two to the power of ``depth``."""
        super().__init__()
        self.grid_size = grid_size
        self.size = (grid_size[1] << depth, grid_size[0] << depth)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return (N, 3, h, w) of the one size for (N, 3, H, W) of any."""
        tiled = fit_tiles(image, *self.grid_size)
        return functional.interpolate(tiled, self.size, mode='bilinear', align_corners=False)


def limited(values: torch.Tensor) -> torch.Tensor:
    """Cut values off at -1 and 1, with a gradient for those that want to come back.

    A plain clamp has none beyond its limits, so that what is too bright once would stay so.
    """
    if torch.compiler.is_compiling():
        return values.clamp(-1, 1)
    result: torch.Tensor = _Limited.apply(values)
    return result


class _Limited(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, values: torch.Tensor) -> torch.Tensor:
        context.save_for_backward(values)
        return values.clamp(-1, 1)

    @staticmethod
    def backward(context: Any, gradient: torch.Tensor) -> torch.Tensor:
        (values,) = context.saved_tensors
        # A step goes against the gradient.
        leaves = ((values > 1) & (gradient < 0)) | ((values < -1) & (gradient > 0))
        return gradient.masked_fill(leaves, 0)
