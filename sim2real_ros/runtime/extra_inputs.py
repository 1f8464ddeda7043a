"""The constant values that a card gives for a model's further inputs."""

import math

import numpy as np
from numpy.typing import NDArray

from sim2real_ros.errors import ModelError
from sim2real_ros.runtime.model_file import GraphTensor, ModelFile


def extra_input_arrays(model: ModelFile) -> dict[str, NDArray[np.generic]]:
    """Shape the card's ``extra_inputs`` as the graph wants them.

    Returns:
        Arrays by input name; dynamic dimensions become 1, but a one-dimensional dynamic input
        takes all values.

    Raises:
        ModelError: The values do not fit the input in number or range.
    """
    others = [tensor for tensor in model.inputs if tensor.name != model.card.input]
    return {tensor.name: _array(tensor, model.card.extra_inputs[tensor.name]) for tensor in others}


def _array(tensor: GraphTensor, values: list[float]) -> NDArray[np.generic]:
    shape = tuple(side or 1 for side in tensor.shape)
    if tensor.shape == (None,):
        shape = (len(values),)
    if tensor.dtype.startswith('type '):
        raise ModelError(f'The input {tensor.name!r} has the unsupported element {tensor.dtype}.')
    if math.prod(shape) != len(values):
        raise ModelError(
            f'The card gives {len(values)} values for the input {tensor.name!r}, which takes '
            f'{math.prod(shape)} (shape {list(tensor.shape)}).'
        )
    return _as_type(tensor, values).reshape(shape)


def _as_type(tensor: GraphTensor, values: list[float]) -> NDArray[np.generic]:
    dtype = np.dtype(tensor.dtype)
    wanted = np.asarray(values, np.float64)
    with np.errstate(all='ignore'):
        array = wanted.astype(dtype)
    # Rounding is what floats are for; integers and truth values must be kept as they are.
    tolerance = 0.01 if dtype.kind == 'f' else 0.0
    kept = np.allclose(array.astype(np.float64), wanted, rtol=tolerance, atol=1e-6)
    if not (kept and np.isfinite(wanted).all()):
        raise ModelError(
            f'The card gives values for the input {tensor.name!r} that {tensor.dtype} cannot '
            f'hold: {values[:8]}.'
        )
    return array
