"""Read the size of a JPEG or PNG from its first bytes, and see whether its end is there.

A decoder allocates what the header asks for, and OpenCV (before 5) fills what is missing with
grey; so both are looked at before a decoder sees the data.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Literal

from sim2real_ros.errors import ImageError

Codec = Literal['jpeg', 'png']

MAX_JPEG_SCANS = 100
"""Ordinary progressive JPEGs have about ten; thousands only serve to keep a decoder busy."""

MAX_JPEG_SEGMENTS = 1000
"""Before the first scan, fill bytes included; a camera's JPEG has about ten."""

MAX_PNG_CHUNKS = 100_000
"""Encoders cut the pixels into chunks of 8 KiB or more."""

_JPEG_START = b'\xff\xd8\xff'
_JPEG_END = b'\xff\xd9'
_PNG_START = b'\x89PNG\r\n\x1a\n'
_PNG_HEADER = struct.Struct('>8sI4sII')  # signature, chunk length, type, width, height
_SEGMENT = struct.Struct('>BBH')  # 0xFF, marker, length (of itself and the payload)
_FRAME_SIZE = struct.Struct('>xHH')  # bits per sample (skipped), height, width
_SCAN = 0xDA
# ISO/IEC 10918-1, table B.1: C0 to CF begin a frame, but for DHT, JPG and DAC.
_FRAME_STARTS = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_MARKER = 0xFF
# What has no length, and its bytes: RST0-7, SOI, EOI and TEM, and the fill byte 0xFF.
_SINGLE = {**dict.fromkeys(range(0xD0, 0xDA), 2), 0x01: 2, 0xFF: 1}


@dataclass(frozen=True)
class Header:
    """What the first bytes of a compressed image say: its codec and its size in pixels."""

    codec: Codec
    width: int
    height: int


def read_header(data: bytes) -> Header:
    """Read codec and size, and check that the image is all there.

    Raises:
        ImageError: Neither JPEG nor PNG, damaged header, or the end is missing.
    """
    if data.startswith(_JPEG_START):
        return _read_jpeg(data)
    if data.startswith(_PNG_START):
        return _read_png(data)
    raise ImageError(
        f'compressed image begins with {data[:8]!r}, which is neither JPEG nor PNG; only these '
        'two can be decompressed. Check the publisher'
    )


def _read_png(data: bytes) -> Header:
    if len(data) < _PNG_HEADER.size:
        raise _truncated('PNG', data)
    _, _, kind, width, height = _PNG_HEADER.unpack_from(data)
    if kind != b'IHDR':
        raise ImageError(f'PNG begins with a {kind!r} chunk, expected IHDR: the data is damaged')
    _check_png_chunks(data)
    return Header('png', width, height)


def _check_png_chunks(data: bytes) -> None:
    """Walk the chunks (length, type, payload, checksum) to the end marker."""
    position = len(_PNG_START)
    for _ in range(MAX_PNG_CHUNKS):
        if position + 8 > len(data):
            raise _truncated('PNG', data)
        length, kind = struct.unpack_from('>I4s', data, position)
        position += 12 + length
        if kind == b'IEND' and position <= len(data):
            return
    raise ImageError(f'PNG has more than {MAX_PNG_CHUNKS} chunks, which no encoder writes')


def _read_jpeg(data: bytes) -> Header:
    """Walk the marker segments to the first scan."""
    header: Header | None = None
    position = 2
    for _ in range(MAX_JPEG_SEGMENTS):
        if position + _SEGMENT.size > len(data):
            raise _truncated('JPEG', data)
        prefix, marker, length = _SEGMENT.unpack_from(data, position)
        if prefix != _MARKER or (length < 2 and marker not in _SINGLE):
            raise ImageError(
                f'JPEG has the bytes {data[position : position + 4]!r} at offset {position}, '
                'expected a marker and its length: the data is damaged'
            )
        if marker == _SCAN:
            _check_jpeg_scans(data, position)
            if header is None:
                raise ImageError('JPEG has pixels but no size (no SOF marker): it is damaged')
            return header
        if marker in _FRAME_STARTS and header is None:
            header = _read_jpeg_frame(data, position + _SEGMENT.size)
        position += _SINGLE.get(marker, 2 + length)
    raise ImageError(f'JPEG has more than {MAX_JPEG_SEGMENTS} segments before its pixels')


def _read_jpeg_frame(data: bytes, position: int) -> Header:
    if position + _FRAME_SIZE.size > len(data):
        raise _truncated('JPEG', data)
    height, width = _FRAME_SIZE.unpack_from(data, position)
    return Header('jpeg', width, height)


def _check_jpeg_scans(data: bytes, first_scan: int) -> None:
    """Look for the end behind the first scan; an embedded thumbnail's end lies before it."""
    if data.rfind(_JPEG_END, first_scan) < 0:
        raise _truncated('JPEG', data)
    scans = data.count(b'\xff\xda', first_scan)
    if scans > MAX_JPEG_SCANS:
        raise ImageError(f'JPEG has {scans} scans, at most {MAX_JPEG_SCANS} are accepted')


def _truncated(codec: str, data: bytes) -> ImageError:
    return ImageError(
        f'{codec} image of {len(data)} bytes ends before its end marker: it was cut off. '
        'Check the publisher and the transport'
    )
