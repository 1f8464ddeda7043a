"""Pictures of detected segments."""

from pathlib import Path

import numpy as np
import pytest

from sim2real_ros.evaluation.colours.thresholds import load_thresholds
from sim2real_ros.evaluation.perception.line_detector import detect_lines
from sim2real_ros.evaluation.perception.line_drawing import draw_lines
from sim2real_ros.evaluation.perception.line_segments import LineSegments, no_segments

CONFIG = Path(__file__).resolve().parents[3] / 'config' / 'perception'
REAL = load_thresholds(CONFIG / 'duckietown_real.yaml')


def test_segments_are_drawn_in_their_place_and_colour():
    rgb = np.full((480, 640, 3), 100, np.uint8)
    lines = {
        'red': LineSegments(np.array([[[40.0, 60], [40, 100]]]), np.array([[1.0, 0]])),
        'blue': LineSegments(np.array([[[120.0, 60], [120, 100]]]), np.array([[1.0, 0]])),
        'white': no_segments(),
    }
    drawn = draw_lines(rgb, lines, REAL)
    assert drawn.shape == (240, 320, 3)
    assert drawn.dtype == np.uint8
    assert drawn[160, 80] == pytest.approx(np.array([210, 30, 30]), abs=20)  # smoothed
    assert drawn[160, 240] == pytest.approx(np.array([128, 128, 128]), abs=20)  # has no name
    assert drawn[160, 160].tolist() == [55, 55, 55]
    assert drawn[100, 80].tolist() == [55, 55, 55]
    assert (rgb == 100).all()


def test_the_size_is_chosen_and_detections_fit_the_picture():
    rgb = np.full((384, 512, 3), 50, np.uint8)
    rgb[:, 200:260] = 240
    drawn = draw_lines(rgb, detect_lines(rgb, REAL), REAL, width_px=512)
    assert drawn.shape == rgb.shape
    columns = np.nonzero((drawn > 150).all(axis=2).any(axis=0))[0]
    assert np.abs(columns[columns < 230] - 198).max() <= 5
    assert np.abs(columns[columns > 230] - 258).max() <= 5
    assert len(columns) > 0


def test_small_and_narrow_images_are_drawn():
    for shape in ((16, 16), (16, 2000)):
        rgb = np.zeros((*shape, 3), np.uint8)
        assert draw_lines(rgb, detect_lines(rgb, REAL), REAL).shape[1] == 320
