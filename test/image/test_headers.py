import cv2
import pytest
from compressed_cases import (
    chunk,
    jpeg,
    png,
    png_of,
    segment,
    smooth_rgb,
    with_jpeg_size,
    with_thumbnail,
)

from sim2real_ros.errors import ImageError
from sim2real_ros.image.headers import (
    MAX_JPEG_SCANS,
    MAX_JPEG_SEGMENTS,
    MAX_PNG_CHUNKS,
    Header,
    read_header,
)

JPEG = jpeg(smooth_rgb(48, 32))


@pytest.mark.parametrize(
    'data',
    [
        JPEG,
        jpeg(smooth_rgb(48, 32)[..., 0]),
        jpeg(smooth_rgb(48, 32), cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
        jpeg(smooth_rgb(48, 32), cv2.IMWRITE_JPEG_RST_INTERVAL, 1),
        with_thumbnail(JPEG),
        JPEG + bytes(100),
        JPEG[:2] + b'\xff' + JPEG[2:],
        JPEG[:2] + segment(0xFE, b'a comment \xff\xc0 with marker bytes') + JPEG[2:],
    ],
    ids=['plain', 'grey', 'progressive', 'restart', 'thumbnail', 'padded', 'fill', 'comment'],
)
def test_jpeg_size_is_read(data):
    assert read_header(data) == Header('jpeg', 48, 32)


def test_png_size_is_read():
    assert read_header(png(smooth_rgb(48, 32)) + b'trailing') == Header('png', 48, 32)


@pytest.mark.parametrize('data', [JPEG, with_thumbnail(JPEG), png(smooth_rgb())])
def test_every_truncation_is_noticed(data):
    for length in range(9, len(data) - 1):
        with pytest.raises(ImageError, match='cut off'):
            read_header(data[:length])


@pytest.mark.parametrize(
    ('data', 'match'),
    [
        (b'GIF89a' + bytes(40), r"begins with b'GIF89a.*neither JPEG nor PNG"),
        (b'RIFF\x00\x00\x00\x00WEBP', 'neither JPEG nor PNG'),
        (b'\xff\xd8', 'neither JPEG nor PNG'),
        (JPEG[:2] + b'\xff\xe0\x00\x01' + JPEG[2:], 'expected a marker and its length'),
        (JPEG[:20] + b'\x00\x12\x34' + JPEG[20:], 'expected a marker and its length'),
        (b'\xff\xd8' + segment(0xDA, b'xx') + b'\xff\xd9', 'no SOF marker'),
        (b'\xff\xd8' + b'\xff' * (2 * MAX_JPEG_SEGMENTS), 'segments before its pixels'),
        (JPEG + b'\xff\xda' * MAX_JPEG_SCANS + b'\xff\xd9', 'JPEG has 101 scans'),
        (png(smooth_rgb()).replace(b'IHDR', b'CgBI'), "begins with a b'CgBI' chunk"),
        (png_of(1, 1, 8, 0, b'\x00\x00', chunk(b'tEXt', b'') * MAX_PNG_CHUNKS), 'chunks, which'),
    ],
)
def test_damaged_and_hostile_headers_are_refused(data, match):
    with pytest.raises(ImageError, match=match):
        read_header(data)


def test_the_first_frame_header_counts():
    twice = JPEG[:2] + segment(0xC0, b'\x08\x00\x05\x00\x07\x01\x01\x11\x00') + JPEG[2:]
    assert read_header(twice) == Header('jpeg', 7, 5)
    assert read_header(with_jpeg_size(JPEG, 3, 2)) == Header('jpeg', 3, 2)
