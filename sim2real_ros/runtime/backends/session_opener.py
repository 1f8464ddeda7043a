"""Open ONNX Runtime sessions, and check what they compute before a frame depends on it."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from sim2real_ros.errors import BackendError
from sim2real_ros.runtime.backends.backend import BackendOptions
from sim2real_ros.runtime.backends.engine_cache import (
    cache_root,
    engine_identity,
    holds_engine,
    private_folder,
)
from sim2real_ros.runtime.backends.gpu_machine import GpuMachine
from sim2real_ros.runtime.backends.reduced_precision import (
    deviation,
    reason_against,
    translated_check_images,
)
from sim2real_ros.runtime.backends.session_choice import (
    AttemptError,
    PrecisionError,
    ProviderError,
)
from sim2real_ros.runtime.backends.session_plan import (
    EXECUTION_PROVIDERS,
    Attempt,
    CacheFolders,
    ProviderEntry,
    is_static,
    provider_entries,
)
from sim2real_ros.runtime.backends.session_runs import Array, DeviceRun, HostRun, SessionRun
from sim2real_ros.runtime.model_file import ModelFile
from sim2real_ros.runtime.pixel_format import RgbImage

_ERROR_ONLY = 3
_REDUCED = ('float16', 'bfloat16')

logger = logging.getLogger(__name__)


class SessionOpener:
    """Opens one model in whatever way is asked for."""

    def __init__(
        self,
        runtime: Any,
        model: ModelFile,
        options: BackendOptions,
        machine: GpuMachine,
        extra: Mapping[str, Array],
    ) -> None:
        """Remember what to open.

        Args:
            runtime: The module onnxruntime.
            model: The checked model.
            options: Threads, and the precision that the user has asked for.
            machine: What there is of GPUs.
            extra: Values of the inputs beside the image.
        """
        self._runtime = runtime
        self._model = model
        self._options = options
        self._machine = machine
        self._extra = {name: np.array(value) for name, value in extra.items()}
        self._static = is_static(model)
        self._reference: list[RgbImage] | None = None

    def open(self, attempt: Attempt) -> SessionRun:
        """Open the model in one way and check it.

        Raises:
            AttemptError: It does not work on the GPU like this.
            BackendError: It does not work on the CPU.
        """
        if attempt.provider == 'cpu':
            return self._open_on_cpu()
        cache = self._cache_folders(attempt) if attempt.provider == 'tensorrt' else None
        building = attempt.provider == 'tensorrt' and not (cache and holds_engine(cache.engine))
        if building:
            logger.warning(
                'Building a TensorRT engine of %r in %s: this takes minutes%s.',
                self._model.path.name,
                attempt.precision,
                ' the first time' if cache else ', at every start, as it cannot be kept',
            )
        start_s = time.monotonic()
        try:
            run = self._open_on_gpu(attempt, cache)
            results = self._check_results(run)
        except AttemptError:
            raise
        # ONNX Runtime has no common base class of its exceptions below Exception.
        except Exception as error:
            raise AttemptError(f'{attempt.provider} failed: {one_line(error)}') from error
        if building:
            seconds = time.monotonic() - start_s
            logger.warning('The TensorRT engine was ready after %.0f s.', seconds)
        self._check_precision(attempt, results)
        return run

    def _open_on_cpu(self) -> SessionRun:
        entries = provider_entries(Attempt('cpu', 'float32'), None, static=self._static)
        try:
            settings = self._session_options()
            # Planning all buffers as one block holds a third more memory and saves no time.
            settings.enable_mem_pattern = False
            return HostRun(self._session(entries, settings), self._model)
        except Exception as error:
            raise BackendError(
                f'ONNX Runtime cannot load {str(self._model.path)!r}: {one_line(error)}'
            ) from error

    def _open_on_gpu(self, attempt: Attempt, cache: CacheFolders | None) -> SessionRun:
        entries = provider_entries(attempt, cache, static=self._static)
        session = self._session(entries, self._session_options())
        # The only truth about the provider: ONNX Runtime goes to the CPU without an error.
        if session.get_providers()[0] != EXECUTION_PROVIDERS[attempt.provider]:
            raise ProviderError(
                f'ONNX Runtime could not start the {attempt.provider} provider; see its messages '
                'above'
            )
        if not self._static:
            return HostRun(session, self._model)
        assert self._machine.driver is not None
        allocate = self._machine.driver.pinned_array
        return DeviceRun(self._runtime, session, self._model, self._extra, allocate)

    def _session(self, entries: list[ProviderEntry], settings: Any) -> Any:
        source = self._model.content or str(self._model.path)
        # Its own retry prints a box of text, and hides which provider failed.
        return self._runtime.InferenceSession(
            source, settings, providers=entries, enable_fallback=0
        )

    def _session_options(self) -> Any:
        settings = self._runtime.SessionOptions()
        settings.log_severity_level = _ERROR_ONLY
        settings.intra_op_num_threads = self._options.threads
        # Spinning threads would take the CPU that the middleware needs for the next frame.
        settings.add_session_config_entry('session.intra_op.allow_spinning', '0')
        return settings

    def _check_results(self, run: SessionRun) -> list[RgbImage]:
        return translated_check_images(
            lambda image: run.run(image, None, self._extra), self._model.card
        )

    def _check_precision(self, attempt: Attempt, results: list[RgbImage]) -> None:
        if attempt.precision == 'float32' and not attempt.cuda_graph:
            return
        found = deviation(results, self._float32_results())
        asked = self._options.precision in _REDUCED
        reason = reason_against(attempt.precision, found, asked=asked)
        logger.info('%s differs from the CPU by %s.', attempt, found)
        if not reason:
            return
        # A graph that replays stale buffers looks the same: the next attempt goes without it.
        kind = AttemptError if attempt.cuda_graph else PrecisionError
        raise kind(f'on {attempt.provider} {reason}')

    def _float32_results(self) -> list[RgbImage]:
        if self._reference is None:
            run = self._open_on_cpu()
            try:
                self._reference = self._check_results(run)
            except Exception as error:
                raise AttemptError(
                    f'the CPU cannot run the test image: {one_line(error)}'
                ) from error
        return self._reference

    def _cache_folders(self, attempt: Attempt) -> CacheFolders | None:
        driver, tensorrt = self._machine.driver, self._machine.tensorrt
        assert driver is not None
        assert tensorrt is not None
        identity = engine_identity(
            self._model, attempt.precision, self._runtime.__version__, tensorrt, driver.gpu_name()
        )
        if identity is None:
            return None
        root = cache_root()
        folders = CacheFolders(
            root / identity.engine_key(), root / f'timing_{identity.timing_key()}'
        )
        for folder in (root, folders.engine, folders.timing):
            reason = private_folder(folder)
            if reason:
                logger.warning('TensorRT engines are not kept: %s.', reason)
                return None
        return folders


def one_line(error: Exception) -> str:
    """Return an error's message in one line of at most 500 characters."""
    return ' '.join(str(error).split())[:500]
