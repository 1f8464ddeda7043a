"""Slicing a bilateral grid, compiled for this CPU: bytes in, bytes out, in one pass over the rows.

Loops over the pixels of a row run inside, without branches, so that the compiler makes vector
instructions of them. Everything that a row needs stays in the first cache. All functions release
the GIL and share nothing but what they read: any number of threads may call them at once.

The innermost loop has few pixels, so what comes before it counts. Its rows have constant distances
and its indices no sign: else it would begin by looking for overlaps and counts from the end.

They stand in one file because numba's cache notices changes of the file of the outer one only.
"""

from collections.abc import Callable
from typing import TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

TERMS = 12
"""Numbers of a colour matrix: three colours times red, green, blue and 1."""

MAX_WIDTH_PX = 16384
"""Of images."""

STRIDE = MAX_WIDTH_PX + 16
"""Length of a row of scratch: the image's and two more, and rows begin in different cache sets."""

ROWS_OF_SCRATCH = 20
"""What ``slice_rows`` needs for intermediate values."""

_F = np.float32
_HALF_RANGE, _UNIT = np.float32(127.5), np.float32(1 / 127.5)
_MINUS_LOG2_E = np.float32(-1.4426950408889634)
_LARGEST_EXPONENT = np.float32(126)

_NEAREST_INTEGER = np.float32(1.5 * 2**23)
"""Added and taken away again, it leaves the nearest integer, of two the even one."""

_GREEN, _BLUE, _PLACE = np.uintp(STRIDE), np.uintp(2 * STRIDE), np.uintp(3 * STRIDE)
_TO_RED, _TO_GREEN, _TO_BLUE = np.uintp(4 * STRIDE), np.uintp(5 * STRIDE), np.uintp(6 * STRIDE)
_POWERS_ROW, _SHARES_ROW, _HALF_ROW, _SUMS_ROW, _DETAIL_ROW = 7, 8, 9, 10, 11
_SHARE = np.uintp(_SHARES_ROW * STRIDE)
"""Where these begin in the scratch, red at 0; the last is how much the right of a tile counts."""

_MARKS = np.int32(16)
"""Bins that are told apart when a tile's are looked up; others are visited together with one."""

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
def _interpolate_down(
    above: Floats, below: Floats, share: np.float32, left: Floats, across: Floats
) -> None:
    """Mix two rows of the grid: what stands at the left of each tile, and how far its right is.

    Args:
        above: ((columns + 1) * bins * TERMS,).
        below: Likewise.
        share: Of the lower one, 0..1.
        left: Likewise, to write to.
        across: (columns * bins * TERMS,) to write to.
    """
    for each in range(left.shape[0]):
        left[each] = above[each] + share * (below[each] - above[each])
    right = left[left.shape[0] - across.shape[0] :]
    for each in range(across.shape[0]):
        across[each] = right[each] - left[each]


def _applied_bin(begins: bool) -> Callable[..., None]:
    """Compile one of two functions: the first bin of a tile writes, all others add."""

    @_inner
    def apply(
        left: Floats,
        across: Floats,
        level: np.float32,
        rows: Floats,
        start: np.uintp,
        stop: np.uintp,
    ) -> None:
        """Apply one bin's matrices to the pixels ``start`` to ``stop``, by their share of it.

        ``left`` (TERMS,) is the matrix at the left of the tile, ``across`` what to add at its
        right, ``rows`` all scratch, flat.
        """
        a, d = left, across
        a0, a1, a2, a3, a4, a5 = a[0], a[1], a[2], a[3], a[4], a[5]
        a6, a7, a8, a9, a10, a11 = a[6], a[7], a[8], a[9], a[10], a[11]
        d0, d1, d2, d3, d4, d5 = d[0], d[1], d[2], d[3], d[4], d[5]
        d6, d7, d8, d9, d10, d11 = d[6], d[7], d[8], d[9], d[10], d[11]
        for x in range(start, stop):
            share = _F(1) - abs(rows[_PLACE + x] - level)
            share = share if share > _F(0) else _F(0)
            r, g, b, s = rows[x], rows[_GREEN + x], rows[_BLUE + x], rows[_SHARE + x]
            to_red = (a0 * r + a1 * g + a2 * b + a3) + s * (d0 * r + d1 * g + d2 * b + d3)
            to_green = (a4 * r + a5 * g + a6 * b + a7) + s * (d4 * r + d5 * g + d6 * b + d7)
            to_blue = (a8 * r + a9 * g + a10 * b + a11) + s * (d8 * r + d9 * g + d10 * b + d11)
            if begins:
                rows[_TO_RED + x] = share * to_red
                rows[_TO_GREEN + x] = share * to_green
                rows[_TO_BLUE + x] = share * to_blue
            else:
                rows[_TO_RED + x] += share * to_red
                rows[_TO_GREEN + x] += share * to_green
                rows[_TO_BLUE + x] += share * to_blue

    return apply


_begin_with_bin, _add_bin = _applied_bin(begins=True), _applied_bin(begins=False)


@_inner
def _apply_tiles(left: Floats, across: Floats, width: int, tile_width: int, rows: Floats) -> None:
    """Write what the matrices make of the pixels of a row, tile by tile.

    Neighbours have similar brightness: most bins are not needed, and are left out.

    Args:
        left: (columns + 1, bins, TERMS), see ``_interpolate_down``.
        across: (columns, bins, TERMS), likewise.
        width: Of the image.
        tile_width: Likewise in pixels.
        rows: All scratch, flat.
    """
    bins = left.shape[1]
    for column in range((width + tile_width - 1) // tile_width):
        start = np.uintp(column * tile_width)
        stop = np.uintp(min((column + 1) * tile_width, width))
        used = np.int32(0)
        for x in range(start, stop):
            # Of NaN, too, some bits.
            used |= np.int32(3) << (np.int32(rows[_PLACE + x]) & (_MARKS - np.int32(1)))
        used |= used >> _MARKS
        begun = False
        for each in range(bins):
            if (used >> (np.int32(each) & (_MARKS - np.int32(1)))) & np.int32(1):
                own, step, level = left[column, each], across[column, each], _F(each)
                if begun:
                    _add_bin(own, step, level, rows, start, stop)
                else:
                    _begin_with_bin(own, step, level, rows, start, stop)
                    begun = True


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
        sums: (width + 2,) or more for intermediate values.
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
    left: Floats,
    across: Floats,
    start: int,
    stop: int,
) -> None:
    """Translate some rows of an image with a bilateral grid, see ``slice_grid`` in the training.

    Args:
        image: (H, W, 3) RGB.
        out: The same, to write to; no part of ``image``.
        grid: (rows + 1, columns + 1, bins, TERMS), four terms of red, then of green and blue.
        guide: (units, 5): weights of red, green and blue in -1..1, bias, and the unit's share.
        slopes: (4,): of red, green, blue and 1.
        detail: (12, H / 2, W / 2) of the detail branch, where H and W are even; (12, 0, 0) where
            there is none.
        detail_factor: Amplitude of the detail in -1..1 times its strength.
        scratch: (ROWS_OF_SCRATCH, STRIDE), of this thread alone.
        planes: (3, W), likewise.
        left: (columns + 1, bins, TERMS), likewise.
        across: (columns, bins, TERMS), likewise.
        start: First row.
        stop: Row after the last.
    """
    height, width = image.shape[0], image.shape[1]
    rows, columns, top = grid.shape[0] - 1, grid.shape[1] - 1, _F(grid.shape[2] - 1)
    tile_height, tile_width = (height + rows - 1) // rows, (width + columns - 1) // columns
    source, target = image.reshape(-1), out.reshape(-1)
    pixels, changes, powers = scratch[0:4], scratch[4:7], scratch[_POWERS_ROW]
    shares, half, sums = scratch[_SHARES_ROW], scratch[_HALF_ROW, : width // 2], scratch[_SUMS_ROW]
    bounded = scratch[_DETAIL_ROW:ROWS_OF_SCRATCH].reshape(3, 3, STRIDE)
    for x in range(width):
        shares[x] = (_F(x % tile_width) + _F(0.5)) / _F(tile_width)
    following = max(start - 1, 0)
    for y in range(start, stop):
        row = y // tile_height
        share = (_F(y - row * tile_height) + _F(0.5)) / _F(tile_height)
        above, below = grid[row].reshape(-1), grid[row + 1].reshape(-1)
        _interpolate_down(above, below, share, left.reshape(-1), across.reshape(-1))
        bytes_of_row = slice(3 * width * y, 3 * width * (y + 1))
        _unpack(source[bytes_of_row], planes, pixels)
        _find_places(pixels, width, guide, slopes, powers, top)
        _apply_tiles(left, across, width, tile_width, scratch.reshape(-1))
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
