"""LanePoseError: how wrong a robot would be about its place in the lane."""

import numpy as np

from sim2real_ros.evaluation.frame import EvaluatedFrame
from sim2real_ros.evaluation.measure import Measure, Need, Observation
from sim2real_ros.evaluation.perception.lane_observer import SOURCE, LaneObserver
from sim2real_ros.evaluation.quantity import Quantity


class LanePoseError(Measure):
    """Compare the pose that the robot's lane filter sees with the true one, frame by frame."""

    needs: frozenset[Need] = frozenset({'pose'})

    def __init__(self, observer: LaneObserver, *, key_suffix: str = '') -> None:
        """Choose the robot.

        Args:
            observer: What it sees.
            key_suffix: Appended to the keys, where several thresholds are measured.
        """
        self._observer = observer
        self._keys = [f'{key}{key_suffix}' for key in ('lane_d_error_cm', 'lane_phi_error_deg')]
        self._missing_key = f'lane_pose_missing{key_suffix}'
        self.quantities = _quantities(self._keys, self._missing_key, observer)

    def of_frame(self, frame: EvaluatedFrame) -> Observation:
        """Estimate the pose in the translated frame; errors are left out where there is none."""
        true = frame.sim.pose
        if true is None:
            return Observation()
        found = self._observer.in_translation(frame)
        if found is None:
            return Observation({self._missing_key: 1.0})
        d_error_m, phi_error_rad = abs(found.d_m - true.d_m), abs(found.phi_rad - true.phi_rad)
        errors = (100 * d_error_m, float(np.rad2deg(phi_error_rad)))
        return Observation({**dict(zip(self._keys, errors, strict=True)), self._missing_key: 0.0})


def _quantities(keys: list[str], missing_key: str, observer: LaneObserver) -> tuple[Quantity, ...]:
    by, name, lane = observer.by, observer.thresholds.name, observer.perception.lane
    return (
        Quantity(
            keys[0],
            f'Lane position error ({name})',
            'lower',
            'How far the distance from the centre of the lane that the robot sees is from the '
            f'true one, {by}; frames without an estimate do not count. From a single frame the '
            f'robot is off by about a bin, {100 * lane.d_step_m:.0f} cm, on the best of pictures: '
            'compare with the column of the simulated frames.',
            'cm',
            (0.0, None),
            SOURCE,
            2,
        ),
        Quantity(
            keys[1],
            f'Lane heading error ({name})',
            'lower',
            f'The same for the heading against the lane, {by}. Half a bin, '
            f'{np.rad2deg(lane.phi_step_rad) / 2:.1f} deg, cannot be resolved; in curves the '
            'filter, which knows straight lanes only, is wrong by itself.',
            'deg',
            (0.0, None),
            SOURCE,
            1,
        ),
        Quantity(
            missing_key,
            f'Frames without a lane pose ({name})',
            'lower',
            'Share of the frames where the robot does not know its place in the lane, because '
            f'fewer than {lane.min_votes} line segments vote for one, {by}.',
            '',
            (0.0, 1.0),
            SOURCE,
        ),
    )
