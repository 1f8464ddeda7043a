"""Find the label files that belong to an image, by the conventions of our folders."""

from pathlib import Path, PurePosixPath

from sim2real_ros.errors import DataError
from sim2real_ros.files import path_inside, safe_relative_path

_FOLDERS = {'labels': '.txt', 'masks': '.png'}


def labels_of_image(folder: Path, image: str) -> list[str]:
    """List the label files of one image that exist.

    ``images/a/b.png`` has ``labels/a/b.txt`` and ``masks/a/b.png``; ``trainA/b.png`` and
    ``b.png`` have ``labels/trainA/b.txt`` and ``labels/b.txt``, with masks alike. Deeper down,
    ``x/images/b.png`` has ``x/labels/b.txt``, as for Ultralytics. A text file of the image's name
    beside it counts where there is nothing else.

    Args:
        folder: The data set.
        image: Path of the image relative to it, with forward slashes.

    Returns:
        Paths relative to ``folder``, with forward slashes; labels first, then masks.

    Raises:
        DataError: ``image`` leaves the folder.
    """
    path = _checked(image)
    found = [
        name
        for kind in _FOLDERS
        for name in label_names(image, kind)
        if _is_file(folder, name) and name != image
    ]
    beside = str(path.with_suffix('.txt'))
    if not found and _is_file(folder, beside):
        return [beside]
    return found


def label_names(image: str, kind: str) -> list[str]:
    """Return the names that a label file of an image may have; the first is the proper one.

    Args:
        image: Path of the image, with forward slashes.
        kind: ``labels`` for a text file, ``masks`` for a PNG.

    Raises:
        DataError: ``image`` is no safe relative path.
    """
    path = _checked(image).with_suffix(_FOLDERS[kind])
    folders = list(path.parts[:-1])
    if 'images' in folders:
        last = len(folders) - 1 - folders[::-1].index('images')
        return [str(PurePosixPath(*folders[:last], kind, *folders[last + 1 :], path.name))]
    return [str(PurePosixPath(kind, path))]


def _is_file(folder: Path, name: str) -> bool:
    return path_inside(folder, name, 'label file').is_file()


def _checked(image: str) -> PurePosixPath:
    path = safe_relative_path(image, 'image file')
    if not path.name.strip('.'):
        raise DataError(f'The image file {image[:200]!r} has no name.')
    return path
