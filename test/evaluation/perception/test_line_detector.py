"""The robot's line detector on pictures whose lines are known."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from road_view import RED, WHITE, YELLOW, road

from sim2real_ros.evaluation.colours.thresholds import load_thresholds
from sim2real_ros.evaluation.perception.line_detector import (
    LineDetectorOptions,
    detect_lines,
    detector_picture,
)

CONFIG = Path(__file__).resolve().parents[3] / 'config' / 'perception'
REAL = load_thresholds(CONFIG / 'duckietown_real.yaml')
SIMULATED = load_thresholds(CONFIG / 'duckietown_sim.yaml')


def naive_lines(rgb, low, high):
    """Do what the method says, step by step, and return the sorted segments of one range."""
    rows = np.arange(120) * rgb.shape[0] // 120
    columns = np.arange(160) * rgb.shape[1] // 160
    small = rgb[rows][:, columns][40:]
    hsv = cv2.cvtColor(small, cv2.COLOR_RGB2HSV).astype(int)
    paint = ((hsv >= low) & (hsv <= high)).all(axis=2)
    grown = paint.copy()
    grown[1:] |= paint[:-1]
    grown[:-1] |= paint[1:]
    grown[:, 1:] |= paint[:, :-1]
    grown[:, :-1] |= paint[:, 1:]
    edges = cv2.Canny(np.ascontiguousarray(small), 80, 200, apertureSize=3)
    edges[~grown] = 0
    lines = cv2.HoughLinesP(edges, 1, np.pi / 180, 2, None, 3, 1)
    return sorted(
        (int(a), int(b) + 40, int(c), int(d) + 40) for a, b, c, d in lines.reshape(-1, 4)
    )


@pytest.mark.parametrize('size', [(512, 384), (640, 480)])
def test_segments_are_those_of_the_method_done_step_by_step(size):
    rgb, _ = road(0.02, 0.1)
    # Blurred and noisy, so that gradients of all strengths are there.
    rgb = cv2.GaussianBlur(cv2.resize(rgb, size), (0, 0), 2.0)
    noise = np.random.default_rng(0).normal(0, 12, rgb.shape)
    rgb = np.clip(rgb + noise, 0, 255).astype(np.uint8)
    found = detect_lines(rgb, SIMULATED)

    for colour, low, high in (
        ('white', (0, 0, 150), (180, 100, 255)),
        ('yellow', (14, 100, 80), (35, 255, 255)),
    ):
        expected = naive_lines(rgb, np.array(low), np.array(high))
        segments = sorted(map(tuple, found[colour].points.reshape(-1, 4).astype(int).tolist()))
        assert segments == expected
        assert len(segments) > 5


@pytest.mark.parametrize(
    ('colour', 'paint'), [('white', WHITE), ('yellow', (250, 215, 20)), ('red', RED)]
)
def test_edges_of_a_bar_are_found_in_their_place_and_point_away_from_it(colour, paint):
    rgb = np.full((480, 640, 3), 50, np.uint8)
    rgb[:, 240:320] = paint  # columns 60 to 79 of the small picture

    found = detect_lines(rgb, REAL)

    assert [name for name, lines in found.items() if len(lines)] == [colour]
    lines = found[colour]
    columns = lines.points[..., 0].mean(axis=1)
    left, right = columns < 70, columns > 70
    assert np.abs(columns[left] - 59.5).max() <= 1
    assert np.abs(columns[right] - 79.5).max() <= 1
    assert np.allclose(lines.normals[left], [-1, 0])
    assert np.allclose(lines.normals[right], [1, 0])
    assert lines.points[..., 1].min() >= 40
    assert lines.points[..., 1].max() == 119
    assert lines.lengths_px[left].sum() == pytest.approx(79, abs=2)
    image_columns = lines.in_image((160, 120), (640, 480))[..., 0].mean(axis=1)
    assert np.abs(image_columns[left] - 238).max() <= 4


def test_normals_are_unit_vectors_across_their_segments():
    rgb, _ = road(0.0, 0.2)
    lines = detect_lines(rgb, REAL)['white']
    along = lines.points[:, 1] - lines.points[:, 0]
    assert len(lines) > 5
    assert np.allclose(np.linalg.norm(lines.normals, axis=1), 1)
    assert np.abs((along * lines.normals).sum(axis=1)).max() < 1e-9


def test_what_is_above_the_cut_is_not_seen():
    rgb = np.full((480, 640, 3), 50, np.uint8)
    rgb[:150, 240:320] = WHITE
    assert len(detect_lines(rgb, REAL)['white']) == 0
    options = LineDetectorOptions(cut_rows_px=0)
    assert len(detect_lines(rgb, REAL, options)['white']) > 0


def test_yellow_of_the_simulator_is_for_its_own_thresholds_only():
    rgb = np.full((480, 640, 3), 50, np.uint8)
    rgb[:, 240:320] = YELLOW  # hue 23: below the real range, within that of the simulator
    assert len(detect_lines(rgb, REAL)['yellow']) == 0
    assert len(detect_lines(rgb, SIMULATED)['yellow']) > 0


@pytest.mark.parametrize('shape', [(16, 16), (16, 400), (384, 512), (31, 17)])
@pytest.mark.parametrize('level', [0, 128, 255])
def test_constant_images_have_no_lines(shape, level):
    rgb = np.full((*shape, 3), level, np.uint8)
    assert all(len(lines) == 0 for lines in detect_lines(rgb, REAL).values())


def test_equal_images_have_equal_segments():
    rgb = np.random.default_rng(0).integers(0, 256, (96, 128, 3), np.uint8)
    first, second = detect_lines(rgb, REAL), detect_lines(rgb.copy(), REAL)
    for colour in first:
        assert np.array_equal(first[colour].points, second[colour].points)
        assert np.array_equal(first[colour].normals, second[colour].normals)
        assert np.isfinite(first[colour].normals).all()
    assert len(first['white']) > 0


def test_the_picture_takes_the_pixels_that_nearest_neighbour_takes():
    image = np.random.default_rng(1).integers(0, 256, (384, 512), np.uint8)
    small = detector_picture(image, LineDetectorOptions())
    assert small.shape == (80, 160)
    rows, columns = np.arange(40, 120) * 384 // 120, np.arange(160) * 512 // 160
    assert np.array_equal(small, image[rows][:, columns])


@pytest.mark.parametrize(
    'wrong',
    [
        {'width_px': 0},
        {'cut_rows_px': 120},
        {'canny_low': 201.0},
        {'canny_aperture_px': 4},
        {'dilation_px': 0},
        {'hough_votes': 0},
        {'hough_theta_deg': 0.0},
        {'min_length_px': 0.0},
    ],
)
def test_options_without_sense_are_refused(wrong):
    with pytest.raises(ValueError, match=r'must|expected'):
        LineDetectorOptions(**wrong)
