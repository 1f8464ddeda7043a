import struct

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2real_ros.errors import ImageError
from sim2real_ros.image.file_size import HEAD_BYTES, size_of_image_file


def encoded(suffix: str, width: int = 37, height: int = 21, *options: int) -> bytes:
    image = np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)
    return cv2.imencode(suffix, image, list(options))[1].tobytes()


def size(content: bytes) -> tuple[int, int]:
    return size_of_image_file(lambda limit: content if limit < 0 else content[:limit])


def exif(orientation: int, order: str = '<') -> bytes:
    entries = struct.pack(f'{order}HHHIHH', 1, 0x0112, 3, 1, orientation, 0)
    mark = b'II*\0' if order == '<' else b'MM\0*'
    data = b'Exif\0\0' + mark + struct.pack(f'{order}I', 8) + entries
    return b'\xff\xe1' + struct.pack('>H', len(data) + 2) + data


@pytest.mark.parametrize('suffix', ['.png', '.jpg', '.bmp', '.webp', '.tiff'])
def test_sizes_of_all_formats(suffix: str) -> None:
    assert size(encoded(suffix)) == (37, 21)


def test_webp_without_loss_and_with_alpha() -> None:
    assert size(encoded('.webp', 300, 5, cv2.IMWRITE_WEBP_QUALITY, 101)) == (300, 5)
    alpha = cv2.imencode('.webp', np.zeros((21, 37, 4), np.uint8))[1].tobytes()
    assert size(alpha) == (37, 21)


@pytest.mark.parametrize('order', ['<', '>'])
@pytest.mark.parametrize('orientation', range(1, 9))
def test_a_rotated_jpeg_has_the_size_that_viewers_show(orientation: int, order: str) -> None:
    plain = encoded('.jpg')
    content = plain[:2] + exif(orientation, order) + plain[2:]
    shown = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert size(content) == (shown.shape[1], shown.shape[0])


def test_a_header_behind_a_large_profile_is_found() -> None:
    plain = encoded('.jpg')
    profile = b'\xff\xe2' + struct.pack('>H', 65000) + bytes(64998)
    content = plain[:2] + profile * 3 + plain[2:]
    assert content.index(b'\xff\xc0') > HEAD_BYTES
    assert size(content) == (37, 21)


def test_only_the_head_is_read() -> None:
    asked: list[int] = []
    content = encoded('.png', 400, 300)

    def read(limit: int) -> bytes:
        asked.append(limit)
        return content[:limit]

    assert size_of_image_file(read) == (400, 300)
    assert asked == [HEAD_BYTES]


@pytest.mark.parametrize(
    'content',
    [b'', b'text', b'\x89PNG\r\n\x1a\n', b'\xff\xd8\xff', b'\xff\xd8\xff\xe0\0\x10x', b'BM',
     b'\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\0\0\0\0\x05', b'RIFF\0\0\0\0WEBPVP8L'],
)  # fmt: skip
def test_what_is_no_image_is_refused(content: bytes) -> None:
    with pytest.raises(ImageError, match=r'image|JPEG|empty'):
        size(content)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.sampled_from([b'\xff\xd8\xff', b'RIFF1234WEBPVP8X', b'RIFF1234WEBPVP8 ', b'BM', b'']),
    st.binary(max_size=80),
)
def test_arbitrary_bytes_are_refused_or_have_a_size(start: bytes, rest: bytes) -> None:
    try:
        width, height = size(start + rest)
    except ImageError:
        return
    assert min(width, height) > 0
