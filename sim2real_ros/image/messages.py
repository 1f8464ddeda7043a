"""Read the fields of an image message, whoever made its class, and check them.

rclpy's and rosbags' `sensor_msgs/Image` both have the attributes of `ImageLike`; nothing here
imports either.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from sim2real_ros.errors import ImageError
from sim2real_ros.image.encodings import Encoding, encoding_named
from sim2real_ros.image.limits import MAX_IMAGE_BYTES, checked_int, checked_size

if TYPE_CHECKING:
    import array
    from typing import Any, TypeAlias

    from numpy.typing import NDArray

    Buffer: TypeAlias = bytes | bytearray | memoryview | array.array[Any] | NDArray[np.uint8]

HOST_IS_BIGENDIAN = sys.byteorder == 'big'


class ImageLike(Protocol):
    """What an object needs to be read as an image: the fields of `sensor_msgs/Image`."""

    @property
    def height(self) -> int:
        """Rows."""

    @property
    def width(self) -> int:
        """Columns."""

    @property
    def encoding(self) -> str:
        """Name of the pixel format, for example `rgb8`."""

    @property
    def is_bigendian(self) -> int | bool:
        """Whether 16-bit values have their high byte first."""

    @property
    def step(self) -> int:
        """Bytes from one row to the next, padding included."""

    @property
    def data(self) -> Buffer:
        """At least `height * step` bytes."""


@dataclass(frozen=True)
class RawImage:
    """An uncompressed image that belongs to no message library; fields as in `ImageLike`."""

    height: int
    width: int
    encoding: str
    is_bigendian: int | bool
    step: int
    data: Buffer


@dataclass(frozen=True)
class OutputLayout:
    """The shape of a message's bytes: everything about an image but its pixels.

    Attributes:
        encoding: A supported ROS encoding name.
        width: Columns, in pixels.
        height: Rows, in pixels.
        step: Bytes per row, padding included.
        is_bigendian: As in the message; matters for mono16 only.

    Raises:
        ImageError: On construction: unsupported encoding, absurd size, `step` too small or huge,
            odd width for YUV 4:2:2.
    """

    encoding: str
    width: int
    height: int
    step: int
    is_bigendian: int | bool = False

    def __post_init__(self) -> None:
        """Check the fields, so that a layout in hand can always be written."""
        spec = encoding_named(self.encoding)
        what = f'{self.encoding} image'
        for name in ('width', 'height', 'step', 'is_bigendian'):
            number = checked_int(getattr(self, name), f'{what}: {name}')
            object.__setattr__(self, name, number)
        checked_size(self.width, self.height, what=what)
        _check_pattern(spec, self.width, self.height, what)
        _check_step(self.step, spec, self.width, self.height, what)

    @property
    def size_bytes(self) -> int:
        """Return the length that the message's data must have."""
        return self.height * self.step

    @property
    def spec(self) -> Encoding:
        """Return how this encoding's pixels lie in memory."""
        return encoding_named(self.encoding)


def layout_of(msg: ImageLike) -> OutputLayout:
    """Return the checked layout of a message, without looking at its data.

    Raises:
        ImageError: The fields do not describe a supported image.
    """
    return OutputLayout(msg.encoding, msg.width, msg.height, msg.step, msg.is_bigendian)


def layout_like(
    msg: ImageLike, *, encoding: str | None = None, size: tuple[int, int] | None = None
) -> OutputLayout:
    """Return the layout of an answer to a message.

    With the message's own encoding and size the layout is the message's own, padding and
    endianness included; otherwise rows are tight and 16-bit values little-endian.

    Args:
        msg: The image to answer.
        encoding: Of the answer; None means the message's.
        size: (width, height) of the answer in pixels; None means the message's.

    Raises:
        ImageError: The message's fields or the wanted encoding or size are unusable.
    """
    own = layout_of(msg)
    encoding = own.encoding if encoding is None else encoding
    width, height = (own.width, own.height) if size is None else size
    if (encoding, width, height) == (own.encoding, own.width, own.height):
        return own
    width, height = checked_size(width, height, what='output image')
    return OutputLayout(encoding, width, height, width * encoding_named(encoding).bytes_per_pixel)


def pixels_of(msg: ImageLike) -> tuple[OutputLayout, NDArray[Any]]:
    """View the pixels of a message, all fields checked, no byte copied.

    Returns:
        The layout and the view that `view_pixels` makes of the data.

    Raises:
        ImageError: The fields or the data's length do not fit together.
    """
    layout = layout_of(msg)
    return layout, view_pixels(bytes_of(msg, layout), layout)


def bytes_of(msg: ImageLike, layout: OutputLayout) -> NDArray[np.uint8]:
    """View the `layout.size_bytes` bytes of a message, without what trails behind them.

    Less than one row of trailing bytes is taken for a driver's rounded-up allocation. More
    means that height or step is wrong, and then the picture would be, too.

    Raises:
        ImageError: The data is no buffer of bytes, too short, or a row or more too long.
    """
    try:
        data = np.frombuffer(msg.data, np.uint8) if len(msg.data) else np.empty(0, np.uint8)
    except (TypeError, ValueError, BufferError) as error:
        raise ImageError(
            f'image data is a {type(msg.data).__name__} ({error}); expected contiguous bytes: '
            'bytes, array.array or a numpy uint8 array'
        ) from None
    if not layout.size_bytes <= data.size < layout.size_bytes + layout.step:
        raise ImageError(
            f'{layout.encoding} image of {layout.width}x{layout.height} pixels has {data.size} '
            f'bytes of data, expected height * step = {layout.height} * {layout.step} = '
            f'{layout.size_bytes}. Check height, step and data where the image is published'
        )
    return data[: layout.size_bytes]


def view_pixels(data: NDArray[np.uint8], layout: OutputLayout) -> NDArray[Any]:
    """View bytes as pixels, skipping row padding.

    Args:
        data: uint8, 1-D, contiguous, `layout.size_bytes` long.
        layout: How the bytes are laid out.

    Returns:
        (H, W) for one-channel encodings, else (H, W, C), uint8; mono16 is uint16 in the
        layout's byte order and may be unaligned. Writable where `data` is.
    """
    spec = layout.spec
    shape: tuple[int, ...] = (layout.height, layout.width)
    strides: tuple[int, ...] = (layout.step, spec.bytes_per_pixel)
    if spec.channels > 1:
        shape, strides = (*shape, spec.channels), (*strides, 1)
    dtype: np.dtype[Any] = np.dtype(np.uint8)
    if spec.kind == 'grey16':
        dtype = np.dtype('>u2' if layout.is_bigendian else '<u2')
    return np.ndarray(shape, dtype, buffer=data, strides=strides)


def _check_pattern(spec: Encoding, width: int, height: int, what: str) -> None:
    if spec.kind == 'yuv' and width % 2:
        raise ImageError(
            f'{what} is {width} pixels wide; YUV 4:2:2 shares colour between pairs of pixels, so '
            'the width must be even. Crop one column or publish rgb8'
        )
    if spec.kind == 'bayer' and min(width, height) < 3:
        raise ImageError(
            f'{what} is {width}x{height} pixels; colour is interpolated from neighbours, so a '
            'Bayer image needs at least 3x3'
        )


def _check_step(step: int, spec: Encoding, width: int, height: int, what: str) -> None:
    row_bytes = width * spec.bytes_per_pixel
    if step < row_bytes:
        raise ImageError(
            f'{what} has step {step}, expected at least width * bytes per pixel = {width} * '
            f'{spec.bytes_per_pixel} = {row_bytes}. Step counts bytes, not pixels'
        )
    if step * height > MAX_IMAGE_BYTES:
        raise ImageError(
            f'{what} has step {step} and {height} rows, {step * height} bytes; at most '
            f'{MAX_IMAGE_BYTES} bytes are accepted. Check step where the image is published'
        )
