"""BlockDisplacement: how far parts of the image moved, wherever they are."""

import numpy as np

from sim2real_ros.evaluation.frame import EvaluatedFrame, SimFrame
from sim2real_ros.evaluation.measure import Measure, Observation
from sim2real_ros.evaluation.quantity import Quantity
from sim2real_ros.evaluation.structure.block_edges import stayed
from sim2real_ros.evaluation.structure.block_search import (
    BlockGrid,
    Floats,
    block_grid,
    block_shifts,
    slope_lengths,
)
from sim2real_ros.evaluation.structure.edges import sim_edges, translated_edges
from sim2real_ros.evaluation.structure.view import sim_view, translated_view

MOVED_PX = 3.0
MIN_BLOCKS = 8

MEDIAN_DISPLACEMENT = Quantity(
    key='block_median_displacement_px',
    title='Block displacement (median)',
    better='lower',
    description=(
        'How far small blocks of the image with structure in them moved: 0 where the translation '
        'kept everything in place, about 4 where it shifted the image by 4 px.'
    ),
    unit='px',
    limits=(0.0, None),
    decimals=2,
)
P95_DISPLACEMENT = Quantity(
    key='block_p95_displacement_px',
    title='Block displacement (95 %)',
    better='lower',
    description=(
        'The displacement that 95 % of the blocks stay below: shows that some part moved, where '
        'the median is still fine.'
    ),
    unit='px',
    limits=(0.0, None),
    decimals=2,
)
MOVED_SHARE = Quantity(
    key='moved_blocks_share',
    title='Blocks moved',
    better='lower',
    description=(
        f'Share of the blocks found again that moved by more than {MOVED_PX:g} px: moved road '
        'lines and objects. Good: below 0.02.'
    ),
    limits=(0.0, 1.0),
)
LOST_SHARE = Quantity(
    key='lost_blocks_share',
    title='Blocks not found again',
    better='lower',
    description=(
        'Share of the blocks with structure that were found nowhere near: blurred, painted over, '
        'hidden by new textures, or moved too far.'
    ),
    limits=(0.0, 1.0),
)


class BlockDisplacement(Measure):
    """Displacement of blocks between a frame and what it was made of."""

    quantities = (MEDIAN_DISPLACEMENT, P95_DISPLACEMENT, MOVED_SHARE, LOST_SHARE)
    needs = frozenset({'translation'})

    def of_frame(self, frame: EvaluatedFrame) -> Observation:
        """Look for the blocks of one frame; says nothing with fewer than ``MIN_BLOCKS``."""
        grid = frame.sim.once(_grid_of_sim)
        if len(grid.corners) < MIN_BLOCKS:
            return Observation()
        displacements = _displacements(frame, grid)
        found = displacements[~np.isnan(displacements)]
        values = {LOST_SHARE.key: 1 - len(found) / len(displacements)}
        if len(found) >= MIN_BLOCKS:
            values[MEDIAN_DISPLACEMENT.key] = float(np.median(found))
            values[P95_DISPLACEMENT.key] = float(np.percentile(found, 95))
            values[MOVED_SHARE.key] = float((found > MOVED_PX).mean())
        return Observation(values)


def _displacements(frame: EvaluatedFrame, grid: BlockGrid) -> Floats:
    """Return how far each block moved: float64 (N,), in pixels of the frame, NaN for lost ones.

    A translation may draw a new line beside an old one, which fits better than the old one. What
    still has its edges did not move.
    """
    shifts = block_shifts(grid, slope_lengths(translated_view(frame))[0])
    moved = np.flatnonzero(np.nan_to_num(shifts).any(axis=1))
    if len(moved):
        edges = sim_edges(frame.sim), translated_edges(frame)
        moved = moved[stayed(grid.corners[moved], shifts[moved], grid, *edges)]
        shifts[moved] = 0
    return np.asarray(np.hypot(shifts[:, 0], shifts[:, 1]), np.float64)


def _grid_of_sim(sim: SimFrame) -> BlockGrid:
    return block_grid(sim_view(sim))
