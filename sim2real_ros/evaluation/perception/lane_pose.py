"""LanePoseError: how wrong a robot would be about its place in the lane."""

import numpy as np

from sim2real_ros.errors import ConfigError
from sim2real_ros.evaluation.colours.thresholds import ColourThresholds
from sim2real_ros.evaluation.frame import EvaluatedFrame
from sim2real_ros.evaluation.measure import Measure, Need, Observation
from sim2real_ros.evaluation.perception.lane_perception import (
    LanePerception,
    perceived_lane_pose,
)
from sim2real_ros.evaluation.quantity import Quantity

SOURCE = 'lane filter of duckietown/dt-core (daffy)'


class LanePoseError(Measure):
    """Compare the pose that the robot's lane filter sees with the true one, frame by frame."""

    needs: frozenset[Need] = frozenset({'pose'})

    def __init__(
        self, thresholds: ColourThresholds, perception: LanePerception, *, key_suffix: str = ''
    ) -> None:
        """Join colours and constants.

        Args:
            thresholds: What the robot takes for which colour.
            perception: Camera, detector and filter of the robot that took the frames.
            key_suffix: Appended to the keys, where several thresholds are measured.

        Raises:
            ConfigError: The thresholds lack a colour of the lane.
        """
        lane = perception.lane
        for colour in (lane.right_colour, lane.centre_colour):
            if colour not in thresholds.colours:
                raise ConfigError(
                    f'The lane of {perception.name!r} has a {colour!r} line, but the thresholds '
                    f'{thresholds.name!r} only know {", ".join(thresholds.colours)}: name the '
                    'colours of the lines in right_colour and centre_colour.'
                )
        wanted = {
            name: thresholds.colours[name] for name in (lane.right_colour, lane.centre_colour)
        }
        self._thresholds = ColourThresholds(thresholds.name, wanted)
        self._perception = perception
        self._keys = [f'{key}{key_suffix}' for key in ('lane_d_error_cm', 'lane_phi_error_deg')]
        self._missing_key = f'lane_pose_missing{key_suffix}'
        self.quantities = _quantities(self._keys, self._missing_key, thresholds, perception)

    def of_frame(self, frame: EvaluatedFrame) -> Observation:
        """Estimate the pose in the translated frame; errors are left out where there is none."""
        true = frame.sim.pose
        if true is None:
            return Observation()
        found = perceived_lane_pose(frame.translated, self._thresholds, self._perception)
        if found is None:
            return Observation({self._missing_key: 1.0})
        d_error_m, phi_error_rad = abs(found.d_m - true.d_m), abs(found.phi_rad - true.phi_rad)
        errors = (100 * d_error_m, float(np.rad2deg(phi_error_rad)))
        return Observation({**dict(zip(self._keys, errors, strict=True)), self._missing_key: 0.0})


def _quantities(
    keys: list[str], missing_key: str, thresholds: ColourThresholds, perception: LanePerception
) -> tuple[Quantity, ...]:
    by = f'by {thresholds.name!r} and {perception.name!r}'
    lane = perception.lane
    return (
        Quantity(
            keys[0],
            f'Lane position error ({thresholds.name})',
            'lower',
            'How far the distance from the centre of the lane that the robot sees is from the '
            f'true one, {by}; frames without an estimate do not count. Half a bin, '
            f'{50 * lane.d_step_m:.1f} cm, cannot be resolved.',
            'cm',
            (0.0, None),
            SOURCE,
            2,
        ),
        Quantity(
            keys[1],
            f'Lane heading error ({thresholds.name})',
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
            f'Frames without a lane pose ({thresholds.name})',
            'lower',
            'Share of the frames where the robot does not know its place in the lane, because '
            f'fewer than {lane.min_votes} line segments vote for one, {by}.',
            '',
            (0.0, 1.0),
            SOURCE,
        ),
    )
