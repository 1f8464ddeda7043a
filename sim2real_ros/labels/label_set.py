"""The nouns that all label formats share: Instance, ImageLabels and LabelSet, in pixels."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from sim2real_ros.labels.problem import Problem

Ring = npt.NDArray[np.float64]
"""Corners of a closed ring, shape (N, 2), N >= 3: x and y in pixels, the last joined to the first.

The origin is the top left *corner* of the image: pixel (0, 0) covers [0, 1) x [0, 1).
"""

Box = tuple[float, float, float, float]
"""(x_min, y_min, x_max, y_max) in pixels: edges, not pixel centres."""


@dataclass(frozen=True, eq=False)
class Part:
    """One connected piece of an instance.

    Attributes:
        outline: Its outer ring.
        holes: Rings inside the outline that do not belong to it.
    """

    outline: Ring
    holes: tuple[Ring, ...] = ()

    @property
    def rings(self) -> tuple[Ring, ...]:
        """The outline, then the holes."""
        return (self.outline, *self.holes)


@dataclass(frozen=True, eq=False)
class Instance:
    """One labelled thing in an image.

    Attributes:
        class_id: Index into ``LabelSet.classes``.
        box: (x_min, y_min, x_max, y_max) in pixels, edges and not pixel centres.
        parts: Its shape, where more than the box is known; () for a box alone.
        score: Confidence in 0..1, None where a person has drawn it.
        crowd: Whether it stands for a group of things that nobody told apart (COCO's iscrowd).
        line: Where it was read: line of its text file or position in its list, from 1; 0 unknown.
    """

    class_id: int
    box: Box
    parts: tuple[Part, ...] = ()
    score: float | None = None
    crowd: bool = False
    line: int = 0


@dataclass(frozen=True, eq=False)
class ImageLabels:
    """All labels of one image.

    Attributes:
        image: Path of the image file relative to the data set, with forward slashes.
        size: (width, height) of the image in pixels.
        instances: What is labelled; () for an image that was looked at and holds nothing.
        subset: ``train``, ``val``, ``test`` ..., '' where the format knows none.
        file: Label file that this was read from, as it is named there; '' unknown.
    """

    image: str
    size: tuple[int, int]
    instances: tuple[Instance, ...] = ()
    subset: str = ''
    file: str = ''


@dataclass(frozen=True, eq=False)
class LabelSet:
    """The labels of a data set.

    Attributes:
        classes: Class names; an instance's ``class_id`` is an index into them.
        images: One entry per image, in the order of their names.
        problems: What could not be read, and was left out.
    """

    classes: tuple[str, ...]
    images: tuple[ImageLabels, ...] = field(default=())
    problems: tuple[Problem, ...] = field(default=())

    @property
    def has_parts(self) -> bool:
        """Whether any instance is more than a box."""
        return any(each.parts for labels in self.images for each in labels.instances)
