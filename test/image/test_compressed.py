import array
import sys

import cv2
import numpy as np
import pytest
from compressed_cases import (
    chunk,
    jpeg,
    png,
    png_of,
    smooth_rgb,
    with_jpeg_size,
    with_png_size,
    with_thumbnail,
)
from image_cases import random_message

from sim2real_ros.errors import ImageError
from sim2real_ros.image import ENCODINGS, compress, decode, decompress, original_encoding

RGB = smooth_rgb()
JPEG = jpeg(RGB)
NOISE = np.random.default_rng(0).integers(0, 65536, (5, 7), np.uint16)


@pytest.mark.parametrize(
    'container', [bytes, bytearray, memoryview, lambda d: array.array('B', d), np.frombuffer]
)
def test_jpeg_becomes_rgb8(container):
    data = np.frombuffer(JPEG, np.uint8) if container is np.frombuffer else container(JPEG)
    msg = decompress(data, 'rgb8; jpeg compressed bgr8')
    assert (msg.encoding, msg.width, msg.height, msg.step) == ('rgb8', 48, 32, 144)
    theirs = cv2.imdecode(np.frombuffer(JPEG, np.uint8), cv2.IMREAD_COLOR)
    assert np.array_equal(decode(msg), theirs[..., ::-1])
    assert np.abs(decode(msg).astype(int) - RGB).mean() < 3


@pytest.mark.parametrize(
    ('pixels', 'encoding'),
    [
        (RGB, 'rgb8'),
        (RGB[..., 0].copy(), 'mono8'),
        (np.dstack([RGB, RGB[..., :1]]), 'rgba8'),
        (NOISE, 'mono16'),
    ],
)
def test_png_is_lossless(pixels, encoding):
    msg = decompress(png(pixels), 'png')
    assert msg.encoding == encoding
    assert bytes(msg.data) == pixels.tobytes()
    assert msg.is_bigendian == (sys.byteorder == 'big')


@pytest.mark.parametrize(
    ('data', 'encoding', 'pixels'),
    [
        (png_of(4, 1, 1, 0, b'\x00\xa0'), 'mono8', [255, 0, 255, 0]),
        (png_of(2, 1, 4, 0, b'\x00\x1f'), 'mono8', [17, 255]),
        (png_of(1, 1, 8, 3, b'\x00\x00', chunk(b'PLTE', b'\x01\x02\x03')), 'rgb8', [1, 2, 3]),
        (png_of(1, 1, 8, 4, b'\x00\x07\x09'), 'rgba8', [7, 7, 7, 9]),
    ],
    ids=['one_bit', 'four_bits', 'palette', 'grey_alpha'],
)
def test_rarer_pngs_are_expanded(data, encoding, pixels):
    msg = decompress(data, 'png')
    assert (msg.encoding, list(msg.data)) == (encoding, pixels)


@pytest.mark.parametrize('format_', ['jpeg', 'png', '', 'rgb8; png compressed ', 'nonsense'])
def test_the_codec_is_recognised_by_the_data(format_):
    assert decompress(JPEG, format_).encoding == 'rgb8'
    assert decompress(png(RGB), format_).encoding == 'rgb8'


def test_a_compressed_bayer_mosaic_stays_one():
    mosaic = random_message('bayer_grbg8', 6, 4)
    grey = np.frombuffer(mosaic.data, np.uint8).reshape(4, 6)
    msg = decompress(png(grey), 'bayer_grbg8; png compressed ')
    assert msg.encoding == 'bayer_grbg8'
    assert np.array_equal(decode(msg), decode(mosaic))
    assert decompress(png(RGB), 'bayer_grbg8; png compressed bgr8').encoding == 'rgb8'


@pytest.mark.parametrize(
    'format_',
    [
        '16UC1; compressedDepth',
        '16UC1; compressedDepth png',
        '32FC1; compressedDepth rvl',
        'compressedDepth',
        '16UC1; png compressed ',
        '32FC1; tiff compressed ',
    ],
)
def test_depth_is_refused_with_the_reason(format_):
    with pytest.raises(ImageError, match=r'depth or raw sensor values, not a colour image'):
        decompress(png(NOISE), format_)


@pytest.mark.parametrize('data', [JPEG, with_thumbnail(JPEG), png(RGB)])
def test_a_cut_off_image_is_refused(data):
    for length in (len(data) // 2, len(data) - 2, len(data) - 1):
        with pytest.raises(ImageError, match='cut off'):
            decompress(data[:length], 'jpeg')


def test_padding_behind_the_end_is_tolerated():
    assert bytes(decompress(JPEG + bytes(4096), 'jpeg').data) == bytes(
        decompress(JPEG, 'jpeg').data
    )


@pytest.mark.parametrize(
    ('data', 'match'),
    [
        (b'', 'has no data'),
        (np.empty(0, np.uint8), 'has no data'),
        (None, 'compressed image data is a NoneType'),
        ([1, 2, 3], 'compressed image data is a list'),
        ('text', 'compressed image data is a str'),
        (b'II*\x00' + bytes(50), 'neither JPEG nor PNG'),
        (with_jpeg_size(JPEG, 60000, 60000), r'jpeg image is 60000x60000 pixels'),
        (with_png_size(png(RGB), 16000, 16000), 'bytes as RGB'),
        (with_png_size(png(RGB), 2**31 - 1, 2**31 - 1), 'each side must be'),
        (with_jpeg_size(JPEG, 48, 0), r'48x0 pixels'),
        (png(RGB).replace(b'IDAT', b'IDAX'), 'cannot be decoded'),
        (png_of(1, 1, 16, 2, bytes(7)), '3 channels of uint16, expected 8-bit grey'),
    ],
)
def test_what_is_no_usable_image_is_refused(data, match):
    with pytest.raises(ImageError, match=match):
        decompress(data, 'jpeg')


@pytest.mark.parametrize(
    ('format_', 'encoding'),
    [
        ('rgb8; jpeg compressed bgr8', 'rgb8'),
        ('mono8; jpeg compressed ', 'mono8'),
        ('bayer_rggb8;png compressed', 'bayer_rggb8'),
        ('16UC1; compressedDepth', '16UC1'),
        ('jpeg', None),
        ('png', None),
        ('', None),
        ('; jpeg', None),
    ],
)
def test_original_encoding_is_what_precedes_the_semicolon(format_, encoding):
    assert original_encoding(format_) == encoding


@pytest.mark.parametrize('codec', ['jpeg', 'png'])
@pytest.mark.parametrize(
    ('source_encoding', 'tail'),
    [
        ('rgb8', 'rgb8; {} compressed bgr8'),
        ('bgr8', 'bgr8; {} compressed bgr8'),
        ('bgra8', 'bgra8; {} compressed bgr8'),
        ('mono8', 'mono8; {} compressed '),
        ('mono16', 'mono8; {} compressed '),
        ('8UC1', 'mono8; {} compressed '),
        ('8UC3', 'rgb8; {} compressed bgr8'),
        ('bayer_rggb8', 'rgb8; {} compressed bgr8'),
        ('yuv422', 'rgb8; {} compressed bgr8'),
    ],
)
def test_format_strings_are_those_of_image_transport(codec, source_encoding, tail):
    data, format_ = compress(RGB, codec, source_encoding=source_encoding)
    assert format_ == tail.format(codec)
    assert isinstance(data, array.array)
    assert data.typecode == 'B'
    is_grey = ENCODINGS[source_encoding].kind in ('grey', 'grey16')
    assert decompress(data, format_).encoding == ('mono8' if is_grey else 'rgb8')


def test_png_round_trip_is_exact():
    data, format_ = compress(RGB, 'png')
    assert np.array_equal(decode(decompress(data, format_)), RGB)


def test_jpeg_quality_trades_size_for_error():
    sizes, errors = [], []
    for quality in (10, 60, 100):
        data, format_ = compress(RGB, quality=quality)
        sizes.append(len(data))
        errors.append(np.abs(decode(decompress(data, format_)).astype(int) - RGB).mean())
    assert sizes == sorted(sizes)
    assert errors == sorted(errors, reverse=True)


def test_compress_takes_strided_pixels():
    wide = np.dstack([RGB, RGB[..., :1]])[::-1, ::2, :3]
    data, format_ = compress(wide, 'png')
    assert np.array_equal(decode(decompress(data, format_)), wide)


@pytest.mark.parametrize(
    ('arguments', 'match'),
    [
        ({'rgb': RGB[..., 0]}, 'cannot compress dtype uint8, shape'),
        ({'rgb': RGB.astype(float)}, 'cannot compress dtype float64'),
        ({'rgb': None}, 'cannot compress dtype NoneType'),
        ({'rgb': RGB[:0]}, '48x0 pixels'),
        ({'codec': 'webp'}, "unknown codec 'webp', expected 'jpeg' or 'png'"),
        ({'quality': 0}, 'JPEG quality is 0, expected 1 to 100'),
        ({'png_level': 10}, 'png_level is 10, expected 0 to 9'),
    ],
)
def test_compress_refuses_what_it_cannot_do(arguments, match):
    with pytest.raises(ImageError, match=match):
        compress(**{'rgb': RGB, **arguments})


def test_a_ros_message_takes_the_data():
    sensor_msgs = pytest.importorskip('sensor_msgs.msg')
    msg = sensor_msgs.CompressedImage()
    msg.data, msg.format = compress(RGB, 'png')
    assert np.array_equal(decode(decompress(msg.data, msg.format)), RGB)
