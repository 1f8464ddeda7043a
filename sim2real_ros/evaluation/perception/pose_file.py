"""Pose files: the true pose in the lane of each frame, as a simulator knows it."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sim2real_ros.errors import DataError
from sim2real_ros.evaluation.frame import LanePose

MAX_POSE_FILE_BYTES = 64 * 2**20
"""Largest file to read: about a million poses."""

MAX_NAME_CHARS = 1000
MAX_STAMP_NS = 2**63 - 1
MAX_D_M = 1000.0
MAX_SHOWN_CHARS = 100


def load_poses(path: str | Path) -> dict[str | int, LanePose]:
    """Read a pose file.

    It is a JSON list, or has one JSON object in each line; empty lines do not count. Each object
    has ``d_m`` and ``phi_rad`` as ``LanePose`` tells, and either ``name``, the frame's name as the
    evaluation has it, or ``stamp_ns``, its time stamp in nanoseconds; nothing else:

        {"stamp_ns": 1700000000000000000, "d_m": 0.012, "phi_rad": -0.05}

    Args:
        path: The file, UTF-8.

    Returns:
        Poses by name (str) or stamp (int); a file may have both kinds.

    Raises:
        DataError: The file cannot be read, or an entry is not as above; the message says which.
    """
    text = _text(path)
    poses: dict[str | int, LanePose] = {}
    for where, entry in _entries(text, str(path)):
        key, pose = _pose(entry, where)
        if key in poses:
            raise DataError(f'{where}: {_shown(key)} appears twice; keep one pose for each frame.')
        poses[key] = pose
    return poses


def pose_of_frame(
    poses: Mapping[str | int, LanePose], name: str, stamp_ns: int
) -> LanePose | None:
    """Return the pose of a frame by its name, else by its stamp; None where neither is known."""
    found = poses.get(name)
    return found if found is not None else poses.get(stamp_ns)


def _text(path: str | Path) -> str:
    try:
        with Path(path).open('rb') as file:
            content = file.read(MAX_POSE_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        raise DataError(f'Cannot read poses from {str(path)!r}: {error}.') from error
    if len(content) > MAX_POSE_FILE_BYTES:
        raise DataError(f'{str(path)!r} is larger than {MAX_POSE_FILE_BYTES} bytes.')
    try:
        return content.decode('utf-8')
    except UnicodeDecodeError as error:
        raise DataError(f'{str(path)!r} is no UTF-8 text: {error}.') from error


def _entries(text: str, path: str) -> list[tuple[str, Any]]:
    """Return (where it was found, entry) of all entries."""
    if text.lstrip().startswith('['):
        entries = _parsed(text, repr(path))
        return [(f'{path!r}, entry {number}', each) for number, each in enumerate(entries, 1)]
    lines = enumerate(text.split('\n'), 1)
    where_and_line = [(f'{path!r}, line {number}', line) for number, line in lines if line.strip()]
    return [(where, _parsed(line, where)) for where, line in where_and_line]


def _parsed(text: str, where: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_without_repeats)
    # Numbers of thousands of digits are a ValueError, too deep nesting a RecursionError.
    except (ValueError, RecursionError) as error:
        raise DataError(f'{where} is no JSON: {_cut(str(error))}.') from error


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError('a key appears twice')
    return found


def _pose(entry: Any, where: str) -> tuple[str | int, LanePose]:
    if not isinstance(entry, dict) or set(entry) not in (
        {'name', 'd_m', 'phi_rad'},
        {'stamp_ns', 'd_m', 'phi_rad'},
    ):
        raise DataError(
            f'{where}: expected an object with d_m, phi_rad and either name or stamp_ns, '
            f'found {_shown(entry)}.'
        )
    key = _name(entry['name'], where) if 'name' in entry else _stamp(entry['stamp_ns'], where)
    d_m = _number(entry['d_m'], MAX_D_M, f'{where}: d_m')
    return key, LanePose(d_m, _number(entry['phi_rad'], math.pi, f'{where}: phi_rad'))


def _name(value: Any, where: str) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_NAME_CHARS:
        raise DataError(
            f'{where}: name must be text of 1 to {MAX_NAME_CHARS} characters, '
            f'found {_shown(value)}.'
        )
    return value


def _stamp(value: Any, where: str) -> int:
    # A stamp of 0 means that it is unknown, so it cannot name a frame.
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= MAX_STAMP_NS:
        raise DataError(
            f'{where}: stamp_ns must be a whole number from 1 to {MAX_STAMP_NS}, '
            f'found {_shown(value)}.'
        )
    return value


def _number(value: Any, limit: float, where: str) -> float:
    # Whole numbers are compared as they are: a float may not hold them.
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= limit:
        raise DataError(
            f'{where} must be a number from {-limit:g} to {limit:g}, found {_shown(value)}.'
        )
    return float(value)


def _shown(value: Any) -> str:
    return _cut(repr(value))


def _cut(text: str) -> str:
    return text if len(text) <= MAX_SHOWN_CHARS else f'{text[:MAX_SHOWN_CHARS]}...'
