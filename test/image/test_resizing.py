import cv2
import numpy as np
import pytest

from sim2real_ros.errors import ImageError
from sim2real_ros.image import INTERPOLATIONS, resize

RGB = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)


@pytest.mark.parametrize('interpolation', INTERPOLATIONS)
def test_named_interpolations_are_opencvs(interpolation):
    expected = cv2.resize(RGB, (20, 9), interpolation=INTERPOLATIONS[interpolation])
    assert np.array_equal(resize(RGB, (20, 9), interpolation=interpolation), expected)


@pytest.mark.parametrize(
    ('size', 'expected'),
    [
        ((8, 6), 'area'),
        ((4, 4), 'area'),
        ((7, 12), 'area'),
        ((9, 7), 'linear'),
        ((32, 24), 'linear'),
        ((4, 24), 'linear'),
    ],
)
def test_auto_averages_areas_only_when_shrinking_much_or_by_whole_factors(size, expected):
    assert np.array_equal(resize(RGB, size), resize(RGB, size, interpolation=expected))


def test_halving_is_the_mean_of_four_pixels():
    means = RGB.reshape(6, 2, 8, 2, 3).mean(axis=(1, 3))
    assert np.abs(resize(RGB, (8, 6)) - means).max() <= 0.5


def test_the_same_size_is_returned_without_a_copy():
    assert resize(RGB, (16, 12)) is RGB


@pytest.mark.parametrize('size', [(16, 12), (8, 6), (20, 10)])
@pytest.mark.parametrize('kind', ['contiguous', 'padded', 'planar'])
def test_out_receives_the_result(size, kind):
    width, height = size
    out = {
        'contiguous': np.empty((height, width, 3), np.uint8),
        'padded': np.empty((height, width + 5, 3), np.uint8)[:, :width],
        'planar': np.empty((3, height, width), np.uint8).transpose(1, 2, 0),
    }[kind]
    assert resize(RGB, size, out=out) is out
    assert np.array_equal(out, resize(RGB, size))


def test_strided_images_are_accepted():
    assert np.array_equal(resize(RGB[::-1, ::2], (4, 4)), resize(RGB[::-1, ::2].copy(), (4, 4)))


@pytest.mark.parametrize(
    ('arguments', 'match'),
    [
        ({'size': (0, 4)}, 'resized image is 0x4 pixels'),
        ({'size': (4, 99999)}, 'resized image is 4x99999'),
        ({'size': (4.5, 4)}, r'width is 4\.5, expected an integer'),
        ({'interpolation': 'bilinear'}, "'bilinear', expected one of auto, nearest, linear"),
        ({'rgb': RGB[..., 0]}, r'rgb has dtype uint8 and shape \(12, 16\)'),
        ({'rgb': RGB.astype(np.float32)}, 'rgb has dtype float32'),
        ({'rgb': RGB[:0]}, 'rgb is 16x0 pixels'),
        ({'rgb': None}, 'rgb has dtype NoneType'),
        ({'out': np.empty((8, 6, 3), np.uint8)}, r'out has .* expected uint8 and \(6, 8, 3\)'),
        ({'out': np.frombuffer(bytes(144), np.uint8).reshape(6, 8, 3)}, 'writeable'),
    ],
)
def test_resize_refuses_what_it_cannot_do(arguments, match):
    with pytest.raises(ImageError, match=match):
        resize(**{'rgb': RGB, 'size': (8, 6), **arguments})
