"""OpenVINO on CPUs, in float32 so that its images equal those of ONNX Runtime."""

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from sim2real_ros.errors import BackendError
from sim2real_ros.runtime.backends.backend import BackendOptions
from sim2real_ros.runtime.extra_inputs import extra_input_arrays
from sim2real_ros.runtime.frame_context import ALONE, DETAIL_STRENGTH, FrameContext
from sim2real_ros.runtime.model_file import ModelFile


class OpenVinoBackend:
    """One compiled OpenVINO model with one inference request."""

    def __init__(self, model: ModelFile, options: BackendOptions) -> None:
        """Compile the model.

        Raises:
            BackendError: OpenVINO refuses the model.
        """
        settings = {'PERFORMANCE_HINT': 'LATENCY', 'INFERENCE_PRECISION_HINT': 'f32'}
        if options.threads > 0:
            settings['INFERENCE_NUM_THREADS'] = str(options.threads)
        extra = extra_input_arrays(model)
        self._detail_strength: NDArray[np.generic] | None = None
        try:
            graph = ov.Core().read_model(model.content or str(model.path))
            self._request = ov.compile_model(graph, 'CPU', settings).create_infer_request()
            for name, value in extra.items():
                tensor = ov.Tensor(value)
                self._request.set_tensor(name, tensor)
                if name == DETAIL_STRENGTH:
                    self._detail_strength = tensor.data
        except Exception as error:
            raise BackendError(
                f'OpenVINO cannot load {str(model.path)!r}: {_one_line(error)}'
            ) from error
        self._input, self._output = model.card.input, model.card.output
        self.name = f'openvino {ov.__version__.partition("-")[0]}'
        self.provider = 'cpu'
        self.fallback = ''
        if options.provider not in ('auto', 'cpu'):
            self.fallback = f'the openvino backend runs on the CPU, not on {options.provider}'

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


def _one_line(error: Exception) -> str:
    return ' '.join(str(error).split())[:500]
