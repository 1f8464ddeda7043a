"""The node in a process of its own, spoken to over DDS: what goes in comes out right."""

import cv2
import numpy as np
import pytest
from proxy_client import (
    IN,
    OUT,
    compressed_message,
    info_message,
    rgb_message,
    rgb_pixels,
)
from sensor_msgs.msg import CameraInfo, CompressedImage


@pytest.mark.parametrize('codec', ['jpeg', 'png'])
def test_compressed_images_are_decoded_and_republished(start_proxy, client, codec):
    client.advertise(IN + '/compressed', CompressedImage)
    program = start_proxy(model='identity', image_transport='compressed', trial_run=False)
    client.listen(OUT)
    client.listen(OUT + '/compressed', CompressedImage)
    client.wait_for_listener(IN + '/compressed', program)
    pixels = cv2.GaussianBlur(rgb_pixels(), (0, 0), 5)
    _, data = cv2.imencode(f'.{codec}', pixels[..., ::-1])
    sent = compressed_message(data, f'bgr8; {codec} compressed bgr8')
    received = client.exchange(IN + '/compressed', sent, OUT, program)
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert (received.encoding, received.header) == ('bgr8', sent.header)
    np.testing.assert_array_equal(np.asarray(received.data), decoded.reshape(-1))
    again = client.answer(OUT + '/compressed', sent.header.stamp, program)
    assert again.format == f'bgr8; {codec} compressed bgr8'
    reread = cv2.imdecode(np.asarray(again.data), cv2.IMREAD_COLOR)
    assert np.abs(reread.astype(int) - decoded).mean() < 2.0


def test_output_encoding_can_be_chosen(start_proxy, client):
    client.advertise(IN)
    program = start_proxy(model='identity', output_encoding='bgr8', trial_run=False)
    client.listen(OUT)
    client.wait_for_listener(IN, program)
    sent = rgb_message()
    received = client.exchange(IN, sent, OUT, program)
    assert received.encoding == 'bgr8'
    expected = np.asarray(sent.data).reshape(-1, 3)[:, ::-1]
    np.testing.assert_array_equal(np.asarray(received.data).reshape(-1, 3), expected)


def test_nothing_is_subscribed_without_a_listener(start_proxy, client):
    program = start_proxy(model='identity', trial_run=False)
    publisher = client.advertise(IN)
    client.status('camera', lambda s: 'idle' in s.message, program)
    assert publisher.get_subscription_count() == 0
    subscription = client.listen(OUT)
    client.wait_for_listener(IN, program)
    client.node.destroy_subscription(subscription)
    client.wait(lambda: publisher.get_subscription_count() == 0, 'unsubscription', program)


def test_remapping_and_namespace_move_every_topic(start_proxy, client):
    program = start_proxy(
        '-r', '__ns:=/robot', '-r', 'image_raw:=/sim/cam/image_raw',
        '-r', 'realistic/image_raw:=/stack/cam/image_raw',
        node='robot/perception_proxy', model='identity', trial_run=False,
    )  # fmt: skip
    client.listen('/stack/cam/image_raw')
    client.listen('/stack/cam/camera_info', CameraInfo)
    client.advertise('/sim/cam/image_raw')
    client.advertise('/sim/cam/camera_info', CameraInfo)
    client.wait_for_listener('/sim/cam/image_raw', program)
    client.wait_for_listener('/sim/cam/camera_info', program)
    sent = rgb_message()
    info = info_message(like=sent)
    received = client.exchange_all(
        [('/sim/cam/image_raw', sent), ('/sim/cam/camera_info', info)],
        ['/stack/cam/image_raw', '/stack/cam/camera_info'],
        program,
    )
    assert received == [sent, info]


def test_several_cameras_share_one_node(start_proxy, client):
    program = start_proxy(model='identity', cameras=['front', 'rear'], trial_run=False)
    for camera in ('front', 'rear'):
        client.listen(f'/realistic/{camera}/image_raw')
        client.advertise(f'/{camera}/image_raw')
        client.wait_for_listener(f'/{camera}/image_raw', program)
    for camera, size in (('front', (64, 48)), ('rear', (32, 32))):
        sent = rgb_message(size)
        out = f'/realistic/{camera}/image_raw'
        assert client.exchange(f'/{camera}/image_raw', sent, out, program) == sent
    assert not any(m.width == 32 for m in client.received['/realistic/front/image_raw'])


@pytest.mark.parametrize('reliability', ['best_effort', 'reliable'])
def test_subscription_matches_the_publisher(start_proxy, client, reliability):
    client.advertise(IN, reliability=reliability)
    program = start_proxy(model='identity', trial_run=False)
    client.listen(OUT)
    client.wait_for_listener(IN, program)
    (info,) = client.node.get_subscriptions_info_by_topic(IN)
    assert info.qos_profile.reliability.name == reliability.upper()
    sent = rgb_message()
    assert client.exchange(IN, sent, OUT, program) == sent


def test_best_effort_publisher_that_comes_later_is_heard_too(start_proxy, client):
    client.advertise(IN, reliability='reliable')
    program = start_proxy(model='identity', trial_run=False)
    client.listen(OUT)
    client.wait_for_listener(IN, program)
    client.advertise(IN, reliability='best_effort')
    client.wait_for_listener(IN, program)
    assert 'Incompatible QoS on /image_raw' in program.text()
    sent = rgb_message()
    assert client.exchange(IN, sent, OUT, program) == sent


def test_qos_can_be_overridden_and_an_incompatible_listener_is_named(start_proxy, client):
    name = f'qos_overrides.{OUT}.publisher.reliability'
    program = start_proxy(model='identity', trial_run=False, **{name: 'best_effort'})
    client.wait(lambda: client.node.get_publishers_info_by_topic(OUT), 'output publisher')
    (info,) = client.node.get_publishers_info_by_topic(OUT)
    assert info.qos_profile.reliability.name == 'BEST_EFFORT'
    client.listen(OUT)
    client.wait(lambda: 'Incompatible QoS' in program.text(), 'warning in the log', program)
    assert 'our publisher has reliability BEST_EFFORT' in program.text()
    assert 'reliability RELIABLE' in program.text()
