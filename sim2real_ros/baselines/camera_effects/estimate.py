"""A fitted number with its uncertainty, and when it counts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SIGNIFICANT = 2.0
"""How many standard errors a number must be from zero."""

MIN_FRAMES = 5
"""In how many frames of each domain a number must be measurable."""


@dataclass(frozen=True)
class Estimate:
    """One number that was found.

    Attributes:
        name: Of the number, with its unit.
        value: What was found.
        error: Its standard error, from how much the frames disagree. Frames of one drive are
            alike, so the true one is larger.
        used: What goes into the model: the value within its bounds, or what means off.
        note: Why it is not the value; '' where it is.
    """

    name: str
    value: float
    error: float
    used: float
    note: str = ''

    @property
    def significant(self) -> bool:
        """Whether the value is far enough above zero to be believed."""
        return self.value > 0 and self.value > SIGNIFICANT * self.error


def not_measured(name: str, reason: str) -> Estimate:
    """Return the estimate of something that could not be measured: off."""
    return Estimate(name, math.nan, math.nan, 0.0, reason)


def bounded(name: str, value: float, error: float, highest: float) -> Estimate:
    """Return an estimate that is off where it is not significant, and at most ``highest``."""
    found = Estimate(name, value, error, value)
    if not found.significant:
        return Estimate(name, value, error, 0.0, 'not told from zero')
    if value > highest:
        return Estimate(name, value, error, highest, f'limited to {highest:g}')
    return found


def difference(real: Sequence[float], sim: Sequence[float]) -> tuple[float, float]:
    """Return the difference of two means and its standard error."""
    value = float(np.mean(real) - np.mean(sim))
    error = math.hypot(*(float(np.std(x, ddof=1)) / math.sqrt(len(x)) for x in (real, sim)))
    return value, error
