"""Compile the kernel before the first frame needs it, and keep the result on the disk.

numba looks for a folder that it may write to: ``NUMBA_CACHE_DIR``, that of the source file, or
``numba`` below ``XDG_CACHE_HOME`` or the user's ``.cache``. Where there is none, or what is in it
is damaged, the kernel is compiled for this process alone.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numba
from numba import types

from sim2real_ros.errors import BackendError
from sim2real_ros.runtime.bilateral import kernel

_Types = tuple[Any, ...]
_LOGGER = logging.getLogger(__name__)
_LOCK = threading.Lock()
_COMPILED: list['Kernel'] = []


@dataclass(frozen=True)
class Kernel:
    """The compiled functions.

    Attributes:
        slice_rows: See ``kernel.slice_rows``.
        copy_rows: See ``kernel.copy_rows``.
    """

    slice_rows: Callable[..., None]
    copy_rows: Callable[..., None]


def compiled_kernel() -> Kernel:
    """Return the kernel, from the disk (tenths of a second) or compiled now (seconds).

    Raises:
        BackendError: numba cannot compile it.
    """
    with _LOCK:
        if not _COMPILED:
            _COMPILED.append(
                Kernel(
                    _compiled(kernel.slice_rows, _SLICE_TYPES),
                    _compiled(kernel.copy_rows, _COPY_TYPES),
                )
            )
        return _COMPILED[0]


def _compiled(function: Callable[..., None], signature: _Types) -> Callable[..., None]:
    try:
        return _njit(function, signature, cache=True)
    # No folder to write to, a full disk, a damaged entry (anything that unpickling may raise).
    except Exception as error:
        _LOGGER.info('the kernel cannot be kept on the disk: %s', error)
    try:
        return _njit(function, signature, cache=False)
    except Exception as error:
        reason = ' '.join(str(error).split())[:500]
        raise BackendError(f'numba cannot compile the slicing kernel: {reason}') from error


def _njit(function: Callable[..., None], signature: _Types, *, cache: bool) -> Callable[..., None]:
    # Contraction makes fused multiply-adds. Other fast-math options would not keep NaN in check.
    compiled = numba.njit(
        types.void(*signature),
        nogil=True,
        fastmath={'contract'},
        error_model='numpy',
        cache=cache,
    )(function)
    result: Callable[..., None] = compiled
    return result


def _read(element: Any, dimensions: int) -> Any:
    return types.Array(element, dimensions, 'C', readonly=True)


def _write(element: Any, dimensions: int) -> Any:
    return types.Array(element, dimensions, 'C')


_IMAGES = (_read(types.uint8, 3), _write(types.uint8, 3))
_SLICE_TYPES: _Types = (
    *_IMAGES,
    _read(types.float32, 4),
    _read(types.float32, 2),
    _read(types.float32, 1),
    _read(types.float32, 3),
    types.float32,
    _write(types.float32, 2),
    _write(types.uint8, 2),
    _write(types.float32, 3),
    _write(types.float32, 3),
    types.int64,
    types.int64,
)
_COPY_TYPES: _Types = (
    _IMAGES[0],
    _write(types.float32, 3),
    types.int64,
    types.int64,
    _write(types.float32, 1),
    types.int64,
    types.int64,
)
