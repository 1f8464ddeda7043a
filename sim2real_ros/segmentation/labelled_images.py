"""LabelledImages: the images of a label set, wherever they lie, and their names in the output."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from sim2real_ros.errors import DataError
from sim2real_ros.files import (
    MANIFEST_NAME,
    ManifestRecord,
    Omission,
    path_inside,
    read_manifest,
    safe_relative_path,
)
from sim2real_ros.labels import ImageLabels, LabelSet
from sim2real_ros.labels.formats import read_labels
from sim2real_ros.labels.image_index import FoundImage, ImageIndex
from sim2real_ros.labels.image_names import bare_name_of, stem_of, subset_of, with_suffix_of
from sim2real_ros.labels.tree import open_tree

MAX_PROBLEMS = 1000
"""Of labels that could not be read; a file of another kind has one per line."""


@dataclass(frozen=True, eq=False)
class LabelledImage:
    """An image with its labels.

    Attributes:
        labels: What was read; ``image`` is its name in the output, ``images/...``.
        content: Bytes of the file; empty where it was not wanted or could not be read.
        reason: Why it could not be read.
        record: Its line in the manifest of its folder, if it has one.
    """

    labels: ImageLabels
    content: bytes = b''
    reason: str = ''
    record: ManifestRecord | None = None


class LabelledImages:
    """Labels of any format with their images.

    Attributes:
        classes: Class names.
        labels: One entry per image; ``image`` is its name in the output.
        omissions: What of the labels could not be used.
    """

    def __init__(self, labels: Path, format: str, images: Path | None) -> None:  # noqa: A002
        """Read the labels; images only as far as their size is needed.

        Args:
            labels: Folder, zip or file with labels.
            format: ``auto`` or a key of ``FORMATS``.
            images: Where the images are, if not with the labels.

        Raises:
            DataError: The labels cannot be read at all, or name no image.
        """
        label_set = read_labels(labels, format, images)
        self.paths = [labels] if images is None else [labels, images]
        self.classes = label_set.classes
        self.omissions = list(_omissions(label_set))
        self._original: dict[str, ImageLabels] = {}
        taken: set[str] = set()
        self.labels: list[ImageLabels] = []
        for named, original in _named(label_set.images):
            reason = _refusal(named.image, taken)
            if reason:
                self.omissions.append(Omission(original.image, reason))
                continue
            taken.add(stem_of(named.image).casefold())
            self.labels.append(named)
            self._original[named.image] = original
        if not self.labels:
            raise DataError(
                f'No image with labels in {str(labels)!r}: {self._first_reason()} Say where the '
                'images are (--images FOLDER) if they lie elsewhere.'
            )

    def read(self, skipped: Iterable[str] = ()) -> Iterator[LabelledImage]:
        """Read the image files in order.

        Args:
            skipped: Names in the output that are not to be read; they come without content.
        """
        unwanted = frozenset(skipped)
        with ExitStack() as stack:
            trees = [stack.enter_context(open_tree(path)) for path in self.paths]
            index = ImageIndex(trees)
            records = [_records(path) for path in self.paths]
            for labels in self.labels:
                if labels.image in unwanted:
                    yield LabelledImage(labels)
                    continue
                original = self._original[labels.image]
                found = index.find(original.image, original.subset)
                if found is None:
                    yield LabelledImage(labels, reason='the image was not found')
                    continue
                record = records[trees.index(found.tree)].get(found.name)
                yield _read(labels, found, record)

    def camera_files(self) -> dict[str, bytes]:
        """Return the calibration files that the manifests of the folders name, by name.

        Those that are missing or unsafe are left out.
        """
        found: dict[str, bytes] = {}
        for path in self.paths:
            for name in sorted({each.camera_info for each in _records(path).values()} - {''}):
                try:
                    found.setdefault(name, path_inside(path, name).read_bytes())
                except (DataError, OSError):
                    continue
        return found

    def _first_reason(self) -> str:
        if not self.omissions:
            return 'there are none.'
        return f'{self.omissions[0].reason.removesuffix("; say where the images are")}.'


def _read(labels: ImageLabels, found: FoundImage, record: ManifestRecord | None) -> LabelledImage:
    # Labels may have been written for the same image as another kind of file.
    named = replace(labels, image=with_suffix_of(labels.image, found.name))
    try:
        content = found.read()
    except DataError as error:
        return LabelledImage(named, reason=str(error))
    return LabelledImage(named, content, '' if content else 'the file is empty', record)


def _omissions(label_set: LabelSet) -> Iterator[Omission]:
    wrong = [problem for problem in label_set.problems if not problem.is_warning]
    for problem in wrong[:MAX_PROBLEMS]:
        where = f'{problem.file}:{problem.line}' if problem.line else problem.file
        yield Omission(where, f'{problem.kind}: {problem.text}')
    if len(wrong) > MAX_PROBLEMS:
        yield Omission('...', f'and {len(wrong) - MAX_PROBLEMS} more problems of the labels')


def _named(images: Iterable[ImageLabels]) -> Iterator[tuple[ImageLabels, ImageLabels]]:
    """Yield labels under their names in the output, and as they were.

    Where some have a subset, the others are for training. A single one that no folder is named
    after is a mere form: YOLO data sets must have one.
    """
    listed = list(images)
    subsets = {each.subset for each in listed}
    is_form = len(subsets) == 1 and not any(subset_of(each.image) for each in listed)
    for each in listed:
        subset = '' if is_form or subsets == {''} else each.subset or 'train'
        name = '/'.join(filter(None, ('images', subset, bare_name_of(each))))
        yield replace(each, image=name, subset=subset), each


def _refusal(name: str, taken: set[str]) -> str:
    try:
        safe_relative_path(name, 'image')
    except DataError as error:
        return str(error)
    if stem_of(name).casefold() in taken:
        return f'another image is called {stem_of(name)!r} too, and would share its label file'
    return ''


def _records(path: Path) -> dict[str, ManifestRecord]:
    if not (path / MANIFEST_NAME).is_file():
        return {}
    return {record.file: record for record in read_manifest(path).records}
