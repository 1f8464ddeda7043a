"""Cameras of resized images, and their YAML."""

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from rosbags.typesys import Stores, get_typestore

from sim2real_ros.camera_model import (
    CameraModel,
    RegionOfInterest,
    camera_info_from_yaml,
    camera_info_to_yaml,
    described_image_size,
    image_camera,
    place_camera_info,
)
from sim2real_ros.errors import DataError
from sim2real_ros.image import PLACEMENTS, place

ROS1, ROS2 = get_typestore(Stores.ROS1_NOETIC), get_typestore(Stores.ROS2_JAZZY)
K = (500.0, 2.0, 310.0, 0.0, 480.0, 250.0, 0.0, 0.0, 1.0)
P = (490.0, 0.0, 312.0, -30.0, 0.0, 470.0, 248.0, 4.0, 0.0, 0.0, 1.0, 0.0)
R = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
D = (-0.2, 0.03, 1e-05, 0.0, 0.0)
POINTS = np.array([[0.3, -0.2, 2.0, 1.0], [-0.5, 0.4, 1.1, 1.0], [0.0, 0.0, 9.0, 1.0]])


def model(**changes):
    values = {'width': 640, 'height': 480, 'distortion_model': 'plumb_bob'}
    return CameraModel(**{**values, 'd': D, 'k': K, 'r': R, 'p': P, **changes})


def message(store, width=640, height=480, binning=0, roi=(0, 0, 0, 0)):
    types = store.types
    time = types['builtin_interfaces/msg/Time'](1, 2)
    extra = {'seq': 0} if store is ROS1 else {}
    header = types['std_msgs/msg/Header'](stamp=time, frame_id='cam', **extra)
    region = types['sensor_msgs/msg/RegionOfInterest'](*roi, True)
    arrays = [np.array(each) for each in (D, K, R, P)]
    return types['sensor_msgs/msg/CameraInfo'](
        header, height, width, 'plumb_bob', *arrays, binning, binning, region
    )


def seen(matrix, points=POINTS):
    """Where points are seen, in the pixels of the matrix."""
    rows = np.reshape(np.asarray(matrix, float), (3, -1))
    image = points[:, : rows.shape[1]] @ rows.T
    return image[:, :2] / image[:, 2:]


def in_image(pixels, info):
    """From the full sensor to the image: sensor_msgs/CameraInfo, roi and binning."""
    offset = np.array([info.roi.x_offset, info.roi.y_offset])
    return (pixels - offset) / (max(info.binning_x, 1), max(info.binning_y, 1))


@pytest.mark.parametrize('mode', PLACEMENTS)
@pytest.mark.parametrize('size', [(512, 384), (300, 300), (200, 700), (1280, 960)])
@pytest.mark.parametrize('store', [ROS1, ROS2])
def test_points_are_seen_where_their_pixels_go(store, size, mode):
    info = message(store)
    placement = place((640, 480), size, mode)
    placed = place_camera_info(info, placement)
    assert type(placed) is type(info)
    k, p = ('K', 'P') if store is ROS1 else ('k', 'p')
    for name in (k, p):
        expected = placement.map_points(seen(getattr(info, name)))
        np.testing.assert_allclose(seen(getattr(placed, name)), expected)
        assert getattr(placed, name).dtype == np.float64
    assert (placed.width, placed.height) == size
    assert described_image_size(placed) == size
    # Nothing else changes, and not the original.
    for name in ('D', 'R') if store is ROS1 else ('d', 'r'):
        assert np.array_equal(getattr(placed, name), getattr(info, name))
    assert placed.header == info.header
    assert (info.width, tuple(getattr(info, k))) == (640, K)
    placed.header.frame_id = 'other'
    assert info.header.frame_id == 'cam'


@pytest.mark.parametrize('mode', PLACEMENTS)
def test_binning_and_region_of_interest_follow(mode):
    info = message(ROS2, 1280, 960, binning=2, roi=(100, 40, 400, 600))
    assert described_image_size(info) == (300, 200)
    placement = place((300, 200), (150, 150), mode)
    placed = place_camera_info(info, placement)
    assert (placed.binning_x, placed.binning_y) == (2, 2)
    assert described_image_size(placed) == (150, 150)
    assert placed.roi.do_rectify
    expected = placement.map_points(in_image(seen(info.k), info))
    np.testing.assert_allclose(in_image(seen(placed.k), placed), expected, atol=0.51)


def test_the_skew_and_the_baseline_scale_with_their_row():
    placed = place_camera_info(model(), place((640, 480), (320, 120), 'stretch'))
    assert placed.k == (250.0, 1.0, 155.0, 0.0, 120.0, 62.5, 0.0, 0.0, 1.0)
    assert placed.p == (245.0, 0.0, 156.0, -15.0, 0.0, 117.5, 62.0, 1.0, 0.0, 0.0, 1.0, 0.0)
    shifted = place_camera_info(model(), place((640, 480), (640, 640), 'letterbox'))
    assert (shifted.k[2], shifted.k[5], shifted.p[3]) == (310.0, 330.0, -30.0)


def test_nothing_changes_at_the_same_size_and_uncalibrated_stays_so():
    camera = model()
    assert place_camera_info(camera, place((640, 480), (640, 480), 'crop')) is camera
    nothing = place_camera_info(CameraModel(640, 480), place((640, 480), (64, 64), 'letterbox'))
    assert set(nothing.k) == set(nothing.p) == {0.0}
    unknown = place_camera_info(CameraModel(0, 0), place((640, 480), (64, 64), 'letterbox'))
    assert (unknown.width, unknown.height) == (0, 0)


@settings(max_examples=60, derandomize=True)
@given(
    st.tuples(st.integers(8, 900), st.integers(8, 900)),
    st.tuples(st.integers(8, 900), st.integers(8, 900)),
    st.sampled_from(PLACEMENTS),
)
def test_placing_commutes_with_projecting(original, size, mode):
    placement = place(original, size, mode)
    camera = place_camera_info(model(width=original[0], height=original[1]), placement)
    assert (camera.width, camera.height) == size
    np.testing.assert_allclose(seen(camera.p), placement.map_points(seen(P)), atol=1e-6)


def test_image_camera_has_neither_binning_nor_region():
    info = message(ROS1, 1280, 960, binning=2, roi=(100, 40, 400, 600))
    camera = image_camera(info, 'front')
    assert (camera.width, camera.height, camera.name) == (300, 200, 'front')
    assert (camera.binning_x, camera.roi) == (0, RegionOfInterest())
    np.testing.assert_allclose(seen(camera.k), in_image(seen(K), info))
    np.testing.assert_allclose(seen(camera.p), in_image(seen(P), info))


@pytest.mark.parametrize('store', [ROS1, ROS2])
def test_the_yaml_is_that_of_camera_calibration_parsers(store):
    text = camera_info_to_yaml(message(store), 'front')
    content = yaml.safe_load(text)
    assert list(content) == [
        'image_width', 'image_height', 'camera_name', 'camera_matrix', 'distortion_model',
        'distortion_coefficients', 'rectification_matrix', 'projection_matrix',
    ]  # fmt: skip
    assert content['camera_matrix'] == {'rows': 3, 'cols': 3, 'data': list(K)}
    assert content['distortion_coefficients'] == {'rows': 1, 'cols': 5, 'data': list(D)}
    assert content['projection_matrix']['cols'] == 4
    assert '  data: [500.0, 2.0, 310.0, ' in text
    assert camera_info_from_yaml(text) == model(name='front')
    assert camera_info_to_yaml(camera_info_from_yaml(text)) == text


CPP = """image_width: 640
image_height: 480
camera_name: narrow 1e-05
camera_matrix:
  rows: 3
  cols: 3
  data: [5e+02, 0, 3.1e2, 0, 480, 250, 0, 0, 1]
distortion_model: plumb_bob
distortion_coefficients:
  rows: 1
  cols: 5
  data: [-0.2, 0.03, 1e-05, -1E-7, 0]
rectification_matrix:
  rows: 3
  cols: 3
  data:
  - 1
  - 0
  - 0
  - 0
  - 1
  - 0
  - 0
  - 0
  - 1
projection_matrix:
  rows: 3
  cols: 4
  data: [490, 0, 312, 0, 0, 470, 248, 0, 0, 0, 1, 0]
"""


def test_numbers_as_cpp_writes_them_are_read():
    camera = camera_info_from_yaml(CPP)
    assert camera.k[:3] == (500.0, 0.0, 310.0)
    assert camera.d == (-0.2, 0.03, 1e-05, -1e-07, 0.0)
    assert camera.r == R


@pytest.mark.parametrize(
    ('old', 'new', 'message'),
    [
        ('image_width: 640', 'image_width: 0', 'each side must be'),
        ('image_width: 640', 'image_width: 99999999', 'each side must be'),
        ('image_width: 640', 'image_width: wide', 'expected int'),
        ('image_width: 640\n', '', "'image_width' is missing"),
        ('cols: 4', 'cols: 5', 'has not the size that it claims'),
        ('480, 250', '250', 'has not the size that it claims'),
        ('data: [490, 0', 'data: [.nan, 0', 'no finite numbers'),
        ('data: [490, 0', 'data: [.inf, 0', 'no finite numbers'),
        ('data: [490, 0', 'data: [x, 0', 'expected float'),
        ('rows: 3\n  cols: 4', 'rows: 2\n  cols: 6', None),
        ('camera_name:', 'camera_nam:', 'Did you mean'),
        ('camera_name: narrow', 'camera_name: &a narrow', None),
        ('camera_name: narrow', 'camera_name: !!python/object:os.system x', 'not valid YAML'),
        ('camera_matrix:', 'camera_matrix: 4\nx:', 'unknown key|expected keys'),
    ],
)
def test_what_is_no_calibration_is_refused(old, new, message):
    text = CPP.replace(old, new, 1)
    assert text != CPP
    if message is None:
        camera_info_from_yaml(text)
        return
    with pytest.raises(DataError, match=message):
        camera_info_from_yaml(text)


@pytest.mark.parametrize('text', ['', '[]', 'a: b', '\0', 'x' * 10**6, 'a: [' * 500, '\ud800'])
def test_other_text_is_refused(text):
    with pytest.raises(DataError, match='camera_info'):
        camera_info_from_yaml(text)


@settings(max_examples=120, derandomize=True)
@given(st.data())
def test_any_changed_text_is_a_camera_or_a_data_error(data):
    text = list(CPP)
    for _ in range(data.draw(st.integers(1, 8))):
        place_of = data.draw(st.integers(0, len(text) - 1))
        text[place_of] = data.draw(st.sampled_from('0123456789eE+-.:[]{},&*!\n x'))
    try:
        camera = camera_info_from_yaml(''.join(text))
    except DataError:
        return
    assert len(camera.k) == 9
    assert np.isfinite(camera.p).all()


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'k': K[:8]}, 'K has 8 numbers'),
        ({'p': (float('nan'),) * 12}, 'P has values'),
        ({'d': (0.0,) * 1000}, 'too many'),
        ({'width': 0}, 'each side must be'),
        ({'width': 2**31}, 'each side must be'),
        ({'binning_x': 'two'}, 'camera_info'),
        ({'roi': None}, 'camera_info'),
    ],
)
def test_messages_with_absurd_fields_are_refused(changes, message):
    with pytest.raises(DataError, match=message):
        camera_info_to_yaml(model(**changes))


def test_untrusted_text_of_a_message_cannot_break_the_yaml():
    text = camera_info_to_yaml(model(distortion_model='a: b\n- \ud800"'), 'c: #\n')
    camera = camera_info_from_yaml(text)
    assert camera.name == 'c: #\n'
    assert camera.distortion_model == 'a: b\n- \\ud800"'
