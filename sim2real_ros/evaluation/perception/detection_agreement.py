"""DetectionAgreement: does a detector see the same objects before and after the translation?"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sim2real_ros.evaluation.bootstrap import bootstrap_mean, bootstrap_statistic
from sim2real_ros.evaluation.frame import EvaluatedFrame, SimFrame
from sim2real_ros.evaluation.measure import Measure, Need, Observation, Observations
from sim2real_ros.evaluation.perception.detection_boxes import box_overlaps
from sim2real_ros.evaluation.perception.detector import Detections, Detector
from sim2real_ros.evaluation.quantity import Quantity, Value

SAME_OBJECT_IOU = 0.5
"""Boxes of a class that overlap by this much are the same object."""

KEPT = Quantity(
    'detections_kept_share',
    'Detections kept',
    'higher',
    'Share of the objects that the detector sees in the simulated frames and still sees, in the '
    'same place, in the translated ones. A detector trained on real images may be blind in '
    'simulation: then few objects count, see detections_appeared_share.',
    limits=(0.0, 1.0),
)
APPEARED = Quantity(
    'detections_appeared_share',
    'Detections that appeared',
    'neither',
    'Share of the detections in the translated frames that had none in the simulated ones: '
    'invented objects, or true ones that the detector knows only by their real looks.',
    limits=(0.0, 1.0),
)
KEPT_IOU = Quantity(
    'detections_kept_iou',
    'Overlap of kept detections',
    'higher',
    'Mean overlap (IoU) of the box before the translation with the box after it, of those that '
    'are kept. 1 means that nothing has moved; by its definition at least 0.5.',
    limits=(SAME_OBJECT_IOU, 1.0),
)
CHANGED_COUNT = Quantity(
    'detections_more_per_frame',
    'Detections gained per frame',
    'neither',
    'How many more detections a translated frame has than the simulated one; negative where '
    'objects vanish.',
    decimals=2,
)

_SIM, _TRANSLATED, _KEPT, _IOU = 'detected_sim', 'detected_translated', 'detected_both', 'both_iou'


@dataclass(frozen=True, eq=False)
class Agreement:
    """Two sets of detections beside each other.

    Attributes:
        first: How many there are in the first.
        second: How many there are in the second.
        overlaps: float64 (kept,) IoU of those that are in both.
    """

    first: int
    second: int
    overlaps: npt.NDArray[np.float64]


class DetectionAgreement(Measure):
    """Compares a detector's boxes of the simulated and the translated frame; needs no labels."""

    quantities = (KEPT, APPEARED, KEPT_IOU, CHANGED_COUNT)
    needs: frozenset[Need] = frozenset({'translation'})

    def __init__(self, detector: Detector) -> None:
        """Take the detector; its own threshold counts."""
        self._detector = detector

    def of_frame(self, frame: EvaluatedFrame) -> Observation:
        """Detect in both images, and match.

        Raises:
            Sim2RealError: The detector failed.
        """
        # A bound method of the same measure is the same key each time.
        before = frame.sim.once(self._of_sim)
        after = self._detector.detect(frame.translated)
        seen = agreement(before, after)
        kept = len(seen.overlaps)
        values = {
            _SIM: float(seen.first),
            _TRANSLATED: float(seen.second),
            _KEPT: float(kept),
            _IOU: float(seen.overlaps.sum()),
            CHANGED_COUNT.key: float(seen.second - seen.first),
        }
        if seen.first:
            values[KEPT.key] = kept / seen.first
        if seen.second:
            values[APPEARED.key] = 1 - kept / seen.second
        if kept:
            values[KEPT_IOU.key] = float(seen.overlaps.mean())
        return Observation(values)

    def summarise(self, seen: Observations) -> dict[str, Value]:
        """Pool the detections of all frames, so that each counts alike."""
        sim, translated, kept, iou = (
            seen.defined(name) for name in (_SIM, _TRANSLATED, _KEPT, _IOU)
        )
        if not len(sim):
            return {}
        values = {CHANGED_COUNT.key: bootstrap_mean(seen.defined(CHANGED_COUNT.key))}
        for quantity, part, whole in (
            (KEPT, kept, sim),
            (APPEARED, translated - kept, translated),
            (KEPT_IOU, iou, kept),
        ):
            if whole.sum():
                values[quantity.key] = _pooled_share(part, whole)
        return values

    def _of_sim(self, sim: SimFrame) -> Detections:
        return self._detector.detect(sim.image)


def agreement(first: Detections, second: Detections) -> Agreement:
    """Match detections of two images one to one within their class, best overlap first."""
    overlaps = box_overlaps(first.boxes, second.boxes)
    overlaps[first.labels[:, None] != second.labels] = 0
    found = []
    while overlaps.size and overlaps.max() >= SAME_OBJECT_IOU:
        row, column = np.unravel_index(overlaps.argmax(), overlaps.shape)
        found.append(overlaps[row, column])
        overlaps[row], overlaps[:, column] = 0, 0
    return Agreement(len(first), len(second), np.array(found, np.float64))


def _pooled_share(part: npt.NDArray[np.float64], whole: npt.NDArray[np.float64]) -> Value:
    def share(frames: npt.NDArray[np.intp]) -> float:
        total = whole[frames].sum()
        return float(part[frames].sum() / total) if total else float('nan')

    return bootstrap_statistic(share, len(whole))
