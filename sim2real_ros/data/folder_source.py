"""FolderSource: the image files of a folder, in the order of their names."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from sim2real_ros.data.frame import Frame, Skipped, SourceInfo, from_opencv
from sim2real_ros.errors import DataError

IMAGE_SUFFIXES = frozenset({'.png', '.jpg', '.jpeg', '.webp', '.bmp'})


class FolderSource:
    """Image files (png, jpg, webp, bmp), sorted by path; a single image file is a folder of one.

    Args:
        path: A folder or one image file.
        topic: Must be None; only bags have topics.
        recursive: Whether to read subfolders too.

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
        self.skipped: list[Skipped] = []
        self.files = [path] if path.is_file() else _image_files(path, recursive=recursive)
        if not self.files:
            expected = ', '.join(sorted(IMAGE_SUFFIXES))
            where = 'or below' if recursive else '(subfolders are not read)'
            raise DataError(f'No images in {str(path)!r} {where}: expected {expected}.')

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
        root = self.path if self.path.is_dir() else self.path.parent
        for file in self.files:
            name = file.relative_to(root).as_posix()
            try:
                yield Frame(read_rgb(file), name=name)
            except DataError as error:
                self.skipped.append(Skipped(name, str(error)))


def _image_files(folder: Path, *, recursive: bool) -> list[Path]:
    found = folder.rglob('*') if recursive else folder.iterdir()
    return sorted(file for file in found if file.suffix.lower() in IMAGE_SUFFIXES)


def read_rgb(file: Path) -> npt.NDArray[np.uint8]:
    """Read an image file as RGB uint8, shape (H, W, 3); alpha is dropped, 16 bits become 8.

    Raises:
        DataError: The file cannot be read or is no image.
    """
    try:
        content = np.frombuffer(file.read_bytes(), dtype=np.uint8)
        bgr = cv2.imdecode(content, cv2.IMREAD_COLOR) if content.size else None
    except OSError as error:
        raise DataError(f'cannot be read: {error.strerror}') from error
    except cv2.error as error:
        raise DataError(f'cannot be decoded: {error.err}') from error
    if bgr is None:
        raise DataError(f'is no image that OpenCV can decode ({content.size} bytes)')
    return from_opencv(bgr.astype(np.uint8, copy=False))
