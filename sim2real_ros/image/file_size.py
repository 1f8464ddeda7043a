"""Read the size of an image file from its first bytes, without decoding it."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from sim2real_ros.errors import ImageError
from sim2real_ros.image.decode_file import decode_file
from sim2real_ros.image.limits import checked_size

if TYPE_CHECKING:
    from collections.abc import Callable

HEAD_BYTES = 2**16
"""What is read at first; JPEGs with large thumbnails or colour profiles need all."""

_MAX_SEGMENTS = 1000
_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SINGLE = {*range(0xD0, 0xDA), 0x01}
_ORIENTATION = 0x0112


def size_of_image_file(read: Callable[[int], bytes]) -> tuple[int, int]:
    """Return the size that an image file has when it is shown, Exif rotation applied.

    Args:
        read: Gives the first n bytes of the file; -1 for all of them.

    Returns:
        (width, height) in pixels.

    Raises:
        ImageError: No image, damaged, or absurdly large.
    """
    head = read(HEAD_BYTES)
    size = _size_in_head(head)
    if size is None and len(head) == HEAD_BYTES:
        head = read(-1)
        size = _size_in_head(head)
    if size is None:
        # A format whose header is not known here, such as TIFF.
        height, width = decode_file(head)[0].shape[:2]
        size = width, height
    return checked_size(*size, what='image file')


def _size_in_head(head: bytes) -> tuple[int, int] | None:
    try:
        if head.startswith(b'\x89PNG\r\n\x1a\n') and head[12:16] == b'IHDR':
            width, height = struct.unpack_from('>II', head, 16)
        elif head.startswith(b'\xff\xd8\xff'):
            return _jpeg_size(head)
        elif head.startswith(b'BM'):
            width, height = struct.unpack_from('<ii', head, 18)
            height = abs(height)
        elif head[:4] == b'RIFF' and head[8:12] == b'WEBP':
            return _webp_size(head)
        else:
            return None
    except struct.error:
        return None
    return width, height


def _webp_size(head: bytes) -> tuple[int, int] | None:
    """Read the first chunk; layouts from RFC 9649."""
    kind = head[12:16]
    if kind == b'VP8X':
        width, height = head[24:27], head[27:30]
        if len(height) < 3:
            return None
        return int.from_bytes(width, 'little') + 1, int.from_bytes(height, 'little') + 1
    if kind == b'VP8L':
        (bits,) = struct.unpack_from('<I', head, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack_from('<HH', head, 26)
    return width & 0x3FFF, height & 0x3FFF


def _jpeg_size(head: bytes) -> tuple[int, int] | None:
    """Walk the segments to the frame header; None where it lies behind the end of ``head``."""
    position, turned = 2, False
    for _ in range(_MAX_SEGMENTS):
        if position + 9 > len(head):
            return None
        prefix, marker, length = struct.unpack_from('>BBH', head, position)
        if prefix != 0xFF:
            raise ImageError(f'JPEG has no marker at offset {position}: it is damaged')
        if marker in _FRAMES:
            height, width = struct.unpack_from('>HH', head, position + 5)
            return (height, width) if turned else (width, height)
        if marker == 0xE1 and head.startswith(b'Exif\0\0', position + 4):
            turned = _is_turned(head[position + 10 : position + 2 + length])
        if marker == 0xFF:
            position += 1
        else:
            position += 2 if marker in _SINGLE else 2 + max(2, length)
    raise ImageError('JPEG has no size among its first segments: it is damaged')


def _is_turned(exif: bytes) -> bool:
    """Tell whether Exif data asks viewers to swap width and height (orientations 5 to 8)."""
    order = {b'II': '<', b'MM': '>'}.get(exif[:2])
    if order is None:
        return False
    try:
        (start,) = struct.unpack_from(f'{order}I', exif, 4)
        (count,) = struct.unpack_from(f'{order}H', exif, start)
        for number in range(count):
            entry = struct.unpack_from(f'{order}HHIH', exif, start + 2 + 12 * number)
            if entry[0] == _ORIENTATION:
                return bool(5 <= entry[3] <= 8)
    except struct.error:
        pass
    return False
