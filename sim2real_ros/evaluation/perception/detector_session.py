"""DetectorSession: a detector's graph in ONNX Runtime, from one input to all outputs."""

from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from sim2real_ros.errors import BackendError, ModelError
from sim2real_ros.runtime.model_file import GraphFile

_ERROR_ONLY = 3


class DetectorSession:
    """A loaded graph; ``run`` may be called by several threads at once.

    Always on the CPU, so that the same images give the same numbers with and without a GPU.
    """

    def __init__(self, graph: GraphFile, *, threads: int = 0) -> None:
        """Load a graph that was checked.

        Args:
            graph: From ``read_graph``.
            threads: For inference on the CPU; 0 leaves the choice to the runtime.

        Raises:
            BackendError: ONNX Runtime refuses it.
        """
        settings = ort.SessionOptions()
        settings.log_severity_level = _ERROR_ONLY
        settings.intra_op_num_threads = threads
        source = graph.content or str(graph.path)
        # ONNX Runtime has no common base class of its exceptions below Exception.
        try:
            self._session = ort.InferenceSession(
                source, settings, providers=['CPUExecutionProvider']
            )
        except Exception as error:
            raise BackendError(
                f'ONNX Runtime cannot load {str(graph.path)!r}: {_one_line(error)}'
            ) from error
        self._names = [tensor.name for tensor in graph.outputs]
        self._path = str(graph.path)

    def run(self, name: str, array: npt.NDArray[np.generic]) -> dict[str, npt.NDArray[Any]]:
        """Run the graph.

        Args:
            name: Of the input.
            array: C-contiguous, of the input's type and shape.

        Returns:
            The outputs by name, in the graph's order.

        Raises:
            BackendError: The runtime failed.
            ModelError: An output is no array.
        """
        try:
            outputs = self._session.run(self._names, {name: array})
        except Exception as error:
            raise BackendError(
                f'ONNX Runtime failed in {self._path!r}: {_one_line(error)}'
            ) from error
        if not all(isinstance(output, np.ndarray) for output in outputs):
            raise ModelError(f'{self._path!r} has an output that is no array.')
        return dict(zip(self._names, outputs, strict=True))


def _one_line(error: Exception) -> str:
    return ' '.join(str(error).split())[:500]
