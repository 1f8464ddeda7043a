"""Convert labels from one format into another."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from sim2real_ros.errors import DataError
from sim2real_ros.labels.formats import NO_BACKGROUND
from sim2real_ros.labels.label_set import LabelSet
from sim2real_ros.labels.label_source import LabelSource
from sim2real_ros.labels.masks import DEFAULT_BACKGROUND
from sim2real_ros.labels.output_file import WriteOptions
from sim2real_ros.labels.problem import Problem, summary
from sim2real_ros.labels.tracing import simplify_parts
from sim2real_ros.labels.writing import Written, write_labels


@dataclass(frozen=True)
class ConvertOptions:
    """How labels are to be converted.

    Attributes:
        to: Key of ``FORMATS``.
        shapes: ``auto`` writes polygons where there are any, ``boxes`` only boxes.
        scores: Write confidences where there are any. Training tools take no labels with them.
        with_images: ``none``, ``copy`` or ``link`` the images to where the format wants them.
        background: Masks: id of pixels without a label; ``NO_BACKGROUND`` stands for 255.
        simplify_px: How far simplified outlines may lie from the true ones; 0 = as they are.
    """

    to: str
    shapes: str = 'auto'
    scores: bool = False
    with_images: str = 'none'
    background: int = DEFAULT_BACKGROUND
    simplify_px: float = 0.0

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> 'ConvertOptions':
        """Take what is there by the names of the attributes, and leave the rest."""
        return cls(**{each.name: values[each.name] for each in fields(cls) if each.name in values})


@dataclass(frozen=True)
class Conversion:
    """What a conversion has done, or would do.

    Attributes:
        written: What was written, and what the format could not hold.
        problems: What could not be read, and is not in the result.
        lacks_images: Whether a folder was written that is of little use without images.
    """

    written: Written
    problems: tuple[Problem, ...]
    lacks_images: bool = False

    @property
    def is_complete(self) -> bool:
        """Whether everything that was there is in the result."""
        written = self.written
        is_whole = not written.missing and not written.left_out
        return is_whole and all(each.is_warning for each in self.problems)

    def describe(self) -> list[str]:
        """Return lines for people."""
        lines = summary(self.problems)
        lines += [f'lost: {text}' for text in self.written.losses]
        if self.written.missing:
            names = ', '.join(self.written.missing[:3])
            lines.append(f'{len(self.written.missing)} images were not found: {names} ...')
        if self.lacks_images:
            lines.append('no images are copied: --with-images copy')
        count = f'{self.written.instances} instances in {self.written.images} images'
        return [*lines, f'{count}: {self.written.path}']


def convert_labels(
    source: LabelSource,
    output: Path | str,
    options: ConvertOptions,
    *,
    force: bool = False,
    dry_run: bool = False,
    progress: Callable[[str, int, int | None], None] | None = None,
) -> Conversion:
    """Read labels and write them in another format.

    Args:
        source: What to read.
        output: Folder, ``.zip``, or ``.json`` for COCO.
        options: How to write.
        force: Replace an earlier result.
        dry_run: Read and check, but write nothing.
        progress: Called with a word, the number of images written and the number of all.

    Raises:
        DataError: The labels cannot be read at all, hold no image, cannot be written, or an
            option has no sense.
    """
    if not 0 <= options.simplify_px < math.inf:
        raise DataError(
            f'outlines cannot be simplified by {options.simplify_px} px; give 0 or more'
        )
    label_set = source.read()
    if not label_set.images:
        first = f' First problem: {label_set.problems[0]}' if label_set.problems else ''
        raise DataError(f'No image with labels was found in {str(source.path)!r}.{first}')
    if options.simplify_px > 0:
        label_set = _simplified(label_set, options.simplify_px)
    background = 255 if options.background == NO_BACKGROUND else options.background
    written = write_labels(
        label_set,
        output,
        options.to,
        WriteOptions(options.shapes, options.scores, background),
        images=options.with_images,
        sources=source.image_places(),
        force=force,
        dry_run=dry_run,
        progress=progress,
    )
    # YOLO's labels are relative to the size of images; CVAT takes zips without them.
    wants = written.path.suffix.lower() != '.zip' and options.to not in ('coco', 'masks')
    lacks = wants and options.with_images == 'none'
    return Conversion(written, label_set.problems, lacks)


def _simplified(label_set: LabelSet, epsilon_px: float) -> LabelSet:
    images = tuple(
        replace(
            labels,
            instances=tuple(
                replace(each, parts=simplify_parts(each.parts, epsilon_px))
                for each in labels.instances
            ),
        )
        for labels in label_set.images
    )
    return replace(label_set, images=images)
