"""What a machine really has of what ONNX Runtime could use, and what is missing."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sim2real_ros.runtime.backends.cuda_driver import (
    DRIVER_LIBRARY,
    TENSORRT_LIBRARIES,
    CudaDriver,
    load_driver,
    load_tensorrt,
    tensorrt_version,
)
from sim2real_ros.runtime.backends.session_plan import EXECUTION_PROVIDERS

GPU_PROVIDERS = ('tensorrt', 'cuda')


@dataclass(frozen=True)
class GpuMachine:
    """What there is for GPU providers.

    Attributes:
        compiled_in: Those of GPU_PROVIDERS that this build of ONNX Runtime knows.
        driver: Of the GPU; None = there is no GPU.
        tensorrt: Version of the loaded TensorRT 10; None = not asked for, or not there.
    """

    compiled_in: tuple[str, ...] = ()
    driver: CudaDriver | None = None
    tensorrt: int | None = None

    @property
    def present(self) -> tuple[str, ...]:
        """Those of GPU_PROVIDERS for which nothing is missing that can be told beforehand."""
        return tuple(name for name in GPU_PROVIDERS if not self.reason_against(name))

    def reason_against(self, provider: str) -> str:
        """Say what a provider lacks and how to get it; '' where it lacks nothing known."""
        if provider not in self.compiled_in:
            return (
                f'this build of onnxruntime has no {provider} provider; '
                'install onnxruntime-gpu[cuda,cudnn] in its place'
            )
        if self.driver is None:
            return (
                f'{DRIVER_LIBRARY} cannot be loaded or finds no GPU; is the driver installed, '
                'and the GPU given to this container?'
            )
        if provider == 'tensorrt' and self.tensorrt is None:
            return (
                f'{TENSORRT_LIBRARIES[0]} cannot be loaded; install TensorRT 10 '
                "(pip install 'tensorrt-cu13<11'), 11 does not fit"
            )
        return ''


def gpu_likely() -> bool:
    """Tell whether ONNX Runtime is worth asking for a GPU; imports nothing of it."""
    return importlib.util.find_spec('onnxruntime') is not None and load_driver() is not None


def find_gpu_machine(
    runtime: Any,
    wanted: Sequence[str],
    *,
    find_driver: Callable[[], CudaDriver | None] = load_driver,
    find_tensorrt: Callable[[], Any | None] = load_tensorrt,
) -> GpuMachine:
    """Look what there is, and load the libraries that the providers need.

    Args:
        runtime: The module onnxruntime.
        wanted: Those of GPU_PROVIDERS that may be used; nothing is loaded for others.
        find_driver: Returns the driver, or None.
        find_tensorrt: Returns the library of TensorRT, or None.
    """
    # What was compiled in: says nothing of the machine.
    available = runtime.get_available_providers()
    compiled = tuple(name for name in GPU_PROVIDERS if EXECUTION_PROVIDERS[name] in available)
    driver = find_driver() if compiled and wanted else None
    if driver is None:
        return GpuMachine(compiled)
    if hasattr(runtime, 'preload_dlls'):
        # '' = the wheels of CUDA and cuDNN before what the system has.
        runtime.preload_dlls(directory='')
    library = find_tensorrt() if 'tensorrt' in wanted and 'tensorrt' in compiled else None
    return GpuMachine(compiled, driver, None if library is None else tensorrt_version(library))
