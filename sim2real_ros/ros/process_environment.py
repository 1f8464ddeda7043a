"""Settings of the process that must stand before rclpy is imported.

Camera frames do not fit into the shared memory that Fast DDS takes by default, and glibc returns
the memory of each frame to the kernel and asks for it again. Both cost frames or milliseconds, and
both are read when the libraries are loaded: hence a function to be called first thing in `main`.
Whatever the user has chosen in the environment wins.
"""

import ctypes
import os
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass

from sim2real_ros.errors import ConfigError
from sim2real_ros.resources import share_path

# Fast DDS 3 reads the second name, older ones the first.
PROFILE_VARIABLES = ('FASTRTPS_DEFAULT_PROFILES_FILE', 'FASTDDS_DEFAULT_PROFILES_FILE')
TRANSPORT_VARIABLES = (*PROFILE_VARIABLES, 'FASTDDS_BUILTIN_TRANSPORTS')
MALLOC_VARIABLES = ('MALLOC_MMAP_THRESHOLD_', 'MALLOC_TRIM_THRESHOLD_')
# Names and numbers of glibc's malloc.h. Both are needed: with one alone glibc gets slower.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
TRIM_THRESHOLD_BYTES = 512 << 20
# The largest value that 64-bit glibc accepts.
MMAP_THRESHOLD_BYTES = 32 << 20


@dataclass(frozen=True)
class ProcessEnvironment:
    """What `prepare` found and set, in words for a log line.

    Attributes:
        transport: Where the DDS transport settings come from.
        allocator: Where the allocator settings come from.
    """

    transport: str
    allocator: str


def prepare(
    environ: MutableMapping[str, str] = os.environ,
    set_malloc: Callable[[], bool] | None = None,
) -> ProcessEnvironment:
    """Choose DDS transport and allocator for camera frames, unless the user has.

    Call it before rclpy is imported; calling it again changes nothing.

    Args:
        environ: Environment to read and to extend.
        set_malloc: Function that sets the allocator and says whether it could; glibc's own if
            None.

    Returns:
        What is in force now. A missing profile is no error: the node then runs with the
        defaults of the DDS, and the words say so.
    """
    return ProcessEnvironment(
        transport=_prepare_transport(environ),
        allocator=_prepare_allocator(environ, set_malloc or _set_glibc_malloc),
    )


def _prepare_transport(environ: MutableMapping[str, str]) -> str:
    for name in TRANSPORT_VARIABLES:
        if environ.get(name):
            return f'{name}={environ[name]}'
    try:
        profile = str(share_path('config/fastdds.xml', environ=environ))
    except ConfigError as error:
        return f'default of the DDS: {error}'
    environ.update(dict.fromkeys(PROFILE_VARIABLES, profile))
    return profile


def _prepare_allocator(environ: MutableMapping[str, str], set_malloc: Callable[[], bool]) -> str:
    for name in MALLOC_VARIABLES:
        if environ.get(name):
            return f'{name}={environ[name]}'
    if 'glibc.malloc.' in environ.get('GLIBC_TUNABLES', ''):
        return f'GLIBC_TUNABLES={environ["GLIBC_TUNABLES"]}'
    return 'tuned for frames' if set_malloc() else 'default of the C library'


def _set_glibc_malloc() -> bool:
    try:
        libc = ctypes.CDLL(None)
    except (OSError, TypeError):
        return False
    # Other C libraries may have a mallopt whose numbers mean something else.
    if not hasattr(libc, 'gnu_get_libc_version'):
        return False
    return bool(
        libc.mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD_BYTES)
        and libc.mallopt(M_TRIM_THRESHOLD, TRIM_THRESHOLD_BYTES)
    )
