"""place_elsewhere: whether a trainer's data.yaml leads out of its folder."""

from pathlib import Path, PurePosixPath

import yaml

DATA_YAML = 'data.yaml'
_KEYS = ('path', 'train', 'val', 'test')
_MAX_BYTES = 2**20


def place_elsewhere(root: Path, name: str) -> str:
    """Say in a sentence that a data.yaml names an absolute path; '' where it does not.

    Args:
        root: The folder.
        name: A file in it; only those called data.yaml are looked into.
    """
    if PurePosixPath(name).name != DATA_YAML:
        return ''
    try:
        with (root / name).open('rb') as file:
            content = yaml.safe_load(file.read(_MAX_BYTES))
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return ''
    values = [content.get(key) for key in _KEYS] if isinstance(content, dict) else []
    for value in values:
        if isinstance(value, str) and Path(value).is_absolute():
            return f'{name!r} is copied and names {value!r}: trainers would read images elsewhere'
    return ''
