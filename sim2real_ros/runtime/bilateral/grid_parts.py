"""Cut the graph of a bilateral-grid model in two: the networks, and the slicing."""

from dataclasses import dataclass

import onnx
from onnx import TensorProto, helper
from onnx.utils import Extractor

from sim2real_ros.errors import ModelError
from sim2real_ros.runtime.bilateral.structure import (
    METADATA_KEY,
    GridDescription,
    is_bilateral,
    read_description,
)
from sim2real_ros.runtime.frame_context import DETAIL_STRENGTH
from sim2real_ros.runtime.model_file import ModelFile


@dataclass(frozen=True)
class GridParts:
    """A model's graph without the slicing.

    Attributes:
        description: Checked in itself; that the graph keeps it shows when it runs.
        graph: ONNX file: from the small copy (and the image, where there is detail) to the grid
            (and the detail).
    """

    description: GridDescription
    graph: bytes


def read_parts(model: ModelFile) -> GridParts:
    """Cut the graph of a bilateral-grid model, without running anything of it.

    Args:
        model: The checked file, which is untrusted.

    Raises:
        ModelError: It is none, or not as it says.
    """
    if not is_bilateral(model):
        raise ModelError(f'It has no entry {METADATA_KEY}, as exported bilateral grids do.')
    source = model.image_input
    result = next(each for each in model.outputs if each.name == model.card.output)
    if model.card.layout != 'NHWC' or (source.dtype, result.dtype) != ('uint8', 'uint8'):
        raise ModelError('Its image is not uint8 NHWC.')
    proto = onnx.load_model_from_string(model.content)
    description = read_description(model.metadata[METADATA_KEY])
    further = {tensor.name for tensor in model.inputs} - {source.name}
    if further != ({DETAIL_STRENGTH} if description.detail else set()):
        raise ModelError(f'It has the further inputs {sorted(further)}.')
    try:
        graph = _cut(proto, source.name, description)
        onnx.checker.check_model(graph)
        content = graph.SerializeToString()
    # Extractor's assertions and look-ups, the checker's and protobuf's errors.
    except Exception as error:
        raise ModelError(
            f'Its graph cannot be cut: {" ".join(str(error).split())[:300]}'
        ) from error
    return GridParts(description, content)


def _cut(proto: onnx.ModelProto, image: str, description: GridDescription) -> onnx.ModelProto:
    width, height = description.copy_size
    sides = (3, 4, description.bins, description.rows + 1, description.columns + 1)
    values: dict[str, list[str | int | None]] = {
        description.copy: ['N', 3, height, width],
        description.grid: ['N', *sides],
    }
    if description.detail:
        values[description.detail] = ['N', 12, 'h', 'w']
    if len(values) != 2 + bool(description.detail) or image in values:
        raise ModelError('two tensors have one name')
    # What the file says about shapes inside would be taken for granted.
    del proto.graph.value_info[:]
    proto.graph.value_info.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in values.items()
    )
    inputs = [description.copy, *([image] if description.detail else [])]
    outputs = [description.grid, *([description.detail] if description.detail else [])]
    part = Extractor(proto).extract_model(inputs, outputs)
    made = {name for node in part.graph.node for name in node.output}
    read = {name for node in part.graph.node for name in node.input}
    if not (made.issuperset(outputs) and read.issuperset(inputs)):
        raise ModelError(f'{outputs} are not made of {inputs}')
    return part
