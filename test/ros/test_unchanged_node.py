"""One running node with the identity model, which nobody changes: what goes in comes out."""

import numpy as np
from proxy_client import IN, OUT, image_message, info_message, rgb_message
from sensor_msgs.msg import CameraInfo

from sim2real_ros.image import ENCODINGS


def channels(encoding):
    return {'rgb8': 3, 'bgr8': 3, '8UC3': 3, 'rgba8': 4, 'bgra8': 4, '8UC4': 4}.get(
        encoding, 1 if '8' in encoding and 'yuv' not in encoding else 2
    )


def test_every_encoding_passes_identity_byte_for_byte(lasting_identity, lasting_client):
    random = np.random.default_rng(3)
    width, height = 34, 21
    for encoding in ENCODINGS:
        row_bytes = width * (2 if encoding == 'mono16' else channels(encoding))
        for padding, is_bigendian in ((0, 0), (6, 1)):
            step = row_bytes + padding
            data = random.integers(0, 256, height * step, np.uint8)
            sent = image_message(data, width, height, encoding, step, is_bigendian)
            received = lasting_client.exchange(IN, sent, OUT, lasting_identity)
            assert received == sent, f'{encoding}, padding {padding}'


def test_camera_info_follows_its_image_untouched(lasting_identity, lasting_client):
    lasting_client.listen('/realistic/camera_info', CameraInfo)
    lasting_client.advertise('/camera_info', CameraInfo)
    lasting_client.wait_for_listener('/camera_info', lasting_identity)
    for image_first in (True, False, True):
        image = rgb_message()
        info = info_message(like=image)
        sent = [(IN, image), ('/camera_info', info)]
        topics_out = [OUT, '/realistic/camera_info']
        received = lasting_client.exchange_all(
            sent[:: 1 if image_first else -1], topics_out, lasting_identity
        )
        assert received == [image, info]


def test_resolution_may_change_between_frames(lasting_identity, lasting_client):
    for size in ((64, 48), (32, 24), (640, 480), (64, 48)):
        sent = rgb_message(size)
        assert lasting_client.exchange(IN, sent, OUT, lasting_identity) == sent


def test_compare_shows_original_and_translated_side_by_side(lasting_identity, lasting_client):
    lasting_client.listen('/perception_proxy/compare')
    sent = rgb_message()
    lasting_client.wait(
        lambda: lasting_client.node.count_subscribers('/perception_proxy/compare') == 1,
        'discovery',
    )
    received = lasting_client.exchange(IN, sent, '/perception_proxy/compare', lasting_identity)
    pixels = np.asarray(sent.data).reshape(48, 64, 3)
    both = np.asarray(received.data).reshape(48, 128, 3)
    np.testing.assert_array_equal(both, np.hstack([pixels, pixels]))
