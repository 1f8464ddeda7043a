"""The measures of a lane follower, put together."""

from pathlib import Path

import numpy as np
import pytest
from road_view import road

from sim2real_ros.errors import ConfigError
from sim2real_ros.evaluation.colours.thresholds import load_thresholds
from sim2real_ros.evaluation.frame import EvaluatedFrame, LanePose, SimFrame
from sim2real_ros.evaluation.perception.lane_measures import lane_measures
from sim2real_ros.evaluation.perception.lane_perception import load_lane_perception

CONFIG = Path(__file__).resolve().parents[3] / 'config' / 'perception'
THRESHOLDS = [load_thresholds(CONFIG / f'duckietown_{name}.yaml') for name in ('real', 'sim')]
ROBOT = load_lane_perception(CONFIG / 'duckietown_lane.yaml')


def test_all_keys_are_unique_finite_and_of_declared_quantities():
    measures = lane_measures(THRESHOLDS, ROBOT)
    keys = [quantity.key for measure in measures for quantity in measure.quantities]
    assert len(set(keys)) == len(keys)
    rgb, mask = road(0.0, 0.1)
    frame = EvaluatedFrame(SimFrame('a', rgb, mask=mask, pose=LanePose(0.0, 0.1)), rgb)
    seen = {}
    for measure in measures:
        seen.update(measure.of_frame(frame).values)
    assert all(np.isfinite(value) for value in seen.values())
    for key in (
        'f1_yellow_real',
        'segments_white_sim',
        'lane_d_error_cm_sim',
        'line_recall_white_real',
    ):
        assert key in seen
        assert key in keys
    for measure in measures:
        for quantity in measure.quantities:
            low, high = quantity.limits
            value = seen.get(quantity.key, 0.5)
            assert low is None or value >= low
            assert high is None or value <= high
            assert quantity.description.endswith('.')


def test_one_set_of_thresholds_has_plain_keys_and_no_pose_without_a_robot():
    measures = lane_measures(THRESHOLDS[:1])
    keys = {quantity.key for measure in measures for quantity in measure.quantities}
    assert {'f1_white', 'segments_white', 'segment_precision_white', 'line_recall_white'} <= keys
    assert not any(key.startswith('lane_') for key in keys)


def test_a_frame_without_anything_known_still_has_counts():
    rgb, _ = road(0.0, 0.1)
    frame = EvaluatedFrame(SimFrame('a', rgb), rgb)
    able = [measure for measure in lane_measures(THRESHOLDS, ROBOT) if not measure.needs]
    assert len(able) == 1
    assert set(able[0].of_frame(frame).values) == {
        f'segments_{colour}_{name}'
        for colour in ('white', 'yellow', 'red')
        for name in ('real', 'sim')
    }


def test_thresholds_must_be_named_apart():
    with pytest.raises(ConfigError, match='expected one or more'):
        lane_measures([])
    with pytest.raises(ConfigError, match='different names'):
        lane_measures([THRESHOLDS[0], THRESHOLDS[0]])
