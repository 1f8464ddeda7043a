"""Whether a translation pulls the robot to a side of its lane."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from road_view import road

from sim2real_ros.evaluation.colours.thresholds import load_thresholds
from sim2real_ros.evaluation.frame import EvaluatedFrame, LanePose, SimFrame
from sim2real_ros.evaluation.perception import lane_observer
from sim2real_ros.evaluation.perception.lane_filter import LaneFilterOptions
from sim2real_ros.evaluation.perception.lane_observer import LaneObserver
from sim2real_ros.evaluation.perception.lane_perception import (
    load_lane_perception,
    perceived_lane_pose,
)
from sim2real_ros.evaluation.perception.lane_pose import LanePoseError
from sim2real_ros.evaluation.perception.lane_pull import LanePull
from sim2real_ros.evaluation.perception.line_detector import LineDetectorOptions

CONFIG = Path(__file__).resolve().parents[3] / 'config' / 'perception'
SIMULATED = load_thresholds(CONFIG / 'duckietown_sim.yaml')
# At full resolution and with long segments only, what is left is the geometry.
PRECISE = dataclasses.replace(
    load_lane_perception(CONFIG / 'duckietown_lane.yaml'),
    detector=LineDetectorOptions(512, 384, 128, min_length_px=20.0, hough_votes=20),
    lane=LaneFilterOptions(min_votes=1),
)


def pulled(before, after):
    frame = EvaluatedFrame(SimFrame('a', before), after)
    return dict(LanePull(LaneObserver(SIMULATED, PRECISE)).of_frame(frame).values)


@pytest.mark.parametrize(('d', 'phi'), [(0.06, 0.02), (-0.06, 0.02), (0.0, 0.33), (0.0, -0.33)])
def test_a_robot_that_seems_to_stand_elsewhere_is_pulled_by_the_difference(d, phi):
    found = pulled(road(0.0, 0.02)[0], road(d, phi)[0])
    # Both poses are known to half a bin.
    assert found['lane_d_pull_cm'] == pytest.approx(100 * d, abs=2.01)
    assert found['lane_phi_pull_deg'] == pytest.approx(np.rad2deg(phi - 0.02), abs=5.8)


def test_the_same_frame_and_a_harmless_change_pull_nowhere():
    rgb = road(0.0, 0.02)[0]
    for after in (rgb, rgb.copy(), np.clip(rgb + 10.0, 0, 255).astype(np.uint8)):
        assert pulled(rgb, after) == {'lane_d_pull_cm': 0, 'lane_phi_pull_deg': 0}


def test_nothing_is_said_where_the_robot_does_not_know():
    rgb = road(0.0, 0.02)[0]
    assert pulled(rgb, np.zeros_like(rgb)) == {}
    assert pulled(np.zeros_like(rgb), rgb) == {}


def test_each_picture_is_looked_at_once_by_all_measures_and_candidates(monkeypatch):
    seen = []

    def counted(rgb, thresholds, perception):
        seen.append(rgb)
        return perceived_lane_pose(rgb, thresholds, perception)

    monkeypatch.setattr(lane_observer, 'perceived_lane_pose', counted)
    observer = LaneObserver(SIMULATED, PRECISE)
    measures = LanePoseError(observer), LanePull(observer)
    sim = SimFrame('a', road(0.0, 0.02)[0], pose=LanePose(0.0, 0.02))
    for translated in (sim.image, sim.image.copy(), 255 - sim.image):
        frame = EvaluatedFrame(sim, translated)
        for measure in measures:
            measure.of_frame(frame)
    assert len(seen) == 3
