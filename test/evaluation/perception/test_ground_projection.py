"""Where the pixels of a camera lie on the road."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from road_view import View

from sim2real_ros.evaluation.perception.ground_projection import GroundCamera


def camera_of(view):
    return GroundCamera(view.fov_y_deg, view.pitch_down_deg, view.height_m, view.forward_m)


@pytest.mark.parametrize('view', [View(), View(61.9, 13.0, 0.12, 0.0), View(75.0, 0.0, 0.2, -0.1)])
def test_points_appear_where_opencv_projects_them(view):
    random = np.random.default_rng(0)
    ground = np.c_[random.uniform(0.3, 3, 50), random.uniform(-1, 1, 50)]
    expected = view.pixels(np.c_[ground, np.zeros(50)])
    pixels = camera_of(view).image_points(ground, view.size)
    assert np.abs(pixels - expected).max() < 1e-9
    assert np.abs(camera_of(view).ground_points(pixels, view.size) - ground).max() < 1e-9


def test_the_optical_axis_hits_the_road_where_trigonometry_says():
    camera = GroundCamera(75.0, 19.15, 0.108, 0.066)
    middle = np.array([[(640 - 1) / 2, (480 - 1) / 2]])
    ahead = 0.066 + 0.108 / np.tan(np.deg2rad(19.15))
    assert camera.ground_points(middle, (640, 480)) == pytest.approx(np.array([[ahead, 0.0]]))


def test_the_lower_edge_is_seen_at_half_the_field_of_view():
    camera = GroundCamera(60.0, 20.0, 0.1)
    lower_edge = np.array([[319.5, 479.5]])  # half a pixel below the middle of the last row
    expected = 0.1 / np.tan(np.deg2rad(20.0 + 30.0))
    assert camera.ground_points(lower_edge, (640, 480))[0, 0] == pytest.approx(expected)


def test_left_is_left_and_the_sky_is_nowhere():
    camera = GroundCamera(75.0, 19.15, 0.108)
    left, right, sky = camera.ground_points(
        np.array([[10, 380], [500, 380], [250, 20.0]]), (512, 384)
    )
    assert left[1] > 0 > right[1]
    assert np.isnan(sky).all()
    behind = camera.image_points(np.array([[-1.0, 0.0]]), (512, 384))
    assert np.isnan(behind).all()


def test_squeezed_images_show_the_same_road():
    camera = GroundCamera(75.0, 19.15, 0.108, 0.066)
    shares = np.random.default_rng(2).uniform([0, 0.6], 1, (20, 2))
    wide, square = (
        camera.ground_points(shares * size - 0.5, size) for size in ((640, 480), (256, 256))
    )
    assert np.abs(wide - square).max() < 1e-9


@settings(deadline=None, derandomize=True)
@given(
    st.floats(20, 120), st.floats(-20, 60), st.floats(0.05, 2), st.floats(-1, 1),
    st.floats(0, 511), st.floats(0, 383),
)  # fmt: skip
def test_what_is_on_the_road_comes_back(fov, pitch, height, forward, u, v):
    camera = GroundCamera(fov, pitch, height, forward)
    ground = camera.ground_points(np.array([[u, v]]), (512, 384))
    if np.isfinite(ground).all() and np.abs(ground).max() < 100:
        back = camera.image_points(ground, (512, 384))
        assert back == pytest.approx(np.array([[u, v]]), abs=1e-4)


@pytest.mark.parametrize(
    'wrong',
    [(0.5, 10, 0.1), (75, 90, 0.1), (75, 10, 0.0), (75, 10, 0.1, 1e9), (75, 10, 0.1, 0, 0.0),
     (float('nan'), 10, 0.1)],
)  # fmt: skip
def test_impossible_cameras_are_refused(wrong):
    with pytest.raises(ValueError, match='must be'):
        GroundCamera(*wrong)
