"""The lane filter, on segments whose lane is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2real_ros.evaluation.perception.lane_filter import (
    GroundSegments,
    LaneFilterOptions,
    estimate_lane_pose,
    lane_votes,
    vote_histogram,
)

NOTHING = GroundSegments(np.zeros((0, 2, 2)), np.zeros(0, bool))
ROBOT = LaneFilterOptions()


def edge(lateral_m, left, d_m, phi_rad, start=0.12, length=0.1, backward=False):
    """Return a segment along the lane at a lateral position, as a robot at (d, phi) sees it."""
    lane = np.array([[start, lateral_m - d_m], [start + length, lateral_m - d_m]])
    turn = np.array([[np.cos(phi_rad), np.sin(phi_rad)], [-np.sin(phi_rad), np.cos(phi_rad)]])
    points = lane @ turn.T
    return GroundSegments((points[::-1] if backward else points)[None], np.array([left]))


@settings(deadline=None, derandomize=True)
@given(
    st.sampled_from(
        [('right', -0.115, True), ('right', -0.165, False), ('centre', 0.115, False),
         ('centre', 0.14, True)]
    ),
    st.floats(-0.14, 0.29), st.floats(-0.7, 0.7), st.booleans(),
)  # fmt: skip
def test_every_edge_votes_for_the_pose_that_it_was_seen_from(line, d, phi, backward):
    name, lateral, left = line
    segment = edge(lateral, left, d, phi, backward=backward)
    right, centre = (segment, NOTHING) if name == 'right' else (NOTHING, segment)
    options = LaneFilterOptions(range_m=2.0)
    votes = lane_votes(right, centre, options)
    if (segment.points_m[..., 0] > 0).all():
        assert votes == pytest.approx(np.array([[d, phi]]), abs=1e-9)
    else:
        assert len(votes) == 0


def test_what_is_far_behind_or_nowhere_has_no_vote():
    for segment in (
        edge(-0.115, True, 0, 0, start=0.3),  # its middle is 0.37 m away
        edge(-0.115, True, 0, 0, start=-0.05),
        GroundSegments(np.full((1, 2, 2), np.nan), np.array([True])),
        GroundSegments(np.full((1, 2, 2), 0.1), np.array([True])),  # without length
    ):
        assert lane_votes(segment, NOTHING, ROBOT).shape == (0, 2)
    near = edge(-0.115, True, 0, 0, start=0.2)  # its middle is 0.275 m away
    assert lane_votes(near, NOTHING, ROBOT).shape == (1, 2)


def test_the_histogram_has_the_bins_of_the_robot():
    assert ROBOT.bins == (23, 30)
    assert LaneFilterOptions(d_min_m=0.0, d_max_m=0.28).bins == (14, 30)
    votes = np.array([[-0.15, -1.5], [-0.131, -1.41], [0.0, 0.0], [-0.16, 0], [0.4, 0], [0, 1.57]])
    histogram = vote_histogram(votes, ROBOT)
    assert histogram.shape == (23, 30)
    assert histogram[0, 0] == 2
    assert histogram[7, 15] == 1
    assert histogram.sum() == 3


def test_the_estimate_is_the_middle_of_the_bin_of_the_majority():
    votes = np.array([[0.03, 0.12]] * 4 + [[-0.1, -0.6]] * 3)
    pose = estimate_lane_pose(votes, ROBOT)
    assert pose is not None
    assert pose.d_m == pytest.approx(0.04)  # of [0.03, 0.05]
    assert pose.phi_rad == pytest.approx(0.15)


def test_votes_side_by_side_beat_a_few_more_far_off():
    spread = [[0.015 + 0.02 * i, 0.05 + 0.1 * j] for i in (-1, 0, 1) for j in (-1, 0, 1)]
    votes = np.array(spread + [[0.2, 1.0]] * 2)
    blurred = estimate_lane_pose(votes, ROBOT)
    sharp = estimate_lane_pose(votes, LaneFilterOptions(d_blur_bins=0, phi_blur_bins=0))
    assert (blurred.d_m, blurred.phi_rad) == pytest.approx((0.02, 0.05))
    assert (sharp.d_m, sharp.phi_rad) == pytest.approx((0.2, 1.05))


def test_each_axis_has_its_own_blur():
    side_by_side = [[0.02, phi] for phi in (-0.05, 0.05, 0.15)]
    votes = np.array(side_by_side + [[0.2, 1.05]] * 2)
    along_phi = LaneFilterOptions(d_blur_bins=0.0, phi_blur_bins=2.0)
    along_d = LaneFilterOptions(d_blur_bins=2.0, phi_blur_bins=0.0)
    assert estimate_lane_pose(votes, along_phi).phi_rad == pytest.approx(0.05)
    assert estimate_lane_pose(votes, along_d).phi_rad == pytest.approx(1.05)


def test_too_few_votes_are_no_estimate():
    votes = np.array([[0.0, 0.0], [0.0, 0.0], [5.0, 0.0], [5.0, 0.0]])
    assert estimate_lane_pose(votes, ROBOT) is None
    assert estimate_lane_pose(votes, LaneFilterOptions(min_votes=2)) is not None
    assert estimate_lane_pose(np.zeros((0, 2)), ROBOT) is None


@pytest.mark.parametrize(
    'wrong',
    [
        {'lane_width_m': 0.0},
        {'range_m': float('nan')},
        {'right_line_width_m': -0.1},
        {'d_min_m': 0.4},
        {'d_step_m': 0.0},
        {'phi_step_rad': 1e-9},
        {'d_max_m': float('inf')},
        {'phi_blur_bins': -1.0},
        {'min_votes': 0},
        {'right_colour': 'yellow'},
    ],
)
def test_options_without_sense_are_refused(wrong):
    with pytest.raises(ValueError, match='must'):
        LaneFilterOptions(**wrong)
