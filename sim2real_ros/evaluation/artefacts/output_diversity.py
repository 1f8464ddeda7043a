"""OutputDiversity: whether the translations of different frames are different pictures."""

import numpy as np
import numpy.typing as npt

from sim2real_ros.evaluation.artefacts.diversity import diversity
from sim2real_ros.evaluation.artefacts.thumbnail import sim_thumbnail, thumbnail
from sim2real_ros.evaluation.frame import EvaluatedFrame
from sim2real_ros.evaluation.measure import Measure, Need, Observation, Observations
from sim2real_ros.evaluation.quantity import Quantity, Value

MAX_COMPARED_FRAMES = 500
"""Every frame is compared with every other one; of more frames an even sample is taken."""

DIVERSITY = Quantity(
    'diversity',
    'Diversity of the outputs',
    'neither',
    'How much the outputs differ from each other, divided by how much their inputs do. '
    'Brightness, contrast and tint do not count. About 1 is right; near 0 all outputs are one '
    'picture (mode collapse); well above 1 the model invents differences, or takes away what all '
    'inputs share, such as a bright sky.',
    limits=(0.0, None),
)

REUSED = Quantity(
    'reused_outputs_share',
    'Outputs used again',
    'lower',
    'Share of the outputs that show nearly the same picture as the output of an unrelated input: '
    'the model answers with a picture from memory. 0 is right.',
    limits=(0.0, 1.0),
)


class OutputDiversity(Measure):
    """Compares the differences between outputs with those between inputs, see ``diversity``."""

    quantities = (DIVERSITY, REUSED)
    needs: frozenset[Need] = frozenset({'translation'})

    def of_frame(self, frame: EvaluatedFrame) -> Observation:
        """Keep small copies of input and output: uint8 (2, 16, 16, 3)."""
        pair = np.stack([frame.sim.once(sim_thumbnail), thumbnail(frame.translated)])
        return Observation(kept=np.rint(pair).astype(np.uint8))

    def summarise(self, seen: Observations) -> dict[str, Value]:
        """Compare an even sample of the frames; nothing is known of equal inputs."""
        kept = even_sample(np.asarray(seen.kept), MAX_COMPARED_FRAMES)
        if len(kept) < 2:
            return {}
        inputs, outputs = kept[:, 0].astype(np.float64), kept[:, 1].astype(np.float64)
        if not np.ptp(inputs, axis=0).any():
            return {}
        found = diversity(inputs, outputs)
        return {
            DIVERSITY.key: Value(found.ratio, len(kept)),
            REUSED.key: Value(found.reused, len(kept)),
        }


def even_sample(rows: npt.NDArray[np.generic], count: int) -> npt.NDArray[np.generic]:
    """Return at most ``count`` rows, evenly spread from the first to the last."""
    if len(rows) <= count:
        return rows
    chosen: npt.NDArray[np.generic] = rows[
        np.linspace(0, len(rows) - 1, count).round().astype(np.intp)
    ]
    return chosen
