"""Whatever arrives: an image or an ImageError, never another exception."""

import array

import numpy as np
import pytest
from compressed_cases import jpeg, png, smooth_rgb, with_thumbnail
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sim2real_ros.errors import ImageError
from sim2real_ros.image import ENCODINGS, RawImage, decode, decompress, encode_into, layout_like

NAMES = (*ENCODINGS, '16UC1', '32FC1', 'nv12', 'rgb16', 'RGB8', '', 'bayer_rggb16', 'x' * 999)
SIDES = st.one_of(
    st.integers(0, 20),
    st.sampled_from((-1, 16384, 16385, 2**31, 2**32 - 1, 2**64, 1.5, float('nan'), None, True)),
)
STEPS = st.one_of(st.integers(0, 90), SIDES)
BYTES = st.one_of(st.binary(max_size=700), st.integers(0, 1700).map(bytes))
DATA = st.one_of(
    BYTES,
    BYTES.map(lambda data: array.array('B', data)),
    BYTES.map(lambda data: np.frombuffer(data + b'x', np.uint8)),
    BYTES.map(lambda data: memoryview(data)[::2]),
    st.sampled_from((None, 5, 'text', [1, 2], np.zeros(9), array.array('d', [1.0]))),
)
FILES = (
    jpeg(smooth_rgb(24, 16)),
    jpeg(smooth_rgb(24, 16)[..., 0]),
    with_thumbnail(jpeg(smooth_rgb(24, 16))),
    png(smooth_rgb(24, 16)),
    png(np.dstack([smooth_rgb(8, 8)] * 2)[..., :4].copy()),
    png(np.arange(64, dtype=np.uint16).reshape(8, 8) * 999),
)


def assert_served_or_refused(msg):
    try:
        rgb = decode(msg)
    except ImageError:
        return
    assert (rgb.shape, rgb.dtype) == ((msg.height, msg.width, 3), np.uint8)
    layout = layout_like(msg)
    buffer = np.empty(layout.size_bytes, np.uint8)
    encode_into(buffer, layout, rgb, source=msg, decoded=rgb.copy())
    assert buffer.tobytes() == np.frombuffer(msg.data, np.uint8)[: buffer.size].tobytes()


@settings(max_examples=3000, deadline=None)
@given(
    height=SIDES,
    width=SIDES,
    encoding=st.sampled_from(NAMES),
    is_bigendian=st.sampled_from((0, 1, True, 255, -1, None, 2.0)),
    step=STEPS,
    data=DATA,
)
def test_any_fields_are_served_or_refused(height, width, encoding, is_bigendian, step, data):
    assert_served_or_refused(RawImage(height, width, encoding, is_bigendian, step, data))


@settings(max_examples=1500, deadline=None)
@given(
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    encoding=st.sampled_from(sorted(ENCODINGS)),
    padding=st.integers(-1, 6),
    surplus=st.integers(-2, 40),
    content=st.binary(min_size=1, max_size=8),
)
def test_almost_right_images_are_served_or_refused(
    height, width, encoding, padding, surplus, content
):
    step = width * ENCODINGS[encoding].bytes_per_pixel + padding
    length = max(0, height * step + surplus)
    data = (content * (length // len(content) + 1))[:length]
    assert_served_or_refused(RawImage(height, width, encoding, surplus % 2, step, data))


@st.composite
def broken_files(draw):
    data = bytearray(draw(st.sampled_from(FILES)))
    for _ in range(draw(st.integers(0, 4))):
        position = draw(st.integers(0, max(len(data) - 1, 0)))
        length = draw(st.integers(0, 6))
        data[position : position + length] = draw(st.binary(max_size=6))
    return bytes(data[: draw(st.integers(0, len(data)))]) if draw(st.booleans()) else bytes(data)


@settings(max_examples=2500, deadline=None)
@given(
    data=st.one_of(broken_files(), st.binary(max_size=200)),
    format_=st.one_of(st.sampled_from(('jpeg', 'png', 'rgb8; jpeg compressed bgr8')), st.text()),
)
@example(data=FILES[0], format_='bayer_rggb8; jpeg compressed ')
@example(data=FILES[1], format_='bayer_rggb8; jpeg compressed ')
def test_any_compressed_bytes_are_served_or_refused(data, format_):
    try:
        msg = decompress(data, format_)
    except ImageError:
        return
    assert_served_or_refused(msg)


def test_the_files_are_good_before_they_are_broken():
    sizes = [(decompress(data, '').width, decompress(data, '').height) for data in FILES]
    assert sizes == [(24, 16)] * 4 + [(8, 8)] * 2


@pytest.mark.parametrize('encoding', ENCODINGS)
def test_an_absurd_size_costs_no_memory(encoding):
    with pytest.raises(ImageError, match='each side must be 1 to 16384'):
        decode(RawImage(2**31, 2**31, encoding, 0, 2**40, b''))
