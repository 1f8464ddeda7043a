"""The kernel against a plain computation in float64, pixel by pixel."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sim2real_ros.errors import BackendError
from sim2real_ros.runtime.bilateral.kernel import MAX_WIDTH_PX
from sim2real_ros.runtime.bilateral.slicer import NO_DETAIL, BilateralSlicer
from sim2real_ros.runtime.bilateral.structure import GridDescription


def description(rng, columns=4, rows=3, bins=4, units=3, copy_size=(8, 6), scale=1.0):
    def weights(*shape):
        return (scale * rng.normal(size=shape)).astype(np.float32).tolist()

    return GridDescription(
        *(1, 'copy', copy_size, 'grid', columns, rows, bins),
        guide_slopes=weights(4),
        guide_inner=weights(units, 4),
        guide_outer=weights(units),
        detail='detail',
        detail_amplitude=0.25,
    )


def random_image(rng, width, height):
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


def tile_side(side, tiles):
    return -(-side // tiles)


def expected_levels(told, image, grid, detail, strength):
    """Look every pixel's matrix up by itself; return levels before rounding."""
    height, width = image.shape[:2]
    tall, wide = tile_side(height, told.rows), tile_side(width, told.columns)
    colours = image / 127.5 - 1
    terms = np.concatenate([colours, np.ones((height, width, 1))], 2)
    inner = np.maximum(terms @ np.array(told.guide_inner).T, 0) @ np.array(told.guide_outer)
    guide = 1 / (1 + np.exp(-(terms @ np.array(told.guide_slopes) + inner)))
    result = colours + detail_change(told, detail, strength, colours.shape)
    for y in range(height):
        for x in range(width):
            place = (guide[y, x] * (told.bins - 1), (y + 0.5) / tall, (x + 0.5) / wide)
            matrix = np.zeros((3, 4))
            for corner in np.ndindex(2, 2, 2):
                low = [min(int(p), n - 2) for p, n in zip(place, grid.shape[2:], strict=True)]
                index = [max(0, a) + b for a, b in zip(low, corner, strict=True)]
                share = np.prod(
                    [max(0, 1 - abs(p - i)) for p, i in zip(place, index, strict=True)]
                )
                if index[0] < told.bins:
                    matrix += share * grid[:, :, index[0], index[1], index[2]]
            result[y, x] += matrix @ terms[y, x]
    return (np.clip(result, -1, 1) + 1) * 127.5


def detail_change(told, detail, strength, shape):
    if detail is NO_DETAIL:
        return np.zeros(shape)
    full = np.zeros(shape)
    for colour in range(3):
        for down in range(2):
            for across in range(2):
                full[down::2, across::2, colour] = np.tanh(
                    detail[4 * colour + 2 * down + across].astype(np.float64)
                )
    padded = np.pad(full, ((1, 1), (1, 1), (0, 0)), mode='reflect')
    rows = padded[:-2] + 2 * padded[1:-1] + padded[2:]
    blurred = (rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]) / 16
    return told.detail_amplitude * strength * blurred


def sliced(told, image, grid, detail, strength, threads=1):
    slicer, out = BilateralSlicer(told, threads), np.zeros_like(image)
    slicer.apply(image, out, grid, detail, strength)
    return out


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 99),
    size=st.tuples(st.integers(1, 15), st.integers(1, 11)),
    cells=st.tuples(st.integers(1, 6), st.integers(1, 5), st.integers(1, 40)),
    units=st.integers(1, 4),
    strength=st.sampled_from([None, 0.0, 0.5, 1.0]),
    threads=st.sampled_from([1, 3]),
)
@example(0, (2, 2), (4, 4, 3), 1, 1.0, 1)
@example(1, (1, 1), (6, 5, 1), 1, None, 1)
@example(2, (5, 33), (4, 3, 8), 2, 1.0, 3)
@example(3, (15, 11), (2, 2, 16), 2, None, 1)
@example(4, (15, 11), (2, 2, 17), 2, None, 1)
@example(5, (15, 11), (1, 1, 40), 2, 1.0, 1)
def test_every_pixel_gets_what_its_matrix_and_detail_make_of_it(
    seed, size, cells, units, strength, threads
):
    rng = np.random.default_rng(seed)
    told = description(rng, *cells, units)
    grid = (0.4 * rng.normal(size=(3, 4, cells[2], cells[1] + 1, cells[0] + 1))).astype(np.float32)
    detail, (width, height) = NO_DETAIL, size
    if strength is not None:
        width, height = 2 * width, 2 * height
        detail = (3 * rng.normal(size=(12, height // 2, width // 2))).astype(np.float32)
    image = random_image(rng, width, height)
    factor = 1.0 if strength is None else strength
    expected = expected_levels(told, image, grid, detail, factor)
    found = sliced(told, image, grid, detail, factor, threads)
    assert np.abs(found - expected).max() <= 0.51


@pytest.mark.parametrize('bins', [1, 2, 8, 16, 17, 32, 33, 256])
def test_guides_at_the_ends_take_the_first_and_the_last_matrices(bins):
    rng = np.random.default_rng(0)
    image = random_image(rng, 12, 9)
    for sign in (-1, 1):
        told = description(rng, bins=bins, scale=0)
        told.guide_slopes[3] = sign * 1e6
        grid = np.zeros((3, 4, bins, 4, 5), np.float32)
        place = 0 if sign < 0 else bins - 1
        grid[:, 3, place] = 0.5
        found = sliced(told, image, grid, NO_DETAIL, 1.0)
        expected = np.clip(np.rint(image + np.float32(63.75)), 0, 255)
        assert np.array_equal(found, expected)


def test_a_grid_of_nothing_changes_nothing_and_half_a_level_goes_to_the_even_one():
    rng = np.random.default_rng(0)
    told, image = description(rng), random_image(rng, 300, 40)
    grid = np.zeros((3, 4, 4, 4, 5), np.float32)
    assert np.array_equal(sliced(told, image, grid, NO_DETAIL, 1.0), image)
    # 0.5 / 127.5 is no float; a tenth beside the middle tells rounding from truncation.
    grid[:, 3] = 0.6 / 127.5
    brighter = np.minimum(image.astype(int) + 1, 255)
    assert np.array_equal(sliced(told, image, grid, NO_DETAIL, 1.0), brighter)


def test_values_that_are_no_numbers_become_black_and_stay_in_their_tile():
    rng = np.random.default_rng(0)
    told, image = description(rng), random_image(rng, 16, 12)
    grid = np.zeros((3, 4, 4, 4, 5), np.float32)
    grid[:, :, :, 0, 0] = np.nan
    found = sliced(told, image, grid, NO_DETAIL, 1.0)
    assert not found[:4, :4].any()
    assert np.array_equal(found[4:], image[4:])
    grid[:, :, :, 0, 0] = np.inf
    sliced(told, image, grid, NO_DETAIL, 1.0)


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 99),
    size=st.tuples(st.integers(1, 70), st.integers(1, 50)),
    copy_size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
)
def test_the_small_copy_is_what_bilinear_resizing_of_full_tiles_is(seed, size, copy_size):
    torch = pytest.importorskip('torch')
    rng = np.random.default_rng(seed)
    told, image = description(rng, copy_size=copy_size), random_image(rng, *size)
    copy = np.empty((3, copy_size[1], copy_size[0]), np.float32)
    BilateralSlicer(told, 2).shrink(image, copy)
    right = tile_side(size[0], 4) * 4 - size[0]
    bottom = tile_side(size[1], 3) * 3 - size[1]
    tiled = np.pad(image, ((0, bottom), (0, right), (0, 0)), mode='edge') / 127.5 - 1
    expected = torch.nn.functional.interpolate(
        torch.tensor(tiled).permute(2, 0, 1)[None], copy_size[::-1], mode='bilinear'
    )
    np.testing.assert_allclose(copy, expected[0].numpy(), atol=2e-5)


def test_arrays_of_another_shape_never_reach_the_kernel():
    rng = np.random.default_rng(0)
    told, image = description(rng), random_image(rng, 16, 12)
    slicer, grid = BilateralSlicer(told, 1), np.zeros((3, 4, 4, 4, 5), np.float32)
    out, detail = np.zeros_like(image), np.zeros((12, 6, 8), np.float32)
    slicer.apply(image, out, grid, detail, 1.0)
    for bad in (
        (image, out[:-1], grid, detail),
        (image, out, grid[..., :-1], detail),
        (image, out, grid, detail[:, :-1]),
        (image[:, :-1].copy(), out[:, :-1].copy(), grid, detail),
        (image[..., :2].copy(), out, grid, detail),
    ):
        with pytest.raises(BackendError, match=r'expected|Expected|even sides'):
            slicer.apply(*bad, 1.0)
    with pytest.raises(BackendError, match='copy has the shape'):
        slicer.shrink(image, np.empty((3, 8, 6), np.float32))


def test_the_widest_image_fits_and_a_wider_one_is_refused():
    rng = np.random.default_rng(0)
    told, image = description(rng), random_image(rng, MAX_WIDTH_PX, 2)
    grid, detail = np.zeros((3, 4, 4, 4, 5), np.float32), np.zeros((12, 1, MAX_WIDTH_PX // 2))
    detail = detail.astype(np.float32)
    assert np.array_equal(sliced(told, image, grid, detail, 1.0), image)
    wider = random_image(rng, MAX_WIDTH_PX + 1, 2)
    with pytest.raises(BackendError, match='up to 16384 pixels wide, not 16385; use'):
        sliced(told, wider, grid, NO_DETAIL, 1.0)
