"""OpenVINO on CPUs: float32, so that its images equal those of ONNX Runtime, or less if asked."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from sim2real_ros.errors import BackendError
from sim2real_ros.runtime.backends.backend import BackendOptions
from sim2real_ros.runtime.backends.reduced_precision import (
    deviation,
    reason_against,
    translated_check_images,
)
from sim2real_ros.runtime.extra_inputs import extra_input_arrays
from sim2real_ros.runtime.frame_context import ALONE, DETAIL_STRENGTH, FrameContext
from sim2real_ros.runtime.model_file import ModelFile
from sim2real_ros.runtime.pixel_format import RgbImage

_HINTS = {'float32': 'f32', 'bfloat16': 'bf16', 'float16': 'f16'}
_CAPABILITIES = {'bfloat16': 'BF16', 'float16': 'FP16'}

logger = logging.getLogger(__name__)

CORE = ov.Core()
"""The one core of this process, which is never given up.

OpenVINO's CPU plugin gives the thread that loads it a stack for signal handlers
(``sigaltstack``) and, when it goes, puts back the one that was there before. Where two cores go
in the order in which they came, or one goes in another thread, this leaves a stack that is no
longer mapped: the next signal, were it a Ctrl-C, is a segmentation fault.
"""


def supported_precisions(core: Any | None = None) -> tuple[str, ...]:
    """Return what the CPU computes in by itself, best last; others would only be emulated.

    Args:
        core: An ``openvino.Core``, or None for that of this process.
    """
    found = (core or CORE).get_property('CPU', 'OPTIMIZATION_CAPABILITIES')
    return ('float32', *(name for name, word in _CAPABILITIES.items() if word in found))


class OpenVinoBackend:
    """One compiled OpenVINO model with one inference request."""

    def __init__(self, model: ModelFile, options: BackendOptions) -> None:
        """Compile the model.

        Raises:
            BackendError: OpenVINO refuses the model.
        """
        self._model, self._threads = model, options.threads
        self._input, self._output = model.card.input, model.card.output
        self._extra = extra_input_arrays(model)
        self.name = f'openvino {ov.__version__.partition("-")[0]}'
        self.provider = 'cpu'
        self.precision = 'float32'
        reasons = []
        if options.provider not in ('auto', 'cpu'):
            reasons.append(f'the openvino backend runs on the CPU, not on {options.provider}')
        self._open('float32')
        if options.precision not in ('auto', 'float32'):
            reason = self._reduce_precision(options.precision)
            reasons += [reason] if reason else []
        self.fallback = '; '.join(reasons)

    def run(
        self,
        image: NDArray[np.generic],
        out: NDArray[np.generic] | None,
        context: FrameContext = ALONE,
    ) -> NDArray[np.generic]:
        """Run one batch; see Backend.run."""
        if not image.flags.writeable:
            # OpenVINO shares no memory that it may not write to, though it never does.
            image = image.copy()
        if self._detail_strength is not None:
            self._detail_strength[...] = context.detail_strength
        try:
            self._request.set_tensor(self._input, ov.Tensor(image, shared_memory=True))
            self._request.infer()
            result = self._request.get_tensor(self._output).data
        except Exception as error:
            raise BackendError(f'OpenVINO failed: {_one_line(error)}') from error
        if out is None:
            return np.array(result)
        if result.shape != out.shape or result.dtype != out.dtype:
            raise BackendError(
                f'OpenVINO returned {result.dtype} {result.shape}, expected {out.dtype} '
                f'{out.shape}.'
            )
        np.copyto(out, result)
        return out

    def _open(self, precision: str) -> None:
        settings = {
            'PERFORMANCE_HINT': 'LATENCY',
            'INFERENCE_PRECISION_HINT': _HINTS[precision],
        }
        if self._threads > 0:
            settings['INFERENCE_NUM_THREADS'] = str(self._threads)
        detail_strength: NDArray[np.generic] | None = None
        try:
            graph = CORE.read_model(self._model.content or str(self._model.path))
            request = CORE.compile_model(graph, 'CPU', settings).create_infer_request()
            for name, value in self._extra.items():
                tensor = ov.Tensor(value)
                request.set_tensor(name, tensor)
                if name == DETAIL_STRENGTH:
                    detail_strength = tensor.data
        except Exception as error:
            raise BackendError(
                f'OpenVINO cannot load {str(self._model.path)!r}: {_one_line(error)}'
            ) from error
        self._request, self._detail_strength, self.precision = request, detail_strength, precision

    def _reduce_precision(self, precision: str) -> str:
        """Compute in fewer digits where the image bears it; say why not where it does not."""
        supported = supported_precisions()
        if precision not in supported:
            return f'this CPU has no {precision}, only {", ".join(supported)}'
        full = self._request, self._detail_strength
        try:
            reference = self._check_results()
            self._open(precision)
            found = deviation(self._check_results(), reference)
        except BackendError as error:
            reason = f'{precision} cannot be compared with float32: {error}'
        else:
            logger.info('%s in %s differs from float32 by %s.', self.name, precision, found)
            reason = reason_against(precision, found, asked=True)
        if reason:
            (self._request, self._detail_strength), self.precision = full, 'float32'
        return reason

    def _check_results(self) -> list[RgbImage]:
        return translated_check_images(lambda image: self.run(image, None), self._model.card)


def _one_line(error: Exception) -> str:
    return ' '.join(str(error).split())[:500]
