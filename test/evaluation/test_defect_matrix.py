"""Which quantity reacts to which defect, and stays put otherwise."""

import numpy as np
import pytest
from all_measures import DEMO, OBJECT_ID, ROOT, looked_at, summary_of
from planted_defects import DEFECTS, HARMLESS, clipped, frames, road_bent

from sim2real_ros.evaluation import bootstrap
from sim2real_ros.evaluation.artefacts.border_stripes import BorderStripes
from sim2real_ros.evaluation.artefacts.checkerboard import Checkerboard
from sim2real_ros.evaluation.artefacts.colour_inversion import ColourInversion
from sim2real_ros.evaluation.artefacts.frozen_output import FrozenOutput
from sim2real_ros.evaluation.artefacts.output_diversity import OutputDiversity
from sim2real_ros.evaluation.colours.thresholds import load_thresholds
from sim2real_ros.evaluation.pairs.psnr import Psnr
from sim2real_ros.evaluation.perception.lane_measures import lane_measures
from sim2real_ros.evaluation.perception.lane_perception import load_lane_perception
from sim2real_ros.evaluation.structure.block_displacement import BlockDisplacement
from sim2real_ros.evaluation.structure.edge_agreement import EdgeAgreement
from sim2real_ros.evaluation.structure.gradient_correlation import GradientCorrelation
from sim2real_ros.evaluation.structure.keypoint_matches import KeypointMatches
from sim2real_ros.evaluation.structure.objects import ObjectFates
from sim2real_ros.evaluation.temporal.flicker import Flicker
from sim2real_ros.evaluation.temporal.warp_error import WarpError

THRESHOLDS = load_thresholds(ROOT / 'config/perception/duckietown_sim.yaml')
MEASURES = (
    BlockDisplacement(), BorderStripes(), Checkerboard(), ColourInversion(), EdgeAgreement(),
    Flicker(), FrozenOutput(), GradientCorrelation(), KeypointMatches(),
    ObjectFates([OBJECT_ID]), OutputDiversity(), Psnr(), WarpError(), *lane_measures([THRESHOLDS]),
)  # fmt: skip

(BLUR, NOISE, HUE, EXCHANGED, NEGATIVE, SHIFT, BENT, MOVED, PAINTED_OVER, CONE, ONE, STILL,
 FLICKER, LINE, CHECKER) = DEFECTS  # fmt: skip
STAYS = 'harmless changes, and defects that are not named'
UNSAID = (-np.inf, np.inf)
SOMEWHERE_ELSE = dict.fromkeys((SHIFT, ONE, STILL), UNSAID)
"""Defects that leave little in its place, so that nearly everything reacts."""

MATRIX = {
    'edge_f1': {
        STAYS: (0.96, 1), SHIFT: (0.3, 0.75), BENT: (0.6, 0.9), ONE: (0, 0.7), STILL: (0.5, 0.95),
    },
    'edge_precision': {STAYS: (0.975, 1), **SOMEWHERE_ELSE, BENT: (0.6, 0.9), MOVED: (0.9, 0.98),
                       CONE: (0.9, 0.98)},
    'edge_recall': {STAYS: (0.985, 1), **SOMEWHERE_ELSE, BLUR: (0.8, 0.98), BENT: (0.6, 0.9),
                    MOVED: (0.9, 0.98), PAINTED_OVER: (0.9, 0.98)},
    'gradient_correlation': {STAYS: (0.95, 1), **SOMEWHERE_ELSE, SHIFT: (0.2, 0.6),
                             BENT: (0.6, 0.9), NEGATIVE: (-1, -0.99), BLUR: (0.8, 0.95)},
    'block_median_displacement_px': {STAYS: (0, 0), **SOMEWHERE_ELSE, SHIFT: (3.5, 4.5)},
    'block_p95_displacement_px': {STAYS: (0, 0.1), **SOMEWHERE_ELSE, SHIFT: (3.5, 4.5),
                                  BENT: (6, 12), MOVED: (1, 9)},
    'moved_blocks_share': {STAYS: (0, 0.01), **SOMEWHERE_ELSE, SHIFT: (0.6, 1), BENT: (0.15, 0.4),
                           MOVED: (0.02, 0.15), PAINTED_OVER: (0, 0.03)},
    'lost_blocks_share': {STAYS: (0, 0.01), **SOMEWHERE_ELSE, ONE: (0.2, 1), BENT: (0, 0.05),
                          MOVED: (0, 0.05), PAINTED_OVER: (0.01, 0.15)},
    'sift_match_ratio': {STAYS: (0.9, 1), **SOMEWHERE_ELSE, SHIFT: (0, 0.1), BLUR: (0.2, 0.6),
                         NOISE: (0.7, 0.95), HUE: (0.5, 0.9), EXCHANGED: (0.5, 0.9),
                         NEGATIVE: (0, 0.02), BENT: (0.5, 0.95), MOVED: (0.7, 0.95),
                         PAINTED_OVER: (0.7, 0.95)},
    'sift_median_displacement_px': {STAYS: (0, 0.3), **SOMEWHERE_ELSE, SHIFT: (3.8, 4.2),
                                    BLUR: (0.1, 1)},
    'objects_moved': {STAYS: (0, 0), **SOMEWHERE_ELSE, MOVED: (0.9, 1)},
    'objects_vanished': {STAYS: (0, 0), **SOMEWHERE_ELSE, PAINTED_OVER: (0.9, 1)},
    'objects_appeared': {STAYS: (0, 0), **SOMEWHERE_ELSE, CONE: (0.9, 1.1), BENT: (0, 2)},
    'diversity': {STAYS: (0.94, 1.06), ONE: (0, 0), STILL: (0.7, 1)},
    'reused_outputs_share': {STAYS: (0, 0), ONE: (1, 1), STILL: (0, 0.5)},
    'frozen_outputs_share': {STAYS: (0, 0), ONE: (1, 1), STILL: (1, 1)},
    'local_luminance_correlation': {STAYS: (0.93, 1), **SOMEWHERE_ELSE, NEGATIVE: (-1, -0.99),
                                    BENT: (0.5, 0.9)},
    'local_chroma_correlation': {STAYS: (0.9, 1), **SOMEWHERE_ELSE, NEGATIVE: (-1, -0.99),
                                 HUE: (0, 0.6), EXCHANGED: (-1, -0.2), BENT: (0.5, 0.9)},
    'inverted_frames_share': {STAYS: (0, 0), NEGATIVE: (1, 1)},
    'border_stripe_levels': {STAYS: (0, 1.5), **SOMEWHERE_ELSE, LINE: (15, 31)},
    'border_stripes_share': {STAYS: (0, 0), **SOMEWHERE_ELSE, LINE: (1, 1), BENT: (0, 0.4)},
    'checkerboard_db': {STAYS: (-5, 13), CHECKER: (28, 50)},
    'checkerboard_levels': {STAYS: (0, 0.1), CHECKER: (1.8, 2.2)},
    'checkerboard_share': {STAYS: (0, 0), CHECKER: (1, 1)},
    'colour_corrected_flicker_levels': {
        STAYS: (0, 3.5), **SOMEWHERE_ELSE, BLUR: (2, 9), NOISE: (9, 13), BENT: (2, 9),
        MOVED: (0, 5), PAINTED_OVER: (0, 5), FLICKER: (7.5, 8.5),
    },
    'brightness_flicker_levels': {STAYS: (0, 0.3), **SOMEWHERE_ELSE, FLICKER: (7.5, 8.5)},
    'warp_error_ratio': {STAYS: (0.95, 1.2), **SOMEWHERE_ELSE, BLUR: (0.3, 0.7), NOISE: (1.4, 2.2),
                         ONE: (2, 9), STILL: (2, 9), FLICKER: (1.2, 2), MOVED: (1, 2),
                         CONE: (1.1, 2)},
    'psnr_db': {STAYS: (28, 100), SHIFT: (10, 24), BENT: (10, 24), NEGATIVE: (3, 12),
                HUE: (12, 24), EXCHANGED: (8, 20), ONE: (10, 40), BLUR: (18, 27.9),
                NOISE: (27, 29), MOVED: (20, 40), PAINTED_OVER: (20, 40)},
    'f1_white': {STAYS: (0.85, 1), **SOMEWHERE_ELSE, SHIFT: (0.5, 0.85), BENT: (0.4, 0.8),
                 NEGATIVE: (0, 0.05)},
    'f1_yellow': {STAYS: (0.63, 0.85), **SOMEWHERE_ELSE, SHIFT: (0.4, 0.7), BENT: (0.2, 0.6),
                  NEGATIVE: (0, 0), HUE: (0, 0.05), EXCHANGED: (0, 0), BLUR: (0.5, 0.8)},
    'line_recall_white': {STAYS: (0.8, 1), **SOMEWHERE_ELSE, BENT: (0.4, 0.75)},
    'line_recall_yellow': {STAYS: (0.7, 0.95), **SOMEWHERE_ELSE, BENT: (0.3, 0.65),
                           NEGATIVE: (0, 0), HUE: (0, 0.05), EXCHANGED: (0, 0)},
}  # fmt: skip


@pytest.fixture(scope='module')
def seen():
    """Return the values of all quantities under every change."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bootstrap, 'RESAMPLES', 2)  # Intervals are not looked at.
        return {name: values(change) for name, change in {**HARMLESS, **DEFECTS}.items()}


def values(change, measures=MEASURES):
    evaluated, found = frames(change), {}
    for measure in measures:
        summary = summary_of(measure, looked_at(measure, evaluated))
        found |= {key: value.value for key, value in summary.items()}
    return found


@pytest.mark.parametrize('key', MATRIX)
def test_quantity_reacts_to_its_defects_and_to_nothing_else(seen, key):
    expected = MATRIX[key]
    wrong = {}
    for change, found in seen.items():
        low, high = expected.get(change, expected[STAYS])
        if key in found and not low - 1e-6 <= found[key] <= high + 1e-6:
            wrong[change] = found[key], (low, high)
    assert not wrong
    assert all(key in seen[change] for change in (*HARMLESS, *expected) if change != STAYS)


def test_every_defect_is_seen_by_a_quantity_that_harmless_changes_leave_alone(seen):
    for defect in DEFECTS:
        reacting = [
            key
            for key, expected in MATRIX.items()
            if key in seen[defect]
            and not expected[STAYS][0] - 1e-6 <= seen[defect][key] <= expected[STAYS][1] + 1e-6
        ]
        assert reacting, defect


def test_a_bent_road_pulls_the_robot_and_harmless_changes_do_not():
    perception = load_lane_perception(DEMO / 'lane.yaml')
    pull = lane_measures([THRESHOLDS], perception)[-1]
    size = (512, 384)

    def pulled(change):
        evaluated = frames(change, size, tuple(range(0, 150, 4)), 1)
        return summary_of(pull, looked_at(pull, evaluated))['lane_d_pull_cm']

    bent = pulled(road_bent)
    assert bent.low > 1
    assert 1.5 < bent.value < 5
    assert pulled(HARMLESS['untouched']).value == 0
    for harmless in ('brightness + 10', 'contrast 0.9', 'JPEG 90'):
        found = pulled(HARMLESS[harmless])
        assert found.low < 0.2
        assert found.high > -0.2
        assert abs(found.value) < 1
    darker = pulled(lambda n, s: clipped(s.image * 0.93))
    assert abs(darker.value) < 1
