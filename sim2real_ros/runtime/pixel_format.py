"""Between the node's uint8 RGB images and the tensors that a model's card describes."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sim2real_ros.card import ModelCard
from sim2real_ros.errors import BackendError

RgbImage = NDArray[np.uint8]


def to_tensor(rgb: RgbImage, card: ModelCard) -> NDArray[np.generic]:
    """Lay out one image as the model wants it.

    Args:
        rgb: uint8 (H, W, 3), RGB, 0..255.
        card: The model's contract.

    Returns:
        A C-contiguous batch of one: (1, H, W, 3) or (1, 3, H, W), uint8 or float32 in the
        card's value range. For uint8 NHWC RGB it is a view of ``rgb`` where that is contiguous.
    """
    ordered = rgb if card.colour_order == 'RGB' else rgb[..., ::-1]
    if card.layout == 'NCHW':
        ordered = ordered.transpose(2, 0, 1)
    if card.dtype == 'uint8':
        return np.ascontiguousarray(ordered)[np.newaxis]
    low, high = card.value_range
    tensor = np.empty((1, *ordered.shape), np.float32)
    np.multiply(ordered, np.float32((high - low) / 255.0), out=tensor[0])
    if low != 0.0:
        tensor += np.float32(low)
    return tensor


def to_batch(rgbs: Sequence[RgbImage], card: ModelCard) -> NDArray[np.generic]:
    """Lay out images of one size as one batch.

    Args:
        rgbs: At least one; each as in ``to_tensor``, all of one size.
        card: The model's contract.

    Returns:
        A C-contiguous batch: (N, H, W, 3) or (N, 3, H, W), as in ``to_tensor``.
    """
    tensors = [to_tensor(rgb, card) for rgb in rgbs]
    return tensors[0] if len(tensors) == 1 else np.concatenate(tensors)


def from_tensor(tensor: NDArray[np.generic], card: ModelCard) -> RgbImage:
    """Turn a model's output into one image.

    Args:
        tensor: (1, H, W, 3) or (1, 3, H, W) as the card says, in its value range.
        card: The model's contract.

    Returns:
        uint8 (H, W, 3), RGB, 0..255, values outside the range clipped, rounded to nearest.

    Raises:
        BackendError: The shape is another one, or the values are not finite.
    """
    channel_axis = 3 if card.layout == 'NHWC' else 1
    if tensor.ndim != 4 or tensor.shape[0] != 1 or tensor.shape[channel_axis] != 3:
        raise BackendError(
            f'The model returned the shape {tensor.shape}; expected one {card.layout} image with '
            '3 channels.'
        )
    image = tensor[0] if card.layout == 'NHWC' else tensor[0].transpose(1, 2, 0)
    if card.colour_order == 'BGR':
        image = image[..., ::-1]
    return image.astype(np.uint8, copy=False) if card.dtype == 'uint8' else _quantise(image, card)


def _quantise(image: NDArray[np.generic], card: ModelCard) -> RgbImage:
    low, high = card.value_range
    # One NaN or infinity makes the sum not finite: a single cheap pass instead of a mask.
    with np.errstate(over='ignore', invalid='ignore'):
        levels = np.multiply(image, np.float32(255.0 / (high - low)), dtype=np.float32)
        levels += np.float32(0.5 - low * 255.0 / (high - low))
        finite = bool(np.isfinite(levels.sum(dtype=np.float64)))
    if not finite:
        raise BackendError('The model returned values that are not finite (NaN or infinity).')
    np.clip(levels, 0.0, 255.0, out=levels)
    return np.ascontiguousarray(levels.astype(np.uint8))
