"""Take labels along when their image is resized, letterboxed or cropped."""

from collections.abc import Iterable, Sequence

import numpy as np

from sim2real_ros.errors import DataError
from sim2real_ros.image import Placement
from sim2real_ros.labels.label_set import Box, ImageLabels, Instance, Part, Ring
from sim2real_ros.labels.rings import area_of_parts, box_of_parts, clip_ring

DEFAULT_MIN_SIDE_PX = 1.0


def place_labels(
    labels: ImageLabels,
    placement: Placement,
    *,
    min_side_px: float = DEFAULT_MIN_SIDE_PX,
    min_visible: float = 0.0,
) -> ImageLabels:
    """Move labels to where their pixels go, and cut off what is outside.

    Args:
        labels: Of an image of the placement's original size.
        placement: How the image is fitted, from ``image.place``.
        min_side_px: Instances whose box is narrower or lower than this in the result are dropped.
        min_visible: Instances that were cut to less than this part of their area, 0..1, are
            dropped.

    Returns:
        Labels of the placement's size. The box of a cut shape is that of what is left of it.

    Raises:
        DataError: The labels belong to an image of another size.
    """
    if labels.size != placement.original_size:
        raise DataError(
            f'The labels of {labels.image!r} are for {labels.size[0]}x{labels.size[1]} pixels, '
            f'but the image has {placement.original_size[0]}x{placement.original_size[1]}.'
        )
    x, y, width, height = placement.placed
    limits = (float(x), float(y), float(x + width), float(y + height))
    placed = (_place_instance(each, placement, limits, min_visible) for each in labels.instances)
    kept = tuple(each for each in placed if each and _side(each.box) >= min_side_px)
    return ImageLabels(labels.image, placement.size, kept, labels.subset, labels.file)


def _place_instance(
    instance: Instance, placement: Placement, limits: Box, min_visible: float
) -> Instance | None:
    corners = placement.map_points(np.reshape(instance.box, (2, 2))).reshape(4)
    moved = _box(corners)
    if not instance.parts:
        box = _clipped_box(moved, limits)
        if _side(box) <= 0 or _area(box) < min_visible * _area(moved):
            return None
        return _changed(instance, box, ())
    parts = [
        Part(placement.map_points(part.outline), tuple(map(placement.map_points, part.holes)))
        for part in instance.parts
    ]
    inside = tuple(_clipped_parts(parts, limits))
    area = area_of_parts(inside)
    if not inside or area <= 0 or area < min_visible * area_of_parts(parts):
        return None
    return _changed(instance, _clipped_box(box_of_parts(inside), limits), inside)


def _changed(instance: Instance, box: Box, parts: tuple[Part, ...]) -> Instance:
    return Instance(instance.class_id, box, parts, instance.score, instance.crowd, instance.line)


def _clipped_parts(parts: Sequence[Part], limits: Box) -> Iterable[Part]:
    for part in parts:
        outline = clip_ring(part.outline, limits)
        if len(outline) >= 3:
            holes = (clip_ring(hole, limits) for hole in part.holes)
            yield Part(outline, tuple(hole for hole in holes if len(hole) >= 3))


def _clipped_box(box: Box, limits: Box) -> Box:
    return (
        max(box[0], limits[0]),
        max(box[1], limits[1]),
        min(box[2], limits[2]),
        min(box[3], limits[3]),
    )


def _box(corners: Ring) -> Box:
    x_min, y_min, x_max, y_max = (float(each) for each in corners)
    return x_min, y_min, x_max, y_max


def _side(box: Box) -> float:
    return min(box[2] - box[0], box[3] - box[1])


def _area(box: Box) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])
