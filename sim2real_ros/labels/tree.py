"""Tree: the files of a data set, in a folder or in a zip, read alike and nothing extracted."""

import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

from sim2real_ros.errors import DataError
from sim2real_ros.files import path_inside, safe_relative_path
from sim2real_ros.labels.problem import Problem

MAX_FILES = 2_000_000
MAX_FILE_BYTES = 2**30
"""Largest file that is read whole: a COCO file of some million polygons."""

_MAX_RATIO, _MAX_RATIO_FREE_BYTES = 200, 2**24
_ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)


class Tree(Protocol):
    """Files by name.

    Attributes:
        path: The folder, zip or single file.
        names: Paths of all files relative to it, with forward slashes, sorted; safe to use.
        problems: Files that were passed over because nobody should follow their names.
    """

    path: Path
    names: tuple[str, ...]
    problems: tuple[Problem, ...]

    def read(self, name: str, limit: int = -1) -> bytes:
        """Read a file, or its first ``limit`` bytes.

        Raises:
            DataError: It cannot be read, or is larger than anything reasonable.
        """


class FolderTree:
    """The files of a folder; hidden ones and links that leave it are passed over."""

    def __init__(self, path: Path) -> None:
        """List the files.

        Raises:
            DataError: There are absurdly many.
        """
        self.path = path
        found: list[str] = []
        problems: list[Problem] = []
        for place, folders, files in os.walk(path):
            folders[:] = sorted(each for each in folders if not each.startswith('.'))
            for file in sorted(files):
                name = (Path(place) / file).relative_to(path).as_posix()
                if file.startswith('.'):
                    continue
                try:
                    target = path_inside(path, name, 'file')
                except DataError as error:
                    problems.append(_refused(name, error))
                    continue
                # Neither sockets nor pipes, which would block.
                if target.is_file():
                    found.append(name)
            _check_count(len(found), path)
        self.names = tuple(sorted(found))
        self.problems = tuple(problems)

    def read(self, name: str, limit: int = -1) -> bytes:
        """Read a file, or its first ``limit`` bytes."""
        try:
            with path_inside(self.path, name, 'file').open('rb') as file:
                return _read(file, name, limit)
        except OSError as error:
            raise _unreadable(self.path, name, error) from error


class FileTree:
    """A single file, as a tree of one name."""

    def __init__(self, path: Path) -> None:
        """Take a file."""
        self.path = path
        self.names: tuple[str, ...] = (path.name,)
        self.problems: tuple[Problem, ...] = ()

    def read(self, name: str, limit: int = -1) -> bytes:
        """Read the file, or its first ``limit`` bytes."""
        if name != self.path.name:
            raise DataError(f'{str(self.path)!r} is one file and has no {name!r}.')
        try:
            with self.path.open('rb') as file:
                return _read(file, name, limit)
        except OSError as error:
            raise _unreadable(self.path, name, error) from error


class ZipTree:
    """The members of a zip. Links, names that leave it and absurd sizes are passed over."""

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        """List the members.

        Raises:
            DataError: There are absurdly many.
        """
        self.path = path
        self._archive = archive
        self._members: dict[str, zipfile.ZipInfo] = {}
        problems: list[Problem] = []
        members = archive.infolist()
        _check_count(len(members), path)
        for member in members:
            if member.is_dir():
                continue
            try:
                name = _checked_member(member)
            except DataError as error:
                problems.append(_refused(member.filename, error))
                continue
            if name in self._members:
                problems.append(Problem('unreadable', name, 0, 'it is in the zip twice'))
            self._members[name] = member
        self.names = tuple(sorted(self._members))
        self.problems = tuple(problems)

    def read(self, name: str, limit: int = -1) -> bytes:
        """Read a member, or its first ``limit`` bytes."""
        try:
            with self._archive.open(self._members[name]) as file:
                return _read(file, name, limit)
        except KeyError as error:
            raise DataError(f'{str(self.path)!r} has no {name!r}.') from error
        except (*_ZIP_ERRORS, OSError, ValueError, struct.error) as error:
            raise _unreadable(self.path, name, error) from error


class SubTree:
    """One folder of another tree, as zips have it that were made of a folder."""

    def __init__(self, tree: Tree, folder: str) -> None:
        """Take a folder of a tree.

        Args:
            tree: The whole.
            folder: Path of the folder in it, with forward slashes.
        """
        self.path = tree.path
        self.problems = tree.problems
        self._tree, self._prefix = tree, f'{folder}/'
        names = (name for name in tree.names if name.startswith(self._prefix))
        self.names = tuple(name.removeprefix(self._prefix) for name in names)

    def read(self, name: str, limit: int = -1) -> bytes:
        """Read a file, or its first ``limit`` bytes."""
        return self._tree.read(self._prefix + name, limit)


@contextmanager
def open_tree(path: Path) -> Iterator[Tree]:
    """Open a folder, a zip or a single file.

    Raises:
        DataError: It does not exist or is no readable zip.
    """
    if path.is_dir():
        yield FolderTree(path)
    elif path.is_file() and path.suffix.lower() == '.zip':
        try:
            archive = zipfile.ZipFile(path)
        except (*_ZIP_ERRORS, OSError, ValueError, struct.error, LookupError) as error:
            raise DataError(f'{str(path)!r} is no readable zip: {error}.') from error
        with archive:
            yield ZipTree(path, archive)
    elif path.is_file():
        yield FileTree(path)
    else:
        raise DataError(f'{str(path)!r} does not exist; expected a folder, a zip or a .json file.')


def text_lines(tree: Tree, name: str) -> list[str]:
    """Read the lines of a text file in UTF-8, without the blanks around them.

    Raises:
        DataError: It cannot be read or is no UTF-8 text.
    """
    try:
        text = tree.read(name).decode('utf-8-sig')
    except UnicodeDecodeError as error:
        raise DataError(f'{name!r} is no text in UTF-8: {error}.') from error
    return [line.strip() for line in text.split('\n')]


def _checked_member(member: zipfile.ZipInfo) -> str:
    name = str(safe_relative_path(member.filename, 'name in the zip'))
    if stat.S_ISLNK(member.external_attr >> 16):
        raise DataError('It is a symbolic link.')
    if member.flag_bits & 1:
        raise DataError('It is encrypted; unpack the zip first.')
    packed = member.compress_size * _MAX_RATIO + _MAX_RATIO_FREE_BYTES
    if member.file_size > min(packed, MAX_FILE_BYTES):
        raise DataError(
            f'It would unpack from {member.compress_size} to {member.file_size} bytes, which no '
            'label or image does.'
        )
    return name


def _read(file: IO[bytes], name: str, limit: int) -> bytes:
    if limit >= 0:
        return file.read(limit)
    content = file.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise DataError(f'{name!r} is larger than {MAX_FILE_BYTES} bytes.')
    return content


def _check_count(count: int, path: Path) -> None:
    if count > MAX_FILES:
        raise DataError(f'{str(path)!r} has more than {MAX_FILES} files; give a smaller folder.')


def _refused(name: str, error: DataError) -> Problem:
    shown = name.encode('utf-8', 'replace').decode()[:200]
    return Problem('unreadable', repr(shown), 0, f'left out: {error}')


def _unreadable(path: Path, name: str, error: Exception) -> DataError:
    reason = getattr(error, 'strerror', None) or error or type(error).__name__
    return DataError(f'Cannot read {name!r} of {str(path)!r}: {reason}.')
