"""The CUDA driver, asked directly: is there a GPU, and page-locked memory for its copies.

The lists of a runtime tell what it was built with; only the driver knows what is plugged in.
"""

from __future__ import annotations

import ctypes
import importlib.util
import math
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

DRIVER_LIBRARY = 'libcuda.so.1'
TENSORRT_LIBRARIES = ('libnvinfer.so.10', 'libnvonnxparser.so.10')
"""What ONNX Runtime's TensorRT provider is linked to: version 10, which 11 cannot replace."""

_TENSORRT_WHEEL = 'tensorrt_libs'
_PORTABLE = 1
"""``CU_MEMHOSTALLOC_PORTABLE``: page-locked to every thread and context of the process."""

Loader = Callable[..., Any]


class CudaDriver:
    """The driver of a machine that has a GPU."""

    def __init__(self, library: Any) -> None:
        """Wrap an initialised driver library; most callers want ``load_driver``."""
        self._library = library

    def gpu_name(self) -> str:
        """Return the name of the first GPU, and 'unknown' where the driver does not tell."""
        device, name = ctypes.c_int(), ctypes.create_string_buffer(256)
        failed = self._library.cuDeviceGet(ctypes.byref(device), 0)
        failed = failed or self._library.cuDeviceGetName(name, len(name), device)
        return 'unknown' if failed else name.value.decode('utf-8', 'replace')

    def pinned_array(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Return an uninitialised array in page-locked memory, which copies to the GPU fastest.

        Where the driver has none to give it is an ordinary array: slower, but never wrong.
        """
        dtype = np.dtype(dtype)
        size = math.prod(shape) * dtype.itemsize
        address = ctypes.c_void_p()
        if not size or self._library.cuMemHostAlloc(
            ctypes.byref(address), ctypes.c_size_t(size), ctypes.c_uint(_PORTABLE)
        ):
            return np.empty(shape, dtype)
        memory = (ctypes.c_ubyte * size).from_address(address.value or 0)
        # The array keeps ``memory`` alive, and so its pages.
        free = weakref.finalize(
            memory, self._library.cuMemFreeHost, ctypes.c_void_p(address.value)
        )
        # At exit the driver may be gone before, and the memory goes with the process.
        free.atexit = False  # type: ignore[misc]
        flat: NDArray[Any] = np.frombuffer(memoryview(memory), np.uint8)
        return flat.view(dtype).reshape(shape)


def load_driver(load: Loader = ctypes.CDLL) -> CudaDriver | None:
    """Return the driver, or None where there is none or no GPU that it may use.

    Args:
        load: Opens a shared library by name, or raises OSError.
    """
    try:
        library = load(DRIVER_LIBRARY)
    except OSError:
        return None
    count = ctypes.c_int()
    if library.cuInit(0) or library.cuDeviceGetCount(ctypes.byref(count)) or count.value < 1:
        return None
    return CudaDriver(library)


def load_tensorrt(load: Loader = ctypes.CDLL) -> Any | None:
    """Load TensorRT 10 from the system or from its wheels; None where it is not there.

    The wheels put it where no loader looks. Once it is in the process, ONNX Runtime finds it.

    Args:
        load: Opens a shared library by name, or raises OSError.

    Returns:
        The library ``libnvinfer``.
    """
    first = None
    for name in TENSORRT_LIBRARIES:
        library = _load_one(name, load)
        if library is None:
            return None
        first = first or library
    return first


def tensorrt_version(library: Any) -> int:
    """Return the version that is really loaded, such as 101600 for 10.16.0."""
    return int(library.getInferLibVersion())


def _load_one(name: str, load: Loader) -> Any | None:
    for place in (name, *(str(folder / name) for folder in _wheel_folders())):
        try:
            return load(place, mode=ctypes.RTLD_GLOBAL)
        except OSError:
            continue
    return None


def _wheel_folders() -> list[Path]:
    spec = importlib.util.find_spec(_TENSORRT_WHEEL)
    places = spec.submodule_search_locations if spec else None
    return [Path(place) for place in places or ()]
