"""A model's graph before and after quantisation: what may be quantised in it, and the new file."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import onnx
import onnx.inliner
import onnx.shape_inference
import onnx.version_converter
from onnx import TensorProto

from sim2real_ros.card import METADATA_KEY, ModelCard
from sim2real_ros.errors import ModelError
from sim2real_ros.runtime.bilateral.structure import METADATA_KEY as BILATERAL_KEY
from sim2real_ros.runtime.model_file import ModelFile

LAYER_TYPES = ('Conv', 'MatMul')
"""What is quantised, where its weights are constants. ONNX Runtime computes transposed
convolutions in float32 whatever they are stored in, so these stay as they are."""

ABSORBED_TYPES = ('Relu', 'Clip')
"""What the unsigned range of a convolution's output expresses without a step of its own."""

MIN_OPSET = 13
"""From here on, quantised weights may have one scale per channel."""

MIN_IR_VERSION = 7
"""From 4 on, constants need not be inputs; 7 is what came with opset 13."""

_QUANTISED = frozenset(
    {
        *('QuantizeLinear', 'DequantizeLinear', 'DynamicQuantizeLinear'),
        *('QLinearConv', 'QLinearMatMul', 'ConvInteger', 'MatMulInteger'),
    }
)
_STANDARD = ('', 'ai.onnx')
_LOWEST = 'sim2real_lowest_float'
_INFERENCE_NOTE = 'onnx.infer'
"""Entry that ONNX Runtime's quantiser leaves in the metadata."""


@dataclass(frozen=True)
class FloatGraph:
    """A graph that is ready to be quantised.

    Attributes:
        proto: With a name for every node, types of all values, and constants as initializers.
        layers: Names of the nodes that can be quantised, in their order.
    """

    proto: onnx.ModelProto
    layers: tuple[str, ...]


def prepare_graph(model: ModelFile) -> FloatGraph:
    """Read a model's graph and find what can be quantised.

    Args:
        model: The float model.

    Raises:
        ModelError: It keeps its weights in other files, is quantised already, is written in an
            old opset that cannot be raised to 13, or has no float32 convolution or matrix product
            with constant weights.
    """
    if not model.content:
        raise ModelError(
            f'{str(model.path)!r} keeps its weights in other files, which are not read here. Save '
            'it with its weights inside first: onnx.save(onnx.load(PATH), NEW_PATH).'
        )
    proto = onnx.load_model_from_string(model.content)
    _refuse_quantised(model, proto)
    try:
        if proto.functions:
            proto = onnx.inliner.inline_local_functions(proto)
        if _opset(proto) < MIN_OPSET:
            proto = onnx.version_converter.convert_version(proto, MIN_OPSET)
        _constants_as_initializers(proto)
        _name_nodes(proto)
        proto.ir_version = max(proto.ir_version, MIN_IR_VERSION)
        proto = onnx.shape_inference.infer_shapes(proto)
    # The converter has no error class of its own, and raises RuntimeError among others.
    except Exception as error:
        reason = ' '.join(str(error).split())[:300]
        raise ModelError(
            f'The graph of {str(model.path)!r} cannot be prepared: {reason}.'
        ) from error
    return FloatGraph(proto, _layers(model, proto))


def _refuse_quantised(model: ModelFile, proto: onnx.ModelProto) -> None:
    found = sorted({node.op_type for node in proto.graph.node} & _QUANTISED)
    if found:
        raise ModelError(
            f'{str(model.path)!r} is quantised already (it has {found[0]}); give the float model.'
        )


def _opset(proto: onnx.ModelProto) -> int:
    return max(int(each.version) for each in proto.opset_import if each.domain in _STANDARD)


def _constants_as_initializers(proto: onnx.ModelProto) -> None:
    """Put the tensors of Constant nodes where the quantiser looks for weights."""
    graph = proto.graph
    for node in [node for node in graph.node if node.op_type == 'Constant']:
        if len(node.attribute) == 1 and node.attribute[0].name == 'value':
            graph.initializer.append(node.attribute[0].t)
            graph.initializer[-1].name = node.output[0]
            graph.node.remove(node)
    constants = {tensor.name for tensor in graph.initializer}
    for value in [value for value in graph.input if value.name in constants]:
        graph.input.remove(value)


def _name_nodes(proto: onnx.ModelProto) -> None:
    """Give a name of its own to every node, since nodes are chosen by their names."""
    counts = Counter(node.name for node in proto.graph.node)
    taken = set(counts)
    for index, node in enumerate(proto.graph.node):
        if node.name and counts[node.name] == 1:
            continue
        name = f'{node.op_type}_{index}'
        while name in taken:
            name += '_'
        taken.add(name)
        node.name = name


def _layers(model: ModelFile, proto: onnx.ModelProto) -> tuple[str, ...]:
    weights = {tensor.name: tensor.data_type for tensor in proto.graph.initializer}
    nodes = [
        node
        for node in proto.graph.node
        if node.op_type in LAYER_TYPES and node.domain in _STANDARD and node.input[1] in weights
    ]
    graph = proto.graph
    values = [*graph.value_info, *graph.input, *graph.output]
    floats = {v.name for v in values if v.type.tensor_type.elem_type == TensorProto.FLOAT}
    layers = [
        node.name
        for node in nodes
        if weights[node.input[1]] == TensorProto.FLOAT
        and {node.input[0], node.output[0]} <= floats
        and node.input[0] not in weights
    ]
    if layers:
        return tuple(layers)
    if any(weights[node.input[1]] == TensorProto.FLOAT16 for node in nodes):
        raise ModelError(
            f'{str(model.path)!r} computes in float16; quantise the float32 model in its place.'
        )
    raise ModelError(
        f'There is nothing to quantise in {str(model.path)!r}: it has no float32 convolution or '
        'matrix product with constant weights.'
    )


def protect_float_layers(proto: onnx.ModelProto, kept_in_float: Collection[str]) -> None:
    """Keep ONNX Runtime from quantising what was left in float.

    It quantises by itself, with one scale for all channels, a layer whose input is dequantised and
    whose result is quantised. A maximum with the lowest number, which changes nothing, comes
    between the two. Nodes stay in order.

    Args:
        proto: A quantised graph; it is changed.
        kept_in_float: Names of the layers that are not quantised.
    """
    graph = proto.graph
    nodes = list(graph.node)
    dequantised = {n.output[0] for n in nodes if n.op_type == 'DequantizeLinear'}
    for layer in [n for n in nodes if n.name in kept_in_float and n.input[0] in dequantised]:
        last = layer
        consumers = [n for n in nodes if last.output[0] in n.input]
        if len(consumers) == 1 and consumers[0].op_type in ABSORBED_TYPES:
            last = consumers[0]
        readers = [n for n in nodes if last.output[0] in n.input and n.op_type == 'QuantizeLinear']
        if readers:
            result = f'{last.output[0]}_kept_in_float'
            maximum = onnx.helper.make_node(
                'Max', [last.output[0], _LOWEST], [result], f'{layer.name}_kept_in_float'
            )
            for reader in readers:
                reader.input[0] = result
            # What follows the node that it reads may be what reads it.
            names = [node.output[0] for node in graph.node]
            graph.node.insert(names.index(last.output[0]) + 1, maximum)
    if any(_LOWEST in node.input for node in graph.node):
        lowest = np.finfo(np.float32).min
        graph.initializer.append(onnx.numpy_helper.from_array(np.array(lowest), _LOWEST))


def model_content(proto: onnx.ModelProto, original: ModelFile, card: ModelCard) -> bytes:
    """Write a quantised graph as the file of a model.

    Args:
        proto: The quantised graph; not changed.
        original: The float model, whose other entries are kept.
        card: The card of the new model.

    Returns:
        The same bytes for the same graph and card. What says how to split a bilateral grid is left
        out, as it speaks of the float graph.

    Raises:
        ModelError: The quantiser made no valid graph, or it is larger than 2 GiB.
    """
    source = onnx.load_model_from_string(original.content)
    result = onnx.ModelProto()
    result.CopyFrom(proto)
    result.producer_name, result.producer_version = source.producer_name, source.producer_version
    left_out = {METADATA_KEY, BILATERAL_KEY, _INFERENCE_NOTE}
    entries = {e.key: e.value for e in source.metadata_props if e.key not in left_out}
    onnx.helper.set_model_props(result, {**entries, **card.to_metadata()})
    del result.graph.value_info[:]
    try:
        onnx.checker.check_model(result)
        return bytes(result.SerializeToString(deterministic=True))
    except (onnx.checker.ValidationError, ValueError) as error:
        reason = ' '.join(str(error).split())[:300]
        raise ModelError(f'The quantised graph cannot be written: {reason}.') from error
