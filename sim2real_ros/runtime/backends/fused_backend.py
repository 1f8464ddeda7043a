"""Bilateral grids on the CPU: the networks in ONNX Runtime, the slicing in a compiled kernel."""

from collections.abc import Iterator
from dataclasses import replace

import numba
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from sim2real_ros.errors import BackendError, ModelError
from sim2real_ros.runtime.backends.backend import BackendOptions
from sim2real_ros.runtime.backends.onnxruntime_backend import OnnxRuntimeBackend
from sim2real_ros.runtime.bilateral.grid_parts import GridParts, read_parts
from sim2real_ros.runtime.bilateral.slicer import NO_DETAIL, BilateralSlicer
from sim2real_ros.runtime.bilateral.structure import GridDescription
from sim2real_ros.runtime.frame_context import ALONE, FrameContext
from sim2real_ros.runtime.grid_smoothing import smoothed
from sim2real_ros.runtime.model_file import ModelFile

MAX_DIFFERENCE_LEVELS = 1
"""From the plain graph: rounding may fall to either side."""

TRIAL_SIZES = ((96, 64), (61, 43))
"""(width, height), rounded up to the model's multiple, at which models of free size are tried."""

_THUMBNAIL_SIZE = (128, 96)
_ERROR_ONLY = 3

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]


class FusedBackend:
    """A bilateral grid in two parts: one session, and one kernel around it."""

    def __init__(self, model: ModelFile, options: BackendOptions) -> None:
        """Cut the graph, load the kernel, and compare with the whole graph.

        Raises:
            BackendError: The file is no bilateral grid, is not what it says, or ONNX Runtime or
                numba refuse it.
        """
        try:
            parts = read_parts(model)
        except ModelError as error:
            raise BackendError(f'{str(model.path)!r} cannot be run in parts. {error}') from error
        self._description = parts.description
        self._slicer = BilateralSlicer(parts.description, options.threads)
        self._session = _session(parts, self._slicer.threads)
        self._image_name, self._sha256 = model.card.input, model.sha256
        self._buffers: _Buffers | None = None
        self.name = f'fused (onnxruntime {ort.__version__}, numba {numba.__version__})'
        self.provider, self.precision = 'cpu', 'float32'
        self.fallback = _fallback_reason(options)
        self._check_against_graph(model)

    def run(
        self,
        image: NDArray[np.generic],
        out: NDArray[np.generic] | None,
        context: FrameContext = ALONE,
    ) -> NDArray[np.generic]:
        """Run one batch; see Backend.run."""
        images = np.ascontiguousarray(image, np.uint8)
        if images.ndim != 4 or images.shape[3] != 3 or min(images.shape) < 1:
            raise BackendError(f'Expected images (N, H, W, 3), found {images.shape}.')
        results = np.empty_like(images) if out is None else np.asarray(out)
        if results.shape != images.shape or results.dtype != np.uint8:
            raise BackendError(
                f'The fused backend returns uint8 {images.shape}, not {results.dtype} '
                f'{results.shape}.'
            )
        # Only the frames of one camera have a common past.
        own = context if len(images) == 1 else replace(context, memory=None)
        for number in range(len(images)):
            self._run_one(images[number : number + 1], results[number], own)
        return results

    def _run_one(self, images: Image, result: Image, context: FrameContext) -> None:
        image, buffers = images[0], self._buffers_for(images)
        self._slicer.shrink(image, buffers.copy[0])
        try:
            if self._description.detail:
                buffers.binding.bind_cpu_input(self._image_name, images)
            self._session.run_with_iobinding(buffers.binding)
        # ONNX Runtime has no common base class of its exceptions below Exception.
        except Exception as error:
            raise BackendError(f'ONNX Runtime failed: {_one_line(error)}') from error
        grid = buffers.grid[0]
        if context.memory is not None:
            source = (self._sha256, images.shape)
            grid = smoothed(context, grid, _thumbnail(image), source)
        detail = buffers.detail[0] if self._description.detail else NO_DETAIL
        self._slicer.apply(image, result, grid, detail, context.detail_strength)

    def _buffers_for(self, images: Image) -> '_Buffers':
        """Return the memory between the parts, which is kept while images have one size."""
        if self._buffers is None or self._buffers.size != images.shape[1:3]:
            self._buffers = _Buffers(self._session, self._description, images)
        return self._buffers

    def _check_against_graph(self, model: ModelFile) -> None:
        """Compare with the whole graph: a description may be wrong in ways that nothing shows.

        Raises:
            BackendError: They differ, or one of them fails.
        """
        options = BackendOptions('cpu', self._slicer.threads, 'float32')
        plain = OnnxRuntimeBackend(model, options)
        multiple = model.card.size_multiple
        for number, size in enumerate([model.card.size] if model.card.size else TRIAL_SIZES):
            width, height = (-(-side // multiple) * multiple for side in size)
            context = FrameContext(detail_strength=1 - 0.5 * number)
            for image in _trial_images(width, height):
                expected = plain.run(image, None, context).astype(np.int16)
                found = self.run(image, None, context).astype(np.int16)
                difference = int(np.abs(found - expected).max())
                if difference > MAX_DIFFERENCE_LEVELS:
                    raise BackendError(
                        f'{str(model.path)!r} is not what it says about its parts: run in parts '
                        f'it differs by {difference} levels from the whole.'
                    )


class _Buffers:
    """What is between the parts, for images of one size."""

    def __init__(
        self, session: 'ort.InferenceSession', description: GridDescription, images: Image
    ) -> None:
        height, width = images.shape[1:3]
        columns, rows = description.columns, description.rows
        self.size = (height, width)
        self.copy: Floats = np.empty((1, 3, *reversed(description.copy_size)), np.float32)
        self.grid: Floats = np.empty(
            (1, 3, 4, description.bins, rows + 1, columns + 1), np.float32
        )
        # Of odd sides, too, which then are refused in words.
        self.detail: Floats = np.empty((1, 12, -(-height // 2), -(-width // 2)), np.float32)
        self.binding = session.io_binding()
        self.binding.bind_cpu_input(description.copy, self.copy)
        outputs = {description.grid: self.grid}
        if description.detail:
            outputs[description.detail] = self.detail
        for name, array in outputs.items():
            self.binding.bind_output(name, 'cpu', 0, array.dtype, array.shape, array.ctypes.data)


def _fallback_reason(options: BackendOptions) -> str:
    reasons = []
    if options.provider not in ('auto', 'cpu'):
        reasons.append(f'the fused backend runs on the CPU, not on {options.provider}')
    if options.precision not in ('auto', 'float32'):
        reasons.append(f'the fused backend computes in float32, not in {options.precision}')
    return '; '.join(reasons)


def _session(parts: GridParts, threads: int) -> 'ort.InferenceSession':
    settings = ort.SessionOptions()
    settings.log_severity_level = _ERROR_ONLY
    settings.intra_op_num_threads = threads
    # Spinning threads would take the cores that the kernel works on next.
    settings.add_session_config_entry('session.intra_op.allow_spinning', '0')
    try:
        return ort.InferenceSession(parts.graph, settings, providers=['CPUExecutionProvider'])
    except Exception as error:
        raise BackendError(
            f'ONNX Runtime cannot load the networks alone: {_one_line(error)}'
        ) from error


def _thumbnail(image: Image) -> Image:
    """Return evenly spread pixels, about as many as ``smoothed`` looks at."""
    width, height = _THUMBNAIL_SIZE
    step = max(1, min(image.shape[1] // width, image.shape[0] // height))
    return image[::step, ::step]


def _trial_images(width: int, height: int) -> Iterator[Image]:
    """Yield images (1, H, W, 3): noise, and ramps with a flat part."""
    yield np.random.default_rng(0).integers(0, 256, (1, height, width, 3), dtype=np.uint8)
    across, down = np.linspace(0, 255, width), np.linspace(255, 0, height)
    ramps = np.empty((1, height, width, 3), np.uint8)
    ramps[..., 0], ramps[..., 1] = across, down[:, None]
    ramps[..., 2] = (across + down[:, None]) / 2
    ramps[:, : height // 4] = (255, 255, 0)
    yield ramps


def _one_line(error: Exception) -> str:
    return ' '.join(str(error).split())[:500]
