"""Masks in PNG files with a palette: the pixels are ids, and the colours are only for the eye.

OpenCV replaces the ids by their colours. Told that the same bytes are a grey image, it gives the
ids: PNG stores indices and grey levels of up to 8 bits in the same way.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np

from sim2real_ros.image.decode_file import decode_mask

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

_SIGNATURE = b'\x89PNG\r\n\x1a\n'
_HEADER = struct.Struct('>IIBBBBB')  # width, height, bits, colour type, then three methods
_PALETTE_COLOUR, _GREY = 3, 0
_DROPPED = {b'PLTE', b'tRNS', b'hIST', b'bKGD', b'sBIT', b'gAMA', b'iCCP', b'sRGB', b'cHRM'}
"""Chunks that mean nothing, or something else, for a grey image."""

_GREY_STEPS = {1: 255, 2: 85, 4: 17, 8: 1}
"""What a decoder multiplies grey levels of few bits with, to fill 8."""


def decode_ids(content: bytes) -> NDArray[Any]:
    """Decode a mask file without touching its ids; those of a palette are its indices.

    Args:
        content: The bytes of a grey or palette PNG, or of another lossless image file.

    Returns:
        uint8 or uint16, (H, W); (H, W, C) for a mask of colours, then BGR as stored.

    Raises:
        ImageError: No image, cut off or absurdly large.
    """
    bits = _palette_bits(content)
    if bits is None:
        return decode_mask(content)
    return np.asarray(decode_mask(_as_grey(content)) // _GREY_STEPS[bits])


def palette_of(content: bytes) -> tuple[tuple[int, int, int], ...]:
    """Return the colours of a palette PNG, RGB 0..255; () for any other file."""
    if _palette_bits(content) is None:
        return ()
    for kind, data in _chunks(content):
        if kind == b'PLTE':
            rgb = np.frombuffer(data[: len(data) // 3 * 3], np.uint8).reshape(-1, 3)
            return tuple((int(r), int(g), int(b)) for r, g, b in rgb)
    return ()


def with_palette(grey_png: bytes, colours: list[tuple[int, int, int]]) -> bytes:
    """Give an 8-bit grey PNG a palette, so that viewers show its ids in colours.

    Args:
        grey_png: As OpenCV has encoded it.
        colours: RGB 0..255 by id; 256 at most, and more than the largest id.
    """
    parts = [_SIGNATURE]
    for kind, data in _chunks(grey_png):
        if kind == b'IHDR':
            width, height, bits, _, *methods = _HEADER.unpack(data)
            data = _HEADER.pack(width, height, bits, _PALETTE_COLOUR, *methods)
            palette = np.array(colours, np.uint8).tobytes()
            parts += [_chunk(kind, data), _chunk(b'PLTE', palette)]
        else:
            parts.append(_chunk(kind, data))
    return b''.join(parts)


def _palette_bits(content: bytes) -> int | None:
    """Return the bits per index of a palette PNG, None for any other file."""
    if not content.startswith(_SIGNATURE) or content[12:16] != b'IHDR' or len(content) < 33:
        return None
    _, _, bits, colour, *_ = _HEADER.unpack_from(content, 16)
    return bits if colour == _PALETTE_COLOUR and bits in _GREY_STEPS else None


def _as_grey(content: bytes) -> bytes:
    parts = [_SIGNATURE]
    for kind, data in _chunks(content):
        if kind == b'IHDR' and len(data) == _HEADER.size:
            width, height, bits, _, *methods = _HEADER.unpack(data)
            data = _HEADER.pack(width, height, bits, _GREY, *methods)
        if kind not in _DROPPED:
            parts.append(_chunk(kind, data))
    return b''.join(parts)


def _chunks(content: bytes) -> list[tuple[bytes, bytes]]:
    """Return (type, data) of the chunks, as far as they are all there."""
    chunks, position = [], len(_SIGNATURE)
    while position + 12 <= len(content):
        length, kind = struct.unpack_from('>I4s', content, position)
        if position + 12 + length > len(content):
            break
        chunks.append((kind, content[position + 8 : position + 8 + length]))
        position += 12 + length
    return chunks


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack('>I4s', len(data), kind) + data + struct.pack('>I', zlib.crc32(kind + data))
