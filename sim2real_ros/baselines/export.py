"""Write a model file, but only if ONNX Runtime computes what the reference computes."""

from pathlib import Path

import numpy as np
import onnx

from sim2real_ros.files import write_atomically
from sim2real_ros.runtime.model_path import check_writable
from sim2real_ros.runtime.parity import Image, Reference, check_parity, measure_parity

__all__ = ['check_writable', 'max_difference', 'write_model']


def write_model(
    model: onnx.ModelProto, path: str | Path, reference: Reference, *, force: bool = False
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
    check_parity(measure_parity(content, reference, _parity_images()))
    write_atomically(path, content)


def max_difference(content: bytes, reference: Reference) -> int:
    """Return the largest difference in levels over images of awkward and of common sizes."""
    return measure_parity(content, reference, _parity_images()).max_levels


def _parity_images() -> list[Image]:
    generator = np.random.default_rng(0)
    sizes = [(1, 1, 1), (2, 37, 53), (1, 96, 128)]
    images = [generator.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]
    levels = np.arange(0, 256, 5, dtype=np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels, indexing='ij'), axis=-1)
    return [*images, cube.reshape(1, len(levels), -1, 3)]
