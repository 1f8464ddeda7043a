"""The lines of YOLO label files: boxes and polygons, normalised to the image's size.

A line is ``class cx cy width height`` (a box by its centre), the same with a confidence behind it
as predictions have, or ``class x1 y1 x2 y2 x3 y3 ...`` (a polygon of three corners or more), with
a confidence where the count of numbers is even. That is how Ultralytics writes and reads them:
https://docs.ultralytics.com/datasets/detect and https://docs.ultralytics.com/datasets/segment
"""

import math
from collections.abc import Iterable, Sequence

import numpy as np

from sim2real_ros.labels.joined_rings import join_rings, split_ring
from sim2real_ros.labels.label_set import Box, ImageLabels, Instance, Part, Ring
from sim2real_ros.labels.problem import Problem
from sim2real_ros.labels.rings import box_of_parts, clip_ring, part_of_box

MAX_TEXT_BYTES = 2**26
"""Largest label file to read: some ten thousand detailed polygons."""

MAX_CLASS_ID = 99_999

_BOX_WORDS = 5
_MAX_VALUE = 1000.0
_MAX_WORDS = 400_000
_SHOWN_CHARS = 60


def parse_yolo_text(
    content: bytes, size: tuple[int, int], file: str = 'label file'
) -> tuple[tuple[Instance, ...], tuple[Problem, ...]]:
    """Read a YOLO label file.

    Args:
        content: Its bytes; nothing in it stands for an image without instances.
        size: (width, height) of the image in pixels.
        file: Its name, for problems.

    Returns:
        What could be read, in the file's order, and a problem for every line that could not, or
        whose meaning other tools would not see. Values outside of 0..1 are kept.
    """
    if len(content) > MAX_TEXT_BYTES:
        text = f'{len(content)} bytes, at most {MAX_TEXT_BYTES} are read'
        return (), (Problem('unreadable', file, 0, text),)
    instances, problems = [], []
    for number, line in enumerate(content.removeprefix(b'\xef\xbb\xbf').splitlines(), 1):
        words = line.decode('utf-8', 'replace').split()
        if not words:
            continue
        try:
            instances.append(_parse_line(words, size, number))
        except ValueError as error:
            problems.append(Problem('unreadable', file, number, str(error)))
    boxes = [each.line for each in instances if not each.parts]
    if boxes and len(boxes) < len(instances):
        # Ultralytics takes all lines of such a file for polygons, and a box for two corners.
        text = f'{len(boxes)} boxes among {len(instances) - len(boxes)} polygons'
        problems.append(Problem('mixed', file, boxes[0], text))
    return tuple(instances), tuple(problems)


def format_yolo_text(labels: ImageLabels, *, polygons: bool, scores: bool = True) -> bytes:
    """Write a YOLO label file.

    Args:
        labels: What it says; shapes are cut off at the borders of the image.
        polygons: Write one polygon per instance, its holes and parts joined by bridges without
            width; an instance without a shape becomes its box's four corners. False writes
            boxes, whatever more is known.
        scores: Write confidences where there are any.

    Returns:
        ASCII, six decimals, one line per instance. What has no area inside the image is left out.
    """
    lines = []
    for instance in labels.instances:
        values = _polygon(instance, labels.size) if polygons else _box(instance.box, labels.size)
        if values is None:
            continue
        words = [str(instance.class_id), *(f'{value:.6f}' for value in values)]
        if scores and instance.score is not None:
            words.append(f'{instance.score:.6f}')
        lines.append(' '.join(words) + '\n')
    return ''.join(lines).encode('ascii')


def has_place(instance: Instance, size: tuple[int, int], *, polygons: bool) -> bool:
    """Tell whether an instance has an area in the image, so that a label file has a line for it.

    Args:
        instance: What is to be written.
        size: (width, height) of the image in pixels.
        polygons: As for ``format_yolo_text``.
    """
    if polygons:
        return bool(_visible_parts(instance, size))
    return _box(instance.box, size) is not None


def _parse_line(words: Sequence[str], size: tuple[int, int], number: int) -> Instance:
    if len(words) > _MAX_WORDS:
        raise ValueError(f'{len(words)} numbers, at most {_MAX_WORDS} are read')
    if len(words) < _BOX_WORDS:
        raise ValueError(f'{_shown(words)}: {len(words)} numbers, expected 5 or more')
    class_id = _class_id(words[0])
    values = [_number(word) for word in words[1:]]
    score = None
    if len(values) % 2:
        score = values.pop()
        if not 0 <= score <= 1:
            raise ValueError(
                f'{_shown(words)}: {len(words)} numbers, so the last is a confidence'
                f', but {score:g} is not in 0..1'
            )
    scale = np.array(size, np.float64)
    if len(values) == 4:
        (x, y), (width, height) = np.reshape(values, (2, 2)) * scale
        if width < 0 or height < 0:
            raise ValueError(f'{_shown(words)}: the box has a negative size')
        box = (
            float(x - width / 2),
            float(y - height / 2),
            float(x + width / 2),
            float(y + height / 2),
        )
        return Instance(class_id, box, (), score, line=number)
    ring = np.reshape(values, (-1, 2)) * scale
    # What has no area is kept as it is, for somebody to see.
    parts = split_ring(ring) or (Part(ring),)
    return Instance(class_id, box_of_parts(parts), parts, score, line=number)


def _class_id(word: str) -> int:
    value = _number(word, MAX_CLASS_ID)
    if value < 0 or value != int(value):
        raise ValueError(f'the class {word[:_SHOWN_CHARS]!r} is no whole number from 0 on')
    return int(value)


def _number(word: str, limit: float = _MAX_VALUE) -> float:
    try:
        # float() takes "1_0" and digits of other scripts too; label files have neither.
        value = float(word) if word.isascii() and '_' not in word else math.nan
    except ValueError:
        value = math.nan
    if not abs(value) <= limit:
        raise ValueError(f'{word[:_SHOWN_CHARS]!r} is no number up to {limit:g}')
    return value


def _shown(words: Sequence[str]) -> str:
    text = ' '.join(words[:6])
    return repr(text if len(text) <= _SHOWN_CHARS else f'{text[:_SHOWN_CHARS]}...')


def _box(box: Box, size: tuple[int, int]) -> Iterable[float] | None:
    width, height = size
    x_min, x_max = (min(max(value, 0.0), float(width)) for value in (box[0], box[2]))
    y_min, y_max = (min(max(value, 0.0), float(height)) for value in (box[1], box[3]))
    if x_max <= x_min or y_max <= y_min:
        return None
    return (
        (x_min + x_max) / 2 / width,
        (y_min + y_max) / 2 / height,
        (x_max - x_min) / width,
        (y_max - y_min) / height,
    )


def _polygon(instance: Instance, size: tuple[int, int]) -> Iterable[float] | None:
    parts = _visible_parts(instance, size)
    return (join_rings(parts) / size).reshape(-1).tolist() if parts else None


def _visible_parts(instance: Instance, size: tuple[int, int]) -> list[Part]:
    limits = (0.0, 0.0, float(size[0]), float(size[1]))
    parts = []
    for part in instance.parts or (part_of_box(instance.box),):
        outline = clip_ring(part.outline, limits)
        holes = (clip_ring(hole, limits) for hole in part.holes)
        if _has_area(outline, size):
            parts.append(Part(outline, tuple(hole for hole in holes if _has_area(hole, size))))
    return parts


def _has_area(ring: Ring, size: tuple[int, int]) -> bool:
    """Tell whether three corners stay apart when they are written with six decimals."""
    return len({(round(x, 6), round(y, 6)) for x, y in (ring / size).tolist()}) >= 3
