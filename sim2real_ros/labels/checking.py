"""Find labels that are wrong, or that training tools would take for something else."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sim2real_ros.errors import DataError
from sim2real_ros.labels.image_index import ImageIndex
from sim2real_ros.labels.label_set import Box, ImageLabels, Instance, LabelSet, Ring
from sim2real_ros.labels.label_source import LabelSource
from sim2real_ros.labels.problem import Problem, summary
from sim2real_ros.labels.rings import area_of_parts, intersection_over_union, signed_area
from sim2real_ros.labels.tree import open_tree

DUPLICATE_IOU = 0.99
"""Two of a class whose boxes and areas agree better than this are one, labelled twice."""

RANGE_TOLERANCE_PX = 0.01
"""What rounding to the decimals of label files may add."""

_MAX_CHECKED_CORNERS = 1500
"""Outlines with more corners are not looked at for crossings, which takes time squared."""


@dataclass(frozen=True)
class CheckReport:
    """What a check has found.

    Attributes:
        label_set: What was checked.
        problems: What is wrong, or may be.
    """

    label_set: LabelSet
    problems: tuple[Problem, ...]

    @property
    def is_complete(self) -> bool:
        """Whether nothing is wrong but what may be meant."""
        return all(each.is_warning for each in self.problems)

    def describe(self) -> list[str]:
        """Return lines for people."""
        images = self.label_set.images
        count = sum(len(labels.instances) for labels in images)
        verdict = 'no problems' if self.is_complete else 'there are problems'
        line = (
            f'{count} instances of {len(self.label_set.classes)} classes in {len(images)} images'
        )
        return [*summary(self.problems), f'{line}: {verdict}']


def check_source(source: LabelSource) -> CheckReport:
    """Read labels and check them, also against their images where these are given.

    Raises:
        DataError: They cannot be read at all.
    """
    label_set = source.read()
    return CheckReport(label_set, tuple(check_labels(label_set, source.images)))


def check_labels(label_set: LabelSet, images: Path | str | None = None) -> list[Problem]:
    """Look for wrong labels.

    Args:
        label_set: With the problems that were found while it was read.
        images: Folder or zip of the images, to see whether all are there and of the size that the
            labels say; None if reading has seen to that.

    Returns:
        What was found when reading, then the rest in the order of the images. See ``KINDS``.

    Raises:
        DataError: ``images`` cannot be read.
    """
    problems = list(label_set.problems)
    for labels in label_set.images:
        problems += _problems_of_image(labels, len(label_set.classes))
    if images is not None:
        with open_tree(Path(images)) as tree:
            index = ImageIndex([tree])
            for labels in label_set.images:
                problems += _image_problems(labels, index)
    return problems


def _problems_of_image(labels: ImageLabels, class_count: int) -> Iterator[Problem]:
    file = labels.file or labels.image
    for number, instance in enumerate(labels.instances, 1):
        line = instance.line or number
        if not 0 <= instance.class_id < class_count:
            text = f'class {instance.class_id}, but there are {class_count} classes'
            yield Problem('unknown class', file, line, text)
        text = _degenerate(instance)
        if text:
            yield Problem('degenerate', file, line, text)
            continue
        outside = _px_outside(instance, labels.size)
        if outside > RANGE_TOLERANCE_PX:
            text = f'{outside:.2f} px outside of {labels.size[0]}x{labels.size[1]}'
            yield Problem('out of range', file, line, text)
        if any(_crosses_itself(ring) for part in instance.parts for ring in part.rings):
            yield Problem('self-crossing', file, line, 'an outline crosses itself')
    yield from _duplicates(labels.instances, file)


def _degenerate(instance: Instance) -> str:
    width, height = instance.box[2] - instance.box[0], instance.box[3] - instance.box[1]
    if width <= 0 or height <= 0:
        return f'the box is {width:.3g} px wide and {height:.3g} px high'
    for part in instance.parts:
        if len(np.unique(part.outline, axis=0)) < 3:
            return 'an outline has fewer than 3 different corners'
        if signed_area(part.outline) == 0:
            return 'an outline has no area'
    return ''


def _px_outside(instance: Instance, size: tuple[int, int]) -> float:
    points = [np.reshape(instance.box, (2, 2)), *(part.outline for part in instance.parts)]
    corners = np.concatenate(points)
    return float(max((-corners).max(), (corners - size).max()))


def _crosses_itself(ring: Ring) -> bool:
    """Tell whether two edges of a ring cross in their inside; touching does not count."""
    if not 4 <= len(ring) <= _MAX_CHECKED_CORNERS:
        return False
    starts, ends = ring, np.roll(ring, -1, axis=0)
    to_starts = _sides(starts, ends, starts)
    to_ends = _sides(starts, ends, ends)
    separated = to_starts * to_ends < 0
    return bool((separated & separated.T).any())


def _sides(
    starts: Ring, ends: Ring, points: Ring
) -> 'np.ndarray[tuple[int, int], np.dtype[np.float64]]':
    """Return for every edge (row) and point (column) on which side it lies: -1, 0 or 1."""
    along = (ends - starts)[:, None]
    across = points[None] - starts[:, None]
    return np.asarray(np.sign(along[..., 0] * across[..., 1] - along[..., 1] * across[..., 0]))


def _duplicates(instances: Sequence[Instance], file: str) -> Iterator[Problem]:
    by_class: dict[int, list[tuple[Instance, int]]] = defaultdict(list)
    for number, instance in enumerate(instances, 1):
        by_class[instance.class_id].append((instance, instance.line or number))
    for same in by_class.values():
        same.sort(key=lambda pair: pair[0].box[0])
        for index, (one, line) in enumerate(same):
            # Boxes that agree so well begin at nearly the same x.
            reach = one.box[0] + (one.box[2] - one.box[0]) * (1 - DUPLICATE_IOU) / DUPLICATE_IOU
            for other, other_line in same[index + 1 :]:
                if other.box[0] > reach:
                    break
                if _is_same(one, other):
                    first, second = sorted((line, other_line))
                    text = f'the same class and place as {first}'
                    yield Problem('duplicate', file, second, text)


def _is_same(one: Instance, other: Instance) -> bool:
    if intersection_over_union(one.box, other.box) <= DUPLICATE_IOU:
        return False
    areas = sorted((_area(one), _area(other)))
    return areas[0] > DUPLICATE_IOU * areas[1]


def _area(instance: Instance) -> float:
    return area_of_parts(instance.parts) if instance.parts else _box_area(instance.box)


def _box_area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _image_problems(labels: ImageLabels, index: ImageIndex) -> Iterator[Problem]:
    found = index.find(labels.image, labels.subset)
    if found is None:
        yield Problem('missing image', labels.image, 0, 'there is no such image')
        return
    try:
        size = found.size()
    except DataError as error:
        yield Problem('unreadable', labels.image, 0, str(error))
        return
    if size != labels.size:
        text = f'the image has {size[0]}x{size[1]} pixels, its labels say {labels.size}'
        yield Problem('out of range', labels.file or labels.image, 0, text)
