import contextlib
import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2real_ros.errors import ImageError
from sim2real_ros.image.encode_file import encode_mask
from sim2real_ros.image.palette_png import decode_ids, palette_of, with_palette


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))


def palette_png(ids: np.ndarray, bits: int, *, extra: bytes = b'') -> bytes:
    """Write a PNG of colour type 3 by the specification, indices packed into bytes."""
    height, width = ids.shape
    unpacked = np.unpackbits(ids.astype(np.uint8)[..., None], axis=2)[..., -bits:]
    rows = np.packbits(unpacked.reshape(height, width * bits), axis=1)
    raw = b''.join(b'\0' + row.tobytes() for row in rows)
    # Colours that no grey level could be mistaken for, and several alike.
    palette = bytes(range(3, 3 + 3 * 2**bits)) if bits < 5 else b'\xff\x00\x80' * 2**bits
    header = struct.pack('>IIBBBBB', width, height, bits, 3, 0, 0, 0)
    return (
        b'\x89PNG\r\n\x1a\n'
        + chunk(b'IHDR', header)
        + extra
        + chunk(b'PLTE', palette)
        + chunk(b'tRNS', b'\x00')
        + chunk(b'IDAT', zlib.compress(raw))
        + chunk(b'IEND', b'')
    )


@pytest.mark.parametrize('bits', [1, 2, 4, 8])
@pytest.mark.parametrize('width', [1, 5, 64, 77])
def test_indices_are_read_and_not_colours(bits: int, width: int) -> None:
    ids = np.random.default_rng(bits).integers(0, 2**bits, (19, width), dtype=np.uint8)
    content = palette_png(ids, bits, extra=chunk(b'gAMA', struct.pack('>I', 22000)))
    seen = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    assert seen.ndim == 3, 'OpenCV gives colours, so this needs its own way'
    assert (decode_ids(content) == ids).all()


def test_grey_and_deep_masks_are_read_as_they_are() -> None:
    for ids in (np.arange(200, dtype=np.uint8), np.arange(0, 60000, 300, dtype=np.uint16)):
        mask = ids.reshape(10, 20)
        again = decode_ids(encode_mask(mask))
        assert (again == mask).all()
        assert again.dtype == mask.dtype


def test_a_palette_can_be_added_and_read() -> None:
    ids = np.arange(6, dtype=np.uint8).reshape(2, 3)
    colours = [(10 * n, 255 - n, n) for n in range(6)]
    content = with_palette(encode_mask(ids), colours)
    assert palette_of(content) == tuple(colours)
    assert palette_of(encode_mask(ids)) == ()
    assert (decode_ids(content) == ids).all()
    shown = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert (shown[..., ::-1] == np.array(colours).reshape(2, 3, 3)).all()


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.integers(0, 200), st.binary(min_size=1, max_size=6))
def test_damaged_files_are_refused_or_read(place: int, change: bytes) -> None:
    content = palette_png(np.zeros((9, 9), np.uint8), 4)
    broken = content[:place] + change + content[place + len(change) :]
    with contextlib.suppress(ImageError):
        assert decode_ids(broken).ndim in (2, 3)


@pytest.mark.parametrize('keep', [0, 8, 20, 33, 60, -12])
def test_cut_off_files_are_refused(keep: int) -> None:
    content = palette_png(np.zeros((9, 9), np.uint8), 8)
    with pytest.raises(ImageError, match=r'empty|cut off|decode|PNG|image'):
        decode_ids(content[:keep])
