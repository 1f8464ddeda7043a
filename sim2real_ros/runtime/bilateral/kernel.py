"""Slicing a bilateral grid, compiled for this CPU: bytes in, bytes out, in one pass over the rows.

Loops over the pixels of a row run inside, without branches, so that the compiler makes vector
instructions of them. Everything that a row needs stays in the first cache. All functions release
the GIL and share nothing but what they read: any number of threads may call them at once.

They stand in one file because numba's cache notices changes of the file of the outer one only.
"""

from collections.abc import Callable
from typing import TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Integers = NDArray[np.int32]

TERMS = 12
"""Numbers of a colour matrix: three colours times red, green, blue and 1."""

ROWS_OF_SCRATCH, MARGIN = 20, 2
"""What ``slice_rows`` needs for intermediate values: so many rows, longer than the image's."""

_F = np.float32
_HALF_RANGE, _UNIT = np.float32(127.5), np.float32(1 / 127.5)
_MINUS_LOG2_E = np.float32(-1.4426950408889634)
_LARGEST_EXPONENT = np.float32(126)

_NEAREST_INTEGER = np.float32(1.5 * 2**23)
"""Added and taken away again, it leaves the nearest integer, of two the even one."""

_Function = TypeVar('_Function', bound=Callable[..., object])


def _inner(function: _Function) -> _Function:
    # Contraction makes fused multiply-adds. Other fast-math options would not keep NaN in check.
    compiled = numba.njit(function, nogil=True, fastmath={'contract'}, error_model='numpy')
    return cast(_Function, compiled)


@_inner
def _unpack(pixels: Bytes, planes: Bytes, colours: Floats) -> None:
    """Take red, green and blue of a row apart, and scale them to -1..1."""
    red, green, blue = planes[0], planes[1], planes[2]
    width = planes.shape[1]
    for x in range(width):
        red[x] = pixels[3 * x]
        green[x] = pixels[3 * x + 1]
        blue[x] = pixels[3 * x + 2]
    for colour in range(3):
        source, scaled = planes[colour], colours[colour]
        for x in range(width):
            scaled[x] = _F(source[x]) * _UNIT - _F(1)


@_inner
def _pack(colours: Floats, changes: Floats, planes: Bytes, pixels: Bytes) -> None:
    """Add the changes, cut off, round half to even, and put the colours beside each other."""
    width = planes.shape[1]
    for colour in range(3):
        old, change, levels = colours[colour], changes[colour], planes[colour]
        for x in range(width):
            level = _HALF_RANGE * (old[x] + change[x]) + _HALF_RANGE
            # In this order NaN becomes 0.
            level = level if level > _F(0) else _F(0)
            level = level if level < _F(255) else _F(255)
            levels[x] = np.uint8(np.int32((level + _NEAREST_INTEGER) - _NEAREST_INTEGER))
    red, green, blue = planes[0], planes[1], planes[2]
    for x in range(width):
        pixels[3 * x] = red[x]
        pixels[3 * x + 1] = green[x]
        pixels[3 * x + 2] = blue[x]


@_inner
def _logistic(values: Floats, powers: Floats, scale: np.float32, slope: np.float32) -> None:
    """Replace values by scale / (1 + exp(-slope * value)), to about 1e-7 of the scale.

    exp(-v) = 2^n * 2^f with an integer n and f in -0.5..0.5: the first is written into the bits
    of a float's exponent, the second is the Taylor polynomial of degree 6 (error below 2e-7).
    """
    width = values.shape[0]
    bits = powers.view(np.int32)
    factor = slope * _MINUS_LOG2_E
    for x in range(width):
        exponent = values[x] * factor
        exponent = exponent if exponent > -_LARGEST_EXPONENT else -_LARGEST_EXPONENT
        exponent = exponent if exponent < _LARGEST_EXPONENT else _LARGEST_EXPONENT
        whole = (exponent + _NEAREST_INTEGER) - _NEAREST_INTEGER
        values[x] = exponent - whole
        bits[x] = (np.int32(whole) + np.int32(127)) << np.int32(23)
    for x in range(width):
        rest = values[x]
        power = _F(1.5403530e-4) * rest + _F(1.3333558e-3)
        power = power * rest + _F(9.6181291e-3)
        power = power * rest + _F(5.5504109e-2)
        power = power * rest + _F(2.4022651e-1)
        power = power * rest + _F(6.9314718e-1)
        power = power * rest + _F(1)
        values[x] = scale / (_F(1) + power * powers[x])


@_inner
def _find_places(
    pixels: Floats, width: int, guide: Floats, slopes: Floats, powers: Floats, top: np.float32
) -> None:
    """Write each pixel's place on the brightness axis, 0..top, beside its colours."""
    red, green, blue, places = pixels[0], pixels[1], pixels[2], pixels[3, :width]
    slope_r, slope_g, slope_b, offset = slopes[0], slopes[1], slopes[2], slopes[3]
    for x in range(width):
        places[x] = slope_r * red[x] + slope_g * green[x] + slope_b * blue[x] + offset
    for unit in range(guide.shape[0]):
        weights = guide[unit]
        of_r, of_g, of_b = weights[0], weights[1], weights[2]
        bias, share = weights[3], weights[4]
        for x in range(width):
            value = of_r * red[x] + of_g * green[x] + of_b * blue[x] + bias
            places[x] += share * (value if value > _F(0) else _F(0))
    _logistic(places, powers, top, _F(1))


@_inner
def _interpolate_down(grid: Floats, row: int, share: np.float32, lines: Floats) -> None:
    """Mix two rows of the grid: what stands at the left of each tile, and how far its right is.

    Args:
        grid: (12, bins, rows + 1, columns + 1).
        row: The upper one.
        share: Of the lower one, 0..1.
        lines: (2, bins, 12, columns) to write to.
    """
    _, bins, terms, columns = lines.shape
    for each in range(bins):
        for term in range(terms):
            above, below = grid[term, each, row], grid[term, each, row + 1]
            left, across = lines[0, each, term], lines[1, each, term]
            for column in range(columns):
                first = above[column] + share * (below[column] - above[column])
                following = above[column + 1]
                second = following + share * (below[column + 1] - following)
                left[column] = first
                across[column] = second - first


@_inner
def _apply_bin(
    lines: Floats,
    place: int,
    column: int,
    shares: Floats,
    pixels: Floats,
    changes: Floats,
    start: int,
    stop: int,
) -> None:
    """Add what one bin's matrices make of some neighbouring pixels, by their share of it."""
    red, green, blue = pixels[0, start:stop], pixels[1, start:stop], pixels[2, start:stop]
    places, to_red = pixels[3, start:stop], changes[0, start:stop]
    to_green, to_blue = changes[1, start:stop], changes[2, start:stop]
    a, d = lines[0, place, :, column], lines[1, place, :, column]
    a0, a1, a2, a3, a4, a5 = a[0], a[1], a[2], a[3], a[4], a[5]
    a6, a7, a8, a9, a10, a11 = a[6], a[7], a[8], a[9], a[10], a[11]
    d0, d1, d2, d3, d4, d5 = d[0], d[1], d[2], d[3], d[4], d[5]
    d6, d7, d8, d9, d10, d11 = d[6], d[7], d[8], d[9], d[10], d[11]
    level = _F(place)
    for x in range(stop - start):
        share = _F(1) - abs(places[x] - level)
        share = share if share > _F(0) else _F(0)
        r, g, b, s = red[x], green[x], blue[x], shares[x]
        at_left = a0 * r + a1 * g + a2 * b + a3
        to_red[x] += share * (at_left + s * (d0 * r + d1 * g + d2 * b + d3))
        at_left = a4 * r + a5 * g + a6 * b + a7
        to_green[x] += share * (at_left + s * (d4 * r + d5 * g + d6 * b + d7))
        at_left = a8 * r + a9 * g + a10 * b + a11
        to_blue[x] += share * (at_left + s * (d8 * r + d9 * g + d10 * b + d11))


@_inner
def _apply_tiles(
    lines: Floats, width: int, tile_width: int, shares: Floats, pixels: Floats, changes: Floats
) -> None:
    """Write what the matrices make of the pixels of a row, tile by tile.

    Neighbours have similar brightness: most bins are not needed, and are left out.

    Args:
        lines: (2, bins, 12, columns), see ``_interpolate_down``.
        width: Of the image.
        tile_width: Likewise in pixels.
        shares: (tile_width,): how much the right counts at each pixel of a tile.
        pixels: (4, width or more): red, green, blue and place on the brightness axis.
        changes: (3, width or more) to write to.
    """
    bins = lines.shape[1]
    changes[:, :] = _F(0)
    for column in range((width + tile_width - 1) // tile_width):
        start, stop = column * tile_width, min((column + 1) * tile_width, width)
        lowest, highest = np.int32(bins - 1), np.int32(0)
        for value in pixels[3, start:stop]:
            # Comparing integers is what the compiler makes vectors of.
            below = np.int32(value)
            lowest, highest = min(lowest, below), max(highest, below)
        for place in range(int(max(lowest, np.int32(0))), int(min(highest + 2, bins))):
            _apply_bin(lines, place, column, shares, pixels, changes, start, stop)


@_inner
def _bound_detail(detail: Floats, y: int, rows: Floats, half: Floats, powers: Floats) -> None:
    """Compute tanh of a row of the detail branch, (3, width): 1 - 2 / (1 + exp(2 v))."""
    columns = detail.shape[2]
    for colour in range(3):
        row = rows[colour]
        for odd in range(2):
            source = detail[4 * colour + 2 * (y & 1) + odd, y >> 1]
            for x in range(columns):
                half[x] = source[x]
            _logistic(half, powers, _F(2), _F(2))
            for x in range(columns):
                row[2 * x + odd] = half[x] - _F(1)


@_inner
def _add_detail(
    rows: Floats,
    y: int,
    height: int,
    width: int,
    factor: np.float32,
    sums: Floats,
    changes: Floats,
) -> None:
    """Add a row of detail, blurred by (1, 2, 1) both ways; the image's border reflects.

    Args:
        rows: (3, 3, width or more): each row of the detail in the place of its number modulo 3.
        y: The row.
        height: Of the image.
        width: Likewise.
        factor: Of the sum that the blur makes.
        sums: (width + MARGIN,) for intermediate values.
        changes: (3, width or more) to add to.
    """
    below = y + 1 if y + 1 < height else y - 1
    for colour in range(3):
        up, middle = rows[abs(y - 1) % 3, colour], rows[y % 3, colour]
        down, change = rows[below % 3, colour], changes[colour]
        for x in range(width):
            sums[x + 1] = up[x] + _F(2) * middle[x] + down[x]
        sums[0], sums[width + 1] = sums[2], sums[width - 1]
        for x in range(width):
            change[x] += factor * (sums[x] + _F(2) * sums[x + 1] + sums[x + 2])


def slice_rows(
    image: Bytes,
    out: Bytes,
    grid: Floats,
    guide: Floats,
    slopes: Floats,
    detail: Floats,
    detail_factor: np.float32,
    scratch: Floats,
    planes: Bytes,
    lines: Floats,
    start: int,
    stop: int,
) -> None:
    """Translate some rows of an image with a bilateral grid, see ``slice_grid`` in the training.

    Args:
        image: (H, W, 3) RGB.
        out: The same, to write to; no part of ``image``.
        grid: (12, bins, rows + 1, columns + 1), four terms of red, then of green and blue.
        guide: (units, 5): weights of red, green and blue in -1..1, bias, and the unit's share.
        slopes: (4,): of red, green, blue and 1.
        detail: (12, H / 2, W / 2) of the detail branch, where H and W are even; (12, 0, 0) where
            there is none.
        detail_factor: Amplitude of the detail in -1..1 times its strength.
        scratch: (ROWS_OF_SCRATCH, W + MARGIN) or longer, of this thread alone.
        planes: (3, W), likewise.
        lines: (2, bins, 12, columns), likewise.
        start: First row.
        stop: Row after the last.
    """
    height, width = image.shape[0], image.shape[1]
    rows, columns, top = grid.shape[2] - 1, grid.shape[3] - 1, _F(grid.shape[1] - 1)
    tile_height, tile_width = (height + rows - 1) // rows, (width + columns - 1) // columns
    source, target = image.reshape(-1), out.reshape(-1)
    pixels, changes, powers = scratch[0:4], scratch[4:7], scratch[7]
    shares, half, sums = scratch[8, :tile_width], scratch[9, : width // 2], scratch[10]
    bounded = scratch[11:20].reshape(3, 3, scratch.shape[1])
    for x in range(tile_width):
        shares[x] = (_F(x) + _F(0.5)) / _F(tile_width)
    following = max(start - 1, 0)
    for y in range(start, stop):
        row = y // tile_height
        share = (_F(y - row * tile_height) + _F(0.5)) / _F(tile_height)
        _interpolate_down(grid, row, share, lines)
        bytes_of_row = slice(3 * width * y, 3 * width * (y + 1))
        _unpack(source[bytes_of_row], planes, pixels)
        _find_places(pixels, width, guide, slopes, powers, top)
        _apply_tiles(lines, width, tile_width, shares, pixels, changes)
        if detail.shape[1] > 0:
            while following <= min(y + 1, height - 1):
                _bound_detail(detail, following, bounded[following % 3], half, powers)
                following += 1
            _add_detail(bounded, y, height, width, detail_factor / _F(16), sums, changes)
        _pack(pixels, changes, planes, target[bytes_of_row])


def copy_rows(
    image: Bytes,
    copy: Floats,
    tiled_height: int,
    tiled_width: int,
    line: Floats,
    start: int,
    stop: int,
) -> None:
    """Shrink an image bilinearly to what a grid's network looks at, see ``SmallCopy``.

    Pixels count by the distance of their centres, as in ONNX's Resize, ``half_pixel``; beyond the
    image its last row and column are repeated.

    Args:
        image: (H, W, 3) RGB.
        copy: (3, h, w) to write to, -1..1.
        tiled_height: H, rounded up to full tiles.
        tiled_width: W, likewise.
        line: (W * 3,) or longer, of this thread alone.
        start: First row of the copy.
        stop: Row after the last.
    """
    height, width = image.shape[0], image.shape[1]
    source = image.reshape(-1)
    for y in range(start, stop):
        upper, down = _place(y, copy.shape[1], tiled_height)
        lower = min(upper + 1, tiled_height - 1, height - 1)
        upper = min(upper, height - 1)
        above = source[3 * width * upper : 3 * width * (upper + 1)]
        below = source[3 * width * lower : 3 * width * (lower + 1)]
        for x in range(3 * width):
            first = _F(above[x])
            line[x] = (first + down * (_F(below[x]) - first)) * _UNIT - _F(1)
        for x in range(copy.shape[2]):
            left, across = _place(x, copy.shape[2], tiled_width)
            right = 3 * min(left + 1, tiled_width - 1, width - 1)
            left = 3 * min(left, width - 1)
            for colour in range(3):
                first = line[left + colour]
                copy[colour, y, x] = first + across * (line[right + colour] - first)


@_inner
def _place(index: int, count: int, length: int) -> tuple[int, np.float32]:
    """Return the pixel of ``length`` at or before one of ``count``, and the share of the next."""
    place = (_F(index) + _F(0.5)) * (_F(length) / _F(count)) - _F(0.5)
    place = place if place > _F(0) else _F(0)
    whole = int(place)
    return whole, _F(place - _F(whole))
