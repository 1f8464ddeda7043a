"""A file or folder that appears under its name only when it is complete."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sim2real_ros.errors import DataError
from sim2real_ros.files.atomic_write import PARTIAL_PREFIX, refusal

try:
    import fcntl
except ImportError:  # Windows: two runs for one target are not kept apart there.
    fcntl = None  # type: ignore[assignment]


@contextmanager
def complete_or_not(source: Path, target: Path, *, force: bool) -> Iterator[Path]:
    """Give the name for a draft of ``target`` that takes its place at the end.

    The draft is made in a folder beside the target whose name begins with ``.partial-``. A killed
    process leaves that folder, and the next run for the same target removes it.

    Args:
        source: What the target is made from; must not be touched.
        target: A file or folder.
        force: Whether to replace it where it exists.

    Raises:
        DataError: The target exists, contains the source or lies in it, is being written by
            another process, or the disk refuses.
    """
    _check(source, target, force=force)
    workshop = target.with_name(f'{PARTIAL_PREFIX}{target.name[-200:]}')
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if workshop.is_symlink() or workshop.is_file():
            workshop.unlink()
        workshop.mkdir(exist_ok=True)
        with (workshop / 'lock').open('w', encoding='utf-8') as lock:
            if fcntl is not None:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError as error:
                    raise DataError(
                        f'Another process is writing {str(target)!r}: wait for it, or choose '
                        'another name.'
                    ) from error
            try:
                _recover(workshop / 'old', target)
                _clear(workshop)
                yield workshop / 'draft'
                _check(source, target, force=force)
                _replace(workshop, target)
            finally:
                shutil.rmtree(workshop, ignore_errors=True)
    except OSError as error:
        raise DataError(refusal(target, error)) from error


def _check(source: Path, target: Path, *, force: bool) -> None:
    one, other = source.resolve(), target.resolve()
    if one == other or one.is_relative_to(other) or other.is_relative_to(one):
        raise DataError(
            f'{str(target)!r} is or contains the source {str(source)!r}, or lies in it: choose '
            'another place.'
        )
    if target.exists() and not force:
        raise DataError(f'{str(target)!r} exists: choose another name, or replace it (--force).')


def _recover(old: Path, target: Path) -> None:
    """Put the old folder back where a process was killed between the two steps of replacing."""
    if old.exists() and not target.exists():
        old.rename(target)


def _clear(workshop: Path) -> None:
    """Remove what a killed process has left."""
    for each in workshop.iterdir():
        if each.is_dir() and not each.is_symlink():
            shutil.rmtree(each)
        elif each.name != 'lock':
            each.unlink()


def _replace(workshop: Path, target: Path) -> None:
    draft, old = workshop / 'draft', workshop / 'old'
    # A folder cannot be put in the place of another one in a single step.
    if target.is_dir() or (draft.is_dir() and target.exists()):
        target.rename(old)
    try:
        draft.replace(target)
    except OSError:
        _recover(old, target)
        raise
