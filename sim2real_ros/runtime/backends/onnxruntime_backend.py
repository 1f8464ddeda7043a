"""ONNX Runtime: TensorRT, CUDA and CPU providers."""

import ctypes
import os
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from sim2real_ros.errors import BackendError
from sim2real_ros.runtime.backends.backend import BackendOptions
from sim2real_ros.runtime.extra_inputs import extra_input_arrays
from sim2real_ros.runtime.frame_context import ALONE, DETAIL_STRENGTH, FrameContext
from sim2real_ros.runtime.model_file import ModelFile

_EXECUTION_PROVIDERS = {
    'tensorrt': 'TensorrtExecutionProvider',
    'cuda': 'CUDAExecutionProvider',
    'cpu': 'CPUExecutionProvider',
}
_REQUIRED_LIBRARY = {'tensorrt': 'libnvinfer.so.10', 'cuda': 'libcuda.so.1'}
_ERROR_ONLY = 3


class OnnxRuntimeBackend:
    """One ONNX Runtime session with bound inputs and outputs."""

    def __init__(self, model: ModelFile, options: BackendOptions) -> None:
        """Create the session.

        Raises:
            BackendError: ONNX Runtime refuses the model.
        """
        wanted = _wanted_providers(options.provider)
        self._session = _create_session(model, wanted, options)
        self._input = model.card.input
        self._output = model.card.output
        self._extra = extra_input_arrays(model)
        self.name = f'onnxruntime {ort.__version__}'
        self.provider = _used_provider(self._session)
        self.fallback = ''
        expected = wanted[0] if options.provider == 'auto' else options.provider
        if expected != self.provider:
            self.fallback = _fallback_reason(expected)

    def run(
        self,
        image: NDArray[np.generic],
        out: NDArray[np.generic] | None,
        context: FrameContext = ALONE,
    ) -> NDArray[np.generic]:
        """Run one batch; see Backend.run."""
        self._set_detail_strength(context.detail_strength)
        try:
            if out is None:
                feeds = {self._input: image, **self._extra}
                return np.asarray(self._session.run([self._output], feeds)[0])
            self._run_into(image, out)
        # ONNX Runtime has no common base class of its exceptions below Exception.
        except Exception as error:
            raise BackendError(f'ONNX Runtime failed: {_one_line(error)}') from error
        return out

    def _set_detail_strength(self, strength: float) -> None:
        if DETAIL_STRENGTH in self._extra:
            self._extra[DETAIL_STRENGTH][...] = strength

    def _run_into(self, image: NDArray[np.generic], out: NDArray[np.generic]) -> None:
        binding = self._session.io_binding()
        binding.bind_cpu_input(self._input, image)
        for name, value in self._extra.items():
            binding.bind_cpu_input(name, value)
        binding.bind_output(self._output, 'cpu', 0, out.dtype, out.shape, out.ctypes.data)
        self._session.run_with_iobinding(binding)


def _wanted_providers(requested: str) -> list[str]:
    """List our provider names to try, best first; the CPU always comes last."""
    candidates = ['tensorrt', 'cuda'] if requested == 'auto' else [requested]
    available = ort.get_available_providers()
    usable = [
        name
        for name in candidates
        if name != 'cpu' and _EXECUTION_PROVIDERS[name] in available and _can_load(name)
    ]
    return [*usable, 'cpu']


def _can_load(provider: str) -> bool:
    """Tell whether the driver library is there.

    ``get_available_providers`` lists what was compiled in, and a failing provider prints
    several lines of errors before it falls back: asking the loader is quiet and true.
    """
    try:
        ctypes.CDLL(_REQUIRED_LIBRARY[provider])
    except OSError:
        return False
    return True


def _create_session(
    model: ModelFile, providers: list[str], options: BackendOptions
) -> 'ort.InferenceSession':
    settings = ort.SessionOptions()
    settings.log_severity_level = _ERROR_ONLY
    settings.intra_op_num_threads = options.threads
    # Spinning threads would take the CPU that the middleware needs to receive the next frame.
    settings.add_session_config_entry('session.intra_op.allow_spinning', '0')
    if 'cuda' in providers and hasattr(ort, 'preload_dlls'):
        ort.preload_dlls(directory='')
    source = model.content or str(model.path)
    entries = [(_EXECUTION_PROVIDERS[name], _provider_options(name, model)) for name in providers]
    try:
        # Its own retry on the CPU prints a box of text; with nothing but the CPU it is in vain.
        retry = int(len(entries) > 1)
        return ort.InferenceSession(source, settings, providers=entries, enable_fallback=retry)
    except Exception as error:
        raise BackendError(
            f'ONNX Runtime cannot load {str(model.path)!r}: {_one_line(error)}'
        ) from error


def _provider_options(provider: str, model: ModelFile) -> dict[str, Any]:
    if provider != 'tensorrt':
        return {}
    cache = _engine_cache_folder()
    return {
        'trt_fp16_enable': '1',
        'trt_engine_cache_enable': '1',
        'trt_engine_cache_path': str(cache),
        'trt_engine_cache_prefix': f'{model.path.stem}_{model.sha256[:16]}',
        'trt_timing_cache_enable': '1',
        'trt_timing_cache_path': str(cache),
    }


def _engine_cache_folder() -> Path:
    root = Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache')
    folder = root / 'sim2real_ros' / 'tensorrt'
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _used_provider(session: 'ort.InferenceSession') -> str:
    first = session.get_providers()[0]
    return next(name for name, full in _EXECUTION_PROVIDERS.items() if full == first)


def _fallback_reason(requested: str) -> str:
    if _EXECUTION_PROVIDERS[requested] not in ort.get_available_providers():
        return (
            f'this build of onnxruntime has no {requested} provider; '
            'install onnxruntime-gpu[cuda,cudnn] in its place'
        )
    if not _can_load(requested):
        return f'{_REQUIRED_LIBRARY[requested]} cannot be loaded; is the driver installed?'
    return f'ONNX Runtime could not start the {requested} provider; see its messages above'


def _one_line(error: Exception) -> str:
    return ' '.join(str(error).split())[:500]
