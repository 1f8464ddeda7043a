"""Where a model file may be written."""

from pathlib import Path

from sim2real_ros.card import side_file_path
from sim2real_ros.errors import ModelError


def check_writable(path: str | Path, *, force: bool = False) -> None:
    """Refuse a path that a model must not be written to; cheap, so call it before the work.

    Raises:
        ModelError: The suffix is not ``.onnx``, or the file exists and ``force`` is false.
    """
    path = Path(path)
    if path.suffix != '.onnx':
        raise ModelError(f'A model file must end in .onnx, found {str(path)!r}.')
    if path.exists() and not force:
        raise ModelError(
            f'{str(path)!r} exists already: choose another name, or replace it (--force).'
        )


def check_copy_writable(path: str | Path, *, force: bool = False) -> None:
    """Refuse a path that a model made of another one must not be written to; also cheap.

    Its card is inside: it gets what the card in force says of the other one.

    Raises:
        ModelError: As ``check_writable``, or a side card lies there, which would hide the card
            inside the copy.
    """
    check_writable(path, force=force)
    side = side_file_path(path)
    if side.exists():
        raise ModelError(
            f'{str(side)!r} lies beside the copy and would hide the card inside it. Choose '
            'another name: the copy gets what the side card of the model says, and needs none.'
        )
