"""Open an ONNX file as untrusted data: check it, hash it, and find its card."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sim2real_ros.card import ModelCard, side_file_path
from sim2real_ros.errors import ModelError

if TYPE_CHECKING:
    import onnx

MAX_FILE_BYTES = 2**31 - 1
"""Protobuf's own limit; larger models keep their weights in external data files."""

MAX_SIDE_PX = 16384
"""Longest fixed image side that a model may ask for."""

_DTYPES = {1: 'float32', 2: 'uint8', 10: 'float16', 7: 'int64', 6: 'int32'}


@dataclass(frozen=True)
class GraphTensor:
    """One input or output of the graph; ``shape`` has None for every dynamic dimension."""

    name: str
    dtype: str
    shape: tuple[int | None, ...]


@dataclass(frozen=True)
class ModelFile:
    """A checked ONNX file with its card.

    Attributes:
        path: Where it came from.
        content: The bytes that were checked; back ends load these, not the path, so that a
            file replaced meanwhile cannot slip in. Empty where weights lie in other files.
        sha256: Of the file, as 64 hexadecimal digits.
        card: Its own card or the side file's, with ``size``, ``input`` and ``output`` resolved
            against the graph.
        inputs: The graph's inputs without those that are initialised.
        outputs: The graph's outputs.
    """

    path: Path
    content: bytes
    sha256: str
    card: ModelCard
    inputs: tuple[GraphTensor, ...]
    outputs: tuple[GraphTensor, ...]

    @property
    def image_input(self) -> GraphTensor:
        """The input that takes the image."""
        return next(tensor for tensor in self.inputs if tensor.name == self.card.input)


def open_model(path: str | Path) -> ModelFile:
    """Read and check an ONNX file without running anything of it.

    Args:
        path: An ``.onnx`` file.

    Raises:
        ModelError: Missing, damaged, refers to files outside its folder, or its contract is
            neither this project's nor described by a card.
    """
    path = Path(path)
    content = _read(path)
    proto = _parse(path, content)
    external = _check_external_data(path, proto)
    initialised = {tensor.name for tensor in proto.graph.initializer}
    inputs = tuple(_tensor(v) for v in proto.graph.input if v.name not in initialised)
    outputs = tuple(_tensor(value) for value in proto.graph.output)
    card = ModelCard.read_side_file(path) or _own_card(path, proto, inputs, outputs)
    card = _resolve(card, inputs, outputs)
    digest = hashlib.sha256(content).hexdigest()
    return ModelFile(path, b'' if external else content, digest, card, inputs, outputs)


def _read(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise ModelError(f'No model file at {str(path)!r}.')
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ModelError(
                f'{str(path)!r} is larger than 2 GiB; keep its weights in external data.'
            )
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        raise ModelError(f'Cannot read the model {str(path)!r}: {error}.') from error
    if not content:
        raise ModelError(f'{str(path)!r} is empty; expected an ONNX model.')
    return content


def _parse(path: Path, content: bytes) -> 'onnx.ModelProto':
    try:
        import onnx
        from google.protobuf.message import DecodeError
    except ImportError as error:
        raise ModelError('The package onnx is missing: pip install sim2real_ros[cpu].') from error
    try:
        proto = onnx.load_model_from_string(content)
    except DecodeError as error:
        raise ModelError(
            f'{str(path)!r} is damaged or no ONNX file ({len(content)} bytes, not a protobuf).'
        ) from error
    if not proto.graph.node or not proto.graph.input or not proto.graph.output:
        raise ModelError(f'{str(path)!r} holds no ONNX graph with nodes, inputs and outputs.')
    return proto


def _check_external_data(path: Path, proto: 'onnx.ModelProto') -> bool:
    """Return whether weights lie in other files; refuse files outside the model's folder."""
    folder = path.resolve().parent
    found = False
    for tensor in _all_tensors(proto):
        locations = [entry.value for entry in tensor.external_data if entry.key == 'location']
        # 1 is TensorProto.EXTERNAL.
        if not locations and tensor.data_location != 1:
            continue
        found = True
        for location in locations or ['']:
            _check_inside(path, folder, location)
    return found


def _check_inside(path: Path, folder: Path, location: str) -> None:
    try:
        target = (folder / location).resolve()
        inside = location != '' and target.is_relative_to(folder) and target.is_file()
    except (OSError, ValueError, RuntimeError):
        inside = False
    if not inside:
        raise ModelError(
            f'{str(path)!r} keeps weights in {location!r}, which is not a file inside the '
            "model's own folder; refused."
        )


def _all_tensors(proto: 'onnx.ModelProto') -> Iterator['onnx.TensorProto']:
    yield from _graph_tensors(proto.graph)
    for function in proto.functions:
        for node in function.node:
            yield from _node_tensors(node)


def _graph_tensors(graph: 'onnx.GraphProto') -> Iterator['onnx.TensorProto']:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        yield from _node_tensors(node)


def _node_tensors(node: 'onnx.NodeProto') -> Iterator['onnx.TensorProto']:
    for attribute in node.attribute:
        if attribute.HasField('t'):
            yield attribute.t
        yield from attribute.tensors
        for sparse in [attribute.sparse_tensor, *attribute.sparse_tensors]:
            yield from (sparse.values, sparse.indices)
        if attribute.HasField('g'):
            yield from _graph_tensors(attribute.g)
        for graph in attribute.graphs:
            yield from _graph_tensors(graph)


def _tensor(value: 'onnx.ValueInfoProto') -> GraphTensor:
    kind = value.type.tensor_type
    dims = kind.shape.dim
    shape = tuple(
        d.dim_value if d.HasField('dim_value') and d.dim_value > 0 else None for d in dims
    )
    return GraphTensor(value.name, _DTYPES.get(kind.elem_type, f'type {kind.elem_type}'), shape)


def _own_card(
    path: Path,
    proto: 'onnx.ModelProto',
    inputs: tuple[GraphTensor, ...],
    outputs: tuple[GraphTensor, ...],
) -> ModelCard:
    """Return the card inside the file, or a bare one where the graph follows our contract."""
    card = ModelCard.from_metadata({entry.key: entry.value for entry in proto.metadata_props})
    if card is not None:
        return card
    first, result = inputs[0], outputs[0]
    ours = [t.dtype == 'uint8' and len(t.shape) == 4 and t.shape[3] == 3 for t in (first, result)]
    if len(inputs) == 1 and all(ours):
        return ModelCard(name=path.stem, input=first.name, output=result.name)
    raise ModelError(_card_request(path, inputs, outputs))


def _card_request(
    path: Path, inputs: tuple[GraphTensor, ...], outputs: tuple[GraphTensor, ...]
) -> str:
    shown = f'{_describe(inputs)} -> {_describe(outputs)}'
    return (
        f'{str(path)!r} carries no model card and does not follow the uint8 NHWC contract '
        f'(found {shown}). Describe it in {side_file_path(path).name!r} beside it, for example: '
        f'{{name: {path.stem}, input: {inputs[0].name}, output: {outputs[0].name}, '
        'layout: NCHW, dtype: float32, value_range: [-1, 1], colour_order: RGB}.'
    )


def _describe(tensors: tuple[GraphTensor, ...]) -> str:
    return ', '.join(f'{t.name} {t.dtype} {list(t.shape)}' for t in tensors)


def _resolve(
    card: ModelCard, inputs: tuple[GraphTensor, ...], outputs: tuple[GraphTensor, ...]
) -> ModelCard:
    """Check the card against the graph, and fill in what the graph knows."""
    image = _find(card.input, inputs, 'input')
    result = _find(card.output, outputs, 'output')
    for tensor in (image, result):
        _check_tensor(card, tensor)
    for other in inputs:
        if other.name != image.name and other.name not in card.extra_inputs:
            raise ModelError(
                f'The model wants an input {other.name!r} {list(other.shape)}, for which the card '
                'gives no values; list them under extra_inputs.'
            )
    size = _fixed_size(card, image)
    return replace(card, input=image.name, output=result.name, size=size)


def _find(name: str, tensors: tuple[GraphTensor, ...], kind: str) -> GraphTensor:
    for tensor in tensors:
        if tensor.name == name or name == '':
            return tensor
    known = ', '.join(repr(tensor.name) for tensor in tensors)
    raise ModelError(f'The card names the {kind} {name!r}, but the graph has only {known}.')


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
    if not image.shape:
        return card.size
    height, width = image.shape[1:3] if card.layout == 'NHWC' else image.shape[2:4]
    if height is None and width is None:
        return card.size
    if height is None or width is None:
        raise ModelError(
            f'The input {image.name!r} fixes only one image side ({list(image.shape)}); '
            'export it with both fixed or both dynamic.'
        )
    if card.size not in (None, (width, height)):
        raise ModelError(f'The card says size {card.size}, but the graph takes {(width, height)}.')
    if max(width, height) > MAX_SIDE_PX:
        raise ModelError(f'The model wants images of {width}x{height}; refused as absurd.')
    return (width, height)
