"""The names of classes that go with numbered labels."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

from sim2real_ros.errors import DataError

CLASSES_NAME = 'classes.txt'
MAX_CLASSES_BYTES = 2**20


def read_class_names(roots: Iterable[Path]) -> tuple[str, ...]:
    """Read the class names of some folders: ``classes.txt``, beside the labels or among them.

    Args:
        roots: The folders.

    Returns:
        The names that all folders agree on; () where none has any.

    Raises:
        DataError: Two folders name their classes differently, or a file cannot be read.
    """
    known: tuple[str, ...] = ()
    known_from = ''
    for root in sorted(set(roots)):
        for file in (root / CLASSES_NAME, root / 'labels' / CLASSES_NAME):
            if not file.is_file():
                continue
            names = _read_names(file)
            if known and names != known:
                raise DataError(
                    f'The classes of {str(file)!r} are {_listing(names)}, but those of '
                    f'{known_from!r} are {_listing(known)}: the same number would mean two '
                    'things. Give all labels the same classes in the same order.'
                )
            known, known_from = names, str(file)
    return known


def _read_names(file: Path) -> tuple[str, ...]:
    try:
        with file.open('rb') as opened:
            content = opened.read(MAX_CLASSES_BYTES + 1)
    except OSError as error:
        raise DataError(f'Cannot read {str(file)!r}: {error.strerror or error}.') from error
    if len(content) > MAX_CLASSES_BYTES:
        raise DataError(f'{str(file)!r} is larger than {MAX_CLASSES_BYTES} bytes.')
    lines = content.decode('utf-8-sig', 'replace').splitlines()
    return tuple(line.strip() for line in lines if line.strip())


def _listing(names: tuple[str, ...]) -> str:
    text = ', '.join(names)
    return text if len(text) <= 200 else f'{text[:200]}...'


def complete_class_names(names: tuple[str, ...], used: Iterable[int]) -> tuple[str, ...]:
    """Name every class that is used: ``class_3`` where no file does.

    Raises:
        DataError: There are names, and labels use a number beyond them.
    """
    highest = max(used, default=-1)
    if names and highest >= len(names):
        raise DataError(
            f'A label has class {highest}, but {CLASSES_NAME} names only {len(names)} classes '
            f'(0 to {len(names) - 1}): add the missing names, or correct the labels.'
        )
    return names or tuple(f'class_{number}' for number in range(highest + 1))


def data_yaml(names: Sequence[str], subsets: Iterable[str]) -> bytes:
    """Write the file that ultralytics' trainers take: the places of the images, and the classes.

    There is no ``path``: then the folders are relative to the file itself. Trainers insist on a
    ``val``; where nothing was held out for it, it is the test set.

    Args:
        names: Class names by number.
        subsets: ``train``, ``val``, ``test`` as far as there are images.
    """
    present = set(subsets)
    content: dict[str, Any] = {'train': 'images/train'}
    content['val'] = 'images/val' if 'val' in present else 'images/test'
    if 'test' in present:
        content['test'] = 'images/test'
    content['names'] = dict(enumerate(names))
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True).encode('utf-8')
