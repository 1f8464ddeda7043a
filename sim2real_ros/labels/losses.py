"""What a label format cannot hold, said before it is lost."""

from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np

from sim2real_ros.labels.cvat_yolo import cvat_subset
from sim2real_ros.labels.formats import FORMATS
from sim2real_ros.labels.label_set import ImageLabels, Instance, LabelSet
from sim2real_ros.labels.masks import class_ids, draw_ids
from sim2real_ros.labels.output_file import WriteOptions
from sim2real_ros.labels.yolo_text import has_place

LEFT_OUT = 'instances without an area or a pixel of their own in the image are left out'

_RANGE_TOLERANCE_PX = 0.01


def losses(
    label_set: LabelSet,
    format: str,  # noqa: A002
    options: WriteOptions,
) -> dict[str, int]:
    """Return a sentence for everything that writing would change, and how often it would.

    Args:
        label_set: What is to be written.
        format: Key of ``FORMATS``.
        options: How.

    Raises:
        DataError: The format cannot hold so many classes or instances.
    """
    return dict(Counter(_losses(label_set, format, options)))


def _losses(label_set: LabelSet, name: str, options: WriteOptions) -> Iterator[str]:
    keeps = FORMATS[name].keeps
    polygons = 'polygons' in keeps and options.shapes != 'boxes'
    needs_subset = name in ('ultralytics', 'yolo-1.1') or (
        name == 'yolo' and any(labels.subset for labels in label_set.images)
    )
    becomes_polygon = name == 'masks' or (name in ('yolo', 'ultralytics') and label_set.has_parts)
    count_left_out = _counter(label_set, name, options, polygons and becomes_polygon)
    for labels in label_set.images:
        if name == 'yolo-1.1' and labels.subset not in ('', 'train', 'val'):
            yield f'images of the subset {labels.subset!r} become {cvat_subset(labels)!r}'
        if needs_subset and not labels.subset:
            yield "images without a subset become 'train'"
        for each in labels.instances:
            if each.parts and not polygons:
                yield 'polygons are written as boxes'
            elif not each.parts and polygons and becomes_polygon:
                yield 'boxes are written as rectangular polygons'
            if each.score is not None and not (options.scores and 'scores' in keeps):
                yield 'confidences are left out'
            if each.crowd and name != 'coco':
                yield 'marks of crowds (iscrowd) are left out'
            if name != 'coco' and _is_outside(each, labels):
                yield 'shapes are cut off at the border of the image'
        for _ in range(count_left_out(labels)):
            yield LEFT_OUT
        if 'overlap' not in keeps and _may_overlap(labels):
            yield 'images have instances that may overlap: the smaller ones are on top'


def _counter(
    label_set: LabelSet, name: str, options: WriteOptions, polygons: bool
) -> Callable[[ImageLabels], int]:
    """Return what counts the instances of an image that a format has no place for."""
    if name == 'coco':
        return lambda labels: 0
    if name != 'masks':
        return lambda labels: sum(
            not has_place(each, labels.size, polygons=polygons) for each in labels.instances
        )
    ids = class_ids(len(label_set.classes), options.background)

    def hidden(labels: ImageLabels) -> int:
        _, numbered = draw_ids(labels, ids, options.background)
        return len(labels.instances) - int(np.count_nonzero(np.bincount(numbered.ravel())[1:]))

    return hidden


def _may_overlap(labels: ImageLabels) -> bool:
    """Tell whether any two boxes share an area."""
    boxes = np.array([each.box for each in labels.instances]).reshape(-1, 4)
    boxes = boxes[np.argsort(boxes[:, 0])]
    for number, (_, top, right, bottom) in enumerate(boxes):
        later = boxes[number + 1 :]
        later = later[: np.searchsorted(later[:, 0], right)]
        if ((later[:, 1] < bottom) & (later[:, 3] > top)).any():
            return True
    return False


def _is_outside(instance: Instance, labels: ImageLabels) -> bool:
    x_min, y_min, x_max, y_max = instance.box
    width, height = labels.size
    return (
        min(x_min, y_min) < -_RANGE_TOLERANCE_PX
        or x_max > width + _RANGE_TOLERANCE_PX
        or y_max > height + _RANGE_TOLERANCE_PX
    )
