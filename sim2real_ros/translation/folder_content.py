"""What of a folder is translated, what is copied beside it, and what is left alone."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

import yaml

from sim2real_ros.errors import DataError
from sim2real_ros.files import (
    MANIFEST_NAME,
    Manifest,
    ManifestRecord,
    Omission,
    read_manifest,
    safe_relative_path,
)
from sim2real_ros.labels import labels_of_image
from sim2real_ros.translation.image_file import FORMAT_OF_SUFFIX
from sim2real_ros.translation.report import printable

COPIED_FOLDERS = ('labels', 'masks', 'camera_info', 'label', 'mask')
"""Folders at any depth whose files are passed on as they are, also where they are images."""

_OTHER_PICTURES = ('.tif', '.tiff', '.ppm', '.pgm', '.gif', '.jp2', '.avif', '.heic')
"""What nobody would miss without being told, and what is not written here."""

_PARENTS = 3
_MAX_YAML_BYTES = 2**20
_PLACES = ('path', 'train', 'val', 'test')

COPIED_FILES = ('classes.txt', 'obj.names', 'obj.data', 'data.yaml', 'dataset.yaml')


_OTHER_REASON = f'not translated: convert it to one of {", ".join(FORMAT_OF_SUFFIX)} first'


@dataclass(frozen=True)
class FolderImage:
    """One image of a folder.

    Attributes:
        name: Path relative to the folder, with forward slashes.
        target: The same in the output folder.
        record: What the folder's manifest says about it, None where it says nothing.
        labels: The files that belong to it alone, relative to the folder.
    """

    name: str
    target: str
    record: ManifestRecord | None = None
    labels: tuple[str, ...] = ()

    @property
    def formats(self) -> tuple[str, str]:
        """Image formats of source and target."""
        names = (self.name, self.target)
        source, target = (FORMAT_OF_SUFFIX[PurePosixPath(n).suffix.lower()] for n in names)
        return source, target


@dataclass(frozen=True)
class FolderContent:
    """A folder, looked through.

    Attributes:
        root: The folder.
        images: To translate, in the order of their names.
        copied: Further files to copy: classes, orphaned labels, camera_info.
        refused: Images whose names cannot be used, or whose formats cannot be written.
    """

    root: Path
    images: tuple[FolderImage, ...]
    copied: tuple[str, ...] = ()
    refused: tuple[Omission, ...] = ()


def read_folder(source: Path, only: Sequence[str], image_format: str) -> FolderContent:
    """Look through a folder or a single image.

    Args:
        source: A folder tree, with or without a manifest, or one image file.
        only: Names or glob patterns of the images to take, or of folders of them; () = all.
        image_format: Of the output; '' = each file's own.

    Raises:
        DataError: There is no image to translate, or two would get the same name.
    """
    if source.is_file():
        image = FolderImage(source.name, _target(source.name, image_format))
        return FolderContent(source.parent, (image,))
    manifest = _manifest(source)
    records = {record.file: record for record in manifest.records}
    images: list[FolderImage] = []
    refused: list[Omission] = []
    others: list[str] = []
    labels: set[str] = set()
    for name in _file_names(source):
        if not _is_image(name, manifest):
            others.append(name)
            if _is_chosen(name, only) and _is_other_picture(name, manifest):
                refused.append(Omission(printable(Path(name)), _OTHER_REASON))
            continue
        try:
            safe_relative_path(name, 'image file')
        except DataError as error:
            refused.append(Omission(printable(Path(name)), str(error)))
            continue
        own = _labels(source, name, records.get(name))
        labels.update(own)
        if _is_chosen(name, only):
            target = _target(name, image_format)
            images.append(FolderImage(name, target, records.get(name), own))
    _check_images(source, images, only)
    copied = tuple(name for name in others if _is_copied(name) and name not in labels)
    return FolderContent(source, tuple(images), copied, tuple(refused))


def notes_about(content: FolderContent) -> tuple[str, ...]:
    """Say what a copy of the folder lacks or names wrongly."""
    fixed = (_fixed_place(content.root, name) for name in content.copied)
    return tuple(filter(None, [_left_behind(content), *fixed]))


def _fixed_place(root: Path, name: str) -> str:
    """Say where a trainer's file leads out of the folder, '' where it does not."""
    if PurePosixPath(name).name not in ('data.yaml', 'dataset.yaml'):
        return ''
    try:
        with (root / name).open('rb') as file:
            content = yaml.safe_load(file.read(_MAX_YAML_BYTES))
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return ''
    values = [content.get(key) for key in _PLACES] if isinstance(content, dict) else []
    places = [each for each in values if isinstance(each, str) and Path(each).is_absolute()]
    if not places:
        return ''
    return (
        f'{name!r} is copied as it is and names {places[0]!r}: trainers would read the originals'
    )


def _left_behind(content: FolderContent) -> str:
    """Say what belongs to the images, but lies in a folder above; '' where nothing does."""
    place, first = content.root.absolute(), content.images[0]
    if first.labels or first.record or printable(place) != str(place):
        return ''
    for root in place.parents[:_PARENTS]:
        inside = place.relative_to(root).as_posix()
        if (root / MANIFEST_NAME).is_file() or labels_of_image(root, f'{inside}/{first.name}'):
            return (
                f'manifest and labels in {str(root)!r} are not taken along: for that, translate '
                f'{str(root)!r} with --only {inside!r}'
            )
    return ''


def _manifest(source: Path) -> Manifest:
    if (source / MANIFEST_NAME).is_file():
        return read_manifest(source)
    return Manifest('')


def _file_names(folder: Path) -> Iterator[str]:
    """Yield all files but hidden ones, sorted by path."""
    names = []
    for root, folders, files in os.walk(folder):
        folders[:] = [each for each in folders if not each.startswith('.')]
        paths = (Path(root) / each for each in files if not each.startswith('.'))
        names += [path.relative_to(folder).as_posix() for path in paths if path.is_file()]
    yield from sorted(names)


def _is_image(name: str, manifest: Manifest) -> bool:
    """Tell images from masks, and from sheets and the like that a tool has noted as such."""
    path = PurePosixPath(name)
    if path.suffix.lower() not in FORMAT_OF_SUFFIX or name in manifest.files:
        return False
    return not _is_in_copied_folder(path)


def _is_other_picture(name: str, manifest: Manifest) -> bool:
    path = PurePosixPath(name)
    is_picture = path.suffix.lower() in _OTHER_PICTURES and name not in manifest.files
    return is_picture and not _is_in_copied_folder(path)


def _is_copied(name: str) -> bool:
    path = PurePosixPath(name)
    return _is_in_copied_folder(path) or path.name in COPIED_FILES


def _is_in_copied_folder(path: PurePosixPath) -> bool:
    return any(part.lower() in COPIED_FOLDERS for part in path.parts[:-1])


def _is_chosen(name: str, only: Sequence[str]) -> bool:
    patterns = [pattern.strip('/') for pattern in only]
    return not only or any(
        fnmatchcase(name, pattern) or fnmatchcase(name, f'{pattern}/*') for pattern in patterns
    )


def _labels(source: Path, name: str, record: ManifestRecord | None) -> tuple[str, ...]:
    known = record.labels if record else ()
    found = labels_of_image(source, name)
    every = dict.fromkeys([*known, *found])
    return tuple(each for each in every if (source / each).is_file())


def _target(name: str, image_format: str) -> str:
    path = PurePosixPath(name)
    if not image_format or FORMAT_OF_SUFFIX[path.suffix.lower()] == image_format:
        return name
    return path.with_suffix(f'.{image_format}').as_posix()


def _check_images(source: Path, images: Sequence[FolderImage], only: Sequence[str]) -> None:
    if not images:
        suffixes = ', '.join(FORMAT_OF_SUFFIX)
        chosen = f' that {", ".join(only)} chooses' if only else ''
        raise DataError(
            f'No image{chosen} in {str(source)!r} or below: expected {suffixes}. Masks and labels '
            f'({", ".join(COPIED_FOLDERS)}) are copied and not translated.'
        )
    taken: dict[str, str] = {}
    for image in images:
        other = taken.setdefault(image.target, image.name)
        if other != image.name:
            raise DataError(
                f'{image.name!r} and {other!r} would both become {image.target!r}: rename one, '
                'or keep the formats (without --format).'
            )
