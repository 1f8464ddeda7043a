"""Give a model file another card, and change nothing else of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim2real_ros.card import METADATA_KEY, ModelCard
from sim2real_ros.errors import ModelError

if TYPE_CHECKING:
    from sim2real_ros.runtime.model_file import ModelFile


def with_card(model: ModelFile, card: ModelCard) -> bytes:
    """Return the content of a model file with another card inside.

    Args:
        model: As ``open_model`` returned it, so onnx is there.
        card: Takes the place of the card inside, where there is one.

    Raises:
        ModelError: The model keeps its weights in other files, or grows beyond 2 GiB.
    """
    if not model.content:
        raise ModelError(
            f'{str(model.path)!r} keeps its weights in other files, which a copy would not find. '
            'Save it with its weights inside first: onnx.save(onnx.load(PATH), NEW_PATH).'
        )
    import onnx

    proto = onnx.load_model_from_string(model.content)
    text = card.to_metadata()[METADATA_KEY]
    entries = [entry for entry in proto.metadata_props if entry.key == METADATA_KEY]
    # Of several cards the last one counts, so all of them are replaced.
    for entry in entries or [proto.metadata_props.add(key=METADATA_KEY)]:
        entry.value = text
    try:
        return bytes(proto.SerializeToString())
    except ValueError as error:
        raise ModelError(
            f'{str(model.path)!r} with its card is larger than 2 GiB: {error}.'
        ) from error
