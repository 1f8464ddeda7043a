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
        ModelError: The number of values does not fit the input.
    """
    others = [tensor for tensor in model.inputs if tensor.name != model.card.input]
    return {tensor.name: _array(tensor, model.card.extra_inputs[tensor.name]) for tensor in others}


def _array(tensor: GraphTensor, values: list[float]) -> NDArray[np.generic]:
    shape = tuple(side or 1 for side in tensor.shape)
    if tensor.shape == (None,):
        shape = (len(values),)
    if math.prod(shape) != len(values):
        raise ModelError(
            f'The card gives {len(values)} values for the input {tensor.name!r}, which takes '
            f'{math.prod(shape)} (shape {list(tensor.shape)}).'
        )
    if tensor.dtype.startswith('type '):
        raise ModelError(f'The input {tensor.name!r} has the unsupported element {tensor.dtype}.')
    return np.asarray(values, dtype=np.dtype(tensor.dtype)).reshape(shape)
