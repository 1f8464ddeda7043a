"""LanePull: whether a translation pulls a robot to one side of its lane; needs no true poses."""

import numpy as np

from sim2real_ros.evaluation.frame import EvaluatedFrame
from sim2real_ros.evaluation.measure import Measure, Need, Observation
from sim2real_ros.evaluation.perception.lane_observer import SOURCE, LaneObserver
from sim2real_ros.evaluation.quantity import Quantity


class LanePull(Measure):
    """Compare the pose seen in the translated frame with that seen in the simulated one.

    With its sign: single frames differ by about a bin of the robot's filter to either side, even
    after harmless changes, and only the mean over many frames tells of a road that was moved.
    """

    needs: frozenset[Need] = frozenset({'translation'})

    def __init__(self, observer: LaneObserver, *, key_suffix: str = '') -> None:
        """Choose the robot.

        Args:
            observer: What it sees.
            key_suffix: Appended to the keys, where several thresholds are measured.
        """
        self._observer = observer
        self._keys = [f'{key}{key_suffix}' for key in ('lane_d_pull_cm', 'lane_phi_pull_deg')]
        self.quantities = _quantities(self._keys, observer)

    def of_frame(self, frame: EvaluatedFrame) -> Observation:
        """Look at both pictures; says nothing where the robot does not know in either."""
        before = self._observer.in_sim(frame.sim)
        after = self._observer.in_translation(frame)
        if before is None or after is None:
            return Observation()
        pulls = 100 * (after.d_m - before.d_m), float(np.rad2deg(after.phi_rad - before.phi_rad))
        return Observation(dict(zip(self._keys, pulls, strict=True)))


def _quantities(keys: list[str], observer: LaneObserver) -> tuple[Quantity, ...]:
    return (
        Quantity(
            keys[0],
            f'Lane position, pull to the left ({observer.thresholds.name})',
            'neither',
            'How much farther left in its lane the robot believes to be in the translated frames '
            f'than in the simulated ones, {observer.by}; below 0 is to the right. 0 is right; '
            'where the interval lies to one side of it, lines were moved, hidden or invented.',
            'cm',
            source=SOURCE,
            decimals=2,
        ),
        Quantity(
            keys[1],
            f'Lane heading, pull to the left ({observer.thresholds.name})',
            'neither',
            f'The same for the heading against the lane, {observer.by}.',
            'deg',
            source=SOURCE,
            decimals=1,
        ),
    )
