"""DetectionScores: how well a user's detector finds the labelled objects in the images."""

import re

import numpy as np
import numpy.typing as npt

from sim2real_ros.evaluation.bootstrap import RESAMPLES, resample_counts, value_with_interval
from sim2real_ros.evaluation.frame import EvaluatedFrame
from sim2real_ros.evaluation.measure import Measure, Observation, Observations
from sim2real_ros.evaluation.perception.detection_matching import match_image
from sim2real_ros.evaluation.perception.detection_precision import (
    PooledDetections,
    mean_over_classes,
)
from sim2real_ros.evaluation.perception.detection_truth import DetectionTruth
from sim2real_ros.evaluation.perception.detector import MIN_SCORE, Detections, Detector
from sim2real_ros.evaluation.quantity import Quantity, Value

MANY_FRAMES = 1000
"""Above it only ``FEWER_RESAMPLES`` are drawn, for the time that they take."""

FEWER_RESAMPLES = 200

_COCO = 'Lin et al., Microsoft COCO, 2014; pycocotools'

MAP50_95 = Quantity(
    'detection_map50_95',
    'mAP50-95 of the detector',
    'higher',
    'Mean average precision over the classes and over the overlaps 0.5, 0.55 ... 0.95 that a box '
    'must have with a true one. 1 is perfect; it also falls where boxes are found, but lie badly.',
    limits=(0.0, 1.0),
    source=_COCO,
)
MAP50 = Quantity(
    'detection_map50',
    'mAP50 of the detector',
    'higher',
    'Mean average precision over the classes, where an overlap of 0.5 with a true box is enough. '
    '1 means that every object is found and nothing else.',
    limits=(0.0, 1.0),
    source=_COCO,
)
PRECISION = Quantity(
    'detection_precision',
    'Precision of the detector',
    'higher',
    "Share of right ones among the detections above the detector's own threshold (overlap 0.5).",
    limits=(0.0, 1.0),
)
RECALL = Quantity(
    'detection_recall',
    'Recall of the detector',
    'higher',
    "Share of the labelled objects that are found above the detector's own threshold (overlap "
    '0.5).',
    limits=(0.0, 1.0),
)


class DetectionScores(Measure):
    """Runs a detector on the images and compares with labels; frames without any are passed."""

    def __init__(self, detector: Detector, truth: DetectionTruth) -> None:
        """Take a detector and the labels.

        Args:
            detector: The user's.
            truth: Labels of the frames, for the classes of the detector.
        """
        self._detector = detector
        self._truth = truth
        self._ids = truth.label_ids(detector.classes)
        keys = _class_keys(truth.classes)
        per_class = (_of_class(*pair) for pair in zip(keys, truth.classes, strict=True))
        self.quantities = (MAP50_95, MAP50, PRECISION, RECALL, *per_class)

    def of_frame(self, frame: EvaluatedFrame) -> Observation:
        """Detect, and match with the true boxes.

        Raises:
            Sim2RealError: The detector failed, or the labels are for another shape of image.
        """
        height, width = frame.translated.shape[:2]
        true = self._truth.of_image(frame.sim.name, (width, height))
        if true is None:
            return Observation()
        found = judged(self._detector.detect(frame.translated, MIN_SCORE), self._ids)
        matched = match_image(found, true)
        (right,), (wrong,), (truth,) = PooledDetections(
            [matched], len(self._truth.classes)
        ).counts_above(self._detector.score_threshold)
        values = {}
        if truth:
            values[RECALL.key] = right / truth
        if right + wrong:
            values[PRECISION.key] = right / (right + wrong)
        return Observation(values, matched)

    def summarise(self, seen: Observations) -> dict[str, Value]:
        """Pool all frames; intervals are those of resampled frames."""
        count = len(seen.kept)
        if not count:
            return {}
        classes = len(self._truth.classes)
        pooled = PooledDetections([np.asarray(each) for each in seen.kept], classes)
        weights = resample_counts(count, resamples=detection_resamples(count))
        right, wrong, truth = pooled.counts_above(self._detector.score_threshold)
        # The first row is every frame once: the value itself.
        weights = np.concatenate((np.ones((1, count)), weights))
        precision = pooled.average_precision(weights)
        samples = {
            MAP50_95.key: mean_over_classes(precision).mean(axis=1),
            MAP50.key: mean_over_classes(precision[:, :, 0]),
            PRECISION.key: _ratio(weights @ right, weights @ (right + wrong)),
            RECALL.key: _ratio(weights @ right, weights @ truth),
        }
        for index, quantity in enumerate(self.quantities[len(samples) :]):
            samples[quantity.key] = precision[:, index, 0]
        return {
            key: value_with_interval(float(each[0]), count, each[1:])
            for key, each in samples.items()
            if not np.isnan(each[0])
        }


def detection_resamples(frames: int) -> int:
    """Return how many resamples of so many frames are drawn."""
    return RESAMPLES if frames <= MANY_FRAMES else FEWER_RESAMPLES


def judged(found: Detections, ids: npt.NDArray[np.int32]) -> Detections:
    """Give detections the labels of the truth, and leave out classes that are not judged.

    Args:
        found: Labels are indices into the detector's classes.
        ids: From ``DetectionTruth.label_ids``.
    """
    labels = ids[found.labels]
    kept = labels >= 0
    return Detections(found.boxes[kept], found.scores[kept], labels[kept])


def _of_class(key: str, name: str) -> Quantity:
    return Quantity(
        key,
        f'AP50 of {name}',
        'higher',
        f'Average precision of the class {name}, where an overlap of 0.5 with a true box is '
        'enough. 1 means that every one is found and nothing else is taken for one.',
        limits=(0.0, 1.0),
        source=_COCO,
    )


def _class_keys(names: tuple[str, ...]) -> list[str]:
    """Make keys of the names of classes; with the number of the class where two would be one."""
    words = [re.sub(r'\W+', '_', name.casefold()).strip('_') or 'class' for name in names]
    return [
        f'detection_ap50_{word}' + (f'_{index}' if words.count(word) > 1 else '')
        for index, word in enumerate(words)
    ]


def _ratio(
    part: npt.NDArray[np.float64], whole: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    return np.asarray(np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0))
