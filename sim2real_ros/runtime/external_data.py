"""Weights that a model keeps in other files: allowed inside its own folder only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sim2real_ros.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import onnx
    from google.protobuf.message import Message

_EXTERNAL = 1
"""``TensorProto.EXTERNAL``."""


def check_external_data(path: Path, proto: onnx.ModelProto) -> bool:
    """Refuse a model that keeps weights outside its folder.

    Args:
        path: The model file; runtimes look for its data beside this path, even where it is a link.
        proto: Its content.

    Returns:
        Whether weights lie in other files at all.

    Raises:
        ModelError: A location is no file below the model's folder, links followed.
    """
    folder = path.absolute().parent
    found = False
    for tensor in _tensors(proto):
        locations = [entry.value for entry in tensor.external_data if entry.key == 'location']
        if not tensor.external_data and tensor.data_location != _EXTERNAL:
            continue
        found = True
        for location in locations or ['']:
            _check_inside(path, folder, location)
    return found


def _check_inside(path: Path, folder: Path, location: str | bytes) -> None:
    if not _is_inside(folder, location):
        raise ModelError(
            f'{str(path)!r} keeps weights in {location[:200]!r}, which is not a file inside the '
            "model's own folder; refused."
        )


def _is_inside(folder: Path, location: str | bytes) -> bool:
    # What protobuf cannot decode it returns as bytes. Backslashes are separators to some
    # runtimes, and a part of the name to others.
    if not location or isinstance(location, bytes) or '\\' in location:
        return False
    try:
        target = (folder / location).resolve()
        return target.is_relative_to(folder.resolve()) and target.is_file()
    except (OSError, ValueError, RuntimeError):
        return False


def _tensors(message: Message) -> Iterator[onnx.TensorProto]:
    """Yield every tensor below a message, wherever the format allows one.

    Walking all fields instead of the known places covers sub-graphs, functions, attribute
    defaults, sparse tensors, training graphs and whatever a later version of the format adds.
    """
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for child in [value] if hasattr(value, 'ListFields') else value:
            if field.message_type.name == 'TensorProto':
                yield child
            else:
                yield from _tensors(child)
