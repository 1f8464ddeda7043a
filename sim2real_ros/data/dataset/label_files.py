"""The label files that go with the images of a data set: which they are, and what they count."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from sim2real_ros.data.dataset.listing import IMAGE_SUFFIXES, ListedImage
from sim2real_ros.errors import DataError
from sim2real_ros.files import path_inside
from sim2real_ros.labels import labels_of_image

MAX_LABEL_BYTES = 2**26


@dataclass(frozen=True)
class LabelFile:
    """A label file of one image.

    Attributes:
        path: The file.
        kind: ``labels`` or ``masks``.
        suffix: With its dot.
    """

    path: Path
    kind: str
    suffix: str

    @property
    def is_yolo(self) -> bool:
        """Whether it has a line of text for each instance."""
        return self.suffix == '.txt'

    def name_for(self, folder: str, stem: str) -> str:
        """Return the path of its copy: ``labels/<folder>/<stem>.txt``."""
        return f'{self.kind}/{folder}/{stem}{self.suffix}'

    def read(self) -> bytes:
        """Return its content.

        Raises:
            DataError: It cannot be read, or is larger than any label file.
        """
        try:
            with self.path.open('rb') as file:
                content = file.read(MAX_LABEL_BYTES + 1)
        except OSError as error:
            raise DataError(f'Cannot read {str(self.path)!r}: {error.strerror}.') from error
        if len(content) > MAX_LABEL_BYTES:
            raise DataError(f'{str(self.path)!r} is larger than {MAX_LABEL_BYTES} bytes.')
        return content


@dataclass(frozen=True)
class ImageLabelFiles:
    """The label files of one image.

    Attributes:
        files: Each kind and suffix once.
        class_counts: How many instances of each class the YOLO file has.
    """

    files: tuple[LabelFile, ...] = ()
    class_counts: Mapping[int, int] = field(default_factory=dict)

    @property
    def has_instances_file(self) -> bool:
        """Whether there is a YOLO file; an empty one says that there is nothing in the image."""
        return any(each.is_yolo for each in self.files)


def label_files_of(image: ListedImage) -> ImageLabelFiles:
    """Find the label files of an image: those of its manifest, and those beside it by name.

    Raises:
        DataError: The manifest names a file outside of its folder, or a YOLO file has a line
            that does not begin with a class number.
    """
    names = (*(image.record.labels if image.record else ()), *_beside(image))
    found: dict[tuple[str, str], LabelFile] = {}
    for name in names:
        path = path_inside(image.root, name, 'label file')
        suffix = path.suffix.lower()
        kind = PurePosixPath(name).parts[0]
        if kind not in ('labels', 'masks'):
            kind = 'masks' if suffix in IMAGE_SUFFIXES else 'labels'
        if path.is_file():
            found.setdefault((kind, suffix), LabelFile(path, kind, suffix))
    files = tuple(found.values())
    counts = Counter(each for file in files if file.is_yolo for each in _classes_in(file))
    return ImageLabelFiles(files, dict(sorted(counts.items())))


def _beside(image: ListedImage) -> Iterable[str]:
    return [str(name) for name in labels_of_image(image.root, image.name)]


def _classes_in(file: LabelFile) -> Iterable[int]:
    for number, line in enumerate(file.read().decode('utf-8', 'replace').splitlines(), 1):
        words = line.split(maxsplit=1)
        if not words:
            continue
        if not (words[0].isascii() and words[0].isdigit() and len(words[0]) < 7):
            raise DataError(
                f'{str(file.path)!r}, line {number} begins with {words[0][:40]!r}; expected the '
                'number of a class. See `sim2real labels` to check label files.'
            )
        yield int(words[0])
