"""OnnxSession: a graph in ONNX Runtime on the CPU, with named arrays in and out."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from sim2real_ros.errors import BackendError

Array = npt.NDArray[Any]

RUNTIME = f'ONNX Runtime {ort.__version__} on the CPU'
"""What a number that rests on a network has to say."""

_ERROR_ONLY = 3


class OnnxSession:
    """Runs one graph; several threads may run it at once.

    Always on the CPU, so that the same images give the same numbers with and without a GPU.
    """

    def __init__(self, model: bytes | str, name: str, *, threads: int = 1) -> None:
        """Load the graph.

        Args:
            model: Content of an ONNX file; or its path, where its weights lie in other files.
            name: For error messages.
            threads: That one run may use; 1 where the callers are threads themselves.

        Raises:
            BackendError: ONNX Runtime refuses it.
        """
        self._name = name
        settings = ort.SessionOptions()
        settings.log_severity_level = _ERROR_ONLY
        settings.intra_op_num_threads = threads
        settings.inter_op_num_threads = 1
        try:
            self._session = ort.InferenceSession(
                model, settings, providers=['CPUExecutionProvider']
            )
        # ONNX Runtime has no common base class of its exceptions below Exception.
        except Exception as error:
            raise BackendError(f'ONNX Runtime cannot load {name!r}: {_one_line(error)}') from error

    def run(self, feeds: Mapping[str, Array], outputs: Sequence[str]) -> list[Array]:
        """Run the graph once.

        Args:
            feeds: Arrays by name of the inputs.
            outputs: Names of those to return.

        Returns:
            One float array for each name, finite.

        Raises:
            BackendError: The graph failed, or an output is no array of finite floats.
        """
        try:
            found: list[Array] = self._session.run(list(outputs), dict(feeds))
        except Exception as error:
            raise BackendError(
                f'ONNX Runtime failed in {self._name!r}: {_one_line(error)}'
            ) from error
        for name, output in zip(outputs, found, strict=True):
            if not isinstance(output, np.ndarray) or not np.issubdtype(output.dtype, np.floating):
                raise BackendError(f'The output {name!r} of {self._name!r} is no array of floats.')
            if not np.isfinite(output).all():
                raise BackendError(
                    f'The output {name!r} of {self._name!r} holds NaN or infinity; expected '
                    'finite numbers. Check its value_range, mean and std.'
                )
        return found


def _one_line(error: Exception) -> str:
    return ' '.join(str(error).split())[:500]
