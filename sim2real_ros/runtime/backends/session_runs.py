"""How one batch goes through an ONNX Runtime session: on the host, or over the GPU's buffers.

The runtime is handed in as a module, so this also works with one that has no GPU, or a fake.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from sim2real_ros.errors import BackendError
from sim2real_ros.runtime.model_file import ModelFile

Array = NDArray[np.generic]
AllocateHost = Callable[[tuple[int, ...], DTypeLike], NDArray[Any]]
"""Makes a host array of a shape and dtype, in page-locked memory where there is some."""


class SessionRun(Protocol):
    """A session with all that belongs to a run but the image."""

    def run(self, image: Array, out: Array | None, extra: Mapping[str, Array]) -> Array:
        """Run one batch; ``extra`` are the values of all other inputs."""
        ...


class HostRun:
    """Inputs and outputs in host memory; a GPU provider copies them itself."""

    def __init__(self, session: Any, model: ModelFile) -> None:
        """Remember names; nothing is allocated."""
        self._session = session
        self._input, self._output = model.card.input, model.card.output

    def run(self, image: Array, out: Array | None, extra: Mapping[str, Array]) -> Array:
        """Run one batch, straight into ``out`` where it is given."""
        if out is None:
            return np.asarray(self._session.run([self._output], {self._input: image, **extra})[0])
        binding = self._session.io_binding()
        binding.bind_cpu_input(self._input, image)
        for name, value in extra.items():
            binding.bind_cpu_input(name, value)
        binding.bind_output(self._output, 'cpu', 0, out.dtype, out.shape, out.ctypes.data)
        self._session.run_with_iobinding(binding)
        return out


class DeviceRun:
    """Inputs and outputs in buffers on the GPU that stay where they are, as CUDA graphs need.

    A frame is copied to page-locked memory, from there to the GPU, and back the same way: no
    memory is allocated, and nothing is bound anew.
    """

    def __init__(
        self,
        runtime: Any,
        session: Any,
        model: ModelFile,
        extra: Mapping[str, Array],
        allocate_host: AllocateHost,
    ) -> None:
        """Allocate and bind all buffers.

        Args:
            runtime: The module onnxruntime.
            session: A session on a GPU provider.
            model: A model all of whose shapes are fixed.
            extra: Values of the inputs beside the image.
            allocate_host: Makes the host's side of the buffers.
        """
        output = next(each for each in model.outputs if each.name == model.card.output)
        self._session = session
        self._shape = _fixed(model.image_input.shape)
        self._host_input = allocate_host(self._shape, model.image_input.dtype)
        self._host_output = allocate_host(_fixed(output.shape), output.dtype)
        self._host_input.fill(0)
        on_gpu = runtime.OrtValue.ortvalue_from_numpy
        self._image = on_gpu(self._host_input, 'cuda', 0)
        self._result = runtime.OrtValue.ortvalue_from_shape_and_type(
            list(self._host_output.shape), self._host_output.dtype.type, 'cuda', 0
        )
        self._extra = {name: on_gpu(value, 'cuda', 0) for name, value in extra.items()}
        self._extra_sent = {name: value.copy() for name, value in extra.items()}
        # On the CPU an OrtValue has no memory of its own: this one *is* the host array.
        self._landing = runtime.OrtValue.ortvalue_from_numpy(self._host_output)
        self._lands = True
        self._binding = session.io_binding()
        for name, value in {model.card.input: self._image, **self._extra}.items():
            self._binding.bind_ortvalue_input(name, value)
        self._binding.bind_ortvalue_output(model.card.output, self._result)

    def run(self, image: Array, out: Array | None, extra: Mapping[str, Array]) -> Array:
        """Run one batch of the model's own shape.

        Raises:
            BackendError: ``image`` or ``out`` has another shape or dtype.
        """
        _check_like(image, self._host_input, 'The image')
        np.copyto(self._host_input, image)
        self._image.update_inplace(self._host_input)
        for name, value in extra.items():
            if not np.array_equal(value, self._extra_sent[name]):
                self._extra[name].update_inplace(value)
                np.copyto(self._extra_sent[name], value)
        if out is None:
            out = np.empty_like(self._host_output)
        _check_like(out, self._host_output, 'out')
        # Returns when the GPU is done.
        self._session.run_with_iobinding(self._binding)
        np.copyto(out, self._fetched())
        return out

    def _fetched(self) -> Array:
        if self._lands:
            try:
                self._landing.update_inplace(self._result)
                return self._host_output
            # Older releases take arrays only, and refuse in ways of their own.
            except Exception:
                self._lands = False
        return np.asarray(self._result.numpy())


def _fixed(shape: tuple[int | None, ...]) -> tuple[int, ...]:
    return tuple(int(side or 0) for side in shape)


def _check_like(array: Array, expected: Array, what: str) -> None:
    if array.shape != expected.shape or array.dtype != expected.dtype:
        raise BackendError(
            f'{what} has {array.dtype} {array.shape}, expected {expected.dtype} {expected.shape}.'
        )
