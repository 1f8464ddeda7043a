"""KeypointMatches: whether what is recognisable in the simulated frame still is where it was."""

import numpy as np

from sim2real_ros.evaluation.frame import EvaluatedFrame, SimFrame
from sim2real_ros.evaluation.measure import Measure, Observation
from sim2real_ros.evaluation.quantity import Quantity
from sim2real_ros.evaluation.structure.keypoints import (
    CONTRAST_THRESHOLD,
    Keypoints,
    confident_matches,
    find_keypoints,
    found_again,
)
from sim2real_ros.evaluation.structure.view import sim_view, translated_view

SIM_KEYPOINTS = 400
"""Strongest keypoints of the simulated frame that are looked for."""

TRANSLATED_KEYPOINTS = 800
"""More than of sim: new texture must not crowd out the old keypoints."""

TRANSLATED_THRESHOLD = CONTRAST_THRESHOLD / 2
"""A keypoint that became a little weaker is not lost."""

SAME_PLACE_PX = 3.0
REPEATED_PX = 1.5
MIN_KEYPOINTS = 10
MIN_MATCHES = 5
MIN_MATCH_SHARE = 0.05
"""Of another scene up to 3.5 % of the keypoints are matched by chance, wherever they are."""

SIFT_MATCH_RATIO = Quantity(
    key='sift_match_ratio',
    title='SIFT matches in place',
    better='higher',
    description=(
        f"Share of the simulated frame's {SIM_KEYPOINTS} strongest SIFT keypoints that are "
        f'recognised in the translated frame at most {SAME_PLACE_PX:g} px from where they were '
        '(mutual best match, Lowe ratio 0.75). 1 is an unchanged frame; brightness and contrast '
        'cost little, other textures much.'
    ),
    limits=(0.0, 1.0),
    source='Lowe, Distinctive Image Features from Scale-Invariant Keypoints, IJCV 2004',
)
SIFT_MEDIAN_DISPLACEMENT = Quantity(
    key='sift_median_displacement_px',
    title='SIFT displacement (median)',
    better='lower',
    description=(
        'How far recognised keypoints are from where they were. Below 1 px nothing moved; a '
        'translation that shifts the image by 4 px has 4. Left out of frames where fewer than '
        f'{MIN_MATCH_SHARE:.0%} of the keypoints are recognised: those are so by chance.'
    ),
    unit='px',
    limits=(0.0, None),
    decimals=2,
)
SIFT_MEAN_DISPLACEMENT = Quantity(
    key='sift_mean_displacement_px',
    title='SIFT displacement (mean)',
    better='lower',
    description=(
        'The same, averaged: larger than the median where parts of the image moved. A few wrong '
        'matches count, too: 2 px are usual where new textures hide most keypoints.'
    ),
    unit='px',
    limits=(0.0, None),
    decimals=2,
)
SIFT_REPEATABILITY = Quantity(
    key='sift_repeatability',
    title='SIFT repeatability',
    better='higher',
    description=(
        f"Share of the simulated frame's keypoints with a keypoint of like size within "
        f'{REPEATED_PX:g} px in the translated frame, whatever it looks like. Unlike in the '
        'literature, lost keypoints count as not repeated.'
    ),
    limits=(0.0, 1.0),
    source='after Schmid, Mohr, Bauckhage, Evaluation of Interest Point Detectors, IJCV 2000',
)
KEYPOINTS_PER_FRAME = Quantity(
    key='keypoints_per_frame',
    title='SIFT keypoints',
    better='neither',
    description=(
        f'Keypoints found in the translated frame, at most {TRANSLATED_KEYPOINTS}: how much '
        'detail there is, invented or not.'
    ),
    limits=(0.0, float(TRANSLATED_KEYPOINTS)),
    decimals=0,
)


class KeypointMatches(Measure):
    """SIFT keypoints of the simulated frame, found again in the translated one."""

    quantities = (
        SIFT_MATCH_RATIO,
        SIFT_MEDIAN_DISPLACEMENT,
        SIFT_MEAN_DISPLACEMENT,
        SIFT_REPEATABILITY,
        KEYPOINTS_PER_FRAME,
    )
    needs = frozenset({'translation'})

    def of_frame(self, frame: EvaluatedFrame) -> Observation:
        """Match one frame with what it was made of.

        Says nothing where the simulated frame has fewer than ``MIN_KEYPOINTS``, and nothing about
        displacements with fewer than ``MIN_MATCHES`` or ``MIN_MATCH_SHARE``.
        """
        sim = frame.sim.once(_keypoints_of_sim)
        translated = find_keypoints(
            translated_view(frame), TRANSLATED_KEYPOINTS, threshold=TRANSLATED_THRESHOLD
        )
        values = {KEYPOINTS_PER_FRAME.key: float(len(translated))}
        if len(sim) < MIN_KEYPOINTS:
            return Observation(values)
        moved_px = confident_matches(sim, translated).displacement_px
        again = found_again(sim, translated, REPEATED_PX)
        values[SIFT_MATCH_RATIO.key] = float((moved_px <= SAME_PLACE_PX).sum()) / len(sim)
        values[SIFT_REPEATABILITY.key] = float(again.mean())
        if len(moved_px) >= max(MIN_MATCHES, MIN_MATCH_SHARE * len(sim)):
            values[SIFT_MEDIAN_DISPLACEMENT.key] = float(np.median(moved_px))
            values[SIFT_MEAN_DISPLACEMENT.key] = float(moved_px.mean())
        return Observation(values)


def _keypoints_of_sim(sim: SimFrame) -> Keypoints:
    return find_keypoints(sim_view(sim), SIM_KEYPOINTS)
