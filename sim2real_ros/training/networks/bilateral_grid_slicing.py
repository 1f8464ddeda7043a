"""Apply a grid of colour matrices to an image: what is learned small acts at full size.

A bilateral grid has two axes in the image and one in brightness (J. Chen et al., "Real-time
Edge-aware Image Processing with the Bilateral Grid", 2007; with learned matrices: M. Gharbi et
al., "Deep Bilateral Learning for Real-Time Image Enhancement", 2017).
"""

from collections.abc import Callable

import torch

COLOURS, TERMS = 3, 4
"""A matrix makes each of three colours from red, green, blue and 1."""

Guide = Callable[[torch.Tensor], torch.Tensor]


def fit_tiles(image: torch.Tensor, columns: int, rows: int) -> torch.Tensor:
    """Repeat the last row and column until the image can be cut into equal tiles.

    Args:
        image: (N, C, H, W).
        columns: Of tiles; W becomes a multiple of it.
        rows: Of tiles; H becomes a multiple of it.

    Returns:
        (N, C, H', W'), the image itself where nothing is missing.
    """
    height, width = image.shape[-2:]
    # Sizes that are free in an exported graph are symbols, and may always need it.
    if not isinstance(height, int) or height % rows:
        places = _clamped_range(_tile_side(height, rows) * rows, height - 1, image)
        image = image.index_select(2, places)
    if not isinstance(width, int) or width % columns:
        places = _clamped_range(_tile_side(width, columns) * columns, width - 1, image)
        image = image.index_select(3, places)
    return image


def slice_grid(image: torch.Tensor, guide: Guide, grid: torch.Tensor) -> torch.Tensor:
    """Multiply every pixel's colour by the matrix that the grid holds for its place and guide.

    The matrices stand at the corners of equal tiles of the image, ``bins`` above each other, the
    lowest for guide 0, the highest for guide 1; between them they are interpolated linearly in all
    three directions. It is written as one matrix product per tile, which costs a third of what
    enlarging the grid to the image would, and uses no operator that a runtime might lack.

    Args:
        image: (N, 3, H, W) in -1..1; H and W are multiples of the numbers of tiles.
        guide: From a pixel's red, green, blue and 1, (..., 4, pixels), to (..., 1, pixels) in
            0..1.
        grid: (N, 3, 4, bins, rows + 1, columns + 1): three output colours from four terms.

    Returns:
        (N, 3, H, W), the products.
    """
    count, bins = grid.shape[0], grid.shape[3]
    rows, columns = grid.shape[4] - 1, grid.shape[5] - 1
    height, width = image.shape[-2] // rows, image.shape[-1] // columns
    pixels = height * width
    tiles = torch.cat([image, torch.ones_like(image[:, :1])], 1)
    tiles = tiles.reshape(count, TERMS, rows, height, columns, width)
    terms = tiles.permute(0, 2, 4, 1, 3, 5).reshape(count, rows, columns, TERMS, pixels)
    shared = terms[..., :, None, :] * _shares_of_bins(guide(terms), bins)[..., None, :, :]
    shared = shared.reshape(count, rows, columns, TERMS * bins, pixels)
    by_corner = (_corner_matrices(grid) @ shared).reshape(count, rows, columns, 4, COLOURS, pixels)
    weights = _corner_weights(height, width, image)
    result = (by_corner * weights.reshape(4, 1, pixels)).sum(3)
    result = result.reshape(count, rows, columns, COLOURS, height, width)
    result = result.permute(0, 3, 1, 4, 2, 5)
    return result.reshape(count, COLOURS, rows * height, columns * width)


def _shares_of_bins(guides: torch.Tensor, bins: int) -> torch.Tensor:
    """Return how much each bin counts, (..., bins, pixels); for each pixel they add up to 1."""
    places = torch.arange(bins, device=guides.device).to(guides.dtype)[:, None]
    return torch.relu(1 - (guides * (bins - 1) - places).abs())


def _corner_matrices(grid: torch.Tensor) -> torch.Tensor:
    """Return (N, rows, columns, 4 * 3, 4 * bins): four corners of each tile, one below another."""
    count, _, _, bins, rows, columns = grid.shape
    matrices = grid.reshape(count, COLOURS, TERMS * bins, rows, columns).permute(0, 3, 4, 1, 2)
    upper, lower = matrices[:, :-1], matrices[:, 1:]
    corners = [upper[:, :, :-1], upper[:, :, 1:], lower[:, :, :-1], lower[:, :, 1:]]
    return torch.cat(corners, -2)


def _corner_weights(height: int, width: int, like: torch.Tensor) -> torch.Tensor:
    """Return how much each corner of a tile counts, (4, height, width), at centres of pixels."""
    down, across = _centres(height, like)[:, None], _centres(width, like)[None]
    up, back = 1 - down, 1 - across
    return torch.stack([up * back, up * across, down * back, down * across])


def _centres(side: int, like: torch.Tensor) -> torch.Tensor:
    places: torch.Tensor = (torch.arange(side, device=like.device).to(like.dtype) + 0.5) / side
    return places


def _tile_side(side: int, tiles: int) -> int:
    return (side + tiles - 1) // tiles


def _clamped_range(length: int, last: int, image: torch.Tensor) -> torch.Tensor:
    """Return 0, 1, ... last, last, ...; TensorRT takes it for sizes that no Pad may depend on."""
    return torch.arange(length, device=image.device).clamp(max=last)
