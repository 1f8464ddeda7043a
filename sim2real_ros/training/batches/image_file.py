"""ImageFile and its listing: the images of a folder tree, in an order that is always the same."""

import os
from collections.abc import Iterator, Set
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np
import numpy.typing as npt

from sim2real_ros.data.by_products import by_products
from sim2real_ros.data.folder_source import (
    IMAGE_SUFFIXES,
    LABEL_FOLDERS,
    LINKED_FOLDER,
    linked_folders,
    read_rgb,
    refuse_folder_of_bags,
)
from sim2real_ros.errors import DataError

TRAINING_SUFFIXES = IMAGE_SUFFIXES | {'.ppm', '.tif', '.tiff'}
"""Also what data sets made for other trainers use."""

MASK_SUFFIXES = frozenset({'.png', '.bmp', '.tif', '.tiff'})
"""Formats that keep class ids as they are."""

Half = Literal['whole', 'left', 'right']


@dataclass(frozen=True)
class ImageFile:
    """One image to train on.

    Attributes:
        path: The file.
        name: Its path relative to the folder of its domain, with forward slashes.
        half: Which part of the file is the image; pairs may lie side by side in one file.
        mask: File of the class ids of its pixels; None = there is none.
    """

    path: Path
    name: str
    half: Half = 'whole'
    mask: Path | None = None

    @property
    def stem(self) -> str:
        """The name without its suffix, by which partners and masks are found."""
        return stem_of(self.name)

    def read(self) -> npt.NDArray[np.uint8]:
        """Decode the image: RGB uint8 (H, W, 3), Exif rotation applied, grey and alpha made RGB.

        Raises:
            DataError: It cannot be read, has 16 bits per channel, or cannot be halved.
        """
        rgb = read_rgb(self.path)
        if self.half == 'whole':
            return rgb
        if rgb.shape[1] % 2:
            raise DataError(
                f'it is {rgb.shape[1]} pixels wide, expected two images of equal width in it, '
                'side by side'
            )
        middle = rgb.shape[1] // 2
        return rgb[:, :middle] if self.half == 'left' else rgb[:, middle:]


def stem_of(name: str) -> str:
    """Return a relative path without its suffix: ``a/b.0.png`` -> ``a/b.0``."""
    return str(PurePosixPath(name).with_suffix(''))


def shown(path: str | Path) -> str:
    """Return a path as text that can be printed, whatever bytes a file name has."""
    return str(path).encode('utf-8', 'backslashreplace').decode('utf-8')


def list_images(folder: Path) -> tuple[str, ...]:
    """List the images of a folder and all folders in it, sorted by path.

    Hidden files, folders of masks and labels, linked folders (they may go in circles), and sheets
    that a manifest lists beside its images are left out.

    Returns:
        Paths relative to the folder, with forward slashes.

    Raises:
        DataError: There is no such folder, it cannot be listed, or it has no images.
    """
    if not folder.is_dir():
        raise DataError(f'{shown(folder)!r} does not exist or is no folder of images.')
    others = by_products(folder, recursive=True, labels=True)
    found = list_files(folder, TRAINING_SUFFIXES, passed=LABEL_FOLDERS)
    names = tuple(name for name in found if folder / name not in others)
    if not names:
        refuse_folder_of_bags(folder)
        links = linked_folders(folder)
        hint = f' In {shown(links[0])!r} and the like: {LINKED_FOLDER}.' if links else ''
        raise DataError(
            f'No images in {shown(folder)!r} or below: expected '
            f'{", ".join(sorted(TRAINING_SUFFIXES))}; folders of masks and labels '
            f'({", ".join(sorted(LABEL_FOLDERS))}) are not looked into.{hint}'
        )
    return names


def list_files(folder: Path, suffixes: Set[str], passed: Set[str] = frozenset()) -> list[str]:
    """List the files with certain suffixes at any depth, sorted by path; hidden ones are left out.

    Args:
        folder: Where to look; links to folders in it are not followed.
        suffixes: In lower case, with the dot.
        passed: Names of folders, in lower case, that are not looked into.

    Raises:
        DataError: A folder cannot be listed.
    """
    names = _walk(folder, suffixes, passed)
    return sorted(names, key=lambda name: PurePosixPath(name).parts)


def _walk(folder: Path, suffixes: Set[str], passed: Set[str]) -> Iterator[str]:
    def refuse(error: OSError) -> None:
        raise DataError(
            f'Cannot list {shown(error.filename)!r}: {error.strerror or error}.'
        ) from error

    for place, inner, files in os.walk(folder, onerror=refuse):
        inner[:] = [name for name in inner if name[0] != '.' and name.lower() not in passed]
        for name in files:
            path = Path(place, name)
            # A pipe may be called x.png, too.
            if path.suffix.lower() in suffixes and name[0] != '.' and path.is_file():
                yield path.relative_to(folder).as_posix()
