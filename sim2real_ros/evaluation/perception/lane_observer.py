"""LaneObserver: the pose in the lane that a robot sees, once for each picture."""

from sim2real_ros.errors import ConfigError
from sim2real_ros.evaluation.colours.thresholds import ColourThresholds
from sim2real_ros.evaluation.frame import EvaluatedFrame, LanePose, SimFrame
from sim2real_ros.evaluation.perception.lane_perception import (
    LanePerception,
    perceived_lane_pose,
)

SOURCE = 'lane filter of duckietown/dt-core (daffy)'


class LaneObserver:
    """A robot's lane perception with its colours, shared by the measures of its answers.

    Attributes:
        thresholds: Those of the two colours of the lane.
        perception: Camera, detector and filter of the robot.
    """

    def __init__(self, thresholds: ColourThresholds, perception: LanePerception) -> None:
        """Join colours and constants.

        Args:
            thresholds: What the robot takes for which colour.
            perception: Camera, detector and filter of the robot that took the frames.

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
        self.thresholds = ColourThresholds(thresholds.name, wanted)
        self.perception = perception

    @property
    def by(self) -> str:
        """Who says so, for descriptions."""
        return f'by {self.thresholds.name!r} and {self.perception.name!r}'

    def in_sim(self, sim: SimFrame) -> LanePose | None:
        """Return the pose seen in a simulated frame; None where the robot does not know."""
        return sim.once(self._of_sim)

    def in_translation(self, frame: EvaluatedFrame) -> LanePose | None:
        """Return the pose seen in a translated frame; None where the robot does not know."""
        if frame.translated is frame.sim.image:
            return self.in_sim(frame.sim)
        return frame.once(self._of_translation)

    def _of_sim(self, sim: SimFrame) -> LanePose | None:
        return perceived_lane_pose(sim.image, self.thresholds, self.perception)

    def _of_translation(self, frame: EvaluatedFrame) -> LanePose | None:
        return perceived_lane_pose(frame.translated, self.thresholds, self.perception)
