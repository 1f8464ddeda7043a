"""Where a model file may be written."""

from pathlib import Path

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
