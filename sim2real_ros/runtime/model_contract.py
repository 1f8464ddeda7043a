"""What a graph takes and gives, and whether that is what its card says."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sim2real_ros.card import ModelCard, side_file_path
from sim2real_ros.errors import ModelError
from sim2real_ros.image import MAX_IMAGE_BYTES, MAX_SIDE_PX

if TYPE_CHECKING:
    from pathlib import Path

    import onnx

_DTYPES = {
    1: 'float32',
    2: 'uint8',
    3: 'int8',
    4: 'uint16',
    5: 'int16',
    6: 'int32',
    7: 'int64',
    9: 'bool',
    10: 'float16',
    11: 'float64',
    12: 'uint32',
    13: 'uint64',
}


@dataclass(frozen=True)
class GraphTensor:
    """One input or output of the graph; ``shape`` has None for every dynamic dimension."""

    name: str
    dtype: str
    shape: tuple[int | None, ...]


Tensors = tuple[GraphTensor, ...]


def graph_tensors(proto: onnx.ModelProto) -> tuple[Tensors, Tensors]:
    """Return the graph's inputs without those that are initialised, and its outputs.

    Raises:
        ModelError: A name is no text.
    """
    initialised = {tensor.name for tensor in proto.graph.initializer}
    initialised |= {sparse.values.name for sparse in proto.graph.sparse_initializer}
    inputs = tuple(_tensor(v) for v in proto.graph.input if v.name not in initialised)
    return inputs, tuple(_tensor(value) for value in proto.graph.output)


def _tensor(value: onnx.ValueInfoProto) -> GraphTensor:
    # Protobuf returns what it cannot decode as bytes.
    if isinstance(value.name, bytes):
        raise ModelError(f'The graph has an input or output {value.name!r}: no UTF-8 name.')
    kind = value.type.tensor_type
    dims = kind.shape.dim
    shape = tuple(
        d.dim_value if d.HasField('dim_value') and d.dim_value > 0 else None for d in dims
    )
    return GraphTensor(value.name, _DTYPES.get(kind.elem_type, f'type {kind.elem_type}'), shape)


def default_card(path: Path, inputs: Tensors, outputs: Tensors) -> ModelCard:
    """Return a bare card for a graph that follows our contract without saying so.

    Raises:
        ModelError: It does not; the message tells how to describe it.
    """
    first, result = inputs[0], outputs[0]
    ours = [t.dtype == 'uint8' and len(t.shape) == 4 and t.shape[3] == 3 for t in (first, result)]
    if len(inputs) == 1 and all(ours):
        return ModelCard(name=path.stem, input=first.name, output=result.name)
    raise ModelError(_card_request(path, inputs, outputs))


def _card_request(path: Path, inputs: Tensors, outputs: Tensors) -> str:
    shown = f'{_describe(inputs)} -> {_describe(outputs)}'
    return (
        f'{str(path)!r} carries no model card and does not follow the uint8 NHWC contract '
        f'(found {shown}). Describe it in {side_file_path(path).name!r} beside it, for example: '
        f'{{name: {path.stem}, input: {inputs[0].name}, output: {outputs[0].name}, '
        'layout: NCHW, dtype: float32, value_range: [-1, 1], colour_order: RGB}.'
    )


def _describe(tensors: Tensors) -> str:
    return ', '.join(f'{t.name} {t.dtype} {list(t.shape)}' for t in tensors)


def resolve_card(card: ModelCard, inputs: Tensors, outputs: Tensors) -> ModelCard:
    """Check a card against its graph, and fill in what the graph knows.

    Returns:
        The card with ``input``, ``output`` and, where the graph fixes it, ``size``.

    Raises:
        ModelError: They contradict each other.
    """
    image = _image_input(card, inputs)
    result = _find(card.output, outputs, 'output') if card.output else outputs[0]
    for tensor in (image, result):
        _check_tensor(card, tensor)
    _check_extra_inputs(card, [t for t in inputs if t.name != image.name])
    return replace(card, input=image.name, output=result.name, size=_fixed_size(card, image))


def _image_input(card: ModelCard, inputs: Tensors) -> GraphTensor:
    if card.input:
        return _find(card.input, inputs, 'input')
    images = [t for t in inputs if t.name not in card.extra_inputs and len(t.shape) in (0, 4)]
    if len(images) != 1:
        raise ModelError(
            f'The card leaves the image input open, but {len(images)} of the inputs may be it '
            f'({_describe(inputs)}); name it under input.'
        )
    return images[0]


def _find(name: str, tensors: Tensors, kind: str) -> GraphTensor:
    for tensor in tensors:
        if tensor.name == name:
            return tensor
    known = ', '.join(repr(tensor.name) for tensor in tensors)
    raise ModelError(f'The card names the {kind} {name!r}, but the graph has only {known}.')


def _check_extra_inputs(card: ModelCard, others: list[GraphTensor]) -> None:
    for other in others:
        if other.name not in card.extra_inputs:
            raise ModelError(
                f'The model wants an input {other.name!r} {list(other.shape)}, for which the card '
                'gives no values; list them under extra_inputs.'
            )
    known = [other.name for other in others]
    for name in card.extra_inputs:
        if name not in known:
            nearest = difflib.get_close_matches(name, known, n=1)
            hint = f'did you mean {nearest[0]!r}?' if nearest else f'it has {known}.'
            raise ModelError(
                f'The card gives values for {name!r}, which is no further input of the graph; '
                f'{hint}'
            )


def _check_tensor(card: ModelCard, tensor: GraphTensor) -> None:
    if tensor.dtype != card.dtype:
        raise ModelError(
            f'The card says dtype {card.dtype}, but {tensor.name!r} is {tensor.dtype}.'
        )
    channel_axis = 3 if card.layout == 'NHWC' else 1
    # An output may leave its shape open; then the first frame tells.
    if tensor.shape and (len(tensor.shape) != 4 or tensor.shape[channel_axis] not in (3, None)):
        raise ModelError(
            f'Expected {card.layout} with 3 channels, but {tensor.name!r} has the shape '
            f'{list(tensor.shape)}.'
        )
    if tensor.shape and tensor.shape[0] not in (1, None):
        raise ModelError(
            f'{tensor.name!r} has the fixed batch size {tensor.shape[0]}; expected 1.'
        )


def _fixed_size(card: ModelCard, image: GraphTensor) -> tuple[int, int] | None:
    width, height = _graph_size(card, image) or card.size or (0, 0)
    if (width, height) == (0, 0):
        return None
    if card.size not in (None, (width, height)):
        raise ModelError(f'The card says size {card.size}, but the graph takes {(width, height)}.')
    if max(width, height) > MAX_SIDE_PX or 3 * width * height > MAX_IMAGE_BYTES:
        raise ModelError(
            f'The model wants images of {width}x{height} pixels; at most {MAX_SIDE_PX} on a side '
            f'and {MAX_IMAGE_BYTES} bytes as RGB are accepted.'
        )
    return (width, height)


def _graph_size(card: ModelCard, image: GraphTensor) -> tuple[int, int] | None:
    """Return the (width, height) that the graph fixes, if it does."""
    if not image.shape:
        return None
    height, width = image.shape[1:3] if card.layout == 'NHWC' else image.shape[2:4]
    if height is None and width is None:
        return None
    if height is None or width is None:
        raise ModelError(
            f'The input {image.name!r} fixes only one image side ({list(image.shape)}); '
            'export it with both fixed or both dynamic.'
        )
    return (width, height)
