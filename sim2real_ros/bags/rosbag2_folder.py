"""Which files a rosbag2 folder consists of, with or without its metadata.yaml."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from sim2real_ros.bags.damage import reason_of
from sim2real_ros.errors import DataError
from sim2real_ros.files import safe_relative_path

METADATA_NAME = 'metadata.yaml'
MAX_METADATA_BYTES = 64 << 20
DATA_NAME = re.compile(r'(?P<stem>.+?)(_(?P<number>\d+))?(?P<kind>\.(mcap|db3))(\.zstd)?')
BESIDE = ('-wal', '-shm', '-journal')


def is_data_file(name: str) -> bool:
    """Tell whether a name is that of a file with messages of a rosbag2."""
    return not name.startswith('.') and DATA_NAME.fullmatch(name) is not None


def holds_bag(folder: Path) -> bool:
    """Tell whether a folder is a rosbag2.

    It has a metadata.yaml, or nothing but files with messages, as a killed recorder leaves it.
    """
    if (folder / METADATA_NAME).is_file():
        return True
    try:
        names = [each.name for each in folder.iterdir() if not each.name.startswith('.')]
    except OSError:
        return False
    data = [name for name in names if is_data_file(name)]
    others = [name for name in names if name not in data and not name.endswith(BESIDE)]
    return bool(data) and not others


def natural_order(name: str) -> tuple[str, int, str]:
    """Key that sorts ``drive_2.mcap`` before ``drive_10.mcap``."""
    match = DATA_NAME.fullmatch(name)
    if not match:
        return name, -1, name
    return match['stem'], int((match['number'] or '-1')[:18]), name


def data_files(folder: Path, problems: list[str]) -> list[Path]:
    """List the files of a rosbag2 in the order of recording.

    Args:
        folder: The bag.
        problems: Where missing files and a damaged metadata.yaml are told.

    Raises:
        DataError: There is none, metadata.yaml leads out of the folder, or the files belong to
            several bags.
    """
    files = (each.name for each in folder.iterdir() if each.is_file())
    present = sorted(filter(is_data_file, files), key=natural_order)
    listed = _listed(folder, problems)
    if listed is None:
        chosen = _without_duplicates(present)
        stems = sorted({natural_order(name)[0] for name in chosen})
        if len(stems) > 1:
            raise DataError(
                f'it has no usable {METADATA_NAME} and files of several bags '
                f'({", ".join(stems)[:200]}): name one of the files'
            )
    else:
        chosen = _resolve(listed, present, problems)
    if not chosen:
        raise DataError('it has no .mcap or .db3 file')
    return [folder / name for name in chosen]


def read_metadata(folder: Path) -> Mapping[str, Any]:
    """Read what metadata.yaml says; nothing in it is checked.

    Raises:
        DataError: It cannot be read or is no metadata of rosbag2.
    """
    path = folder / METADATA_NAME
    try:
        if path.stat().st_size > MAX_METADATA_BYTES:
            raise DataError(f'{METADATA_NAME} has more than {MAX_METADATA_BYTES} bytes')
        content = yaml.safe_load(path.read_text('utf-8'))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise DataError(f'{METADATA_NAME} cannot be read ({reason_of(error)})') from error
    found = content.get('rosbag2_bagfile_information') if isinstance(content, dict) else None
    if not isinstance(found, dict):
        raise DataError(f'{METADATA_NAME} has no rosbag2_bagfile_information')
    return found


def _listed(folder: Path, problems: list[str]) -> list[str] | None:
    """Return the file names that metadata.yaml gives; None where it gives none."""
    if not (folder / METADATA_NAME).is_file():
        return None
    try:
        paths = read_metadata(folder).get('relative_file_paths')
    except DataError as error:
        problems.append(f'{error}; the files are taken in the order of their names.')
        return None
    if not isinstance(paths, list) or not all(isinstance(each, str) for each in paths):
        problems.append(f'{METADATA_NAME} does not list the files; all are taken.')
        return None
    # Before version 4 of the format the paths began with the name of the folder.
    return [safe_relative_path(each, f'path in {METADATA_NAME}').name for each in paths] or None


def _resolve(listed: list[str], present: list[str], problems: list[str]) -> list[str]:
    chosen: list[str] = []
    for name in dict.fromkeys(listed):
        other = name.removesuffix('.zstd') if name.endswith('.zstd') else f'{name}.zstd'
        if name in present or other in present:
            chosen.append(name if name in present else other)
        else:
            problems.append(f'The file {name!r}, which {METADATA_NAME} lists, is missing.')
    last = max((natural_order(name) for name in chosen), default=None)
    for name in _without_duplicates(present):
        stem, number, _ = natural_order(name)
        if last and stem == last[0] and number > last[1] >= 0:
            chosen.append(name)
            problems.append(f'{METADATA_NAME} does not list {name!r}; it is read all the same.')
    return chosen


def _without_duplicates(names: list[str]) -> list[str]:
    """Leave out compressed files whose originals are there: compressing was not finished."""
    return [n for n in names if not (n.endswith('.zstd') and n.removesuffix('.zstd') in names)]
