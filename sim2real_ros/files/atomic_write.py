"""Write files so that a reader finds the old one or the new one, never a half of either."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sim2real_ros.errors import DataError

PARTIAL_PREFIX = '.partial-'
"""Start of the names of unfinished files; what a killed process leaves begins with it."""


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
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            dir=path.parent, prefix=PARTIAL_PREFIX, suffix=path.suffix[-16:]
        )
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            # mkstemp makes private files; these are as public as any other new file.
            temporary.chmod(0o666 & ~_umask())
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
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def refusal(path: Path, error: OSError) -> str:
    """Say why a file cannot be written, and what to do."""
    return (
        f'Cannot write {str(path)!r}: {error.strerror or error}. What was finished before is '
        'kept: make room or choose another place, then run the same command again.'
    )


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
