"""Open an ONNX file as untrusted data: check it, hash it, and find its card."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sim2real_ros.card import ModelCard
from sim2real_ros.errors import ModelError
from sim2real_ros.runtime.external_data import check_external_data
from sim2real_ros.runtime.model_contract import (
    GraphTensor,
    default_card,
    graph_tensors,
    resolve_card,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    import onnx

__all__ = ['MAX_FILE_BYTES', 'GraphFile', 'GraphTensor', 'ModelFile', 'open_model', 'read_graph']

MAX_FILE_BYTES = 2**31 - 1
"""Protobuf's own limit; larger models keep their weights in external data files."""


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
        metadata: The file's own entries.
    """

    path: Path
    content: bytes
    sha256: str
    card: ModelCard
    inputs: tuple[GraphTensor, ...]
    outputs: tuple[GraphTensor, ...]
    metadata: Mapping[str, str]

    @property
    def image_input(self) -> GraphTensor:
        """The input that takes the image."""
        return next(tensor for tensor in self.inputs if tensor.name == self.card.input)


@dataclass(frozen=True)
class GraphFile:
    """A checked ONNX file, whatever its graph is for.

    Attributes:
        path: Where it came from.
        content: The bytes that were checked; empty where weights lie in other files.
        sha256: Of the file, as 64 hexadecimal digits.
        inputs: The graph's inputs without those that are initialised.
        outputs: The graph's outputs.
        metadata: The file's own entries.
    """

    path: Path
    content: bytes
    sha256: str
    inputs: tuple[GraphTensor, ...]
    outputs: tuple[GraphTensor, ...]
    metadata: Mapping[str, str]


def open_model(path: str | Path) -> ModelFile:
    """Read and check an ONNX file without running anything of it.

    Args:
        path: An ``.onnx`` file.

    Raises:
        ModelError: Missing, damaged, refers to files outside its folder, or its contract is
            neither this project's nor described by a card.
    """
    graph = read_graph(path)
    inputs, outputs = graph.inputs, graph.outputs
    card = ModelCard.read_side_file(graph.path) or ModelCard.from_metadata(graph.metadata)
    card = resolve_card(card or default_card(graph.path, inputs, outputs), inputs, outputs)
    return ModelFile(
        graph.path, graph.content, graph.sha256, card, inputs, outputs, graph.metadata
    )


def read_graph(path: str | Path) -> GraphFile:
    """Read and check an ONNX file of any contract without running anything of it.

    Args:
        path: An ``.onnx`` file.

    Raises:
        ModelError: Missing, damaged, or refers to files outside its folder.
    """
    path = Path(path)
    content = _read(path)
    proto = _parse(path, content)
    try:
        external = check_external_data(path, proto)
        inputs, outputs = graph_tensors(proto)
        metadata = {entry.key: entry.value for entry in proto.metadata_props}
    # Where protobuf's version does not return such names as bytes.
    except UnicodeDecodeError as error:
        raise ModelError(f'{str(path)!r} holds names that are no UTF-8: {error}.') from error
    if not proto.graph.node or not inputs or not outputs:
        raise ModelError(f'{str(path)!r} holds no ONNX graph with nodes, inputs and outputs.')
    digest = hashlib.sha256(content).hexdigest()
    return GraphFile(path, b'' if external else content, digest, inputs, outputs, metadata)


def _read(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise ModelError(f'No model file at {str(path.absolute())!r}.')
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


def _parse(path: Path, content: bytes) -> onnx.ModelProto:
    try:
        import onnx
        from google.protobuf.message import DecodeError
    except ImportError as error:
        raise ModelError('The package onnx is missing: pip install sim2real_ros[cpu].') from error
    try:
        return onnx.load_model_from_string(content)
    except DecodeError as error:
        raise ModelError(
            f'{str(path)!r} is damaged or no ONNX file ({len(content)} bytes, not a protobuf).'
        ) from error
