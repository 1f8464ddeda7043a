"""Draw the labels of a whole data set into a folder of pictures."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, fields
from pathlib import Path, PurePosixPath
from typing import Any

from sim2real_ros.errors import DataError, ImageError
from sim2real_ros.files import (
    ManifestRecord,
    Omission,
    OutputJob,
    default_workers,
    ordered_map,
)
from sim2real_ros.image.decode_file import decode_file
from sim2real_ros.image.encode_file import encode_file
from sim2real_ros.labels.drawing import draw_labels
from sim2real_ros.labels.image_index import ImageIndex
from sim2real_ros.labels.label_set import ImageLabels
from sim2real_ros.labels.label_source import LabelSource
from sim2real_ros.labels.problem import SHOWN, Problem, summary
from sim2real_ros.labels.tree import open_tree
from sim2real_ros.labels.writing import digest_of


@dataclass(frozen=True)
class DrawOptions:
    """What is drawn.

    Attributes:
        format: Of the pictures: ``jpg``, ``png`` or ``webp``.
        max_images: Number of images, evenly spread; 0 = all.
        jobs: Threads.
    """

    format: str = 'jpg'
    max_images: int = 0
    jobs: int = field(default_factory=default_workers)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> 'DrawOptions':
        """Take what is there by the names of the attributes, and leave the rest."""
        return cls(**{each.name: values[each.name] for each in fields(cls) if each.name in values})


@dataclass(frozen=True)
class DrawReport:
    """What was drawn.

    Attributes:
        folder: Where the pictures are.
        pictures: How many there are, or would be.
        omissions: Images that were left out.
        problems: Labels that could not be read.
    """

    folder: Path
    pictures: int
    omissions: tuple[Omission, ...]
    problems: tuple[Problem, ...]

    @property
    def is_complete(self) -> bool:
        """Whether everything that was there is drawn."""
        return not self.omissions and all(each.is_warning for each in self.problems)

    def describe(self) -> list[str]:
        """Return lines for people."""
        left_out = [f'left out {each.where}: {each.reason}' for each in self.omissions[:SHOWN]]
        return [*summary(self.problems), *left_out, f'{self.pictures} pictures: {self.folder}']


def draw_data_set(
    source: LabelSource,
    output: Path | str,
    options: DrawOptions | None = None,
    *,
    force: bool = False,
    dry_run: bool = False,
    progress: Callable[[str, int, int | None], None] | None = None,
) -> DrawReport:
    """Draw labels on their images.

    Args:
        source: Labels and where the images are.
        output: Folder for pictures under the names of the images.
        options: What is drawn.
        force: Replace an earlier result.
        dry_run: Write nothing.
        progress: Called with a word, the number done and the number of all.

    Raises:
        DataError: The labels cannot be read, or the folder cannot be written.
    """
    options = options or DrawOptions()
    label_set = source.read()
    chosen = _spread(label_set.images, options.max_images)
    places = source.image_places()
    settings = {
        'format': options.format,
        'max': options.max_images,
        'labels': digest_of(label_set),
    }
    job = OutputJob(Path(output), 'labels draw', settings, source.inputs(), force=force)
    if dry_run:
        return DrawReport(job.folder, len(chosen), (), label_set.problems)
    with ExitStack() as stack:
        stack.enter_context(job)
        trees = [stack.enter_context(open_tree(place)) for place in places]
        draw = _Drawing(ImageIndex(trees), label_set.classes, options.format)
        pending = () if job.complete else [each for each in chosen if not job.finished(each.image)]
        results = ordered_map(draw, pending, workers=options.jobs)
        for number, (labels, result) in enumerate(results, 1):
            if isinstance(result, Omission):
                job.commit(labels.image, (), result)
            else:
                name = _picture_name(labels, options.format)
                saved = job.save(name, result)
                job.commit(labels.image, [ManifestRecord(**saved, size=labels.size)])
            if progress:
                progress('draw', number, len(pending))
        manifest = job.finish()
    return DrawReport(job.folder, len(manifest.records), manifest.omissions, label_set.problems)


@dataclass(frozen=True)
class _Drawing:
    """Draws one image; called in several threads."""

    index: ImageIndex
    classes: tuple[str, ...]
    format: str

    def __call__(self, labels: ImageLabels) -> tuple[ImageLabels, bytes | Omission]:
        found = self.index.find(labels.image, labels.subset)
        if found is None:
            return labels, Omission(labels.image, 'the image was not found; say where they are')
        try:
            rgb, _ = decode_file(found.read())
            picture = draw_labels(rgb, labels, self.classes)
            return labels, encode_file(picture, self.format)
        except (DataError, ImageError) as error:
            return labels, Omission(labels.image, str(error))


def _picture_name(labels: ImageLabels, file_format: str) -> str:
    # With the old suffix in it, a.png and a.jpg do not become one picture.
    path = PurePosixPath(labels.image)
    return str(path.with_name(f'{path.stem}_{path.suffix[1:]}.{file_format}'))


def _spread(images: tuple[ImageLabels, ...], count: int) -> list[ImageLabels]:
    if not 0 < count < len(images):
        return list(images)
    return [images[index * len(images) // count] for index in range(count)]
