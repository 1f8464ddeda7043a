"""Write a copy of a model whose card knows the input domain."""

from dataclasses import replace
from pathlib import Path

from sim2real_ros.files import write_atomically
from sim2real_ros.runtime.card_exchange import with_card
from sim2real_ros.runtime.input_domain import InputDomain
from sim2real_ros.runtime.model_file import ModelFile
from sim2real_ros.runtime.model_path import check_copy_writable


def write_with_domain(
    model: ModelFile, domain: InputDomain, path: str | Path, *, force: bool = False
) -> None:
    """Write a copy of a model with the input domain in its card.

    The card inside the copy is the one in force: where the model has a side card, what that says.
    Graph, weights and other entries stay as they are.

    Args:
        model: The model.
        domain: Replaces the one that it has.
        path: The ``.onnx`` file to write; may be the model's own with ``force``.
        force: Whether an existing file may be replaced.

    Raises:
        ModelError: As ``check_copy_writable`` and ``with_card``.
        DataError: The disk refuses.
    """
    check_copy_writable(path, force=force)
    card = replace(model.card, input_domain=domain.to_numbers())
    write_atomically(Path(path), with_card(model, card))
