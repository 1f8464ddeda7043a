"""Build image messages for the tests of this folder, and read them in the slow, obvious way."""

import array
import sys
from types import SimpleNamespace

import numpy as np
from hypothesis import strategies as st

from sim2real_ros.image import ENCODINGS, RawImage

BAYER = {
    'bayer_rggb8': 'RGGB',
    'bayer_bggr8': 'BGGR',
    'bayer_gbrg8': 'GBRG',
    'bayer_grbg8': 'GRBG',
}
YUV = ('yuv422', 'uyvy', 'yuv422_yuy2', 'yuyv')


def random_message(encoding, width, height, *, padding=0, is_bigendian=0, seed=0):
    """Make an image of random bytes, its padding random, too."""
    step = width * ENCODINGS[encoding].bytes_per_pixel + padding
    data = np.random.default_rng(seed).integers(0, 256, height * step, np.uint8).tobytes()
    return RawImage(height, width, encoding, is_bigendian, step, data)


def as_rclpy(msg):
    """Give the fields as rclpy does: a plain object whose data is an array.array."""
    return SimpleNamespace(
        height=msg.height,
        width=msg.width,
        encoding=msg.encoding,
        is_bigendian=int(msg.is_bigendian),
        step=msg.step,
        data=array.array('B', bytes(msg.data)),
    )


def as_rosbags(msg):
    """Give the fields as rosbags does: data is a numpy array."""
    message = as_rclpy(msg)
    message.data = np.frombuffer(bytes(msg.data), np.uint8)
    return message


CONTAINERS = {'bytes': lambda msg: msg, 'rclpy': as_rclpy, 'rosbags': as_rosbags}


@st.composite
def messages(draw, encodings=tuple(ENCODINGS), max_side=24, is_plain=False):
    """Draw a valid image of any encoding, size, padding, endianness and container.

    `is_plain` leaves out padding and foreign endianness.
    """
    encoding = draw(st.sampled_from(encodings))
    smallest = 3 if encoding in BAYER else 1
    width, height = (draw(st.integers(smallest, max_side)) for _ in range(2))
    if encoding in YUV:
        width += width % 2
    msg = random_message(
        encoding,
        width,
        height,
        padding=0 if is_plain else draw(st.sampled_from((0, 0, 1, 2, 7, 64))),
        is_bigendian=int(sys.byteorder == 'big') if is_plain else draw(st.integers(0, 1)),
        seed=draw(st.integers(0, 2**32 - 1)),
    )
    return CONTAINERS[draw(st.sampled_from(sorted(CONTAINERS)))](msg)


def pixel_bytes(msg, row, column):
    """Return the bytes of one pixel (for YUV 4:2:2 of its pair)."""
    size = ENCODINGS[msg.encoding].bytes_per_pixel
    if msg.encoding in YUV:
        size, column = 4, column // 2
    start = row * msg.step + column * size
    return bytes(msg.data)[start : start + size]


def naive_rgb(msg, row, column):
    """Return one pixel as exact RGB floats; not for Bayer, which looks at neighbours."""
    values = pixel_bytes(msg, row, column)
    name = ENCODINGS[msg.encoding].name
    if name in ('mono8', 'mono16'):
        order = 'big' if msg.is_bigendian else 'little'
        grey = values[0] if name == 'mono8' else int.from_bytes(values, order) / 257
        return (grey, grey, grey)
    if name in ('uyvy', 'yuyv'):
        u, y0, v, y1 = values if name == 'uyvy' else (values[1], values[0], values[3], values[2])
        return naive_yuv_to_rgb((y0, y1)[column % 2], u, v)
    return tuple(values[:3]) if name.startswith('rgb') else tuple(values[2::-1])


def naive_yuv_to_rgb(y, u, v):
    """Invert BT.601 video range, ITU-R BT.601-7, clipped to 0-255."""
    luma = 1.164383 * (max(y, 16) - 16)
    red = luma + 1.596027 * (v - 128)
    green = luma - 0.391762 * (u - 128) - 0.812968 * (v - 128)
    blue = luma + 2.017232 * (u - 128)
    return tuple(min(max(value, 0), 255) for value in (red, green, blue))


def naive_rgb_to_yuv(red, green, blue):
    """Apply BT.601 video range, ITU-R BT.601-7."""
    r, g, b = red / 255, green / 255, blue / 255
    return (
        16 + 65.481 * r + 128.553 * g + 24.966 * b,
        128 - 37.797 * r - 74.203 * g + 112 * b,
        128 + 112 * r - 93.786 * g - 18.214 * b,
    )


def naive_luma(red, green, blue):
    return 0.299 * red + 0.587 * green + 0.114 * blue
