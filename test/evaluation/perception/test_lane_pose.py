"""From a picture to a pose in the lane: drawn roads, and the demo drive."""

import dataclasses
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from road_view import View, road
from rosbags.highlevel import AnyReader
from rosbags.typesys import Stores, get_typestore

from sim2real_ros.errors import ConfigError
from sim2real_ros.evaluation.colours.thresholds import ColourThresholds, load_thresholds
from sim2real_ros.evaluation.frame import EvaluatedFrame, LanePose, SimFrame
from sim2real_ros.evaluation.measure import Observations
from sim2real_ros.evaluation.perception.anti_instagram import ColourBalanceOptions
from sim2real_ros.evaluation.perception.ground_projection import GroundCamera
from sim2real_ros.evaluation.perception.lane_filter import LaneFilterOptions
from sim2real_ros.evaluation.perception.lane_observer import LaneObserver
from sim2real_ros.evaluation.perception.lane_perception import (
    load_lane_perception,
    perceived_lane_pose,
)
from sim2real_ros.evaluation.perception.lane_pose import LanePoseError
from sim2real_ros.evaluation.perception.line_detector import LineDetectorOptions
from sim2real_ros.evaluation.perception.pose_file import load_poses

ROOT = Path(__file__).resolve().parents[3]
SIMULATED = load_thresholds(ROOT / 'config' / 'perception' / 'duckietown_sim.yaml')
ROBOT = load_lane_perception(ROOT / 'config' / 'perception' / 'duckietown_lane.yaml')
DEMO = ROOT / 'tools' / 'demo'
# At full resolution and with long segments only, what is left is the geometry.
PRECISE = dataclasses.replace(
    ROBOT,
    detector=LineDetectorOptions(512, 384, 128, min_length_px=20.0, hough_votes=20),
    lane=LaneFilterOptions(min_votes=1),
)
POSES = [(d, phi) for d in (-0.063, 0.022, 0.087) for phi in (-0.33, -0.12, 0.02, 0.16, 0.37)]


def errors(perception):
    """Return absolute errors (N, 2) of d and phi at the poses."""
    found = [perceived_lane_pose(road(d, phi)[0], SIMULATED, perception) for d, phi in POSES]
    return np.abs([(pose.d_m, pose.phi_rad) for pose in found] - np.array(POSES))


def test_the_file_holds_the_constants_of_the_robot():
    assert ROBOT.lane == LaneFilterOptions()
    assert ROBOT.detector == LineDetectorOptions()
    assert ROBOT.camera == GroundCamera(75.0, 19.15, 0.108, 0.066)
    assert ROBOT.colour_balance is None


def test_poses_of_drawn_roads_are_found_to_a_bin():
    found = errors(PRECISE)
    assert found[:, 0].max() < ROBOT.lane.d_step_m
    assert found[:, 1].max() < ROBOT.lane.phi_step_rad


def test_the_robots_own_coarse_detector_finds_them_to_a_bin_on_average():
    found = errors(ROBOT)
    assert found.mean(axis=0)[0] < ROBOT.lane.d_step_m
    assert found.mean(axis=0)[1] < ROBOT.lane.phi_step_rad


def test_a_camera_that_is_taken_for_another_one_costs_accuracy():
    wrong = dataclasses.replace(PRECISE, camera=GroundCamera(75.0, 26.0, 0.108, 0.066))
    assert errors(wrong)[:, 1].mean() > 1.5 * errors(PRECISE)[:, 1].mean()


def test_the_colour_correction_is_applied_where_it_is_asked_for():
    rgb, _ = road(-0.05, 0.2)
    dark = (rgb * 0.45).astype(np.uint8)  # the white line is at 106, below its threshold of 150
    corrected = dataclasses.replace(PRECISE, colour_balance=ColourBalanceOptions())
    white_only = LaneFilterOptions(centre_colour='red', min_votes=1)
    plain = dataclasses.replace(PRECISE, lane=white_only)
    corrected = dataclasses.replace(corrected, lane=white_only)
    assert perceived_lane_pose(dark, SIMULATED, plain) is None
    pose = perceived_lane_pose(dark, SIMULATED, corrected)
    assert pose.d_m == pytest.approx(-0.05, abs=0.02)


def measured(frames, perception=PRECISE):
    """Return the summary of LanePoseError."""
    measure = LanePoseError(LaneObserver(SIMULATED, perception))
    seen = [measure.of_frame(frame).values for frame in frames]
    keys = {key for each in seen for key in each}
    values = {key: np.array([each.get(key, np.nan) for each in seen]) for key in keys}
    return measure.summarise(Observations(values))


def frame(d, phi, true=None, rgb=None):
    rgb = road(d, phi)[0] if rgb is None else rgb
    return EvaluatedFrame(SimFrame('a', rgb, pose=true or LanePose(d, phi)), rgb)


def test_the_measure_tells_the_errors_in_centimetres_and_degrees():
    seen = measured([frame(0.03, 0.0, LanePose(0.08, 0.2))])
    pose = perceived_lane_pose(road(0.03, 0.0)[0], SIMULATED, PRECISE)
    assert seen['lane_d_error_cm'].value == pytest.approx(100 * (0.08 - pose.d_m))
    assert seen['lane_phi_error_deg'].value == pytest.approx(np.rad2deg(0.2 - pose.phi_rad))
    assert seen['lane_pose_missing'].value == 0


@pytest.mark.parametrize('level', [0, 128, 255])
def test_frames_without_lines_are_missing_and_have_no_error(level):
    nothing = np.full((384, 512, 3), level, np.uint8)
    seen = measured([frame(0, 0, rgb=nothing), frame(0, 0, rgb=nothing[:16, :16]), frame(0, 0.1)])
    assert seen['lane_pose_missing'].value == pytest.approx(2 / 3)
    assert seen['lane_d_error_cm'].count == 1
    only_nothing = measured([frame(0, 0, rgb=nothing)])
    assert set(only_nothing) == {'lane_pose_missing'}


def test_yellow_that_lost_its_colour_costs_poses():
    poses = [(0.08, phi) for phi in (0.2, 0.3, 0.4)]  # the white line is out of reach here
    good = [frame(*pose) for pose in poses]
    grey = [
        EvaluatedFrame(each.sim, cv2.cvtColor(luma, cv2.COLOR_GRAY2RGB))
        for each in good
        for luma in [cv2.cvtColor(each.translated, cv2.COLOR_RGB2GRAY)]
    ]
    bad = measured(grey)
    assert measured(good)['lane_d_error_cm'].value < 2
    assert measured(good)['lane_pose_missing'].value == 0
    assert bad['lane_pose_missing'].value > 0 or bad['lane_d_error_cm'].value > 4


def test_harmless_noise_changes_little():
    noise = np.random.default_rng(0).normal(0, 2, (384, 512, 3))
    frames = [frame(d, phi) for d, phi in POSES[::3]]
    noisy = [
        EvaluatedFrame(each.sim, np.clip(each.translated + noise, 0, 255).astype(np.uint8))
        for each in frames
    ]
    assert abs(measured(frames)['lane_d_error_cm'].value
               - measured(noisy)['lane_d_error_cm'].value) < 0.6  # fmt: skip


def test_a_frame_without_a_pose_says_nothing():
    rgb, _ = road(0, 0)
    seen = LanePoseError(LaneObserver(SIMULATED, ROBOT)).of_frame(
        EvaluatedFrame(SimFrame('a', rgb), rgb)
    )
    assert seen.values == {}


def test_thresholds_without_the_colours_of_the_lane_are_refused():
    only_white = ColourThresholds('w', {'white': SIMULATED.colours['white']})
    with pytest.raises(ConfigError, match=r"'yellow' line.*only know white"):
        LaneObserver(only_white, ROBOT)


def test_a_file_with_a_typing_error_is_refused(tmp_path):
    path = tmp_path / 'lane.yaml'
    path.write_text('name: a\ncamera: {fov_y_deg: 75, pitch_down_deg: 19, height: 0.1}\n')
    with pytest.raises(ConfigError, match=r"unknown key 'height'.*'height_m'"):
        load_lane_perception(path)
    path.write_text('name: a\ncamera: {fov_y_deg: 75, pitch_down_deg: 19, height_m: -1}\n')
    with pytest.raises(ConfigError, match='height_m must be above 0'):
        load_lane_perception(path)


@pytest.fixture(scope='module')
def drive():
    """Return every third frame of the demo drive: (stamp, RGB, palette picture of the mask)."""
    frames = []
    with (
        zipfile.ZipFile(DEMO / 'masks.zip') as masks,
        AnyReader([DEMO / 'drive'], default_typestore=get_typestore(Stores.ROS2_JAZZY)) as reader,
    ):
        images = [each for each in reader.connections if each.topic.endswith('compressed')]
        for number, (connection, stamp_ns, raw) in enumerate(reader.messages(images)):
            if number % 3 == 0:
                message = reader.deserialize(raw, connection.msgtype)
                bgr = cv2.imdecode(message.data, cv2.IMREAD_COLOR)
                png = np.frombuffer(masks.read(f'{stamp_ns}.png'), np.uint8)
                palette = cv2.imdecode(png, cv2.IMREAD_COLOR)[..., ::-1]
                frames.append((stamp_ns, np.ascontiguousarray(bgr[..., ::-1]), palette))
    return frames


def test_paint_of_the_demo_drive_lies_where_its_poses_and_its_camera_say(drive):
    poses, perception = load_poses(DEMO / 'poses.json'), load_lane_perception(DEMO / 'lane.yaml')
    u, v = np.meshgrid(np.arange(512), np.arange(384))
    ground = perception.camera.ground_points(np.stack([u, v], -1).astype(float), (512, 384))
    near = np.hypot(ground[..., 0], ground[..., 1]) < 0.33
    half = perception.lane.lane_width_m / 2
    edges = []
    for stamp_ns, _, palette in drive:
        pose = poses[stamp_ns]
        if abs(pose.phi_rad) > 0.07:
            continue
        leftward = np.array([np.sin(pose.phi_rad), np.cos(pose.phi_rad)])
        lateral = pose.d_m + ground @ leftward
        white, yellow = (
            lateral[near & (palette == colour).all(axis=2)]
            for colour in ((255, 255, 255), (255, 220, 0))
        )
        edges.append((np.percentile(white, 98), *np.percentile(yellow, [2, 98])))
    assert len(edges) >= 20
    # Medians, because some of these frames see the beginning of a curve.
    expected = [-half, half, half + perception.lane.centre_line_width_m]
    assert np.median(edges, axis=0) == pytest.approx(expected, abs=0.002)


def test_the_lane_pose_of_the_demo_drive_is_found(drive):
    poses, perception = load_poses(DEMO / 'poses.json'), load_lane_perception(DEMO / 'lane.yaml')
    frames = [
        EvaluatedFrame(SimFrame(str(stamp_ns), rgb, pose=poses[stamp_ns]), rgb)
        for stamp_ns, rgb, _ in drive
    ]
    straight = [each for each in frames if abs(each.sim.pose.phi_rad) < 0.1]
    seen = measured(straight, perception)
    assert len(straight) >= 25
    assert seen['lane_d_error_cm'].value < 2
    assert seen['lane_phi_error_deg'].value < 6
    assert seen['lane_pose_missing'].value == 0
    # In curves the filter takes the bend of the road for an error of the robot.
    assert measured(frames, perception)['lane_d_error_cm'].value < 4


def test_the_camera_of_the_demo_drive_is_that_of_its_renderer():
    perception = load_lane_perception(DEMO / 'lane.yaml')
    view = View(perception.camera.fov_y_deg, 13.0, 0.116, 0.0)
    assert np.rad2deg(2 * np.arctan(384 / 2 / 320)) == pytest.approx(view.fov_y_deg, abs=1e-3)
    assert perception.camera.pitch_down_deg == 13.0
