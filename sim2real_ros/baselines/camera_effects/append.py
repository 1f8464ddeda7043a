"""Append camera effects to a generator, so that one model file does both."""

from dataclasses import dataclass

import onnx
from onnx import compose, helper

from sim2real_ros.baselines.camera_effects.effects import CameraEffects
from sim2real_ros.baselines.camera_effects.graph import add_effects
from sim2real_ros.baselines.graph_builder import GraphBuilder
from sim2real_ros.card import ModelCard
from sim2real_ros.errors import ModelError
from sim2real_ros.runtime.model_file import ModelFile

OPSETS = range(16, 23)
"""In these all operators of the effects mean the same, but for GridSample, renamed in 20."""

PREFIX = 'camera_effects/'
PIXELS, SEEN = f'{PREFIX}pixels', f'{PREFIX}seen'

PARTS_METADATA_PREFIX = 'sim2real_'
"""Entries of this project describe the graph as it was, for example where to split it so that a
kernel can take over a part. A back end that trusts them would leave the effects out."""


@dataclass(frozen=True)
class Appended:
    """A generator with effects behind it.

    Attributes:
        model: The graph of both, with its card.
        left_out: Keys of metadata entries that are no longer true of it.
    """

    model: onnx.ModelProto
    left_out: tuple[str, ...]


def check_generator(generator: ModelFile) -> None:
    """Refuse a generator that effects cannot be appended to; cheap, so call it before the work.

    Raises:
        ModelError: It keeps another contract, an opset outside OPSETS, or its weights elsewhere.
    """
    card = generator.card
    contract = (card.dtype, card.layout, card.colour_order)
    if contract != ('uint8', 'NHWC', 'RGB'):
        raise ModelError(
            f'{str(generator.path)!r} takes {" ".join(contract)}; effects can be appended only to '
            'models of the uint8 NHWC RGB contract. Export it with this project first.'
        )
    if not generator.content:
        raise ModelError(
            f'{str(generator.path)!r} keeps its weights in other files. Save it with its weights '
            'inside first: onnx.save(onnx.load(PATH), NEW_PATH).'
        )
    opset = _opset(onnx.load_model_from_string(generator.content))
    if opset not in OPSETS:
        raise ModelError(
            f'{str(generator.path)!r} has opset {opset}, expected {OPSETS[0]}..{OPSETS[-1]}. '
            'Export it anew with one of these.'
        )


def append_effects(generator: ModelFile, effects: CameraEffects, card: ModelCard) -> Appended:
    """Append effects to a generator.

    Further inputs of the generator, such as ``detail_strength``, stay inputs of the result.

    Args:
        generator: The model that comes first; ``check_generator`` accepts it.
        effects: What comes after it.
        card: Of the result; its input and output are those of the generator.

    Raises:
        ModelError: The two graphs do not go together.
    """
    check_generator(generator)
    first = onnx.load_model_from_string(generator.content)
    kept = {entry.key: entry.value for entry in first.metadata_props}
    left_out = tuple(sorted(key for key in kept if key.startswith(PARTS_METADATA_PREFIX)))
    metadata = {key: value for key, value in kept.items() if key not in left_out}
    source, result = generator.card.input, generator.card.output
    output = _only_output(first, result)
    # The graph's own names stay, so the effects give way.
    inner = f'{PREFIX}generated'
    _rename_output(first, result, inner)
    seen = onnx.ValueInfoProto()
    seen.CopyFrom(next(value for value in first.graph.input if value.name == source))
    seen.name = f'{PREFIX}frame'
    first.graph.node.append(helper.make_node('Identity', [source], [seen.name]))
    first.graph.output.append(seen)
    second = _effects_model(first, effects, result)
    for model in (first, second):
        del model.metadata_props[:]
    try:
        merged = compose.merge_models(first, second, [(inner, PIXELS), (seen.name, SEEN)])
        merged.graph.output[0].CopyFrom(output)
        helper.set_model_props(merged, {**metadata, **card.to_metadata()})
        onnx.checker.check_model(merged)
    except (ValueError, onnx.checker.ValidationError) as error:
        raise ModelError(
            f'Effects cannot be appended to {str(generator.path)!r}: {str(error)[:500]}'
        ) from error
    return Appended(merged, tuple(key for key in left_out if key not in card.to_metadata()))


def _opset(model: onnx.ModelProto) -> int:
    versions = [entry.version for entry in model.opset_import if entry.domain in ('', 'ai.onnx')]
    return max(versions, default=0)


def _only_output(model: onnx.ModelProto, name: str) -> onnx.ValueInfoProto:
    """Drop all outputs but one, and return a copy of that one."""
    output = onnx.ValueInfoProto()
    output.CopyFrom(next(value for value in model.graph.output if value.name == name))
    del model.graph.output[:]
    model.graph.output.append(output)
    return output


def _rename_output(model: onnx.ModelProto, old: str, new: str) -> None:
    """Give the generator's result a name of its own, as the effects' result takes the old one."""
    model.graph.output[0].name = new
    model.graph.node.append(helper.make_node('Identity', [old], [new]))
    inner = f'{PREFIX}before'
    for node in model.graph.node:
        _replace(node, old, inner)


def _replace(node: onnx.NodeProto, old: str, new: str) -> None:
    for names in (node.input, node.output):
        for index, name in enumerate(names):
            if name == old:
                names[index] = new
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            for inside in graph.node:
                _replace(inside, old, new)


def _effects_model(
    generator: onnx.ModelProto, effects: CameraEffects, output: str
) -> onnx.ModelProto:
    """Build the effects as a graph with two inputs, in the generator's opset."""
    graph = GraphBuilder()
    graph.add('Identity', 'pixels', output='seen')
    add_effects(graph, effects, 'pixels', 'seen', 'changed')
    model = graph.build(ModelCard(name='effects', input='pixels', output='changed'))
    del model.graph.node[0]
    seen = onnx.ValueInfoProto()
    seen.CopyFrom(model.graph.input[0])
    seen.name = 'seen'
    model.graph.input.append(seen)
    model = compose.add_prefix(model, PREFIX)
    for node in model.graph.node:
        _replace(node, f'{PREFIX}changed', output)
    model.graph.output[0].name = output
    opset = _opset(generator)
    _name_interpolation(model, opset)
    model.opset_import[0].version = opset
    model.ir_version = generator.ir_version
    return model


def _name_interpolation(model: onnx.ModelProto, opset: int) -> None:
    for node in model.graph.node:
        if node.op_type == 'GridSample' and opset >= 20:
            next(a for a in node.attribute if a.name == 'mode').s = b'linear'
