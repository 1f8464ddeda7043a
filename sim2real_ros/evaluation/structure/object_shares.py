"""Shares over all frames: a sum of counts by another, with an interval."""

import numpy as np
import numpy.typing as npt

from sim2real_ros.evaluation.bootstrap import bootstrap_statistic
from sim2real_ros.evaluation.measure import Observations
from sim2real_ros.evaluation.quantity import Value


def ratio_of_sums(seen: Observations, part: str, whole: str) -> Value | None:
    """Divide the sums of two counts over all frames; frames with more things weigh more.

    Args:
        seen: Of all frames.
        part: Name of the count above.
        whole: Name of the count below.

    Returns:
        The ratio with a bootstrap interval over frames; None where the lower sum is 0.
    """
    wholes = np.nan_to_num(seen.values.get(whole, np.zeros(0)))
    parts = np.nan_to_num(seen.values.get(part, np.zeros(len(wholes))))
    chosen = np.flatnonzero(wholes > 0)
    if not len(chosen):
        return None
    parts, wholes = parts[chosen], wholes[chosen]

    def ratio(indices: npt.NDArray[np.intp]) -> float:
        return float(parts[indices].sum() / wholes[indices].sum())

    return bootstrap_statistic(ratio, len(chosen))
