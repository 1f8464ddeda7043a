"""Write files so that a reader finds the old one or the new one, never a half of either."""

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

from sim2real_ros.errors import DataError

PARTIAL_PREFIX = '.partial-'
"""Start of the names of unfinished files; what a killed process leaves begins with it."""

_NUMBERS = itertools.count()


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give the name of a temporary file beside ``path`` that takes its place at the end.

    The temporary file has the same suffix, for writers that choose a format by it. After an
    exception it is removed and ``path`` is as it was.

    Args:
        path: The file to write; its folder is made where it is missing.

    Raises:
        DataError: The disk refuses.
    """
    try:
        handle, temporary = _new_file_beside(path)
        os.close(handle)
        try:
            yield temporary
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise DataError(refusal(path, error)) from error


def write_atomically(path: Path, content: bytes) -> None:
    """Write a whole file at once.

    Args:
        path: The file to write or replace; its folder is made where it is missing.
        content: All of its bytes.

    Raises:
        DataError: The disk refuses.
    """
    try:
        handle, temporary = _new_file_beside(path)
        try:
            with FileIO(handle, 'wb') as file:
                _write_all(file, content)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise DataError(refusal(path, error)) from error


def refusal(path: Path, error: OSError) -> str:
    """Say why a file cannot be written, and what to do."""
    return (
        f'Cannot write {str(path)!r}: {error.strerror or error}. What was finished before is '
        'kept: make room or choose another place, then run the same command again.'
    )


def _new_file_beside(path: Path) -> tuple[int, Path]:
    """Create a file that nobody else has, with the permissions of any other new file."""
    # tempfile would do, but makes private files, and takes twice the time for each of many.
    while True:
        name = f'{PARTIAL_PREFIX}{os.getpid()}-{next(_NUMBERS)}{path.suffix[-16:]}'
        temporary = path.parent / name
        try:
            return os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), temporary
        except FileExistsError:
            continue
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)


def _write_all(file: FileIO, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[file.write(rest) :]
