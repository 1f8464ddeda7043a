import dataclasses

import numpy as np
import pytest
from image_cases import as_rclpy, random_message

from sim2real_ros.errors import ImageError
from sim2real_ros.image import MAX_SIDE_PX, OutputLayout, RawImage, decode, layout_like


def changed(**fields):
    return dataclasses.replace(random_message('rgb8', 4, 3, padding=2), **fields)


def test_layout_like_keeps_padding_and_endianness_at_the_same_encoding_and_size():
    msg = random_message('mono16', 5, 3, padding=6, is_bigendian=1)
    layout = layout_like(msg, encoding='mono16', size=(5, 3))
    assert layout == layout_like(msg) == OutputLayout('mono16', 5, 3, 16, 1)
    assert layout.size_bytes == 48


@pytest.mark.parametrize(
    ('arguments', 'expected'),
    [
        ({'encoding': 'bgra8'}, OutputLayout('bgra8', 5, 3, 20, 0)),
        ({'size': (10, 2)}, OutputLayout('mono16', 10, 2, 20, 0)),
        ({'encoding': 'yuv422', 'size': (2, 1)}, OutputLayout('yuv422', 2, 1, 4, 0)),
    ],
)
def test_layout_like_is_tight_and_little_endian_otherwise(arguments, expected):
    assert layout_like(random_message('mono16', 5, 3, padding=6, is_bigendian=1), **arguments) == (
        expected
    )


def test_layout_fields_become_plain_ints():
    msg = as_rclpy(random_message('rgb8', 4, 3))
    msg.width, msg.height, msg.step = np.uint32(4), np.uint8(3), np.uint8(12)
    layout = layout_like(msg)
    assert {type(value) for value in (layout.width, layout.height, layout.step)} == {int}


def test_layout_like_refuses_an_impossible_answer():
    msg = random_message('rgb8', 5, 3)
    with pytest.raises(ImageError, match='width must be even'):
        layout_like(msg, encoding='yuyv')
    with pytest.raises(ImageError, match=r'output image is 0x3 pixels'):
        layout_like(msg, size=(0, 3))
    with pytest.raises(ImageError, match="'hsv8' cannot be translated"):
        layout_like(msg, encoding='hsv8')


@pytest.mark.parametrize(
    ('fields', 'match'),
    [
        ({'width': 0, 'height': 0}, r'0x0 pixels .* each side must be 1 to 16384'),
        ({'width': -4}, r'-4x3 pixels'),
        ({'height': MAX_SIDE_PX + 1}, rf'4x{MAX_SIDE_PX + 1} pixels'),
        ({'width': MAX_SIDE_PX, 'height': MAX_SIDE_PX}, 'Publish a smaller image'),
        ({'width': 2**31, 'height': 2**31}, 'each side must be'),
        ({'width': 4.0}, r'width is 4\.0, expected an integer'),
        ({'height': float('nan')}, 'height is nan, expected an integer'),
        ({'step': None}, 'step is None, expected an integer'),
        ({'is_bigendian': 'no'}, "is_bigendian is 'no', expected an integer"),
        ({'step': 11}, r'step 11, expected at least width \* bytes per pixel = 4 \* 3 = 12'),
        ({'step': 4}, 'Step counts bytes, not pixels'),
        ({'step': -12}, 'step -12, expected at least'),
        ({'step': 2**32}, 'bytes are accepted. Check step'),
    ],
)
def test_fields_that_describe_no_image_are_refused(fields, match):
    with pytest.raises(ImageError, match=match):
        decode(changed(**fields))


@pytest.mark.parametrize('length', [0, 1, 41, 56, 4200])
def test_data_of_wrong_length_is_refused(length):
    with pytest.raises(ImageError, match=rf'{length} bytes of data, expected .* 3 \* 14 = 42'):
        decode(changed(data=bytes(length)))


@pytest.mark.parametrize('extra', [1, 13])
def test_less_than_a_row_of_trailing_bytes_is_tolerated(extra):
    msg = changed()
    longer = dataclasses.replace(msg, data=bytes(msg.data) + bytes(extra))
    assert np.array_equal(decode(longer), decode(msg))


@pytest.mark.parametrize(
    'data',
    [None, [0] * 42, 'x' * 42, np.zeros((42, 2), np.uint8)[:, 0], memoryview(bytes(84))[::2], 42],
)
def test_data_that_is_no_buffer_of_bytes_is_refused(data):
    with pytest.raises(ImageError, match=r'image data is a .* expected contiguous bytes'):
        decode(changed(data=data))


@pytest.mark.parametrize('encoding', ['yuv422', 'uyvy', 'yuyv', 'yuv422_yuy2'])
def test_odd_width_is_refused_for_yuv(encoding):
    with pytest.raises(ImageError, match=r'5 pixels wide; YUV 4:2:2 .* must be even'):
        decode(random_message(encoding, 5, 4))


@pytest.mark.parametrize('size', [(2, 2), (1, 9), (9, 2)])
def test_bayer_needs_neighbours(size):
    with pytest.raises(ImageError, match='at least 3x3'):
        decode(random_message('bayer_rggb8', *size))


def test_raw_image_is_immutable():
    msg = RawImage(1, 1, 'rgb8', 0, 3, b'abc')
    with pytest.raises(dataclasses.FrozenInstanceError, match='width'):
        msg.width = 2
