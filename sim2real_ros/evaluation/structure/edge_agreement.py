"""EdgeAgreement: which edges were lost by a translation, and which were invented."""

from sim2real_ros.evaluation.frame import EvaluatedFrame
from sim2real_ros.evaluation.measure import Measure, Observation
from sim2real_ros.evaluation.quantity import Quantity
from sim2real_ros.evaluation.structure.edges import Bools, near, sim_edges, translated_edges

TOLERANCE_PX = 2
"""How far an edge may be from where it was; in pixels of the view."""

MIN_EDGE_PIXELS = 20

EDGE_F1 = Quantity(
    key='edge_f1',
    title='Edge F1',
    better='higher',
    description=(
        'Harmonic mean of the shares of kept and of justified edges: 1 where every edge is where '
        f'it was, give or take {TOLERANCE_PX} px. Brightness, contrast and colours hardly matter.'
    ),
    limits=(0.0, 1.0),
    source='Canny 1986; matching as in Martin, Fowlkes, Malik, IEEE PAMI 2004',
)
EDGE_PRECISION = Quantity(
    key='edge_precision',
    title='Edges justified',
    better='higher',
    description=(
        "Share of the translated frame's clear edges that the simulated frame has, too, be they "
        'faint there. What is missing to 1 was invented: textures, artefacts, new things.'
    ),
    limits=(0.0, 1.0),
)
EDGE_RECALL = Quantity(
    key='edge_recall',
    title='Edges kept',
    better='higher',
    description=(
        "Share of the simulated frame's clear edges that are still there, be they faint. What "
        'is missing to 1 was blurred, painted over or moved.'
    ),
    limits=(0.0, 1.0),
)


class EdgeAgreement(Measure):
    """Agreement of the edges of a frame with those of what it was made of."""

    quantities = (EDGE_F1, EDGE_PRECISION, EDGE_RECALL)
    needs = frozenset({'translation'})

    def of_frame(self, frame: EvaluatedFrame) -> Observation:
        """Compare the edges of one frame.

        Where the translated frame has next to no edges there is no precision, where the simulated
        one has none no recall; what is missing counts as 1 in F1, for nothing was invented or
        lost. With neither there is nothing to say.
        """
        sim, translated = sim_edges(frame.sim), translated_edges(frame)
        values = {}
        if translated.clear.sum() >= MIN_EDGE_PIXELS:
            values[EDGE_PRECISION.key] = share_near(translated.clear, sim.faint)
        if sim.clear.sum() >= MIN_EDGE_PIXELS:
            values[EDGE_RECALL.key] = share_near(sim.clear, translated.faint)
        if values:
            precision, recall = (
                values.get(each.key, 1.0) for each in (EDGE_PRECISION, EDGE_RECALL)
            )
            both = precision + recall
            values[EDGE_F1.key] = 2 * precision * recall / both if both else 0.0
        return Observation(values)


def share_near(edges: Bools, others: Bools) -> float:
    """Return the share of edge pixels with another edge within ``TOLERANCE_PX``.

    Args:
        edges: bool (h, w), at least one is set.
        others: bool (h, w).
    """
    return float(near(others, TOLERANCE_PX)[edges].mean())
