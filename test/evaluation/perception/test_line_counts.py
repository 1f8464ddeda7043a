"""Counts of line segments, and whether they lie on paint."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from road_view import road

from sim2real_ros.errors import ImageError
from sim2real_ros.evaluation.colours.thresholds import load_thresholds
from sim2real_ros.evaluation.frame import EvaluatedFrame, SimFrame
from sim2real_ros.evaluation.measure import Observations
from sim2real_ros.evaluation.perception.line_counts import LineSegmentCounts
from sim2real_ros.evaluation.perception.line_detector import detect_lines

CONFIG = Path(__file__).resolve().parents[3] / 'config' / 'perception'
REAL, SIMULATED = (load_thresholds(CONFIG / f'duckietown_{name}.yaml') for name in ('real', 'sim'))


def frame(rgb, mask=None):
    return EvaluatedFrame(SimFrame('a', rgb, mask=mask), rgb)


def summary(measure, frames):
    seen = [measure.of_frame(each).values for each in frames]
    keys = {key for each in seen for key in each}
    return measure.summarise(
        Observations({key: np.array([each.get(key, np.nan) for each in seen]) for key in keys})
    )


def test_counts_are_those_of_the_detector_and_need_no_mask():
    rgb, _ = road(0.0, 0.1)
    values = LineSegmentCounts([REAL, SIMULATED]).of_frame(frame(rgb)).values
    expected = {
        f'segments_{colour}_{name}': len(lines)
        for thresholds, name in ((REAL, 'real'), (SIMULATED, 'sim'))
        for colour, lines in detect_lines(rgb, thresholds).items()
    }
    assert values == expected
    assert values['segments_yellow_sim'] > 5 > values['segments_yellow_real']


def test_segments_on_paint_are_right_and_cover_its_outline():
    rgb, mask = road(0.0, 0.1)
    values = LineSegmentCounts([SIMULATED]).of_frame(frame(rgb, mask)).values
    assert values['segment_precision_white'] > 0.95
    assert values['segment_precision_yellow'] > 0.9
    assert values['line_recall_white'] > 0.8
    assert values['line_recall_yellow'] > 0.8
    assert 'segment_precision_red' not in values
    assert 'line_recall_red' not in values


def test_masks_in_another_place_agree_less():
    rgb, mask = road(0.0, 0.1)
    measure = LineSegmentCounts([SIMULATED])
    right = measure.of_frame(frame(rgb, mask)).values
    shifted = measure.of_frame(frame(rgb, np.roll(mask, 60, axis=1))).values
    for key in ('segment_precision_white', 'line_recall_white', 'line_recall_yellow'):
        assert shifted[key] < 0.5 * right[key]


def test_clutter_costs_precision_and_missing_paint_costs_recall():
    rgb, mask = road(0.0, 0.1)
    measure = LineSegmentCounts([SIMULATED])
    right = measure.of_frame(frame(rgb, mask)).values

    cluttered = rgb.copy()
    for column in range(40, 480, 40):
        cv2.rectangle(cluttered, (column, 150), (column + 12, 170), (230, 230, 230), -1)
    seen = measure.of_frame(frame(cluttered, mask)).values
    assert seen['segment_precision_white'] < right['segment_precision_white'] - 0.2
    assert seen['line_recall_white'] > right['line_recall_white'] - 0.15

    faded = rgb.copy()
    faded[180:][mask[180:] == 2] = (100, 100, 100)
    seen = measure.of_frame(frame(faded, mask)).values
    assert seen['line_recall_white'] < right['line_recall_white'] - 0.2


def test_shares_are_those_of_all_segments_together():
    rgb, mask = road(0.0, 0.1)
    measure = LineSegmentCounts([SIMULATED])
    frames = [frame(rgb, mask), frame(rgb, np.roll(mask, 200, axis=0)), frame(rgb[:, ::-1], mask)]
    each = [measure.of_frame(one).values for one in frames]
    seen = summary(measure, frames)
    for share, part, whole in (
        ('segment_precision_white', 'segments_right_white', 'segments_compared_white'),
        ('line_recall_yellow', 'outline_covered_px_yellow', 'outline_px_yellow'),
    ):
        expected = sum(one[part] for one in each) / sum(one[whole] for one in each)
        assert seen[share].value == pytest.approx(expected)
        assert seen[share].low <= expected <= seen[share].high
        assert each[0][share] != pytest.approx(expected, abs=1e-3)
    mean = np.mean([one['segments_white'] for one in each])
    assert seen['segments_white'].value == pytest.approx(mean)


def test_the_outline_is_the_inner_border_of_the_paint():
    mask = np.zeros((480, 640), np.uint8)
    mask[240:320, 200:280] = 2  # 20 x 20 pixels of the small picture
    mask[440:, 600:] = 2  # 10 x 10 in the corner: two of its sides are the edge of the picture
    values = (
        LineSegmentCounts([REAL]).of_frame(frame(np.zeros((480, 640, 3), np.uint8), mask)).values
    )
    assert values['outline_px_white'] == 4 * 19 + 19
    assert values['line_recall_white'] == 0
    assert values['segments_white'] == 0


@pytest.mark.parametrize('shape', [(16, 16), (50, 19), (384, 512)])
def test_degenerate_frames_are_counted_without_shares(shape):
    measure = LineSegmentCounts([REAL])
    for level in (0, 200):
        rgb = np.full((*shape, 3), level, np.uint8)
        seen = summary(measure, [frame(rgb, np.zeros(shape, np.uint8))] * 2)
        assert {key: value.value for key, value in seen.items()} == {
            f'segments_{colour}': 0 for colour in REAL.colours
        }


def test_noise_in_small_images_is_survived():
    random = np.random.default_rng(0)
    for shape in ((16, 16), (97, 33)):
        rgb = random.integers(0, 256, (*shape, 3), np.uint8)
        mask = random.integers(0, 6, shape, np.uint8)
        values = LineSegmentCounts([REAL]).of_frame(frame(rgb, mask)).values
        assert all(np.isfinite(value) for value in values.values())


def test_a_mask_of_another_size_is_refused():
    rgb, mask = road(0, 0)
    with pytest.raises(ImageError, match=r'512x383.*512x384'):
        LineSegmentCounts([REAL]).of_frame(frame(rgb, mask[1:]))
