"""Decompress and compress images as `sensor_msgs/CompressedImage` carries them.

Format strings are those of ROS' compressed_image_transport: the original encoding, `;`, the
codec, `compressed`, and for colour images what the codec was fed:
`rgb8; jpeg compressed bgr8`, `mono8; png compressed ` (with the space at its end).
"""

from __future__ import annotations

import array
import re
from typing import TYPE_CHECKING

import cv2
import numpy as np

from sim2real_ros.errors import ImageError
from sim2real_ros.image.encodings import ENCODINGS, is_depth
from sim2real_ros.image.headers import Codec, read_header
from sim2real_ros.image.limits import checked_size
from sim2real_ros.image.messages import HOST_IS_BIGENDIAN, RawImage

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from sim2real_ros.image.messages import Buffer

_FORMAT = re.compile(r'\s*(\w+)\s*;')
_COLOUR_NAMES = ('rgb8', 'bgr8', 'rgba8', 'bgra8')
# (dtype, channels) that OpenCV gives -> what it is, and the conversion from OpenCV's order.
_DECODED = {
    ('uint8', 1): ('mono8', None),
    ('uint8', 3): ('rgb8', cv2.COLOR_BGR2RGB),
    ('uint8', 4): ('rgba8', cv2.COLOR_BGRA2RGBA),
    ('uint16', 1): ('mono16', None),
}


def decompress(data: Buffer, format: str) -> RawImage:  # noqa: A002
    """Decompress a JPEG or PNG into an image that `decode` reads.

    The codec is recognised by the data, not by `format`, which is often just `jpeg` and
    sometimes wrong. Colours are taken in the order that the file's own standard defines.

    Args:
        data: The compressed bytes.
        format: The message's format string; it tells depth images, and Bayer patterns that were
            compressed as grey images.

    Returns:
        Encoding rgb8, rgba8, mono8, mono16 (in the host's byte order) or the Bayer pattern that
        `format` names; rows without padding.

    Raises:
        ImageError: Depth image; neither JPEG nor PNG; cut off, damaged or absurdly large;
            16 bits per colour channel.
    """
    encoding = original_encoding(format)
    _refuse_depth(format, encoding)
    content = _as_bytes(data)
    header = read_header(content)
    checked_size(header.width, header.height, what=f'{header.codec} image')
    pixels = _imdecode(content, header.codec)
    if pixels.shape[:2] != (header.height, header.width):
        raise ImageError(
            f'{header.codec} image decodes to {pixels.shape[1]}x{pixels.shape[0]} pixels but its '
            f'header says {header.width}x{header.height}: the data is damaged'
        )
    return _as_raw(pixels, header.codec, encoding)


def compress(
    rgb: NDArray[np.uint8],
    codec: Codec = 'jpeg',
    *,
    quality: int = 95,
    png_level: int = 3,
    source_encoding: str = 'rgb8',
) -> tuple[array.array[int], str]:
    """Compress RGB pixels into the data and format string of a CompressedImage.

    Args:
        rgb: uint8, (H, W, 3), RGB.
        codec: `jpeg` or `png`.
        quality: Of the JPEG, 1 to 100.
        png_level: zlib effort of the PNG, 0 to 9.
        source_encoding: Encoding of the raw image that this stands for. mono8, mono16 and 8UC1
            give a grey file named mono8. Colour encodings keep their name, by which subscribers
            choose their output; Bayer and YUV become rgb8, since the file holds finished colours.

    Returns:
        The compressed bytes as `array.array('B')`, which a ROS message takes without a copy,
        and the format string.

    Raises:
        ImageError: `rgb` is no RGB image, or an argument is out of range.
    """
    _check_compress(rgb, codec, quality, png_level)
    is_grey = ENCODINGS.get(source_encoding, ENCODINGS['rgb8']).kind in ('grey', 'grey16')
    if is_grey:
        pixels, fed, name = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), '', 'mono8'
    else:
        pixels, fed = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), 'bgr8'
        name = source_encoding if source_encoding in _COLOUR_NAMES else 'rgb8'
    if codec == 'jpeg':
        parameters = [cv2.IMWRITE_JPEG_QUALITY, quality]
    else:
        parameters = [cv2.IMWRITE_PNG_COMPRESSION, png_level]
    done, encoded = cv2.imencode(f'.{codec}', pixels, parameters)
    if not done:
        raise ImageError(f'OpenCV could not compress an image of shape {rgb.shape} as {codec}')
    data = array.array('B')
    data.frombytes(encoded.tobytes())
    return data, f'{name}; {codec} compressed {fed}'


def codec_of(data: Buffer) -> Codec:
    """Recognise the codec of compressed data by its content.

    Raises:
        ImageError: It is neither JPEG nor PNG, or cut off within its header.
    """
    return read_header(_as_bytes(data)).codec


def original_encoding(format: str) -> str | None:  # noqa: A002
    """Return the raw encoding that a format string begins with.

    Args:
        format: Of a CompressedImage.

    Returns:
        `rgb8` for `rgb8; jpeg compressed bgr8`; None where none is named, as in plain `jpeg`.
    """
    match = _FORMAT.match(format)
    return match.group(1) if match else None


def _refuse_depth(format: str, encoding: str | None) -> None:  # noqa: A002
    if 'compressedDepth' in format or (encoding is not None and is_depth(encoding)):
        raise ImageError(
            f'compressed image has the format {format!r}: depth or raw sensor values, not a '
            'colour image (REP-118). Subscribe to the colour camera'
        )


def _as_bytes(data: Buffer) -> bytes:
    try:
        content = np.frombuffer(data, np.uint8).tobytes() if len(data) else b''
    except (TypeError, ValueError, BufferError) as error:
        raise ImageError(
            f'compressed image data is a {type(data).__name__} ({error}); expected bytes, '
            'array.array or a numpy uint8 array'
        ) from None
    if not content:
        raise ImageError('compressed image has no data, expected a JPEG or PNG')
    return content


def _imdecode(content: bytes, codec: Codec) -> NDArray[Any]:
    """Decode without applying Exif rotation: camera_info describes the pixels as stored."""
    try:
        pixels: Any = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise ImageError(f'{codec} image cannot be decoded: {error.err}') from error
    if pixels is None:
        raise ImageError(
            f'{codec} image of {len(content)} bytes cannot be decoded: the data is damaged'
        )
    return np.asarray(pixels)


def _as_raw(pixels: NDArray[Any], codec: Codec, original: str | None) -> RawImage:
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    found = _DECODED.get((pixels.dtype.name, channels))
    if found is None:
        raise ImageError(
            f'{codec} image has {channels} channels of {pixels.dtype.name}, expected 8-bit grey, '
            'RGB or RGBA, or 16-bit grey. Compress an 8-bit image'
        )
    encoding, conversion = found
    if conversion is not None:
        pixels = cv2.cvtColor(pixels, conversion, dst=pixels)
    if encoding == 'mono8' and original in ENCODINGS and ENCODINGS[original].kind == 'bayer':
        encoding = original
    height, width = pixels.shape[:2]
    data = np.ascontiguousarray(pixels).reshape(-1).view(np.uint8)
    return RawImage(height, width, encoding, HOST_IS_BIGENDIAN, data.size // height, data)


def _check_compress(rgb: NDArray[np.uint8], codec: str, quality: int, png_level: int) -> None:
    if not isinstance(rgb, np.ndarray) or rgb.dtype != np.uint8 or rgb.shape[2:] != (3,):
        found = getattr(rgb, 'dtype', type(rgb).__name__), getattr(rgb, 'shape', None)
        raise ImageError(
            f'cannot compress dtype {found[0]}, shape {found[1]}; expected uint8, (H, W, 3)'
        )
    checked_size(rgb.shape[1], rgb.shape[0], what='image to compress')
    if codec not in ('jpeg', 'png'):
        raise ImageError(f"unknown codec {codec!r}, expected 'jpeg' or 'png'")
    if not 1 <= quality <= 100:
        raise ImageError(f'JPEG quality is {quality!r}, expected 1 to 100')
    if not 0 <= png_level <= 9:
        raise ImageError(f'png_level is {png_level!r}, expected 0 to 9')
