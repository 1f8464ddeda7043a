"""Count what a graph asks of a machine: multiplications and additions, and bytes to move."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import onnx
from onnx import TensorProto, helper, shape_inference

Shape = tuple[int, ...]

VIEWS = frozenset(
    {'Reshape', 'Squeeze', 'Unsqueeze', 'Flatten', 'Identity', 'Shape', 'Constant', 'Size'}
)
"""Operators that give another name to the same bytes, or to a few numbers."""

_FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16)


@dataclass(frozen=True)
class GraphCost:
    """What one run of a graph costs.

    Attributes:
        flops: Of convolutions and matrix products; a multiplication and its addition count as
            two. Products with the zeros of a border are counted, those with the zeros that a
            transposed convolution is often explained by are not.
        weight_bytes: All constants, once.
        end_bytes: Input, output and constants, once: no way of computing the graph moves less.
        moved_bytes: What operators read and write if each does so for itself. Runtimes join
            operators and keep results in caches, so the truth lies between this and ``end_bytes``.
        unknown: Types of operators whose sizes the graph does not tell; they are not counted.
    """

    flops: int
    weight_bytes: int
    end_bytes: int
    moved_bytes: int
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Tensor:
    """Shape and bytes per element; one whose shape is not known is not listed at all."""

    shape: Shape
    element_bytes: int

    @property
    def count(self) -> int:
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        return self.count * self.element_bytes


def count_graph(
    model: onnx.ModelProto, inputs: Mapping[str, Shape] | None = None, *, float_bytes: int = 4
) -> GraphCost:
    """Count a graph's cost.

    Args:
        model: It is not changed. Branches and loops are not looked into.
        inputs: Shapes of inputs that have free sides, by name.
        float_bytes: Of a number in between, whatever the file says: 4 for float32, 2 for bfloat16
            and float16.
    """
    tensors = _tensors(with_input_shapes(model, inputs or {}), float_bytes)
    graph = model.graph
    weights = {each.name for each in graph.initializer}
    ends = [each.name for each in (*graph.input, *graph.output) if each.name not in weights]
    weight_bytes = sum(tensors[name].bytes for name in weights)
    flops = moved = 0
    unknown: set[str] = set()
    for node in graph.node:
        names = [name for name in (*node.input, *node.output) if name]
        if any(name not in tensors for name in names):
            unknown.add(node.op_type)
            continue
        if node.op_type in FLOPS:
            flops += FLOPS[node.op_type](node, tensors)
        if node.op_type not in VIEWS:
            moved += sum(tensors[name].bytes for name in names)
    end_bytes = weight_bytes + sum(tensors[name].bytes for name in ends if name in tensors)
    return GraphCost(flops, weight_bytes, end_bytes, moved, tuple(sorted(unknown)))


def with_input_shapes(model: onnx.ModelProto, inputs: Mapping[str, Shape]) -> onnx.ModelProto:
    """Return a copy with inputs of these shapes, and all shapes that follow from them."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for value in copy.graph.input:
        if value.name in inputs:
            kind = value.type.tensor_type
            fixed = helper.make_tensor_type_proto(kind.elem_type, list(inputs[value.name]))
            kind.CopyFrom(fixed.tensor_type)
    if inputs:
        for value in copy.graph.output:
            value.type.tensor_type.ClearField('shape')
        del copy.graph.value_info[:]
    return shape_inference.infer_shapes(copy, data_prop=True)


def _tensors(model: onnx.ModelProto, float_bytes: int) -> dict[str, _Tensor]:
    graph = model.graph
    found = {
        each.name: _Tensor(tuple(each.dims), _element_bytes(each.data_type, float_bytes))
        for each in graph.initializer
    }
    for value in (*graph.input, *graph.value_info, *graph.output):
        kind = value.type.tensor_type
        sides = [side.dim_value for side in kind.shape.dim if side.HasField('dim_value')]
        if kind.HasField('shape') and len(sides) == len(kind.shape.dim):
            size = _element_bytes(kind.elem_type, float_bytes)
            found.setdefault(value.name, _Tensor(tuple(sides), size))
    return found


def _element_bytes(data_type: int, float_bytes: int) -> int:
    if data_type in _FLOATS:
        return float_bytes
    return int(helper.tensor_dtype_to_np_dtype(data_type).itemsize)


def _convolution(node: onnx.NodeProto, tensors: Mapping[str, _Tensor]) -> int:
    """Every output value is a sum over the kernel: weights are (M, C / groups, kernel...)."""
    weights, output = tensors[node.input[1]].shape, tensors[node.output[0]]
    return 2 * output.count * math.prod(weights[1:])


def _transposed_convolution(node: onnx.NodeProto, tensors: Mapping[str, _Tensor]) -> int:
    """Every input value is spread over the kernel: weights are (C, M / groups, kernel...)."""
    image, weights = tensors[node.input[0]], tensors[node.input[1]].shape
    return 2 * image.count * math.prod(weights[1:])


def _matrix_product(node: onnx.NodeProto, tensors: Mapping[str, _Tensor]) -> int:
    return 2 * tensors[node.output[0]].count * tensors[node.input[0]].shape[-1]


def _general_matrix_product(node: onnx.NodeProto, tensors: Mapping[str, _Tensor]) -> int:
    transposed = any(each.name == 'transA' and each.i for each in node.attribute)
    depth = tensors[node.input[0]].shape[0 if transposed else 1]
    return 2 * tensors[node.output[0]].count * depth


FLOPS: dict[str, Callable[[onnx.NodeProto, Mapping[str, _Tensor]], int]] = {
    'Conv': _convolution,
    'ConvTranspose': _transposed_convolution,
    'MatMul': _matrix_product,
    'Gemm': _general_matrix_product,
}
"""How to count the operators that do nearly all of the arithmetic, by type."""
