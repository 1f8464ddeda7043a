"""A short row of numbers that says what a frame looks like: colours, edges and detail by place.

It is made for one question, whether a frame resembles others, at a cost that a camera node does
not notice. Chosen by measurement: docs/evaluation.md has the numbers.
"""

import cv2
import numpy as np
import numpy.typing as npt

from sim2real_ros.runtime.pixel_format import RgbImage

DESCRIPTOR = 'colour-gradient-detail/1'
"""Name and version: numbers that were found with another one say nothing about this one."""

_DETAIL_SIZE = (256, 192)
_LAYOUT_SIZE = (64, 48)
_COLOUR_CELLS = (8, 6)
_GRADIENT_CELLS = (4, 3)
_DETAIL_CELLS = (2, 3)
_ORIENTATIONS = 6

COLOUR_LENGTH = 3 * _COLOUR_CELLS[0] * _COLOUR_CELLS[1]
GRADIENT_LENGTH = _ORIENTATIONS * _GRADIENT_CELLS[0] * _GRADIENT_CELLS[1]
DETAIL_LENGTH = _DETAIL_CELLS[0] * _DETAIL_CELLS[1]
GROUP_LENGTHS = (COLOUR_LENGTH, GRADIENT_LENGTH, DETAIL_LENGTH)
"""How many values belong to each of the three questions; they come in this order."""

DESCRIPTOR_LENGTH = sum(GROUP_LENGTHS)

Descriptor = npt.NDArray[np.float32]


def describe_frame(rgb: RgbImage) -> Descriptor:
    """Describe one frame.

    The square root of intensities is what counts, so that dark parts are not drowned by bright
    ones. Brightness as such is not taken out: a model sees it, too.

    Args:
        rgb: uint8 (H, W, 3), RGB, of any size from 1x1 on; the shape of the image is not kept.

    Returns:
        float32 (222,), finite: mean colours of 8x6 cells (0..1); strength of edges in six
        directions, in 4x3 cells (after Dalal and Triggs 2005, without their normalisation by
        neighbours); logarithm of the mean Laplacian in 2x3 cells, at 256x192 pixels, which tells
        blur and noise.
    """
    small = _shrunk(rgb)
    layout = np.asarray(cv2.resize(small, _LAYOUT_SIZE, interpolation=cv2.INTER_AREA), np.uint8)
    colours = _cell_means(np.sqrt(layout.astype(np.float32) / 255), _COLOUR_CELLS)
    parts = (colours, _gradients(layout), _detail(small))
    return np.concatenate([part.reshape(-1) for part in parts]).astype(np.float32)


def _shrunk(rgb: RgbImage) -> npt.NDArray[np.uint8]:
    """Return the image at 256x192, in a quarter of the time that area averages take by any factor.

    Averages over whole pixels are fast, and leave less than a factor of 2 to interpolate. At most
    as many rows and columns are left out at the end as a cell of the average has.
    """
    width, height = (rgb.shape[1], rgb.shape[0])
    columns, rows = max(1, width // _DETAIL_SIZE[0]), max(1, height // _DETAIL_SIZE[1])
    size = (width // columns, height // rows)
    if size != (width, height):
        whole = rgb[: size[1] * rows, : size[0] * columns]
        rgb = np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_AREA), np.uint8)
    if size == _DETAIL_SIZE:
        return rgb
    return np.asarray(cv2.resize(rgb, _DETAIL_SIZE, interpolation=cv2.INTER_LINEAR), np.uint8)


def _gradients(layout: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return the root of the mean strength of edges: (rows, columns, orientations)."""
    grey = np.sqrt(_grey(layout) / np.float32(255))
    along_x = cv2.Sobel(grey, cv2.CV_32F, 1, 0, ksize=3)
    along_y = cv2.Sobel(grey, cv2.CV_32F, 0, 1, ksize=3)
    strength, angle = cv2.cartToPolar(along_x, along_y)
    # Opposite directions are the same edge. A strength is shared by the two nearest orientations.
    position = np.mod(angle * (_ORIENTATIONS / np.pi), _ORIENTATIONS)
    lower = np.floor(position)
    upper_share = strength * (position - lower)
    first = lower.astype(np.int32) % _ORIENTATIONS
    planes = np.zeros((*grey.shape, _ORIENTATIONS), np.float32)
    rows, columns = np.ogrid[: grey.shape[0], : grey.shape[1]]
    planes[rows, columns, first] = strength - upper_share
    planes[rows, columns, (first + 1) % _ORIENTATIONS] += upper_share
    return np.asarray(np.sqrt(_cell_means(planes, _GRADIENT_CELLS)), np.float32)


def _detail(small: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return how much there is at the finest scale, about 0..1: (rows, columns, 1)."""
    strength = np.abs(cv2.Laplacian(_grey(small), cv2.CV_32F))
    # Blur divides and noise adds: a fifth of the logarithm keeps both within the other values.
    means = _cell_means(strength[..., np.newaxis], _DETAIL_CELLS)
    return np.asarray(np.log1p(means) / np.float32(5), np.float32)


def _grey(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)


def _cell_means(
    values: npt.NDArray[np.float32], cells: tuple[int, int]
) -> npt.NDArray[np.float32]:
    """Average (H, W, C) over a grid of (columns, rows) cells that divides it evenly."""
    height, width, channels = values.shape
    columns, rows = cells
    grid = values.reshape(rows, height // rows, columns, width // columns, channels)
    means: npt.NDArray[np.float32] = grid.mean(axis=(1, 3))
    return means
