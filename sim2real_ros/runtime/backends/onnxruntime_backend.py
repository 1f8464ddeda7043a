"""ONNX Runtime: TensorRT, CUDA and CPU providers."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from sim2real_ros.errors import BackendError
from sim2real_ros.runtime.backends.backend import BackendOptions
from sim2real_ros.runtime.backends.gpu_machine import GpuMachine, find_gpu_machine
from sim2real_ros.runtime.backends.session_choice import choose_session, fallback_reason
from sim2real_ros.runtime.backends.session_opener import SessionOpener, one_line
from sim2real_ros.runtime.backends.session_plan import (
    attempts,
    is_static,
    provider_order,
    usable_providers,
)
from sim2real_ros.runtime.extra_inputs import extra_input_arrays
from sim2real_ros.runtime.frame_context import ALONE, DETAIL_STRENGTH, FrameContext
from sim2real_ros.runtime.model_file import ModelFile

logger = logging.getLogger(__name__)


class OnnxRuntimeBackend:
    """One ONNX Runtime session on the best provider that works."""

    def __init__(
        self,
        model: ModelFile,
        options: BackendOptions,
        *,
        runtime: Any = onnxruntime,
        machine: GpuMachine | None = None,
    ) -> None:
        """Create the session.

        Args:
            model: The checked model.
            options: Provider, precision and threads.
            runtime: The module onnxruntime, or what stands in for it.
            machine: What there is of GPUs; None = look.

        Raises:
            BackendError: ONNX Runtime refuses the model.
        """
        static = is_static(model)
        order = provider_order(options.provider, static=static)
        machine = machine or find_gpu_machine(runtime, order)
        usable = usable_providers(options, machine.present, static=static)
        self._extra = extra_input_arrays(model)
        self._opener = SessionOpener(runtime, model, options, machine, self._extra)
        self._plan = attempts(usable, options.precision, static=static)
        self._chosen = choose_session(self._plan, self._opener.open)
        self.name = f'onnxruntime {runtime.__version__}'
        best = usable[0] if usable else 'cpu'
        self._options, self._machine = options, machine
        self._expected = best if options.provider == 'auto' else options.provider
        self.fallback = self._fallback_reason()

    @property
    def provider(self) -> str:
        """The provider really in use."""
        return self._chosen.attempt.provider

    @property
    def precision(self) -> str:
        """What it really computes in."""
        return self._chosen.attempt.precision

    @property
    def notes(self) -> tuple[str, ...]:
        """What was tried before, and why it was left."""
        return tuple(f'{each.attempt}: {each.reason}' for each in self._chosen.refusals)

    def run(
        self,
        image: NDArray[np.generic],
        out: NDArray[np.generic] | None,
        context: FrameContext = ALONE,
    ) -> NDArray[np.generic]:
        """Run one batch; see Backend.run."""
        if DETAIL_STRENGTH in self._extra:
            self._extra[DETAIL_STRENGTH][...] = context.detail_strength
        try:
            return self._chosen.session.run(image, out, self._extra)
        except BackendError:
            raise
        # ONNX Runtime has no common base class of its exceptions below Exception.
        except Exception as error:
            if not self._chosen.attempt.cuda_graph:
                raise BackendError(f'ONNX Runtime failed: {one_line(error)}') from error
            self._go_on_without_graph(error)
        return self.run(image, out, context)

    def _go_on_without_graph(self, error: Exception) -> None:
        """Open the model anew: a CUDA graph is captured in each thread, and may fail in this."""
        logger.warning('The CUDA graph failed, going on without: %s', one_line(error))
        plan = [attempt for attempt in self._plan if not attempt.cuda_graph]
        self._chosen = choose_session(plan, self._opener.open)
        if self.provider != self._expected:
            self.fallback = self._fallback_reason()

    def _fallback_reason(self) -> str:
        reason = fallback_reason(self._options, self._chosen, self._expected)
        if self._expected != self.provider and not reason:
            return self._machine.reason_against(self._expected)
        return reason
