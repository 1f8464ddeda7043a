import array
import dataclasses

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_cases import (
    BAYER,
    YUV,
    as_rclpy,
    messages,
    naive_luma,
    naive_rgb_to_yuv,
    pixel_bytes,
    random_message,
)

from sim2real_ros.errors import ImageError
from sim2real_ros.image import (
    ENCODINGS,
    OutputLayout,
    RawImage,
    decode,
    encode_into,
    layout_like,
    rgb_view,
)


def dirty_buffer(layout):
    """A reused buffer: full of a former frame's bytes."""
    return np.frombuffer(array.array('B', b'\xa5' * layout.size_bytes), np.uint8)


def encode(layout, rgb, **arguments):
    buffer = dirty_buffer(layout)
    encode_into(buffer, layout, rgb, **arguments)
    return RawImage(
        layout.height,
        layout.width,
        layout.encoding,
        layout.is_bigendian,
        layout.step,
        buffer.tobytes(),
    )


def random_rgb(width, height, seed=1):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def tight(encoding, width, height, padding=0, is_bigendian=0):
    step = width * ENCODINGS[encoding].bytes_per_pixel + padding
    return OutputLayout(encoding, width, height, step, is_bigendian)


@pytest.mark.parametrize('copied', [False, True])
@settings(max_examples=300, deadline=None)
@given(msg=messages())
def test_unchanged_images_are_byte_identical(copied, msg):
    decoded = decode(msg)
    rgb = decoded.copy() if copied else decoded
    answer = encode(layout_like(msg), rgb, source=msg, decoded=decoded)
    assert answer.data == bytes(msg.data)
    assert (answer.step, answer.is_bigendian) == (msg.step, msg.is_bigendian)


@settings(max_examples=200, deadline=None)
@given(msg=messages(), seed=st.integers(0, 2**32 - 1), share=st.sampled_from((0.1, 0.5, 0.9)))
def test_pixels_that_did_not_change_keep_their_bytes(msg, seed, share):
    rng = np.random.default_rng(seed)
    decoded = decode(msg)
    changed = rng.random((msg.height, msg.width)) < share
    rgb = np.where(changed[..., None], 255 - decoded, decoded).astype(np.uint8)
    answer = encode(layout_like(msg), rgb, source=msg, decoded=decoded)
    plain = encode(layout_like(msg), rgb)
    for row in range(msg.height):
        for column in range(msg.width):
            pair = slice(column - column % 2, column - column % 2 + 2)
            touched = changed[row, pair].any() if msg.encoding in YUV else changed[row, column]
            size = 3 if ENCODINGS[msg.encoding].kind == 'alpha' else None
            expected = pixel_bytes(plain if touched else msg, row, column)[:size]
            assert pixel_bytes(answer, row, column)[:size] == expected


@settings(max_examples=200, deadline=None)
@given(msg=messages())
def test_encode_then_decode_loses_no_more_than_the_encoding(msg):
    rgb = random_rgb(msg.width, msg.height)
    answer = decode(encode(layout_like(msg), rgb))
    kind = ENCODINGS[msg.encoding].kind
    if kind in ('colour', 'alpha'):
        assert np.array_equal(answer, rgb)
    elif kind in ('grey', 'grey16'):
        grey = naive_luma(*np.moveaxis(rgb.astype(float), -1, 0))
        assert np.abs(answer - grey[..., None]).max() <= 0.51
    elif kind == 'yuv':
        flat = np.repeat(rgb[:, ::2], 2, axis=1)  # pairs of one colour survive but for rounding
        assert np.abs(decode(encode(layout_like(msg), flat)).astype(int) - flat).max() <= 5


@pytest.mark.parametrize('encoding', ['rgb8', 'bgr8', 'rgba8', 'bgra8', '8UC3', '8UC4'])
def test_colour_bytes_are_in_the_encodings_order(encoding):
    rgb = random_rgb(5, 4)
    answer = encode(tight(encoding, 5, 4, padding=3), rgb)
    reverse = -1 if ENCODINGS[encoding].name.startswith('bgr') else 1
    for row in range(4):
        for column in range(5):
            expected = bytes(rgb[row, column][::reverse])
            alpha = b'\xff' if ENCODINGS[encoding].kind == 'alpha' else b''
            assert pixel_bytes(answer, row, column) == expected + alpha


@pytest.mark.parametrize('encoding', ['mono8', 'mono16', '8UC1'])
@pytest.mark.parametrize('is_bigendian', [0, 1])
def test_grey_stays_exactly_grey(encoding, is_bigendian):
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    rgb = np.stack([grey] * 3, axis=-1)
    answer = encode(tight(encoding, 16, 16, 1, is_bigendian), rgb)
    for row in range(16):
        for column in range(16):
            # 257 * g is the byte g twice, in either byte order.
            assert set(pixel_bytes(answer, row, column)) == {grey[row, column]}


def test_mono16_takes_the_layouts_byte_order_from_a_source_of_another():
    msg = random_message('mono16', 4, 3, is_bigendian=1)
    decoded = decode(msg)
    answer = encode(tight('mono16', 4, 3), decoded.copy(), source=msg, decoded=decoded)
    assert np.array_equal(np.frombuffer(answer.data, '<u2'), np.frombuffer(msg.data, '>u2'))


@pytest.mark.parametrize(('encoding', 'pattern'), BAYER.items())
def test_bayer_samples_each_pixels_own_colour(encoding, pattern):
    rgb = random_rgb(5, 3)
    answer = encode(tight(encoding, 5, 3, padding=2), rgb)
    for row in range(3):
        for column in range(5):
            channel = 'RGB'.index(pattern[2 * (row % 2) + column % 2])
            assert pixel_bytes(answer, row, column)[0] == rgb[row, column, channel]


@pytest.mark.parametrize('encoding', YUV)
def test_yuv_is_bt601_with_the_mean_colour_of_each_pair(encoding):
    rgb = random_rgb(8, 5)
    answer = encode(tight(encoding, 8, 5, padding=4), rgb)
    for row in range(5):
        for column in range(0, 8, 2):
            first, second = (naive_rgb_to_yuv(*map(int, rgb[row, column + i])) for i in (0, 1))
            u, v = ((first[i] + second[i]) / 2 for i in (1, 2))
            expected = [u, first[0], v, second[0]]
            if ENCODINGS[encoding].luma_first:
                expected = [first[0], u, second[0], v]
            found = np.array(list(pixel_bytes(answer, row, column)))
            assert np.abs(found - expected).max() <= 1


@pytest.mark.parametrize(('encoding', 'code'), [('uyvy', 'UYVY'), ('yuyv', 'YUY2')])
def test_yuv_agrees_with_opencv(encoding, code):
    if not hasattr(cv2, f'COLOR_RGB2YUV_{code}'):
        pytest.skip('this OpenCV (before 4.10) cannot encode YUV 4:2:2')
    rgb = random_rgb(64, 32)
    theirs = cv2.cvtColor(rgb, getattr(cv2, f'COLOR_RGB2YUV_{code}')).astype(int)
    ours = np.frombuffer(encode(tight(encoding, 64, 32), rgb).data, np.uint8)
    assert np.abs(ours.reshape(theirs.shape) - theirs).max() <= 1


@pytest.mark.parametrize('encoding', ['rgba8', 'bgra8', '8UC4'])
def test_alpha_comes_from_the_source_even_where_colours_changed(encoding):
    msg = random_message(encoding, 6, 5, padding=3)
    answer = encode(layout_like(msg), random_rgb(6, 5), source=msg)
    alphas = [pixel_bytes(answer, row, column)[3] for row in range(5) for column in range(6)]
    assert alphas == [pixel_bytes(msg, row, col)[3] for row in range(5) for col in range(6)]


@pytest.mark.parametrize('encoding', ENCODINGS)
def test_padding_is_the_sources_or_zero(encoding):
    msg = random_message(encoding, 4, 3, padding=5)
    row_bytes = msg.step - 5
    with_source = np.frombuffer(
        encode(layout_like(msg), random_rgb(4, 3), source=msg).data, np.uint8
    ).reshape(3, msg.step)
    without = np.frombuffer(encode(layout_like(msg), random_rgb(4, 3)).data, np.uint8)
    own = np.frombuffer(msg.data, np.uint8).reshape(3, msg.step)
    assert np.array_equal(with_source[:, row_bytes:], own[:, row_bytes:])
    assert not without.reshape(3, msg.step)[:, row_bytes:].any()


@pytest.mark.parametrize('encoding', ENCODINGS)
def test_a_source_of_another_size_or_encoding_is_ignored(encoding):
    other = random_message('rgb8' if encoding == 'mono8' else 'mono8', 6, 4, padding=2)
    larger = random_message(encoding, 12, 8)
    rgb, layout = random_rgb(6, 4), tight(encoding, 6, 4, padding=1)
    plain = encode(layout, rgb)
    assert encode(layout, rgb, source=other, decoded=decode(other)) == plain
    assert encode(layout, rgb, source=larger, decoded=decode(larger)) == plain


@pytest.mark.parametrize('encoding', ENCODINGS)
@pytest.mark.parametrize(
    'strided',
    [
        lambda rgb: np.asfortranarray(rgb),
        lambda rgb: np.ascontiguousarray(rgb[::-1])[::-1],
        lambda rgb: np.ascontiguousarray(rgb[..., ::-1])[..., ::-1],
        lambda rgb: np.pad(rgb, ((0, 0), (1, 2), (0, 0)))[:, 1:-2],
        lambda rgb: np.ascontiguousarray(rgb.transpose(2, 0, 1)).transpose(1, 2, 0),
    ],
    ids=['fortran', 'flipped', 'bgr_view', 'cropped', 'planar'],
)
def test_any_memory_order_of_rgb_gives_the_same_bytes(encoding, strided):
    rgb = random_rgb(6, 4)
    msg = random_message(encoding, 6, 4)
    decoded = decode(msg)
    layout = layout_like(msg)
    expected = encode(layout, rgb, source=msg, decoded=decoded)
    assert encode(layout, strided(rgb), source=msg, decoded=decoded) == expected


def test_rgb_view_writes_straight_into_the_message():
    layout = tight('rgb8', 5, 4, padding=3)
    buffer, rgb = dirty_buffer(layout), random_rgb(5, 4)
    view = rgb_view(buffer, layout)
    view[...] = rgb
    encode_into(buffer, layout, view)
    expected = encode(layout, rgb)
    assert buffer.tobytes() == expected.data
    assert rgb_view(dirty_buffer(tight('bgr8', 5, 4)), tight('bgr8', 5, 4)) is None


def test_encode_into_does_not_alter_source_and_rgb():
    msg = as_rclpy(random_message('bayer_grbg8', 6, 5))
    decoded, rgb = decode(msg), random_rgb(6, 5)
    before = msg.data.tobytes(), decoded.tobytes(), rgb.tobytes()
    encode(layout_like(msg), rgb, source=msg, decoded=decoded)
    assert (msg.data.tobytes(), decoded.tobytes(), rgb.tobytes()) == before


@pytest.mark.parametrize(
    'buffer',
    [
        np.zeros(59, np.uint8),
        np.zeros(61, np.uint8),
        np.zeros((4, 15), np.uint8),
        np.zeros(60, np.int8),
        np.zeros(120, np.uint8)[::2],
        np.frombuffer(bytes(60), np.uint8),
    ],
    ids=['short', 'long', '2d', 'int8', 'strided', 'readonly'],
)
def test_unfit_buffers_are_refused(buffer):
    layout = tight('rgb8', 5, 4)
    with pytest.raises(ImageError, match=r'the buffer has dtype .* expected uint8, \(60,\)'):
        encode_into(buffer, layout, random_rgb(5, 4))
    with pytest.raises(ImageError, match='the buffer has dtype'):
        rgb_view(buffer, layout)


def test_a_buffer_that_is_no_array_is_refused():
    with pytest.raises(ImageError, match=r'the buffer is a bytearray, .* np\.frombuffer'):
        encode_into(bytearray(60), tight('rgb8', 5, 4), random_rgb(5, 4))


@pytest.mark.parametrize(
    'rgb',
    [
        np.zeros((4, 5), np.uint8),
        np.zeros((4, 5, 4), np.uint8),
        np.zeros((5, 4, 3), np.uint8),
        np.zeros((4, 5, 3), np.float32),
        None,
    ],
)
def test_unfit_pixels_are_refused(rgb):
    msg = random_message('mono8', 5, 4)
    with pytest.raises(ImageError, match=r'rgb has dtype .* expected uint8 and \(4, 5, 3\)'):
        encode(layout_like(msg), rgb)
    if rgb is not None:
        with pytest.raises(ImageError, match='decoded has dtype'):
            encode(layout_like(msg), random_rgb(5, 4), source=msg, decoded=rgb)


def test_a_broken_source_is_refused():
    msg = random_message('rgba8', 5, 4)
    broken = dataclasses.replace(msg, data=bytes(msg.data)[:-1])
    with pytest.raises(ImageError, match='79 bytes of data'):
        encode(layout_like(msg), random_rgb(5, 4), source=broken)
