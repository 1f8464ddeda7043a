"""Write a model file, but only if ONNX Runtime computes what the reference computes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime

from sim2real_ros.errors import ModelError
from sim2real_ros.files import write_atomically

Image = npt.NDArray[np.uint8]

MAX_DIFFERENCE_LEVELS = 1


def write_model(
    model: onnx.ModelProto,
    path: str | Path,
    reference: Callable[[Image], Image],
    *,
    force: bool = False,
) -> None:
    """Check a model against its reference and write it, whole or not at all.

    Args:
        model: Keeps the model contract, with dynamic N, H and W.
        path: Must end in ``.onnx``; missing folders are made.
        reference: Computes the same on uint8 RGB of shape (N, H, W, 3).
        force: Whether an existing file may be replaced.

    Raises:
        ModelError: The name is unfit, the file exists, ONNX Runtime and the reference differ by
            more than one level.
        DataError: The disk refuses.
    """
    path = Path(path)
    check_writable(path, force=force)
    content = model.SerializeToString()
    difference = max_difference(content, reference)
    if difference > MAX_DIFFERENCE_LEVELS:
        raise ModelError(
            f'Not written: ONNX Runtime and the reference differ by {difference} levels, at most '
            f'{MAX_DIFFERENCE_LEVELS} is allowed. Please report this as a bug.'
        )
    write_atomically(path, content)


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


def max_difference(content: bytes, reference: Callable[[Image], Image]) -> int:
    """Return the largest difference in levels over images of awkward and of common sizes."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(content, options, providers=['CPUExecutionProvider'])
    (source,), (result,) = session.get_inputs(), session.get_outputs()
    worst = 0
    for image in _parity_images():
        (translated,) = session.run([result.name], {source.name: image})
        if translated.shape != image.shape or translated.dtype != np.uint8:
            raise ModelError(
                f'Not written: the model answers {image.shape} with {translated.shape} '
                f'{translated.dtype}, expected the same shape in uint8.'
            )
        difference = translated.astype(np.int16) - reference(image)
        worst = max(worst, int(np.abs(difference).max()))
    return worst


def _parity_images() -> list[Image]:
    generator = np.random.default_rng(0)
    sizes = [(1, 1, 1), (2, 37, 53), (1, 96, 128)]
    images = [generator.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]
    levels = np.arange(0, 256, 5, dtype=np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels, indexing='ij'), axis=-1)
    return [*images, cube.reshape(1, len(levels), -1, 3)]
