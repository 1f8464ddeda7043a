"""The nouns that all label formats share: Instance, ImageLabels and LabelSet, in pixels."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Ring = npt.NDArray[np.float64]
"""Corners of a closed ring, shape (N, 2), N >= 3: x and y in pixels, the last joined to the first.

The origin is the top left *corner* of the image: pixel (0, 0) covers [0, 1) x [0, 1).
"""


@dataclass(frozen=True, eq=False)
class Part:
    """One connected piece of an instance.

    Attributes:
        outline: Its outer ring.
        holes: Rings inside the outline that do not belong to it.
    """

    outline: Ring
    holes: tuple[Ring, ...] = ()


@dataclass(frozen=True, eq=False)
class Instance:
    """One labelled thing in an image.

    Attributes:
        class_id: Index into ``LabelSet.classes``.
        box: (x_min, y_min, x_max, y_max) in pixels, edges and not pixel centres.
        parts: Its shape, where more than the box is known; () for a box alone.
        score: Confidence in 0..1, None where a person has drawn it.
    """

    class_id: int
    box: tuple[float, float, float, float]
    parts: tuple[Part, ...] = ()
    score: float | None = None


@dataclass(frozen=True, eq=False)
class ImageLabels:
    """All labels of one image.

    Attributes:
        image: Path of the image file relative to the data set, with forward slashes.
        size: (width, height) of the image in pixels.
        instances: What is labelled; () for an image that was looked at and holds nothing.
        subset: ``train``, ``val``, ``test`` ..., '' where the format knows none.
    """

    image: str
    size: tuple[int, int]
    instances: tuple[Instance, ...] = ()
    subset: str = ''


@dataclass(frozen=True, eq=False)
class LabelSet:
    """The labels of a data set.

    Attributes:
        classes: Class names; an instance's ``class_id`` is an index into them.
        images: One entry per image, in the order of their names.
    """

    classes: tuple[str, ...]
    images: tuple[ImageLabels, ...] = field(default=())
