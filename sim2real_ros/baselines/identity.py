"""The identity model: the smallest graph that keeps the model contract."""

from pathlib import Path

import numpy as np
import onnx

from sim2real_ros.baselines.export import write_model
from sim2real_ros.baselines.graph_builder import GraphBuilder
from sim2real_ros.card import ModelCard


def build_identity(card: ModelCard) -> onnx.ModelProto:
    """Build the model that returns its input: one Identity node."""
    graph = GraphBuilder()
    graph.add('Identity', card.input, output=card.output)
    return graph.build(card)


def write_identity(path: str | Path, *, force: bool = False) -> None:
    """Write the identity model.

    Args:
        path: The ``.onnx`` file; its stem becomes the model's name.
        force: Whether an existing file may be replaced.

    Raises:
        ModelError: The file exists or cannot be written.
    """
    card = ModelCard(
        name=Path(path).stem,
        method='identity',
        description='Returns its input unchanged: for tests, and to measure the transport alone.',
        source_domain='any',
        target_domain='any',
        training_data='none',
        licence='Apache-2.0',
    )
    write_model(build_identity(card), path, np.copy, force=force)
