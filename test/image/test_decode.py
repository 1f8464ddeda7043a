import sys
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from image_cases import BAYER, CONTAINERS, YUV, as_rclpy, messages, naive_rgb, random_message

from sim2real_ros.image import ENCODINGS, RawImage, decode

NOT_BAYER = tuple(name for name in ENCODINGS if name not in BAYER)


@settings(max_examples=150, deadline=None)
@given(messages(NOT_BAYER, max_side=9))
def test_decode_equals_the_naive_reading(msg):
    rgb = decode(msg)
    assert (rgb.dtype, rgb.shape) == (np.uint8, (msg.height, msg.width, 3))
    # YUV goes through OpenCV's fixed point; 0.5 is rounding.
    tolerance = 1.1 if msg.encoding in YUV else 0.5
    for row in range(msg.height):
        for column in range(msg.width):
            difference = rgb[row, column] - np.array(naive_rgb(msg, row, column))
            assert np.abs(difference).max() <= tolerance


@pytest.mark.parametrize(
    ('encoding', 'data', 'expected'),
    [
        ('rgb8', [1, 2, 3], (1, 2, 3)),
        ('bgr8', [1, 2, 3], (3, 2, 1)),
        ('8UC3', [1, 2, 3], (3, 2, 1)),
        ('rgba8', [1, 2, 3, 4], (1, 2, 3)),
        ('bgra8', [1, 2, 3, 4], (3, 2, 1)),
        ('8UC4', [1, 2, 3, 4], (3, 2, 1)),
        ('mono8', [7], (7, 7, 7)),
        ('8UC1', [7], (7, 7, 7)),
        ('uyvy', [128, 235, 128, 16], (255, 255, 255)),
        ('yuyv', [235, 128, 16, 128], (255, 255, 255)),
        ('uyvy', [90, 81, 240, 81], (254, 0, 0)),  # BT.601 red
    ],
)
def test_first_pixel_is_known(encoding, data, expected):
    width = 2 if encoding in YUV else 1
    pixel = decode(RawImage(1, width, encoding, 0, len(data), bytes(data)))[0, 0]
    assert tuple(pixel) == expected


@pytest.mark.parametrize('byteorder', ['little', 'big'])
def test_mono16_rounds_every_value_over_257(byteorder):
    values = np.arange(65536, dtype='<u2' if byteorder == 'little' else '>u2')
    msg = RawImage(256, 256, 'mono16', byteorder == 'big', 512, values.tobytes())
    assert np.array_equal(decode(msg)[..., 1].ravel(), np.round(np.arange(65536) / 257))


@pytest.mark.parametrize(('encoding', 'pattern'), BAYER.items())
def test_bayer_gives_each_colour_to_its_own_channel(encoding, pattern):
    level = {'R': 200, 'G': 100, 'B': 50}
    samples = [level[pattern[2 * (y % 2) + x % 2]] for y in range(5) for x in range(6)]
    msg = RawImage(5, 6, encoding, 0, 6, bytes(samples))
    assert (decode(msg) == (200, 100, 50)).all()


@pytest.mark.parametrize(('encoding', 'pattern'), BAYER.items())
def test_bayer_keeps_samples_and_averages_neighbours(encoding, pattern):
    msg = random_message(encoding, 7, 6, padding=3)
    raw = np.frombuffer(msg.data, np.uint8).reshape(6, 10)[:, :7].astype(float)
    rgb = decode(msg)
    for y in range(1, 5):
        for x in range(1, 6):
            for channel, colour in enumerate('RGB'):
                neighbours = [
                    raw[j, i]
                    for j in range(y - 1, y + 2)
                    for i in range(x - 1, x + 2)
                    if pattern[2 * (j % 2) + i % 2] == colour
                ]
                if pattern[2 * (y % 2) + x % 2] == colour:
                    neighbours = [raw[y, x]]
                assert abs(rgb[y, x, channel] - np.mean(neighbours)) <= 0.5


@pytest.mark.parametrize('padding', [0, 5])
@pytest.mark.parametrize('container', CONTAINERS)
def test_rgb8_is_a_view_of_the_data(container, padding):
    msg = CONTAINERS[container](random_message('rgb8', 4, 3, padding=padding))
    assert np.shares_memory(decode(msg), np.frombuffer(msg.data, np.uint8))


def test_rgb8_of_bytes_cannot_be_written_by_accident():
    assert not decode(random_message('rgb8', 4, 3)).flags.writeable


@pytest.mark.parametrize('encoding', ENCODINGS)
def test_decode_does_not_alter_the_message(encoding):
    msg = as_rclpy(random_message(encoding, 6, 4, padding=3))
    before = msg.data.tobytes()
    decode(msg)
    assert msg.data.tobytes() == before


@settings(max_examples=100, deadline=None)
@given(messages())
def test_decode_equals_rosbags_image(msg):
    oracle = pytest.importorskip('rosbags.image')
    if msg.encoding.startswith('8UC'):
        return  # rosbags gives no meaning to plain channels
    row_bytes = msg.width * ENCODINGS[msg.encoding].bytes_per_pixel
    rows = np.frombuffer(msg.data, np.uint8).reshape(msg.height, msg.step)[:, :row_bytes]
    tight = SimpleNamespace(**{name: getattr(msg, name) for name in ('width', 'height')})
    tight.encoding, tight.is_bigendian = msg.encoding, bool(msg.is_bigendian)
    tight.data = np.ascontiguousarray(rows).reshape(-1)
    theirs = oracle.image_to_cvimage(tight, 'rgb8').astype(int)
    # rosbags cuts mono16 off where cv_bridge and we round.
    assert np.abs(decode(msg) - theirs).max() <= (1 if msg.encoding == 'mono16' else 0)


# cv_bridge misreads padding that is no multiple of the channels, and older ones do not know the
# names uyvy and yuyv.
@settings(max_examples=50, deadline=None)
@given(messages(sorted({*ENCODINGS} - {'uyvy', 'yuyv'}), is_plain=True))
def test_decode_equals_cv_bridge(msg):
    cv_bridge = pytest.importorskip('cv_bridge', reason='cv_bridge needs a ROS installation')
    sensor_msgs = pytest.importorskip('sensor_msgs.msg')
    message = sensor_msgs.Image(width=msg.width, height=msg.height, encoding=msg.encoding)
    message.step, message.is_bigendian = msg.step, int(msg.is_bigendian)
    message.data = bytes(msg.data)
    plain = msg.encoding.startswith('8UC')
    theirs = cv_bridge.CvBridge().imgmsg_to_cv2(message, 'passthrough' if plain else 'rgb8')
    ours = decode(msg)
    if plain:
        theirs = theirs[..., 2::-1] if theirs.ndim == 3 else np.stack([theirs] * 3, axis=-1)
    assert np.array_equal(ours, theirs)


def test_decode_reads_a_real_ros_message():
    sensor_msgs = pytest.importorskip('sensor_msgs.msg')
    msg = sensor_msgs.Image(width=2, height=1, encoding='bgr8', step=8)
    msg.data = [1, 2, 3, 4, 5, 6, 0, 0]
    assert decode(msg).tolist() == [[[3, 2, 1], [6, 5, 4]]]


def test_host_order_mono16_needs_no_swap():
    values = np.array([[0, 257, 65535]], np.uint16)
    msg = RawImage(1, 3, 'mono16', sys.byteorder == 'big', 6, values.tobytes())
    assert decode(msg)[0, :, 0].tolist() == [0, 1, 255]
