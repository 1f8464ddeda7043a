"""Write a copy of a model whose card knows the input domain."""

from dataclasses import replace
from pathlib import Path

from sim2real_ros.card import side_file_path
from sim2real_ros.errors import ModelError
from sim2real_ros.files import write_atomically
from sim2real_ros.runtime.card_exchange import with_card
from sim2real_ros.runtime.input_domain import InputDomain
from sim2real_ros.runtime.model_file import ModelFile
from sim2real_ros.runtime.model_path import check_writable


def check_copy(path: str | Path, *, force: bool = False) -> None:
    """Refuse a path that the copy must not be written to; cheap, so call it before the work.

    Raises:
        ModelError: The suffix is not ``.onnx``, the file exists and ``force`` is false, or a side
            card lies there, which would hide the card inside the copy.
    """
    check_writable(path, force=force)
    side = side_file_path(path)
    if side.exists():
        raise ModelError(
            f'{str(side)!r} lies beside the copy and would hide the card inside it. Choose '
            'another name: the copy gets what the side card of the model says, and needs none.'
        )


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
        ModelError: As ``check_copy`` and ``with_card``.
        DataError: The disk refuses.
    """
    check_copy(path, force=force)
    card = replace(model.card, input_domain=domain.to_numbers())
    write_atomically(Path(path), with_card(model, card))
