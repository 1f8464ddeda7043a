"""Which ONNX graphs TensorRT 10 takes: operators, and what it wants of some of them.

Source: the support matrix of onnx-tensorrt and reports of what failed; no GPU is needed to check.
"""

from collections.abc import Iterator

import onnx
from onnx import helper

from sim2real_ros.errors import ModelError

ALLOWED_OPERATORS = frozenset({
    *('Abs', 'Add', 'And', 'AveragePool', 'BatchNormalization', 'Cast', 'Ceil', 'Clip', 'Concat'),
    *('Constant', 'ConstantOfShape', 'Conv', 'ConvTranspose', 'DepthToSpace', 'Div', 'Equal'),
    *('Erf', 'Exp', 'Expand', 'Flatten', 'Floor', 'Gather', 'Gemm', 'GlobalAveragePool'),
    *('Greater', 'GreaterOrEqual', 'GridSample', 'HardSigmoid', 'HardSwish', 'Identity'),
    *('InstanceNormalization', 'LayerNormalization', 'LeakyRelu', 'Less', 'LessOrEqual', 'Log'),
    *('MatMul', 'Max', 'MaxPool', 'Mean', 'Min', 'Mul', 'Neg', 'Not', 'Or', 'PRelu', 'Pad', 'Pow'),
    *('Range', 'Reciprocal', 'ReduceMax', 'ReduceMean', 'ReduceMin', 'ReduceProd', 'ReduceSum'),
    *('ReduceSumSquare', 'Relu', 'Reshape', 'Resize', 'Round', 'Shape', 'Sigmoid', 'Sign', 'Size'),
    *('Slice', 'Softmax', 'Softplus', 'SpaceToDepth', 'Split', 'Sqrt', 'Squeeze', 'Sub', 'Sum'),
    *('Tanh', 'Tile', 'Transpose', 'Unsqueeze', 'Where'),
})  # fmt: skip
"""What image translators are made of, as far as TensorRT has it; no loops and no branches."""

CONSTANT_INPUTS = {
    'Pad': (1, 2),
    'InstanceNormalization': (1, 2),
    'Resize': (1, 2),
    'Conv': (1, 2),
    'ConvTranspose': (1, 2),
    'BatchNormalization': (1, 2, 3, 4),
    'Slice': (3, 4),
    'Squeeze': (1,),
    'Unsqueeze': (1,),
}
"""Inputs that must be known when the engine is built, by operator."""

RESIZE_MODES = ('nearest', 'linear')
PAD_MODES = ('constant', 'reflect', 'edge')
NORM_RANKS = range(3, 6)
GRID_SAMPLE_RANK = 4


def check_operators(model: onnx.ModelProto) -> None:
    """Refuse a graph that TensorRT 10 would not take.

    Args:
        model: Its image inputs are those of type uint8.

    Raises:
        ModelError: It would not; the message lists every reason.
    """
    problems = list(operator_problems(model))
    if problems:
        raise ModelError(
            f'Not written: TensorRT would refuse the graph: {"; ".join(problems)}. Choose another '
            'kind of layer for the generator.'
        )


def operator_problems(model: onnx.ModelProto) -> Iterator[str]:
    """Yield every reason for which TensorRT would refuse a graph."""
    graph = model.graph
    if model.functions or any(opset.domain not in ('', 'ai.onnx') for opset in model.opset_import):
        yield 'it uses functions or operators beyond the ONNX standard'
    uint8 = {i.name for i in graph.input if i.type.tensor_type.elem_type == onnx.TensorProto.UINT8}
    constants = _constants(graph)
    ranks = _ranks(model)
    for node in graph.node:
        yield from _node_problems(node, constants)
        yield from _rank_problems(node, ranks)
        if uint8.intersection(node.input) and node.op_type not in ('Cast', 'Shape'):
            yield f'{node.op_type} reads the uint8 input, which only Cast may'


def _constants(graph: onnx.GraphProto) -> set[str]:
    """Name every value that is known beforehand: initialisers and what is cast from them."""
    known = {tensor.name for tensor in graph.initializer} | {''}
    for node in graph.node:
        if node.op_type in ('Constant', 'Identity', 'Cast') and known.issuperset(node.input):
            known.update(node.output)
    return known


def _ranks(model: onnx.ModelProto) -> dict[str, int]:
    inferred = onnx.shape_inference.infer_shapes(model).graph
    values = (*inferred.input, *inferred.value_info, *inferred.output)
    return {value.name: len(value.type.tensor_type.shape.dim) for value in values}


def _node_problems(node: onnx.NodeProto, constants: set[str]) -> Iterator[str]:
    kind = node.op_type
    if kind not in ALLOWED_OPERATORS:
        yield f'it has no operator {kind}'
    for index in CONSTANT_INPUTS.get(kind, ()):
        if index < len(node.input) and node.input[index] not in constants:
            yield f'input {index} of {kind} must be constant'
    mode = next((helper.get_attribute_value(a) for a in node.attribute if a.name == 'mode'), None)
    allowed = {'Resize': RESIZE_MODES, 'Pad': PAD_MODES}.get(kind, ())
    if mode is not None and allowed and mode.decode() not in allowed:
        yield f'{kind} has mode {mode.decode()!r}, expected one of {", ".join(allowed)}'


def _rank_problems(node: onnx.NodeProto, ranks: dict[str, int]) -> Iterator[str]:
    rank = ranks.get(node.input[0]) if node.input else None
    if rank is None:
        return
    if node.op_type == 'InstanceNormalization' and rank not in NORM_RANKS:
        yield f'InstanceNormalization of rank {rank}, expected 3 to 5'
    if node.op_type == 'GridSample' and rank != GRID_SAMPLE_RANK:
        yield f'GridSample of rank {rank}, expected 4'
