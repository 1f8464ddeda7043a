"""Boxes of objects: overlap, and suppression of those that were found twice."""

import numpy as np
import numpy.typing as npt

Boxes = npt.NDArray[np.float32]
"""float32 (N, 4): x_min, y_min, x_max, y_max in pixels; edges, not pixel centres."""


def box_areas(boxes: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Return the areas of boxes, float64 (N,) in square pixels; 0 where an edge is inverted."""
    sides = np.clip(boxes[:, 2:].astype(np.float64) - boxes[:, :2], 0, None)
    return np.asarray(sides[:, 0] * sides[:, 1])


def box_overlaps(
    boxes: npt.NDArray[np.floating],
    others: npt.NDArray[np.floating],
    others_are_groups: npt.NDArray[np.bool_] | None = None,
) -> npt.NDArray[np.float64]:
    """Compute intersection over union (IoU) of every box with every other one.

    Args:
        boxes: (N, 4) x_min, y_min, x_max, y_max.
        others: (M, 4) alike.
        others_are_groups: (M,), where True the intersection is divided by the area of the first
            box alone, as COCO does for crowds: a box inside of a crowd overlaps fully.

    Returns:
        float64 (N, M) in 0..1; 0 where both boxes have no area.
    """
    first, second = boxes.astype(np.float64)[:, None], others.astype(np.float64)[None]
    low = np.maximum(first[..., :2], second[..., :2])
    high = np.minimum(first[..., 2:], second[..., 2:])
    common = np.clip(high - low, 0, None).prod(axis=2)
    area = box_areas(boxes)[:, None]
    whole = area + box_areas(others) - common
    if others_are_groups is not None:
        whole = np.where(others_are_groups, area, whole)
    return np.asarray(np.divide(common, whole, out=np.zeros_like(common), where=whole > 0))


def suppress_repeated(
    boxes: npt.NDArray[np.floating],
    scores: npt.NDArray[np.floating],
    labels: npt.NDArray[np.integer],
    iou: float,
    limit: int,
) -> npt.NDArray[np.intp]:
    """Choose boxes by greedy non-maximum suppression within each class.

    Args:
        boxes: (N, 4).
        scores: (N,).
        labels: (N,) ids of classes; boxes of different classes never suppress each other.
        iou: A box goes if it overlaps one of a higher score by more than this.
        limit: Most boxes to choose.

    Returns:
        Indices of those that stay, highest score first; among equal scores the first one.
    """
    # By columns and with areas at hand: this runs for thousands of boxes of each image.
    edges = np.ascontiguousarray(boxes.astype(np.float64).T)
    areas = box_areas(boxes)
    waiting = np.argsort(-scores, kind='stable')
    chosen: list[int] = []
    while len(waiting) and len(chosen) < limit:
        best, waiting = waiting[0], waiting[1:]
        chosen.append(int(best))
        left, top, right, bottom = edges[:, waiting]
        width = np.minimum(right, edges[2, best]) - np.maximum(left, edges[0, best])
        height = np.minimum(bottom, edges[3, best]) - np.maximum(top, edges[1, best])
        common = np.maximum(width, 0) * np.maximum(height, 0)
        # Without a division: both sides are 0 where neither box has an area.
        repeats = common > iou * (areas[waiting] + areas[best] - common)
        waiting = waiting[~repeats | (labels[waiting] != labels[best])]
    return np.array(chosen, np.intp)
