"""Which detections are right: matching with the true boxes of an image, as COCO does."""

import numpy as np
import numpy.typing as npt

from sim2real_ros.evaluation.perception.detection_boxes import box_overlaps
from sim2real_ros.evaluation.perception.detection_truth import TrueBoxes
from sim2real_ros.evaluation.perception.detector import Detections

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
"""COCO's: 0.5, 0.55 ... 0.95."""

MAX_PER_CLASS = 100
"""COCO looks at so many detections of an image and class."""

MATCHED = np.dtype(
    [
        ('label', np.int32),
        ('score', np.float32),
        ('hits', np.uint16),
        ('ignored', np.uint16),
        ('is_truth', np.bool_),
    ]
)
"""One row for each detection and each true box of an image, small enough to be kept.

``hits`` and ``ignored`` have a bit for each of ``IOU_THRESHOLDS``: the detection has found a true
box; it has found a crowd, and counts neither as right nor as wrong. Rows of true boxes have
``is_truth``, those of crowds are left out.
"""


def match_image(found: Detections, truth: TrueBoxes) -> npt.NDArray[np.void]:
    """Match the detections of one image with its true boxes.

    Detections are taken by score, within their class; each takes the free true box that it
    overlaps most, if by at least the threshold (Lin et al., Microsoft COCO, 2014; pycocotools).

    Args:
        found: Detections; labels as in ``truth``.
        truth: The true boxes.

    Returns:
        ``MATCHED`` (N,): detections by class and score, and the true boxes.
    """
    parts = [_truth_rows(truth)]
    for label in np.unique(found.labels):
        of_class, true = found.labels == label, truth.labels == label
        order = np.argsort(-found.scores[of_class], kind='stable')[:MAX_PER_CLASS]
        groups = truth.is_crowd[true]
        overlaps = box_overlaps(found.boxes[of_class][order], truth.boxes[true], groups)
        rows = np.zeros(len(order), MATCHED)
        rows['label'], rows['score'] = label, found.scores[of_class][order]
        for bit, threshold in enumerate(IOU_THRESHOLDS):
            hits, ignored = _match(overlaps, groups, float(threshold))
            rows['hits'] |= hits.astype(np.uint16) << bit
            rows['ignored'] |= ignored.astype(np.uint16) << bit
        parts.append(rows)
    return np.concatenate(parts)


def _truth_rows(truth: TrueBoxes) -> npt.NDArray[np.void]:
    labels = truth.labels[~truth.is_crowd]
    rows = np.zeros(len(labels), MATCHED)
    rows['label'], rows['is_truth'] = labels, True
    return rows


def _match(
    overlaps: npt.NDArray[np.float64], groups: npt.NDArray[np.bool_], threshold: float
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return which detections have found a single thing, and which only a crowd."""
    single = np.where(groups, -1.0, overlaps)
    # A perfect box shall pass a threshold of 1, whatever the rounding.
    threshold = min(threshold, 1 - 1e-10)
    hits = np.zeros(len(overlaps), bool)
    for row in np.nonzero((single >= threshold).any(axis=1))[0]:
        # Of equal overlaps COCO takes the last.
        best = single.shape[1] - 1 - int(single[row, ::-1].argmax())
        if single[row, best] >= threshold:
            hits[row] = True
            single[:, best] = -1
    in_crowd = (np.where(groups, overlaps, -1.0) >= threshold).any(axis=1)
    return hits, in_crowd & ~hits
