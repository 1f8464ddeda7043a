"""FolderSource: the image files of a folder, in the order of their names."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sim2real_ros.bags import accepts_bag
from sim2real_ros.data.by_products import by_products
from sim2real_ros.data.frame import Frame, Skipped, SourceInfo
from sim2real_ros.errors import DataError, ImageError
from sim2real_ros.image.decode_file import decode_file

IMAGE_SUFFIXES = frozenset({'.png', '.jpg', '.jpeg', '.webp', '.bmp'})
LABEL_FOLDERS = frozenset({'label', 'labels', 'mask', 'masks'})
"""Subfolders that hold no frames, whatever their files end in."""

_BAGS_SHOWN = 3
LINKED_FOLDER = 'links to folders are not followed: copy it, or name it as a source of its own'


class FolderSource:
    """Image files (png, jpg, webp, bmp), sorted by path; a single image file is a folder of one.

    Masks, labels, and sheets that a manifest lists beside its images are no frames.

    Args:
        path: A folder or one image file.
        topic: Must be None; only bags have topics.
        recursive: Whether to read subfolders too; they are read anyway where the folder itself
            has no images.

    Attributes:
        root: The folder that file names are relative to.
        files: The image files.

    Raises:
        DataError: There is no image, or a topic was asked for.
    """

    def __init__(self, path: Path, topic: str | None = None, *, recursive: bool = False) -> None:
        """List the files; nothing is decoded yet."""
        if topic is not None:
            raise DataError(
                f'{str(path)!r} is no bag, so it has no topic {topic!r}: leave it out.'
            )
        self.path = path
        self.root = path if path.is_dir() else path.parent
        self.skipped: list[Skipped] = []
        self.files = [path] if path.is_file() else _frame_files(path, recursive=recursive)
        if not self.files:
            refuse_folder_of_bags(path)
            expected = ', '.join(sorted(IMAGE_SUFFIXES))
            raise DataError(
                f'No images in {str(path)!r} or below: expected {expected}; folders of masks and '
                f'labels ({", ".join(sorted(LABEL_FOLDERS))}) are not looked into.'
            )

    @staticmethod
    def accepts(path: Path) -> bool:
        """Accept folders and single image files."""
        return path.is_dir() or path.suffix.lower() in IMAGE_SUFFIXES

    def info(self) -> SourceInfo:
        """Describe the folder; every file counts, readable or not."""
        return SourceInfo('folder', self.path, len(self.files))

    def __iter__(self) -> Iterator[Frame]:
        """Read file after file; unreadable ones are listed in ``skipped``."""
        self.skipped = []
        for file in self.files:
            name = self.name_of(file)
            try:
                yield Frame(read_rgb(file), name=name)
            except DataError as error:
                self.skipped.append(Skipped(name, str(error)))

    def name_of(self, file: Path) -> str:
        """Return the path of a file relative to the folder, with forward slashes."""
        return file.relative_to(self.root).as_posix()


def image_files(folder: Path, *, recursive: bool) -> list[Path]:
    """List the image files of a folder, sorted by path; hidden ones are left out.

    Raises:
        DataError: The folder cannot be listed.
    """
    try:
        found = folder.rglob('*') if recursive else folder.iterdir()
        # A pipe or a folder may be called x.png, too.
        return sorted(
            file
            for file in found
            if file.suffix.lower() in IMAGE_SUFFIXES
            and not file.name.startswith('.')
            and file.is_file()
        )
    except OSError as error:
        raise DataError(f'Cannot list {str(folder)!r}: {error.strerror or error}.') from error


def refuse_folder_of_bags(folder: Path) -> None:
    """Refuse a folder that holds bags instead of images.

    Raises:
        DataError: It has bags and no image at any depth, or cannot be listed.
    """
    if not folder.is_dir():
        return
    try:
        bags = sorted(each for each in folder.iterdir() if accepts_bag(each))
    except OSError as error:
        raise DataError(f'Cannot list {str(folder)!r}: {error.strerror or error}.') from error
    if not bags or _frame_files(folder, recursive=True):
        return
    shown = [f'{each.name}/' if each.is_dir() else each.name for each in bags[:_BAGS_SHOWN]]
    more = ' ...' if len(bags) > _BAGS_SHOWN else ''
    count = f'{len(bags)} bags' if len(bags) > 1 else '1 bag'
    raise DataError(
        f'{str(folder)!r} has no images but contains {count} ({", ".join(shown)}{more}): name '
        f'{"them" if len(bags) > 1 else "it"} instead of the folder.'
    )


def _frame_files(folder: Path, *, recursive: bool) -> list[Path]:
    """List the images of a folder that are frames, of its subfolders where it has none itself."""
    others = by_products(folder, recursive=recursive, labels=True)
    found = [
        file
        for file in image_files(folder, recursive=recursive)
        if file not in others and not _is_label(file.relative_to(folder))
    ]
    return found if found or recursive else _frame_files(folder, recursive=True)


def _is_label(name: Path) -> bool:
    return any(part.lower() in LABEL_FOLDERS for part in name.parts[:-1])


def linked_folders(folder: Path) -> list[Path]:
    """List the symbolic links to folders at any depth, which ``image_files`` does not follow."""
    found = (Path(place, each) for place, inner, _ in os.walk(folder) for each in inner)
    return sorted(path for path in found if path.is_symlink() and not path.name.startswith('.'))


def read_rgb(file: Path) -> npt.NDArray[np.uint8]:
    """Read an image file as RGB uint8, shape (H, W, 3), as ``decode_file`` does.

    Raises:
        DataError: The file cannot be read, is no image or cut off, or has 16 bits per channel.
    """
    try:
        return decode_file(file.read_bytes())[0]
    except OSError as error:
        raise DataError(f'the file cannot be read: {error.strerror or error}') from error
    except ImageError as error:
        raise DataError(str(error)) from error
