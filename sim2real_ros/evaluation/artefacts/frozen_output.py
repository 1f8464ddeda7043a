"""FrozenOutput: whether the output stands still in a drive while its input moves."""

import numpy as np
import numpy.typing as npt

from sim2real_ros.evaluation.artefacts.thumbnail import structure_distance, thumbnail
from sim2real_ros.evaluation.frame import EvaluatedFrame, RgbImage, SimFrame
from sim2real_ros.evaluation.measure import Measure, Need, Observation, Observations
from sim2real_ros.evaluation.quantity import Quantity, Value

SIDE_PX = 32
"""Side of the copies to compare: motion between neighbours shows, noise does not."""

MOVING_DISTANCE = 0.02
"""Inputs that differ less, as ``structure_distance`` tells it, stand still themselves."""

FROZEN_RATIO = 0.1
"""An output is frozen where it changes less than this share of what its input does."""

SHARE = Quantity(
    'frozen_outputs_share',
    'Frozen outputs',
    'lower',
    'Share of the moving frames of a drive whose output is the one before again, new noise or '
    'brightness aside. 0 is right.',
    limits=(0.0, 1.0),
)

LONGEST_RUN = Quantity(
    'longest_frozen_run_frames',
    'Longest frozen run',
    'lower',
    'Most frames in a row in which the output stood still while the input moved. 0 is right.',
    unit='frames',
    limits=(0.0, None),
    decimals=0,
)


class FrozenOutput(Measure):
    """Compares the change of the output with that of the input, frame after frame."""

    quantities = (SHARE, LONGEST_RUN)
    needs: frozenset[Need] = frozenset({'translation', 'previous'})

    def of_frame(self, frame: EvaluatedFrame) -> Observation:
        """Say 1 for frozen and 0 for moving; nothing where the input stands still."""
        before = frame.previous
        if before is None:
            return Observation()
        moved = structure_distance(frame.sim.once(_small), before.sim.once(_small))
        if moved < MOVING_DISTANCE:
            return Observation()
        changed = structure_distance(_copy(frame.translated), _copy(before.translated))
        return Observation({SHARE.key: float(changed < FROZEN_RATIO * moved)})

    def summarise(self, seen: Observations) -> dict[str, Value]:
        """Average the share and find the longest run."""
        values = super().summarise(seen)
        frozen = seen.values.get(SHARE.key, np.zeros(0))
        if values:
            run = longest_run(frozen == 1)
            values[LONGEST_RUN.key] = Value(float(run), len(seen.defined(SHARE.key)))
        return values


def longest_run(flags: npt.NDArray[np.bool_]) -> int:
    """Count the most flags in a row that are set."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    lengths = edges[1::2] - edges[::2]
    return int(lengths.max()) if len(lengths) else 0


def _small(frame: SimFrame) -> npt.NDArray[np.float32]:
    return _copy(frame.image)


def _copy(image: RgbImage) -> npt.NDArray[np.float32]:
    return thumbnail(image, min(SIDE_PX, *image.shape[:2]))
