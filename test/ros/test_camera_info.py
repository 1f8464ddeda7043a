"""Pairing of CameraInfo with images, and scaling."""

import numpy as np
import pytest
from sensor_msgs.msg import CameraInfo

from sim2real_ros.ros.camera_info import CameraInfoPairing, scale_camera_info

SIZES = ((64, 48), (64, 48))
PERIOD_NS = 33_000_000


def info_at(stamp_ns):
    info = CameraInfo()
    info.header.stamp.sec, info.header.stamp.nanosec = divmod(stamp_ns, 10**9)
    return info


def stamp_of(info):
    return info.header.stamp.sec * 10**9 + info.header.stamp.nanosec


def published(events):
    """Play ('info' | 'image', stamp) events; return the stamps of published CameraInfos."""
    pairing, out = CameraInfoPairing(), []
    for kind, stamp_ns in events:
        if kind == 'info':
            followed = pairing.add_info(stamp_ns, info_at(stamp_ns))
            out += [] if followed is None else [followed[0]]
        else:
            info = pairing.add_image(stamp_ns, SIZES)
            out += [] if info is None else [info]
    return [stamp_of(info) for info in out]


STAMPS = [PERIOD_NS * n for n in range(1, 31)]


@pytest.mark.parametrize('order', [('info', 'image'), ('image', 'info')])
def test_equal_stamps_are_paired_in_either_order(order):
    assert published([(kind, s) for s in STAMPS for kind in order]) == STAMPS


def test_dropped_images_leave_their_camera_info_unpublished():
    events = [('info', s) for s in STAMPS] + [('image', s) for s in STAMPS[::3]]
    assert published(events) == STAMPS[::3]


def test_camera_whose_stamps_never_agree_gets_the_newest_info_restamped():
    events = [event for s in STAMPS for event in (('info', s + 5), ('image', s))]
    out = published(events)
    # The first image waits in vain: nobody can know yet.
    assert out == STAMPS[1:]


def test_slow_camera_info_is_repeated_for_every_image():
    events = [('info', 0)]
    for s in STAMPS:
        events += [('image', s)] + ([('info', s + 1)] if s % 5 == 0 else [])
    assert published(events) == STAMPS[1:]


def test_no_camera_info_means_none_published():
    assert published([('image', s) for s in STAMPS]) == []


def test_stamps_that_come_to_agree_are_trusted_again():
    disagree = [event for s in STAMPS[:5] for event in (('info', s + 5), ('image', s))]
    agree = [event for s in STAMPS[5:] for event in (('image', s), ('info', s))]
    out = published(disagree + agree)
    assert out[-10:] == STAMPS[-10:]
    assert len(out) == len(set(out))


def test_bag_loop_that_jumps_back_pairs_again():
    events = [(kind, s) for s in STAMPS * 2 for kind in ('info', 'image')]
    assert published(events) == STAMPS * 2


def test_scaling_agrees_with_projecting_points():
    info = CameraInfo(width=640, height=480)
    info.k = [500.0, 2.0, 310.0, 0.0, 480.0, 250.0, 0.0, 0.0, 1.0]
    info.p = [490.0, 0.0, 312.0, -30.0, 0.0, 470.0, 248.0, 4.0, 0.0, 0.0, 1.0, 0.0]
    scaled = scale_camera_info(info, (640, 480), (320, 120))
    assert (scaled.width, scaled.height) == (320, 120)
    point = np.array([0.3, -0.2, 2.0, 1.0])
    for before, after, shape in ((info.p, scaled.p, (3, 4)), (info.k, scaled.k, (3, 3))):
        u, v, w = np.reshape(before, shape) @ point[: shape[1]]
        u2, v2, w2 = np.reshape(after, shape) @ point[: shape[1]]
        np.testing.assert_allclose([u2 / w2, v2 / w2], [u / w * 0.5, v / w * 0.25])
    assert info.width == 640


def test_uncalibrated_camera_stays_uncalibrated():
    scaled = scale_camera_info(CameraInfo(width=640, height=480), (640, 480), (64, 48))
    assert scaled.k[0] == 0.0


def test_binning_stays_and_full_sensor_size_is_scaled():
    info = CameraInfo(width=1280, height=960, binning_x=2, binning_y=2)
    scaled = scale_camera_info(info, (640, 480), (320, 240))
    assert (scaled.width, scaled.height, scaled.binning_x, scaled.binning_y) == (640, 480, 2, 2)


def test_same_size_returns_the_very_same_message():
    info = CameraInfo(width=64, height=48)
    assert scale_camera_info(info, (64, 48), (64, 48)) is info
