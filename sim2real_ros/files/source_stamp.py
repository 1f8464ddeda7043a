"""Tell one state of a source file or folder from another without reading its content."""

import os
from pathlib import Path
from typing import Any

from sim2real_ros.errors import DataError
from sim2real_ros.files.checksum import sha256_of_bytes


def describe_source(path: Path) -> dict[str, Any]:
    """Return path and size of a source, for people: ``{'path', 'bytes', 'files'}``.

    Raises:
        DataError: It does not exist or cannot be listed.
    """
    states = _states(path)
    # A name may hold bytes that are no text; a manifest cannot.
    shown = str(path).encode('utf-8', 'backslashreplace').decode('utf-8')
    return {'path': shown, 'bytes': sum(s for _, s, _ in states), 'files': len(states)}


def fingerprint_source(path: Path) -> str:
    """Return a checksum of the names, sizes and times of change of all files of a source.

    Raises:
        DataError: It does not exist or cannot be listed.
    """
    text = '\n'.join(f'{name!r} {size} {time_ns}' for name, size, time_ns in _states(path))
    return sha256_of_bytes(f'{path}\n{text}'.encode('utf-8', 'surrogateescape'))


def _states(path: Path) -> list[tuple[str, int, int]]:
    try:
        if not path.is_dir():
            return [_state(path, path.parent)]
        names = (Path(root) / name for root, _, files in os.walk(path) for name in files)
        return sorted(_state(each, path) for each in names)
    except OSError as error:
        raise DataError(f'Cannot read {str(path)!r}: {error.strerror or error}.') from error


def _state(path: Path, root: Path) -> tuple[str, int, int]:
    state = path.stat()
    return path.relative_to(root).as_posix(), state.st_size, state.st_mtime_ns
