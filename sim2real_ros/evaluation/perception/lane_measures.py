"""The measures of a lane follower's perception, put together."""

from collections.abc import Sequence

from sim2real_ros.errors import ConfigError
from sim2real_ros.evaluation.colours.thresholds import ColourThresholds
from sim2real_ros.evaluation.measure import Measure
from sim2real_ros.evaluation.perception.lane_observer import LaneObserver
from sim2real_ros.evaluation.perception.lane_perception import LanePerception
from sim2real_ros.evaluation.perception.lane_pose import LanePoseError
from sim2real_ros.evaluation.perception.lane_pull import LanePull
from sim2real_ros.evaluation.perception.line_counts import LineSegmentCounts
from sim2real_ros.evaluation.perception.threshold_scores import (
    CUT_TOP_SHARE,
    ThresholdScores,
    key_suffixes,
)


def lane_measures(
    thresholds: Sequence[ColourThresholds],
    perception: LanePerception | None = None,
    *,
    cut_top_share: float = CUT_TOP_SHARE,
) -> list[Measure]:
    """Return the measures of what a lane follower sees.

    Args:
        thresholds: What the robot takes for which colour; with several, their names are in the
            keys of the quantities.
        perception: The robot's constants; without them nothing is said of the lane pose, and the
            detector has the robot's defaults.
        cut_top_share: Share of the rows that pixel scores leave out at the top.

    Returns:
        Pixel scores against masks, segment counts, and errors and changes of the lane pose.

    Raises:
        ConfigError: There are no thresholds, two have the same name, or they lack a colour of
            the lane.
    """
    names = [each.name for each in thresholds]
    if not names or len(set(names)) < len(names):
        raise ConfigError(
            f'found thresholds named {names}, expected one or more with different names'
        )
    detector = perception.detector if perception is not None else None
    measures: list[Measure] = [
        ThresholdScores(thresholds, cut_top_share=cut_top_share),
        LineSegmentCounts(thresholds, detector),
    ]
    if perception is not None:
        for each, name in zip(thresholds, key_suffixes(thresholds), strict=True):
            observer = LaneObserver(each, perception)
            measures.append(LanePoseError(observer, key_suffix=name))
            measures.append(LanePull(observer, key_suffix=name))
    return measures
