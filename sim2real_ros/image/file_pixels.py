"""Image files as raw images: what a file holds stays what it is, grey, alpha and 16 bits too.

So a file can be treated like a message of the same encoding, and `encode_into` gives back the
bytes of every pixel that nobody changed.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import cv2
import numpy as np

from sim2real_ros.errors import ImageError
from sim2real_ros.image.headers import read_header
from sim2real_ros.image.limits import checked_size
from sim2real_ros.image.messages import HOST_IS_BIGENDIAN, RawImage, pixels_of

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

_ENCODINGS = {
    ('uint8', 1): 'mono8',
    ('uint16', 1): 'mono16',
    ('uint8', 3): 'bgr8',
    ('uint8', 4): 'bgra8',
}
# What a file of another format holds in place of what it cannot.
_SUBSTITUTES: dict[str, dict[str, str]] = {
    'png': {},
    'jpg': {'mono16': 'mono8', 'bgra8': 'bgr8'},
    'webp': {'mono16': 'bgr8', 'mono8': 'bgr8'},
    'bmp': {'mono16': 'mono8', 'bgra8': 'bgr8'},
}
_BMP_SIZE = struct.Struct('<2s16xii')
_JPEG_START = b'\xff\xd8\xff'
_PNG_START = b'\x89PNG'


def read_file_pixels(content: bytes) -> RawImage:
    """Decode an image file without changing what it holds.

    Palettes become colours, and a JPEG's Exif rotation is applied, as picture viewers do.

    Args:
        content: All bytes of a PNG, JPEG, WebP or BMP file.

    Returns:
        Encoding bgr8, bgra8, mono8 or mono16 (in the host's byte order); rows without padding.

    Raises:
        ImageError: Cut off, damaged, absurdly large, no image, or 16 bits per colour channel.
    """
    # The one reads the rotation; the other would lose alpha, which a JPEG does not have.
    flag = cv2.IMREAD_ANYCOLOR if content.startswith(_JPEG_START) else cv2.IMREAD_UNCHANGED
    pixels = decoded_by_opencv(content, flag)
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    encoding = _ENCODINGS.get((pixels.dtype.name, channels))
    if encoding is None:
        raise ImageError(
            f'the file has {channels} channels of {pixels.dtype.name}, expected 8-bit grey, RGB '
            'or RGBA, or 16-bit grey; convert it to 8 bits first'
        )
    height, width = pixels.shape[:2]
    data = np.ascontiguousarray(pixels).reshape(-1).view(np.uint8)
    return RawImage(height, width, encoding, HOST_IS_BIGENDIAN, data.size // height, data)


def encoding_in_file(encoding: str, file_format: str) -> str:
    """Return the encoding that a file format keeps an image of some encoding in.

    Args:
        encoding: As `read_file_pixels` gives it.
        file_format: `png`, `jpg`, `webp` or `bmp`.
    """
    return _SUBSTITUTES[file_format].get(encoding, encoding)


def write_file_pixels(image: RawImage, file_format: str, *, quality: int = 95) -> bytes:
    """Encode a raw image as a file; for plain RGB see `encode_file`.

    Args:
        image: Of an encoding that `encoding_in_file` names for the format, in the host's byte
            order.
        file_format: `png`, `jpg`, `webp` or `bmp`.
        quality: Of JPEG and WebP, 1 to 100.

    Raises:
        ImageError: OpenCV cannot encode it.
    """
    pixels: NDArray[Any] = np.ascontiguousarray(pixels_of(image)[1])
    parameters: list[int] = []
    if file_format == 'jpg':
        parameters = [cv2.IMWRITE_JPEG_QUALITY, quality]
    elif file_format == 'webp':
        parameters = [cv2.IMWRITE_WEBP_QUALITY, quality]
    elif file_format == 'png':
        parameters = [cv2.IMWRITE_PNG_COMPRESSION, 3]
    try:
        done, encoded = cv2.imencode(f'.{file_format}', pixels, parameters)
    except cv2.error as error:
        raise ImageError(f'OpenCV cannot write a {file_format} file: {error.err}') from error
    if not done:
        raise ImageError(f'OpenCV could not write an image of shape {pixels.shape}')
    return bytes(encoded.tobytes())


def decoded_by_opencv(content: bytes, flag: int) -> NDArray[Any]:
    """Decode an image file by OpenCV, after a look at its header.

    Args:
        content: All bytes of the file.
        flag: One of OpenCV's ``IMREAD_...``.

    Returns:
        (H, W) or (H, W, C), BGR, of the file's own type.

    Raises:
        ImageError: Cut off, damaged, absurdly large, or no image.
    """
    if not content:
        raise ImageError('the file is empty')
    _check_header(content)
    try:
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), flag)
    except cv2.error as error:
        raise ImageError(f'the file cannot be decoded: {error.err}') from error
    if pixels is None:
        raise ImageError(f'no image that OpenCV can decode ({len(content)} bytes)')
    checked_size(pixels.shape[1], pixels.shape[0], what='image file')
    return np.asarray(pixels)


def _check_header(content: bytes) -> None:
    """Refuse absurd sizes and cut-off files before a decoder allocates anything."""
    if content.startswith((_JPEG_START, _PNG_START)):
        header = read_header(content)
        checked_size(header.width, header.height, what=f'{header.codec} file')
    elif content.startswith(b'BM') and len(content) >= _BMP_SIZE.size:
        _, width, height = _BMP_SIZE.unpack_from(content)
        # A negative height stands for rows from the top.
        checked_size(width, abs(height), what='bmp file')
