"""Open one file of a bag by what it begins with, whatever it is called."""

from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp

from sim2real_ros.bags import mcap_format, ros1_format, sqlite_database
from sim2real_ros.bags.compression import ZSTD_MAGIC, zstd_blocks
from sim2real_ros.bags.damage import DamageError, Problems
from sim2real_ros.bags.mcap_file import McapFile
from sim2real_ros.bags.ros1_file import Ros1File
from sim2real_ros.bags.sqlite_file import SqliteFile
from sim2real_ros.bags.storage import Storage
from sim2real_ros.errors import DataError

STORAGES: dict[bytes, Callable[[Path, Problems], Storage]] = {
    mcap_format.MAGIC: McapFile,
    sqlite_database.MAGIC: SqliteFile,
    ros1_format.MAGIC[:9]: Ros1File,
}

MAX_RATIO = 500
MIN_LIMIT_BYTES = 1 << 30


def open_storage(path: Path, problems: list[str], folder: Path) -> Storage:
    """Open a file of a bag.

    Args:
        path: An mcap, db3 or ROS 1 file, possibly as a whole compressed with zstd.
        problems: Where damage is told.
        folder: Where a decompressed copy may be put; the caller removes it.

    Raises:
        DataError: It is none of these, or is damaged from its beginning.
    """
    if not path.is_file():
        raise DataError('it is no file' if path.exists() else 'it does not exist')
    told = Problems(problems, path.name)
    path = decompressed(path, told, folder)
    try:
        with path.open('rb') as file:
            beginning = file.read(16)
        if not beginning:
            raise DataError('it is empty (0 bytes)')
        for magic, storage in STORAGES.items():
            if beginning.startswith(magic):
                return storage(path, told)
    except OSError as error:
        raise DataError(error.strerror or str(error)) from error
    raise DataError('it begins neither like an mcap nor a db3 file nor a ROS 1 bag')


def decompressed(path: Path, problems: Problems, folder: Path) -> Path:
    """Return the path itself; of a file that is compressed as a whole, that of a copy.

    Args:
        path: The file.
        problems: Where it is told if the stream breaks off.
        folder: Where the copy is put.

    Raises:
        DataError: It grows beyond belief, or there is no room.
    """
    with path.open('rb') as file:
        if file.read(len(ZSTD_MAGIC)) != ZSTD_MAGIC:
            return path
    copy = Path(mkdtemp(dir=folder)) / path.name.removesuffix('.zstd')
    limit = max(MIN_LIMIT_BYTES, MAX_RATIO * path.stat().st_size)
    try:
        with copy.open('wb') as target:
            for block in zstd_blocks(path):
                limit -= len(block)
                if limit < 0:
                    raise DataError(f'it grows to more than {MAX_RATIO} times its size')
                target.write(block)
    except DamageError as damage:
        problems.add(f'{damage}; the rest is lost')
    except OSError as error:
        raise DataError(
            f'it must be decompressed to be read, but {str(folder)!r} refuses: {error.strerror}. '
            'Set TMPDIR to a place with more room'
        ) from error
    return copy
