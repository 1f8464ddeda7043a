"""LabelSource: labels on disk and all that is needed to read them."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from sim2real_ros.errors import DataError
from sim2real_ros.labels.formats import AUTO, read_labels
from sim2real_ros.labels.label_set import LabelSet
from sim2real_ros.labels.masks import DEFAULT_BACKGROUND, is_bare
from sim2real_ros.labels.tree import open_tree

_MAX_CLASSES_BYTES = 2**20


@dataclass(frozen=True)
class LabelSource:
    """Labels on disk.

    Attributes:
        path: Folder, zip or .json file.
        source_format: Key of ``FORMATS``, or ``auto``.
        images: Folder or zip of the images, where they are not with the labels.
        classes: File of class names, one per line, in place of those of the data set.
        background: Masks without masks.json: the id that is no class; ``NO_BACKGROUND`` (-1) =
            every id is one.
    """

    path: Path
    source_format: str = AUTO
    images: Path | None = None
    classes: Path | None = None
    background: int = DEFAULT_BACKGROUND

    def __post_init__(self) -> None:
        """Take paths that are text, too."""
        for name in ('path', 'images', 'classes'):
            value = getattr(self, name)
            object.__setattr__(self, name, None if value is None else Path(value))

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> 'LabelSource':
        """Take what is there by the names of the attributes, and leave the rest."""
        return cls(**{each.name: values[each.name] for each in fields(cls) if each.name in values})

    def read(self) -> LabelSet:
        """Read the labels.

        Raises:
            DataError: They cannot be read at all.
        """
        names = None if self.classes is None else _class_names(self.classes)
        return read_labels(
            self.path, self.source_format, self.images, background=self.background, classes=names
        )

    def inputs(self) -> list[Path]:
        """Return what no output may lie in: the folder or file of labels, and the images."""
        return [self.path, *([self.images] if self.images is not None else [])]

    def image_places(self) -> list[Path]:
        """Return the folders and zips in which the images may be.

        Raises:
            DataError: The labels cannot be opened.
        """
        place = self.path
        if self.source_format == 'masks':
            with open_tree(place) as tree:
                if is_bare(tree):
                    return [] if self.images is None else [self.images]
        if place.is_file() and place.suffix.lower() != '.zip':
            folder = place.absolute().parent
            place = folder.parent if folder.name == 'annotations' else folder
        return [place, *([self.images] if self.images is not None else [])]


def _class_names(path: Path) -> list[str]:
    try:
        with path.open('rb') as file:
            text = file.read(_MAX_CLASSES_BYTES).decode('utf-8-sig')
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f'Cannot read the class names {str(path)!r}: {error}.') from error
    return [line.strip() for line in text.split('\n') if line.strip()]
