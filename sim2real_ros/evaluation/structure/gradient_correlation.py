"""Gradient correlation: whether brightness rises and falls in the same places."""

import numpy as np

from sim2real_ros.evaluation.frame import EvaluatedFrame, SimFrame
from sim2real_ros.evaluation.measure import Measure, Observation
from sim2real_ros.evaluation.quantity import Quantity
from sim2real_ros.evaluation.structure.slopes import Slopes, slopes, without_sign
from sim2real_ros.evaluation.structure.view import sim_view, translated_view

GRADIENT_CORRELATION = Quantity(
    key='gradient_correlation',
    title='Gradient correlation',
    better='higher',
    description=(
        'Whether brightness rises in the same places and directions as in the simulated frame: '
        '1 where all slopes are the same, 0 where they have nothing to do with each other, -1 in '
        'a negative. Independent of brightness and contrast.'
    ),
    limits=(-1.0, 1.0),
)
EDGE_DIRECTION_CORRELATION = Quantity(
    key='edge_direction_correlation',
    title='Edge direction correlation',
    better='higher',
    description=(
        'Whether edges are in the same places and directions, whichever of their sides is the '
        'brighter one: 1 for the same, 0 for unrelated edges. Much higher than the gradient '
        'correlation where a translation turned dark things bright, which moves nothing.'
    ),
    limits=(-1.0, 1.0),
)

_MIN_ENERGY = 1e-6
"""Mean squared slope of what counts as constant."""


class GradientCorrelation(Measure):
    """Correlation of the slopes of brightness, with and without their sign."""

    quantities = (GRADIENT_CORRELATION, EDGE_DIRECTION_CORRELATION)
    needs = frozenset({'translation'})

    def of_frame(self, frame: EvaluatedFrame) -> Observation:
        """Compare one frame with what it was made of; says nothing if either is constant."""
        sim, translated = (
            frame.sim.once(_slopes_of_sim),
            slopes(translated_view(frame).normalised),
        )
        signed = correlation(sim, translated)
        unsigned = correlation(without_sign(sim), without_sign(translated))
        if signed is None or unsigned is None:
            return Observation()
        return Observation(
            {GRADIENT_CORRELATION.key: signed, EDGE_DIRECTION_CORRELATION.key: unsigned}
        )


def _slopes_of_sim(sim: SimFrame) -> Slopes:
    return slopes(sim_view(sim).normalised)


def correlation(first: Slopes, second: Slopes) -> float | None:
    """Return the cosine between two fields of vectors: sum(a . b) / sqrt(sum a^2 * sum b^2).

    Args:
        first: complex (h, w), right + 1j * down.
        second: The same.

    Returns:
        -1..1; None where either field is zero.
    """
    energies = [float(np.vdot(each, each).real) for each in (first, second)]
    if min(energies) < _MIN_ENERGY * first.size:
        return None
    common = float(np.vdot(first, second).real) / float(np.sqrt(energies[0] * energies[1]))
    return min(1.0, max(-1.0, common))
