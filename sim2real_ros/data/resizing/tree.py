"""Tree: what a folder to be resized holds, told apart by names."""

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sim2real_ros.data.by_products import by_products
from sim2real_ros.data.folder_source import IMAGE_SUFFIXES, LINKED_FOLDER, linked_folders
from sim2real_ros.errors import DataError
from sim2real_ros.files import (
    MANIFEST_NAME,
    ManifestRecord,
    Omission,
    read_manifest,
    safe_relative_path,
)
from sim2real_ros.labels import labels_of_image

CAMERA_FOLDER = 'camera_info'
CAMERA_NAMES = frozenset({'camera_info.yaml', 'calibration.yaml', 'ost.yaml'})
CLASS_NAMES = 'classes.txt'
COPIED_NAMES = frozenset({CLASS_NAMES, 'data.yaml', 'masks.json'})
INSTANCE_FOLDER = 'instances'
"""Holds ids of objects, as boxes-to-masks and ``labels`` write them."""


@dataclass(frozen=True)
class TreeImage:
    """One image and the label files that are its own.

    Attributes:
        name: Path relative to the tree, with forward slashes.
        labels: Paths of YOLO text files and masks, relative to the tree.
        record: Its line in the tree's manifest; None where there is none.
    """

    name: str
    labels: tuple[str, ...] = ()
    record: ManifestRecord | None = None


@dataclass(frozen=True)
class Tree:
    """A folder to be resized.

    Attributes:
        root: The folder.
        images: All of its images but masks, sorted by name.
        masks: Masks that belong to no image by name.
        cameras: Calibration files.
        copied: Files that stay as they are: names of classes, and what belongs to masks.
        sheets: Pictures that a manifest lists beside its images, which are left out.
        omissions: What is there but cannot be treated.
    """

    root: Path
    images: tuple[TreeImage, ...]
    masks: tuple[str, ...]
    cameras: tuple[str, ...]
    copied: tuple[str, ...]
    sheets: tuple[str, ...]
    omissions: tuple[Omission, ...]


def read_tree(root: Path, mask_folders: Collection[str]) -> Tree:
    """Look through a folder.

    Args:
        root: The folder.
        mask_folders: Names of folders whose images are masks; ``.`` for all images.

    Raises:
        DataError: It is no folder, cannot be listed, has no images, or a damaged manifest.
    """
    if not root.is_dir():
        raise DataError(f'{str(root)!r} is no folder; expected a folder of images.')
    names, omissions = _file_names(root)
    pictures = [n for n in names if PurePosixPath(n).suffix.lower() in IMAGE_SUFFIXES]
    masks = [name for name in pictures if _is_mask(name, mask_folders)]
    # Contact sheets and previews are made anew, not resized.
    sheets = {each.relative_to(root).as_posix() for each in by_products(root, recursive=True)}
    sheets &= set(pictures) - set(masks)
    images = sorted(set(pictures) - set(masks) - sheets)
    # A manifest may name anything, but no image is another one's label.
    existing = set(names) - set(images)
    if not pictures:
        expected = ', '.join(sorted(IMAGE_SUFFIXES))
        raise DataError(f'No images in {str(root)!r} or below: expected {expected}.')
    has_manifest = (root / MANIFEST_NAME).is_file()
    records = {each.file: each for each in read_manifest(root).records} if has_manifest else {}
    found: list[TreeImage] = []
    claimed: set[str] = set()
    for name in images:
        image, shared = _image(root, name, records.get(name), existing, claimed)
        found.append(image)
        claimed.update(image.labels)
        omissions += [Omission(e, f'belongs to another image than {name!r}') for e in shared]
    stray = [n for n in names if _is_label(n) and n not in claimed]
    omissions += [Omission(name, 'labels without an image') for name in stray]
    # Those that belong to an image come first, then those that keep their name.
    others = sorted(masks, key=lambda name: (name != mask_target(name), name))
    first = {mask_target(name): name for name in reversed([*sorted(claimed), *others])}
    doubles = {n: first[mask_target(n)] for n in masks if n != first[mask_target(n)]}
    omissions += [Omission(n, f'would get the name of {other!r}') for n, other in doubles.items()]
    return Tree(
        root,
        tuple(found),
        tuple(name for name in masks if name not in claimed and name not in doubles),
        tuple(name for name in names if _is_camera(name)),
        tuple(name for name in names if PurePosixPath(name).name in COPIED_NAMES),
        tuple(sorted(sheets)),
        tuple(omissions),
    )


def mask_target(name: str) -> str:
    """Return the name of a resized mask, which is always a PNG."""
    return str(PurePosixPath(name).with_suffix('.png'))


def _image(
    root: Path,
    name: str,
    record: ManifestRecord | None,
    existing: Collection[str],
    claimed: Collection[str],
) -> tuple[TreeImage, list[str]]:
    """Find the labels of an image; those of `a.png` and `a.jpg` go to the first of the two."""
    found = dict.fromkeys([*labels_of_image(root, name), *(record.labels if record else ())])
    labels = [each for each in found if each in existing]
    free = tuple(each for each in labels if each not in claimed)
    return TreeImage(name, free, record), [each for each in labels if each in claimed]


def _file_names(root: Path) -> tuple[list[str], list[Omission]]:
    names: list[str] = []
    omissions = [Omission(_shown(each, root), LINKED_FOLDER) for each in linked_folders(root)]
    errors: list[OSError] = []
    for folder, subfolders, files in os.walk(root, onerror=errors.append):
        subfolders[:] = sorted(each for each in subfolders if not each.startswith('.'))
        for file in files:
            path = Path(folder, file)
            name = path.relative_to(root).as_posix()
            if file.startswith('.') or not path.is_file():
                continue
            try:
                safe_relative_path(name, 'file name')
                names.append(name)
            except DataError as error:
                omissions.append(Omission(_shown(path, root), str(error)))
    if errors:
        raise DataError(f'Cannot list {str(root)!r}: {errors[0].strerror}.')
    return sorted(names), sorted(omissions, key=lambda each: each.where)


def _shown(path: Path, root: Path) -> str:
    name = path.relative_to(root).as_posix()
    return name.encode('utf-8', 'backslashreplace').decode('utf-8')


def _is_mask(name: str, mask_folders: Collection[str]) -> bool:
    known = {INSTANCE_FOLDER, *mask_folders}
    folders = PurePosixPath(name).parts[:-1]
    return '.' in known or any(each in known or each.lower() in known for each in folders)


def _is_label(name: str) -> bool:
    path = PurePosixPath(name)
    return path.suffix == '.txt' and 'labels' in path.parts[:-1] and path.name != CLASS_NAMES


def _is_camera(name: str) -> bool:
    path = PurePosixPath(name)
    return path.suffix in ('.yaml', '.yml') and (
        CAMERA_FOLDER in path.parts[:-1] or path.name in CAMERA_NAMES
    )
