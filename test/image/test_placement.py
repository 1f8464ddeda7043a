"""Where the pixels of an image go when it is fitted into another size."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2real_ros.errors import ImageError
from sim2real_ros.image import PLACEMENTS, place, place_image, place_mask

SIDES = st.integers(1, 700)
SIZES = st.tuples(SIDES, SIDES)


@pytest.mark.parametrize(
    ('mode', 'original', 'size', 'taken', 'placed'),
    [
        ('stretch', (640, 480), (100, 100), (0, 0, 640, 480), (0, 0, 100, 100)),
        ('letterbox', (640, 480), (512, 512), (0, 0, 640, 480), (0, 64, 512, 384)),
        ('letterbox', (480, 640), (512, 512), (0, 0, 480, 640), (64, 0, 384, 512)),
        # The odd pixel goes to the bottom and to the right.
        ('letterbox', (640, 480), (511, 512), (0, 0, 640, 480), (0, 64, 511, 383)),
        ('letterbox', (480, 640), (512, 511), (0, 0, 480, 640), (64, 0, 383, 511)),
        ('crop', (640, 480), (512, 512), (80, 0, 480, 480), (0, 0, 512, 512)),
        ('crop', (640, 480), (1280, 720), (0, 60, 640, 360), (0, 0, 1280, 720)),
        ('letterbox', (640, 480), (512, 384), (0, 0, 640, 480), (0, 0, 512, 384)),
        ('crop', (640, 480), (512, 384), (0, 0, 640, 480), (0, 0, 512, 384)),
    ],
)
def test_the_boxes_of_every_mode(mode, original, size, taken, placed):
    placement = place(original, size, mode)
    assert (placement.taken, placement.placed) == (taken, placed)


@settings(max_examples=200, derandomize=True)
@given(SIZES, SIZES, st.sampled_from(PLACEMENTS))
def test_boxes_stay_inside_and_keep_the_shape(original, size, mode):
    placement = place(original, size, mode)
    for (x, y, width, height), outer in ((placement.taken, original), (placement.placed, size)):
        assert min(x, y) >= 0
        assert min(width, height) >= 1
        assert x + width <= outer[0]
        assert y + height <= outer[1]
    if mode == 'letterbox':
        assert placement.taken == (0, 0, *original)
        assert any(a == b for a, b in zip(placement.placed[2:], size, strict=True))
    if mode == 'crop':
        assert placement.placed == (0, 0, *size)
        assert any(a == b for a, b in zip(placement.taken[2:], original, strict=True))
    corners = np.array([[0, 0], placement.taken[2:]], float) + placement.taken[:2]
    expected = np.array([[0, 0], placement.placed[2:]], float) + placement.placed[:2]
    np.testing.assert_allclose(placement.map_points(corners), expected, atol=1e-6)


@pytest.mark.parametrize('mode', PLACEMENTS)
def test_pixels_lie_where_their_points_are_mapped_to(mode):
    rgb = np.zeros((60, 80, 3), np.uint8)
    rgb[28:32, 50:54] = 255
    placement = place((80, 60), (128, 128), mode)
    result = place_image(rgb, placement, border=0)
    rows, columns = np.nonzero(result[..., 0] > 127)
    centre = np.array([columns.mean() + 0.5, rows.mean() + 0.5])
    np.testing.assert_allclose(placement.map_points(np.array([52.0, 30.0])), centre, atol=0.6)


def test_letterbox_adds_grey_to_images_and_zero_to_masks():
    rgb, mask = np.full((10, 20, 3), 7, np.uint8), np.full((10, 20), 3, np.uint8)
    placement = place((20, 10), (20, 20), 'letterbox')
    image = place_image(rgb, placement)
    assert (image[:5] == 114).all()
    assert (image[5:15] == 7).all()
    assert (image[15:] == 114).all()
    assert np.unique(place_mask(mask, placement)).tolist() == [0, 3]
    assert (place_mask(mask, placement, border=9)[0] == 9).all()


@settings(max_examples=60, derandomize=True)
@given(SIZES, SIZES, st.sampled_from(PLACEMENTS), st.sampled_from(['uint8', 'uint16']))
def test_no_id_is_invented(original, size, mode, dtype):
    ids = np.random.default_rng(0).choice([0, 1, 7, 200], (original[1], original[0]))
    mask = ids.astype(dtype) * (1 if dtype == 'uint8' else 257)
    placed = place_mask(mask, place(original, size, mode))
    assert placed.shape == (size[1], size[0])
    assert placed.dtype == mask.dtype
    assert set(np.unique(placed)) <= {0, *np.unique(mask)}


def test_masks_take_the_pixel_under_each_centre():
    mask = np.arange(16, dtype=np.uint8).reshape(4, 4)
    assert place_mask(mask, place((4, 4), (2, 2), 'stretch')).tolist() == [[5, 7], [13, 15]]


def test_nothing_changes_at_the_same_size():
    rgb = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
    for mode in PLACEMENTS:
        placement = place((8, 6), (8, 6), mode)
        assert placement.is_identity
        assert place_image(rgb, placement) is rgb
        assert np.array_equal(place_mask(rgb, placement), rgb)
    assert not place((8, 6), (6, 8), 'stretch').is_identity


def test_wrong_use_is_refused():
    placement = place((8, 6), (4, 4), 'crop')
    with pytest.raises(ImageError, match=r'expected \(6, 8\)'):
        place_image(np.zeros((8, 6, 3), np.uint8), placement)
    with pytest.raises(ImageError, match='unknown mode'):
        place((8, 6), (4, 4), 'squeeze')
    with pytest.raises(ImageError, match='each side must be'):
        place((8, 6), (0, 4), 'crop')
