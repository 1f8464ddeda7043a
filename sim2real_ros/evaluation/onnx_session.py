"""OnnxSession: a user's graph in ONNX Runtime on the CPU, with named arrays in and out."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from sim2real_ros.errors import BackendError
from sim2real_ros.runtime.model_file import GraphFile

Array = npt.NDArray[Any]

RUNTIME = f'ONNX Runtime {ort.__version__} on the CPU'
"""What a number that rests on a network has to say."""

_ERROR_ONLY = 3


class OnnxSession:
    """Runs one graph; several threads may run it at once.

    Always on the CPU, so that the same images give the same numbers with and without a GPU.

    Attributes:
        name: For error messages.
    """

    def __init__(self, model: bytes | str, name: str, *, threads: int = 1) -> None:
        """Load a graph of our own making; ``of_graph`` loads a user's.

        Args:
            model: Content of an ONNX file; or its path, where its weights lie in other files.
            name: For error messages.
            threads: That one run may use; 1 where the callers are threads themselves, 0 leaves
                the choice to the runtime.

        Raises:
            BackendError: ONNX Runtime refuses it.
        """
        self.name = name
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

    @classmethod
    def of_graph(cls, graph: GraphFile, *, threads: int = 1) -> 'OnnxSession':
        """Load a graph that was checked, from the very bytes that were checked.

        Args:
            graph: From ``read_graph``.
            threads: As for the class.

        Raises:
            BackendError: ONNX Runtime refuses it.
        """
        return cls(graph.content or str(graph.path), str(graph.path), threads=threads)

    def run(self, feeds: Mapping[str, Array], outputs: Sequence[str]) -> list[Array]:
        """Run the graph once.

        Args:
            feeds: Arrays by name of the inputs.
            outputs: Names of those to return.

        Returns:
            One array for each name, of any type; numbers may be NaN or infinite.

        Raises:
            BackendError: The graph failed, or an output is no array.
        """
        try:
            found: list[Array] = self._session.run(list(outputs), dict(feeds))
        except Exception as error:
            raise BackendError(
                f'ONNX Runtime failed in {self.name!r}: {_one_line(error)}'
            ) from error
        for name, output in zip(outputs, found, strict=True):
            if not isinstance(output, np.ndarray):
                raise BackendError(
                    f'The output {name!r} of {self.name!r} is a {type(output).__name__}, not an '
                    'array.'
                )
        return found


def _one_line(error: Exception) -> str:
    return ' '.join(str(error).split())[:500]
