"""Generators that change colours by place and brightness, and leave the drawing as it is.

After M. Gharbi et al., "Deep Bilateral Learning for Real-Time Image Enhancement" (HDRnet, 2017):
a network looks at a small copy of the image and answers with a grid of colour matrices, which a
guide of the full-size image looks up for each pixel.
"""

from typing import Any, NamedTuple

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


class Parts(NamedTuple):
    """What comes up on the way to a change, for those who compute a part of it elsewhere.

    Attributes:
        change: What is added to the images, (N, 3, H, W), before the sum is cut off at -1 and 1.
        copy: The small images that the grid is made from, (N, 3, h, w).
        grid: (N, 3, 4, bins, rows + 1, columns + 1), see ``slice_grid``.
        detail: What ``DetailBranch.bounded`` takes, (N, 12, H / 2, W / 2); None = has no branch.
    """

    change: torch.Tensor
    copy: torch.Tensor
    grid: torch.Tensor
    detail: torch.Tensor | None


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
        small_copy = SmallCopy(options.grid_size, depth)
        self.copy_size = (small_copy.size[1], small_copy.size[0])
        self.encoder = nn.Sequential(
            small_copy,
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
        return self.translated_in_parts(image)[0]

    def translated_in_parts(
        self, image: torch.Tensor, detail_strength: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, Parts]:
        """Translate images as ``forward`` does, and return what comes up on the way, too."""
        check_size(image, self.size_multiple, self.minimum_size)
        parts = self.parts(image, detail_strength)
        return limited(image + parts.change), parts

    def change(self, image: torch.Tensor) -> torch.Tensor:
        """Return what is added to images (N, 3, H, W) before the result is cut off at -1 and 1."""
        return self.parts(image).change

    def parts(self, image: torch.Tensor, detail_strength: torch.Tensor | None = None) -> Parts:
        """Return the change of images (N, 3, H, W), and what comes up on the way.

        Args:
            image: (N, 3, H, W) in -1..1.
            detail_strength: One factor of the detail branch's change; None = 1.
        """
        copy = self.encoder[0](image)
        grid = self.grid_of(copy)
        tiled = fit_tiles(image, *self.grid_size)
        sliced = slice_grid(tiled, self.guide, grid)
        return Parts(sliced[..., : image.shape[2], : image.shape[3]], copy, grid, None)

    def matrices(self, image: torch.Tensor) -> torch.Tensor:
        """Return the grid of images (N, 3, H, W): (N, 3, 4, bins, rows + 1, columns + 1)."""
        return self.grid_of(self.encoder[0](image))

    def grid_of(self, copy: torch.Tensor) -> torch.Tensor:
        """Return the grid of what ``encoder[0]`` gives."""
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

    def parts(self, image: torch.Tensor, detail_strength: torch.Tensor | None = None) -> Parts:
        """Return the same for images (N, 3, H, W) whose sides are even."""
        parts = super().parts(image)
        unbounded = self.detail.unbounded(image)
        detail = self.detail.bounded(unbounded)
        if detail_strength is not None:
            detail = detail_strength * detail
        return parts._replace(change=parts.change + detail, detail=unbounded)


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
