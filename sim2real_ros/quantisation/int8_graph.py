"""Calibrated int8 graphs, made by ONNX Runtime's quantiser."""

import contextlib
import copy
import io
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QDQQuantizer,
    QuantType,
    create_calibrator,
)

from sim2real_ros.errors import ModelError
from sim2real_ros.quantisation.float_graph import (
    ABSORBED_TYPES,
    LAYER_TYPES,
    FloatGraph,
    protect_float_layers,
)
from sim2real_ros.quantisation.options import Calibration

Feeds = Mapping[str, NDArray[np.generic]]

_METHODS = {
    'minmax': CalibrationMethod.MinMax,
    'percentile': CalibrationMethod.Percentile,
    'entropy': CalibrationMethod.Entropy,
}


class Int8Converter:
    """Knows the range of every value of a graph, and quantises any choice of its layers.

    Activations are unsigned with a zero point, weights signed with one scale per output channel,
    as QuantizeLinear and DequantizeLinear around each layer: what ONNX Runtime, OpenVINO and
    TensorRT read.
    """

    def __init__(
        self,
        graph: FloatGraph,
        frames: Iterable[Feeds],
        calibration: Calibration = 'minmax',
        *,
        reduce_range: bool = False,
    ) -> None:
        """Run the float graph on all frames and note the ranges.

        Args:
            graph: The float graph.
            frames: What to feed by input name, one frame at a time.
            calibration: ``minmax`` takes the whole range that was seen, ``percentile`` leaves
                1 of 100,000 values out, ``entropy`` chooses by Kullback-Leibler divergence.
            reduce_range: Whether weights have 7 bits, for x86 processors without VNNI, whose
                sums of two 8-bit products saturate.

        Raises:
            ModelError: ONNX Runtime cannot run the graph.
        """
        self._graph = graph
        self._reduce_range = reduce_range
        with _explained('calibrate'), tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / 'float.onnx'
            path.write_bytes(graph.proto.SerializeToString())
            calibrator = create_calibrator(
                path,
                [*LAYER_TYPES, *ABSORBED_TYPES],
                str(path.with_name('with_ranges.onnx')),
                _METHODS[calibration],
                extra_options={'symmetric': False},
            )
            # One by one: the calibrator holds all values of all frames of one call in memory.
            for feeds in frames:
                calibrator.collect_data(_OneFrame(feeds))
            self._ranges = calibrator.compute_data()

    def convert(self, kept_in_float: Collection[str] = ()) -> Any:
        """Quantise all layers but some.

        Args:
            kept_in_float: Names of layers to leave as they are.

        Returns:
            The quantised graph, an ``onnx.ModelProto``.

        Raises:
            ModelError: ONNX Runtime cannot quantise the graph.
        """
        proto = type(self._graph.proto)()
        proto.CopyFrom(self._graph.proto)
        with _explained('quantise'):
            quantizer = QDQQuantizer(
                proto,
                True,  # one scale per channel
                self._reduce_range,
                QuantType.QInt8,
                QuantType.QUInt8,
                # It writes into them.
                copy.deepcopy(self._ranges),
                [],
                self._excluded(kept_in_float),
                [*LAYER_TYPES, *ABSORBED_TYPES],
                {'MatMulConstBOnly': True},
            )
            quantizer.quantize_model()
            quantizer.model.topological_sort()
            protect_float_layers(quantizer.model.model, kept_in_float)
        return quantizer.model.model

    def _excluded(self, kept_in_float: Collection[str]) -> list[str]:
        layers = set(self._graph.layers)
        others = [node.name for node in self._graph.proto.graph.node
                  if node.op_type in LAYER_TYPES and node.name not in layers]  # fmt: skip
        return [*others, *(name for name in self._graph.layers if name in kept_in_float)]


class _OneFrame(CalibrationDataReader):  # type: ignore[misc]
    """One frame, in the form that the calibrator asks for."""

    def __init__(self, feeds: Feeds) -> None:
        self._rest = [dict(feeds)]

    def get_next(self) -> dict[str, NDArray[np.generic]] | None:
        """Return the frame, then None."""
        return self._rest.pop() if self._rest else None


@contextlib.contextmanager
def _explained(what: str) -> Iterator[None]:
    """Turn whatever the quantiser raises into our error, and keep what it prints to itself."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    # Neither the quantiser nor ONNX Runtime has a common base class below Exception.
    except Exception as error:
        reason = ' '.join(str(error).split())[:500]
        raise ModelError(f'ONNX Runtime cannot {what} the model: {reason}') from error
