"""The packages that bags need, loaded when one is opened: folders and videos do without."""

import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from sim2real_ros.errors import DataError

_ZSTD = 'compression' if sys.version_info >= (3, 14) else 'backports'


def check_packages() -> None:
    """Make sure that all of them are there.

    Raises:
        DataError: One is missing.
    """
    names = ('rosbags', 'lz4', f'{_ZSTD}.zstd')
    missing = [name for name in names if not _is_there(name)]
    if missing:
        raise DataError(
            f'Bags cannot be read without the packages {", ".join(missing)}: '
            "pip install 'sim2real_ros[bags]'."
        )


def lz4_frame() -> Any:
    """Return the module lz4.frame."""
    return import_module('lz4.frame')


def zstd_module() -> Any:
    """Return the module zstd of Python 3.14, or its backport."""
    return import_module(f'{_ZSTD}.zstd')


def _is_there(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # the package that a module is in
        return False
