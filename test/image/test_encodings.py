import pytest

from sim2real_ros.errors import ImageError
from sim2real_ros.image.encodings import ENCODINGS, encoding_named, is_depth

SUPPORTED = [
    *('rgb8', 'bgr8', 'rgba8', 'bgra8', 'mono8', 'mono16'),
    *('bayer_rggb8', 'bayer_bggr8', 'bayer_gbrg8', 'bayer_grbg8'),
    *('yuv422', 'uyvy', 'yuv422_yuy2', 'yuyv', '8UC1', '8UC3', '8UC4'),
]


def test_the_supported_encodings_are_these():
    assert sorted(ENCODINGS) == sorted(SUPPORTED)


@pytest.mark.parametrize(
    ('alias', 'name'),
    [
        ('yuv422', 'uyvy'),
        ('yuv422_yuy2', 'yuyv'),
        ('8UC1', 'mono8'),
        ('8UC3', 'bgr8'),
        ('8UC4', 'bgra8'),
    ],
)
def test_aliases_share_one_entry(alias, name):
    assert encoding_named(alias) is encoding_named(name)


@pytest.mark.parametrize('name', ['16UC1', '32FC1', '16SC3', '64FC1', '32SC1', '8SC1', '32F'])
def test_depth_and_raw_values_are_refused_with_the_reason(name):
    assert is_depth(name)
    with pytest.raises(ImageError, match='depth or raw sensor values, not a colour image'):
        encoding_named(name)


@pytest.mark.parametrize(
    ('name', 'reason'),
    [
        ('rgb16', 'publish rgb8 instead'),
        ('bayer_rggb16', 'publish bayer_rggb8 instead'),
        ('nv12', 'semi-planar YUV'),
        ('nv21', 'semi-planar YUV'),
        ('RGB8', "did you mean 'rgb8'"),
        ('Mono8', "did you mean 'mono8'"),
        ('', 'left the encoding empty'),
        ('8UC2', 'two channels without a meaning'),
        ('jpeg2000_foo', 'unknown name'),
        (None, 'an encoding is a string'),
        (['rgb8'], 'an encoding is a string'),
    ],
)
def test_others_are_refused_with_a_reason_and_the_supported_ones(name, reason):
    with pytest.raises(ImageError, match=reason) as caught:
        encoding_named(name)
    assert repr(name) in str(caught.value)
    assert all(supported in str(caught.value) for supported in SUPPORTED)


def test_supported_encodings_are_not_depth():
    assert not any(is_depth(name) for name in ENCODINGS)
