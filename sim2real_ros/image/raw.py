"""Turn image messages into RGB arrays and RGB arrays back into a message's bytes.

One principle holds for every encoding, lossy ones included: a pixel that was not changed between
`decode` and `encode_into` keeps the bytes of its source.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import cv2
import numpy as np

from sim2real_ros.errors import ImageError
from sim2real_ros.image.messages import (
    ImageLike,
    OutputLayout,
    bytes_of,
    layout_of,
    pixels_of,
    view_pixels,
)

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from sim2real_ros.image.encodings import Encoding

    Rgb = NDArray[np.uint8]
    Mask = NDArray[np.uint8]

# ITU-R BT.601, video range (Y 16-235, U and V 16-240), for R, G, B in 0-255 and a constant:
# the inverse of what OpenCV's YUV 4:2:2 decoding computes.
_BT601 = np.array(
    [
        [65.481 / 255, 128.553 / 255, 24.966 / 255, 16],
        [-37.797 / 255, -74.203 / 255, 112.0 / 255, 128],
        [112.0 / 255, -93.786 / 255, -18.214 / 255, 128],
    ],
    np.float32,
)
# Where the four bytes of a pair come from, as (from, to): 0 and 3 are the luma of its two pixels,
# 7 and 8 are U and V of their mean.
_UYVY = [7, 0, 0, 1, 8, 2, 3, 3]
_YUYV = [0, 0, 7, 1, 3, 2, 8, 3]
_BOTH_UNCHANGED = 0xFFFF


def decode(msg: ImageLike) -> Rgb:
    """Return the pixels of an image message as RGB.

    rgb8 is a view of the message's data: nothing is copied, rows may be strided, and it is
    writable only if the data is (a message that others hold must not be written to). Other
    encodings give a new array. Bayer is interpolated bilinearly, YUV 4:2:2 is ITU-R BT.601 in
    video range, alpha is dropped, mono16 is rounded to v / 257 (as cv_bridge does; 65535 becomes
    255), 8UC1, 8UC3 and 8UC4 are read as mono8, bgr8 and bgra8.

    Args:
        msg: rclpy's or rosbags' `sensor_msgs/Image`, or any `ImageLike`.

    Returns:
        uint8, (H, W, 3), RGB, 0 to 255.

    Raises:
        ImageError: The encoding is not supported, or the fields and the data do not fit.
    """
    layout, pixels = pixels_of(msg)
    spec = layout.spec
    if spec.to_rgb is None:
        return pixels
    if spec.kind == 'grey16':
        pixels = cv2.convertScaleAbs(_native(pixels), alpha=1 / 257)
    return cast('Rgb', cv2.cvtColor(pixels, spec.to_rgb))


def rgb_view(buffer: NDArray[np.uint8], layout: OutputLayout) -> Rgb | None:
    """View a message's buffer as RGB pixels, so that a model can write straight into it.

    Args:
        buffer: uint8, 1-D, contiguous, `layout.size_bytes` long.
        layout: Of the message.

    Returns:
        uint8, (H, W, 3), rows strided where the layout has padding; None unless rgb8.

    Raises:
        ImageError: The buffer does not fit the layout.
    """
    if layout.spec.name != 'rgb8':
        return None
    return view_pixels(_checked_buffer(buffer, layout), layout)


def encode_into(
    buffer: NDArray[np.uint8],
    layout: OutputLayout,
    rgb: Rgb,
    *,
    source: ImageLike | None = None,
    decoded: Rgb | None = None,
) -> None:
    """Write RGB pixels into a message's bytes, in the encoding of its layout.

    mono8 and mono16 are ITU-R BT.601 luma (grey stays exactly what it is), Bayer takes each
    pixel's one colour, YUV 4:2:2 averages the colour of each pair of pixels.

    With a `source` of the layout's encoding and size, alpha and row padding are the source's
    (else 255 and 0). With `decoded` as well, every pixel that equals it (for YUV both pixels of
    a pair) keeps the bytes that the source has, so what was not translated is not altered.

    Args:
        buffer: uint8, 1-D, contiguous, writable, `layout.size_bytes` long; every byte is set.
        layout: Of the message to fill.
        rgb: uint8, (layout.height, layout.width, 3); may be strided, and may be the buffer's
            own `rgb_view`. Not written to.
        source: The message that was translated. Ignored if encoding or size differ.
        decoded: `decode(source)`, not written to since: where `rgb` equals it, or is it, the
            source's bytes are taken. Ignored together with `source`.

    Raises:
        ImageError: An argument does not fit the layout.
    """
    target = view_pixels(_checked_buffer(buffer, layout), layout)
    _check_rgb(rgb, layout, 'rgb')
    original = _fill_from_source(buffer, layout, source)
    if original is not None and decoded is not None:
        _check_rgb(decoded, layout, 'decoded')
        if rgb is decoded:
            np.copyto(target, original)
            return
    kind = layout.spec.kind
    _WRITERS[kind](target, layout.spec, rgb)
    if original is not None and kind == 'alpha':
        cv2.mixChannels([original], [target], [3, 3])
    elif original is not None and decoded is not None and kind in _LOSSY:
        _restore_unchanged(target, original, _unchanged_mask(rgb, decoded), layout.spec)


def _fill_from_source(
    buffer: NDArray[np.uint8], layout: OutputLayout, source: ImageLike | None
) -> NDArray[Any] | None:
    """Set the row padding, and return the source's pixels if the layout can keep them."""
    padding = _padding(buffer, layout)
    own = None if source is None else layout_of(source)
    if source is None or own is None or _pixel_key(own) != _pixel_key(layout):
        padding[...] = 0
        return None
    data = bytes_of(source, own)
    padding[...] = _padding(data, own) if own.step == layout.step else 0
    return view_pixels(data, own)


def _pixel_key(layout: OutputLayout) -> tuple[str, int, int]:
    return layout.spec.name, layout.width, layout.height


def _padding(data: NDArray[np.uint8], layout: OutputLayout) -> NDArray[np.uint8]:
    """View what follows the pixels of each row, (H, step - row bytes)."""
    row_bytes = layout.width * layout.spec.bytes_per_pixel
    return data.reshape(layout.height, layout.step)[:, row_bytes:]


def _write_colour(target: NDArray[Any], spec: Encoding, rgb: Rgb) -> None:
    if spec.from_rgb is not None:
        cv2.cvtColor(rgb, spec.from_rgb, dst=target)
    elif not _is_same_memory(target, rgb):
        np.copyto(target, rgb)


def _write_grey16(target: NDArray[Any], spec: Encoding, rgb: Rgb) -> None:
    del spec
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    np.multiply(grey, 257, out=target, dtype=np.uint16, casting='unsafe')


def _write_bayer(target: NDArray[Any], spec: Encoding, rgb: Rgb) -> None:
    for position, channel in enumerate(spec.mosaic):
        row, column = divmod(position, 2)
        target[row::2, column::2] = rgb[row::2, column::2, channel]


def _write_yuv(target: NDArray[Any], spec: Encoding, rgb: Rgb) -> None:
    # OpenCV's own encoder (from 4.10 on) agrees to one level and takes 0.6 of the time; one way
    # for all versions gives the same bytes everywhere.
    height, pairs = rgb.shape[0], rgb.shape[1] // 2
    pixels = cv2.transform(rgb, _BT601)
    # Linear interpolation at exactly half the width is the mean of two pixels.
    means = cv2.resize(rgb, (pairs, height), interpolation=cv2.INTER_LINEAR)
    channels = [pixels.reshape(height, pairs, 6), cv2.transform(means, _BT601)]
    order = _YUYV if spec.luma_first else _UYVY
    cv2.mixChannels(channels, [target.reshape(height, pairs, 4)], order)


_WRITERS = {
    'colour': _write_colour,
    'alpha': _write_colour,
    'grey': _write_colour,
    'grey16': _write_grey16,
    'bayer': _write_bayer,
    'yuv': _write_yuv,
}
_LOSSY = ('grey16', 'bayer', 'yuv')


def _unchanged_mask(rgb: Rgb, decoded: Rgb) -> Mask:
    """Return (H, W) uint8: 255 where all three channels are equal, else 0."""
    difference = cv2.absdiff(rgb, decoded)
    nothing = np.zeros(3)
    return cast('Mask', cv2.inRange(difference, nothing, nothing))


def _restore_unchanged(
    target: NDArray[Any], original: NDArray[Any], unchanged: Mask, spec: Encoding
) -> None:
    if spec.kind == 'grey16':
        np.copyto(target, original, where=unchanged != 0)
        return
    if spec.kind == 'yuv':
        height, width = unchanged.shape
        unchanged = (unchanged.view(np.uint16) == _BOTH_UNCHANGED).view(np.uint8)
        target = target.reshape(height, width // 2, 4)
        original = original.reshape(height, width // 2, 4)
    cv2.copyTo(original, unchanged, dst=target)


def _native(values: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Return 16-bit values in the host's byte order and aligned, copied only where they are not.

    OpenCV needs rows at even addresses, which an odd step or an odd offset does not give.
    """
    if values.dtype.isnative and values.flags.aligned:
        return values
    return values.astype(np.uint16)


def _is_same_memory(a: NDArray[Any], b: NDArray[Any]) -> bool:
    return a.ctypes.data == b.ctypes.data and a.strides == b.strides


def _checked_buffer(buffer: NDArray[np.uint8], layout: OutputLayout) -> NDArray[np.uint8]:
    if not isinstance(buffer, np.ndarray):
        raise ImageError(
            f'the buffer is a {type(buffer).__name__}, expected a numpy array; view other '
            'buffers with np.frombuffer(buffer, np.uint8)'
        )
    found = (buffer.dtype, buffer.shape, buffer.flags.c_contiguous, buffer.flags.writeable)
    if found != (np.dtype(np.uint8), (layout.size_bytes,), True, True):
        raise ImageError(
            f'the buffer has dtype {found[0]}, shape {found[1]}, contiguous={found[2]}, '
            f'writeable={found[3]}; expected uint8, ({layout.size_bytes},), contiguous and '
            'writeable. Allocate layout.size_bytes bytes'
        )
    return buffer


def _check_rgb(rgb: Rgb, layout: OutputLayout, name: str) -> None:
    expected = (layout.height, layout.width, 3)
    if not isinstance(rgb, np.ndarray) or rgb.dtype != np.uint8 or rgb.shape != expected:
        found = getattr(rgb, 'dtype', type(rgb).__name__), getattr(rgb, 'shape', None)
        raise ImageError(
            f'{name} has dtype {found[0]} and shape {found[1]}, expected uint8 and {expected} '
            '(rows, columns, RGB). Resize or convert it to the layout first'
        )
