"""Build small ONNX graphs that keep the model contract: uint8 NHWC RGB in, the same out."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from sim2real_ros.card import ModelCard

OPSET = 17
IR_VERSION = 8
"""Of ONNX 1.12 to 1.14: old enough for every runtime that knows opset 17."""

GENERATOR = 'sim2real_ros'


class GraphBuilder:
    """Collects nodes and constants; every method returns the name of the value it made."""

    def __init__(self) -> None:
        """Start with an empty graph."""
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, npt.NDArray[Any]] = {}

    def add(self, operator: str, *inputs: str, output: str = '', **attributes: Any) -> str:
        """Append one node with one output."""
        output = output or f'{operator.lower()}_{len(self._nodes)}'
        self._nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def constant(self, value: npt.ArrayLike, dtype: type[np.generic] = np.float32) -> str:
        """Add a constant tensor; equal constants share one name."""
        array = np.asarray(value, dtype=dtype)
        for name, known in self._constants.items():
            if known.dtype == array.dtype and np.array_equal(known, array):
                return name
        name = f'constant_{len(self._constants)}'
        self._constants[name] = array
        return name

    def build(self, card: ModelCard) -> onnx.ModelProto:
        """Close the graph from ``card.input`` to ``card.output`` and store the card in it."""
        graph = helper.make_graph(
            self._nodes,
            card.name,
            [_image_value(card.input)],
            [_image_value(card.output)],
            [numpy_helper.from_array(value, name) for name, value in self._constants.items()],
        )
        model = helper.make_model(
            graph,
            producer_name=GENERATOR,
            ir_version=IR_VERSION,
            opset_imports=[helper.make_opsetid('', OPSET)],
        )
        helper.set_model_props(model, card.to_metadata())
        onnx.checker.check_model(model, full_check=True)
        return model


def _image_value(name: str) -> onnx.ValueInfoProto:
    shape: Sequence[str | int] = ['N', 'H', 'W', 3]
    return helper.make_tensor_value_info(name, TensorProto.UINT8, shape)
