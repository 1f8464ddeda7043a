"""Measure: one question about a candidate, answered frame by frame and then over all frames."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from sim2real_ros.evaluation.bootstrap import bootstrap_mean
from sim2real_ros.evaluation.frame import EvaluatedFrame
from sim2real_ros.evaluation.quantity import Quantity, Value

Need = Literal['translation', 'mask', 'previous', 'target', 'pose']
"""What a frame must have for a measure to say something about it; ``translation`` means that it
compares an image with what it was made from, so that real and untranslated frames have none."""


@dataclass(frozen=True)
class Observation:
    """What was seen in one frame.

    Attributes:
        values: Numbers by name. Those of a quantity's key are its value for the frame and go into
            the report; others are counts for the summary. What cannot be said is left out.
        kept: A small array for the summary (a thumbnail, a descriptor), at most some kilobytes.
    """

    values: Mapping[str, float] = field(default_factory=dict)
    kept: npt.NDArray[np.generic] | None = None


@dataclass(frozen=True)
class Observations:
    """What was seen in all frames of one candidate, in their order.

    Attributes:
        values: float64 (frames,) by name, NaN where a frame had no such value.
        kept: What was kept of those frames that kept something.
    """

    values: Mapping[str, npt.NDArray[np.float64]]
    kept: Sequence[npt.NDArray[np.generic]] = ()

    def defined(self, name: str) -> npt.NDArray[np.float64]:
        """Return the values of those frames that have one."""
        found = self.values.get(name, np.zeros(0))
        return found[~np.isnan(found)]

    def total(self, name: str) -> float:
        """Return the sum over all frames, for counts."""
        return float(self.defined(name).sum())


class Measure(ABC):
    """One question about a candidate.

    ``of_frame`` is pure and may be called in several threads at once, so a measure keeps nothing
    from one frame to the next: the frame before is given. The mean over the frames is the summary
    unless a measure knows better.

    Attributes:
        quantities: What it answers with.
        needs: What a frame must have; ``of_frame`` is not called for others.
    """

    quantities: tuple[Quantity, ...]
    needs: frozenset[Need] = frozenset()

    @abstractmethod
    def of_frame(self, frame: EvaluatedFrame) -> Observation:
        """Look at one frame.

        Raises:
            Sim2RealError: The frame cannot be judged; it is counted and left out.
        """

    def summarise(self, seen: Observations) -> dict[str, Value]:
        """Sum up, by key of the quantities; a quantity that nothing is known of is left out."""
        values = {}
        for quantity in self.quantities:
            defined = seen.defined(quantity.key)
            if len(defined):
                values[quantity.key] = bootstrap_mean(defined)
        return values
