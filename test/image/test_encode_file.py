"""Image files: their bytes from pixels, pixels from their bytes, and their hash."""

import contextlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2real_ros.errors import ImageError
from sim2real_ros.image.decode_file import decode_file, decode_mask, is_plain_jpeg
from sim2real_ros.image.difference_hash import difference_hash, hamming_distance
from sim2real_ros.image.encode_file import FILE_FORMATS, check_format, encode_file, encode_mask
from sim2real_ros.image.opencv_threads import one_opencv_thread


def noise(height=48, width=64, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def smooth(seed=0):
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    return cv2.resize(coarse, (64, 48), interpolation=cv2.INTER_CUBIC)


@settings(max_examples=40, derandomize=True)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 99))
def test_png_is_exact(height, width, seed):
    rgb = noise(height, width, seed)
    found, encoding = decode_file(encode_file(rgb, 'png'))
    assert np.array_equal(found, rgb)
    assert encoding == 'bgr8'


def test_png_is_exact_without_the_newest_settings_of_opencv(monkeypatch):
    if hasattr(cv2, 'IMWRITE_PNG_FILTER'):
        newest = encode_file(smooth(), 'png')
        monkeypatch.delattr(cv2, 'IMWRITE_PNG_FILTER')
        assert encode_file(smooth(), 'png') != newest
    assert np.array_equal(decode_file(encode_file(smooth(), 'png'))[0], smooth())


@pytest.mark.parametrize('name', ['jpg', 'webp'])
def test_lossy_formats_are_close_and_smaller_with_less_quality(name):
    files = {quality: encode_file(smooth(), name, quality) for quality in (None, 95, 40)}
    assert files[None] == files[95]
    assert len(files[40]) < len(files[95])
    assert np.abs(decode_file(files[95])[0].astype(int) - smooth()).mean() < 4


@pytest.mark.parametrize('name', FILE_FORMATS)
def test_files_are_what_their_name_says(name):
    start = {'png': b'\x89PNG', 'jpg': b'\xff\xd8\xff', 'webp': b'RIFF'}[name]
    assert encode_file(smooth(), name).startswith(start)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (('gif', None), "unknown image format 'gif'"),
        (('png', 9), 'png is lossless'),
        (('jpg', 0), 'expected 1 to 100'),
        (('jpg', 101), 'expected 1 to 100'),
        (('webp', True), 'expected 1 to 100'),
        (('webp', 5.5), 'expected 1 to 100'),
    ],
)
def test_formats_and_qualities_are_checked(arguments, message):
    with pytest.raises(ImageError, match=message):
        check_format(*arguments)
    with pytest.raises(ImageError, match=message):
        encode_file(smooth(), *arguments)


@pytest.mark.parametrize(
    'image',
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 3), np.uint16),
        np.zeros((0, 4, 3), np.uint8),
        None,
    ],
)
def test_what_is_no_rgb_image_is_refused(image):
    with pytest.raises(ImageError, match=r'cannot encode|each side must be'):
        encode_file(image, 'png')


def test_webp_says_which_size_it_cannot_hold():
    with pytest.raises(ImageError, match='cannot encode an array of uint8'):
        encode_file(np.zeros((1, 16384, 3), np.uint8), 'webp')


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
@pytest.mark.parametrize('shape', [(9, 11), (9, 11, 3), (9, 11, 4)])
def test_masks_are_exact(dtype, shape):
    mask = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape, dtype)
    found = decode_mask(encode_mask(mask))
    assert found.dtype == dtype
    assert np.array_equal(found, mask)


@pytest.mark.parametrize('mask', [np.zeros((4, 4), np.int32), np.zeros(4, np.uint8), [[1]]])
def test_what_is_no_mask_is_refused(mask):
    with pytest.raises(ImageError, match='as a mask'):
        encode_mask(mask)


def test_grey_becomes_rgb_and_alpha_is_dropped():
    grey = cv2.imencode('.png', np.full((4, 5), 9, np.uint8))[1].tobytes()
    assert decode_file(grey)[0][0, 0].tolist() == [9, 9, 9]
    alpha = cv2.imencode('.png', np.full((4, 5, 4), (3, 2, 1, 0), np.uint8))[1].tobytes()
    assert decode_file(alpha)[0][0, 0].tolist() == [1, 2, 3]


def test_sixteen_bits_are_refused_instead_of_cut():
    for shape in ((4, 5), (4, 5, 3)):
        content = cv2.imencode('.png', np.full(shape, 900, np.uint16))[1].tobytes()
        with pytest.raises(ImageError, match=r'16 bits|uint16'):
            decode_file(content)


def cut(content):
    return content[: len(content) // 2]


@pytest.mark.parametrize('decoder', [decode_file, decode_mask])
@pytest.mark.parametrize(
    'content',
    [b'', b'no image', cut(encode_file(smooth(), 'png')), cut(encode_file(smooth(), 'jpg'))],
)
def test_damaged_files_are_refused(decoder, content):
    with pytest.raises(ImageError, match=r'empty|decode|cut off'):
        decoder(content)


@settings(max_examples=150, derandomize=True)
@given(st.data())
def test_any_bytes_are_an_image_or_an_image_error(data):
    content = bytearray(encode_file(smooth(), data.draw(st.sampled_from(FILE_FORMATS))))
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, min(200, len(content) - 1)))] = data.draw(
            st.integers(0, 255)
        )
    for decoder in (decode_file, decode_mask):
        with contextlib.suppress(ImageError):
            decoder(bytes(content))
    is_plain_jpeg(bytes(content))


def test_plain_jpegs_have_three_components_and_no_rotation():
    colour = cv2.imencode('.jpg', smooth())[1].tobytes()
    grey = cv2.imencode('.jpg', smooth()[..., 0])[1].tobytes()
    exif = colour[:2] + b'\xff\xe1\0\x0eExif\0\0MM\0*\0\0' + colour[2:]
    assert is_plain_jpeg(colour)
    assert is_plain_jpeg(colour[:2] + b'\xff' + colour[2:])
    assert not is_plain_jpeg(grey)
    assert not is_plain_jpeg(exif)
    assert not is_plain_jpeg(colour[:20])


def test_the_hash_bears_noise_scale_and_brightness_but_not_another_picture():
    picture = smooth(1)
    noisy = np.clip(picture.astype(int) + noise(seed=2) % 9 - 4, 0, 255).astype(np.uint8)
    larger = cv2.resize(picture, (640, 480), interpolation=cv2.INTER_CUBIC)
    darker = (picture * 0.8).astype(np.uint8)
    one = difference_hash(picture)
    assert 0 <= one < 2**64
    for alike in (noisy, larger, darker):
        assert hamming_distance(one, difference_hash(alike)) <= 6
    for other in range(2, 8):
        assert hamming_distance(one, difference_hash(smooth(other))) > 12
    assert hamming_distance(one, one) == 0
    assert hamming_distance(0, 2**64 - 1) == 64


def test_the_hash_notes_where_it_becomes_brighter():
    ramp = np.repeat(np.linspace(0, 255, 64).astype(np.uint8)[None, :, None], 48, 0).repeat(3, 2)
    assert difference_hash(ramp) == 2**64 - 1
    assert difference_hash(np.ascontiguousarray(ramp[:, ::-1])) == 0
    half = ramp.copy()
    half[24:] = 7
    assert difference_hash(half) == (2**32 - 1) << 32


@pytest.mark.parametrize('shape', [(1, 1, 3), (1, 300, 3), (300, 2, 3)])
def test_the_hash_takes_any_size(shape):
    assert difference_hash(np.zeros(shape, np.uint8)) == 0


def test_the_number_of_threads_is_restored():
    before = cv2.getNumThreads()
    with one_opencv_thread():
        assert cv2.getNumThreads() == 1
    assert cv2.getNumThreads() == before
    with pytest.raises(KeyError, match='x'):
        _fail()
    assert cv2.getNumThreads() == before


def _fail():
    with one_opencv_thread():
        raise KeyError('x')
