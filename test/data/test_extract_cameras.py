"""The camera_info files that extract-frames writes."""

import numpy as np
import pytest
from extract_cases import (
    IMAGE,
    INFO,
    PERIOD_NS,
    ROS1,
    ROS2,
    START_NS,
    camera_events,
    in_order,
    info,
    info_events,
    picture,
    raw,
    simple_bag,
    write_bag,
)

from sim2real_ros.camera_model import camera_info_from_yaml
from sim2real_ros.data.extraction import ExtractOptions, extract_frames
from sim2real_ros.image import place


def camera(folder, record):
    return camera_info_from_yaml((folder / record.camera_info).read_text())


@pytest.mark.parametrize('kind', ['ros1', 'mcap'])
@pytest.mark.parametrize('fit', ['stretch', 'letterbox', 'crop'])
def test_points_are_seen_where_their_pixels_went(tmp_path, kind, fit):
    bag = simple_bag(tmp_path / 'drive', 2, kind)
    manifest = extract_frames([bag], tmp_path / 'out', ExtractOptions(size=(50, 90), fit=fit))
    model = camera(tmp_path / 'out', manifest.records[0])
    assert (model.width, model.height, model.name) == (50, 90, 'cam_image_raw')
    original = info(ROS2, 0)
    placement = place((64, 48), (50, 90), fit)
    point = np.array([0.2, -0.1, 1.5, 1.0])
    for before, after, columns in ((original.k, model.k, 3), (original.p, model.p, 4)):
        old, new = (np.reshape(m, (3, columns)) @ point[:columns] for m in (before, after))
        expected = placement.map_points(old[:2] / old[2])
        np.testing.assert_allclose(new[:2] / new[2], expected)
    assert model.d == tuple(original.d)
    assert model.r == tuple(original.r)


def test_a_camera_that_changes_gets_a_file_for_each_time(tmp_path):
    # (period of the stamp, focal length, period of recording); one is late, but stamps decide.
    changes = [(0, 40.0, 0), (3, 80.0, 9), (6, 40.0, 6)]
    infos = [
        ('/cam/camera_info', INFO, info(ROS2, START_NS + n * PERIOD_NS, focal=focal),
         START_NS + at * PERIOD_NS)
        for n, focal, at in changes
    ]  # fmt: skip
    bag = write_bag(tmp_path / 'drive', in_order(camera_events(count=8), infos))
    manifest = extract_frames([bag], tmp_path / 'out', ExtractOptions(size=None))
    names = ['camera_info/cam_image_raw.yaml', 'camera_info/cam_image_raw-2.yaml']
    # Nearest to 0, 3 or 6: a tie goes to the earlier.
    assert [names.index(r.camera_info) for r in manifest.records] == [0, 0, 1, 1, 1, 0, 0, 0]
    assert sorted(manifest.files) == sorted(names)
    assert camera(tmp_path / 'out', manifest.records[3]).k[0] == 80.0
    # Recorded behind the end, but nearest to images before it.
    options = ExtractOptions(size=None, end_s=0.6)
    ended = extract_frames([bag], tmp_path / 'ended', options)
    assert [names.index(r.camera_info) for r in ended.records] == [0, 0, 1, 1, 1, 0]


def test_constant_infos_give_one_file_however_many_there_are(tmp_path):
    bag = write_bag(tmp_path / 'd', in_order(camera_events(count=3), info_events(count=200)))
    manifest = extract_frames([bag], tmp_path / 'out')
    assert list(manifest.files) == ['camera_info/cam_image_raw.yaml']


def test_binning_and_region_of_interest_become_part_of_k(tmp_path):
    message = info(ROS2, START_NS, (200, 150), roi=(20, 10, 96, 128), binning=2)
    events = [('/cam/camera_info', INFO, message, START_NS), *camera_events(count=1)]
    bag = write_bag(tmp_path / 'drive', events)
    (record,) = extract_frames([bag], tmp_path / 'out', ExtractOptions(size=None)).records
    model = camera(tmp_path / 'out', record)
    assert (model.width, model.height) == (64, 48)
    x, y = (message.roi.x_offset, message.roi.y_offset)
    expected = [25.0, 0, (100 - x) / 2, 0, 25.0, (75 - y) / 2, 0, 0, 1]
    np.testing.assert_allclose(model.k, expected)


def test_infos_of_another_size_are_not_applied_and_that_is_said(tmp_path):
    events = in_order(camera_events(count=3), info_events(size=(640, 480)))
    bag = write_bag(tmp_path / 'drive', events)
    manifest = extract_frames([bag], tmp_path / 'out')
    assert [r.camera_info for r in manifest.records] == [''] * 3
    (omission,) = manifest.omissions
    assert omission.where.endswith('/cam/camera_info')
    assert omission.reason == 'describes images of 640x480, but these are 64x48'


@pytest.mark.parametrize('focal', [0.0, float('nan')])
def test_uncalibrated_and_broken_infos_give_no_file(tmp_path, focal):
    events = in_order(camera_events(count=3), info_events(focal=focal))
    manifest = extract_frames([write_bag(tmp_path / 'd', events)], tmp_path / 'out')
    assert len(manifest.records) == 3
    assert manifest.files == {}
    assert [o.where.rpartition('/')[2] for o in manifest.omissions] == (
        [] if focal == 0 else ['camera_info']
    )


def test_a_damaged_info_message_is_said_and_the_others_are_used(tmp_path):
    infos = info_events()
    infos[2] = (*infos[2][:2], b'\0\1\0\0', infos[2][3])
    bag = write_bag(tmp_path / 'd', in_order(camera_events(count=3), infos))
    manifest = extract_frames([bag], tmp_path / 'out')
    assert all(r.camera_info for r in manifest.records)
    assert len(manifest.omissions) == 1


def test_each_camera_takes_the_info_beside_it(tmp_path):
    events = in_order(
        camera_events(ROS1, 2, '/left/image'),
        camera_events(ROS1, 2, 'right/image'),
        info_events(ROS1, 2, '/left/camera_info', focal=30.0),
        info_events(ROS1, 2, 'right/camera_info', focal=60.0),
        info_events(ROS1, 2, '/camera_info', focal=90.0),
    )
    bag = write_bag(tmp_path / 'drive', events, 'ros1')
    manifest = extract_frames([bag], tmp_path / 'out', ExtractOptions(('*',), size=None))
    for record in manifest.records:
        focal = 30.0 if record.topic == '/left/image' else 60.0
        assert camera(tmp_path / 'out', record).k[0] == focal


def test_mixed_sizes_get_the_file_of_their_size_only(tmp_path):
    events = [
        ('/cam/image', IMAGE, raw(ROS2, picture(0, size), START_NS + n), START_NS + n)
        for n, size in enumerate([(64, 48), (32, 24), (64, 48)])
    ]
    bag = write_bag(tmp_path / 'drive', [*events, *info_events(count=1)])
    manifest = extract_frames([bag], tmp_path / 'out')
    assert [bool(r.camera_info) for r in manifest.records] == [True, False, True]
    assert len(manifest.omissions) == 1
