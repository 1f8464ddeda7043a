"""What SAM-family models take and give as arrays: images, prompts, and masks back."""

import cv2
import numpy as np
import numpy.typing as npt

from sim2real_ros.errors import ModelError
from sim2real_ros.image import resize
from sim2real_ros.segmentation.box_shape import Mask
from sim2real_ros.segmentation.sam_signature import DecoderSignature, EncoderSignature
from sim2real_ros.segmentation.segmenter import Boxes, RgbImage

MEAN = np.array([123.675, 116.28, 103.53], np.float32)
DEVIATION = np.array([58.395, 57.12, 57.375], np.float32)
"""Of red, green and blue, 0..255 (segment_anything, ``build_sam.py``)."""

BOX_LABELS = (2, 3)
"""Labels of a box's top left and bottom right corner among the points of a prompt."""

NO_POINT = -1
"""Label that fills up exports with a fixed number of points."""

TOKEN_COUNT = 4
"""Masks of a SAM decoder that chooses none. The first is the one for prompts that leave no doubt,
as a box (``MaskDecoder.forward`` with ``multimask_output=False``); the others are for points."""

_MASK_INPUT = (1, 1, 256, 256)

Array = npt.NDArray[np.generic]
Floats = npt.NDArray[np.float32]


def scaled_size(size: tuple[int, int], side_px: int) -> tuple[int, int]:
    """Return (width, height) scaled to a longest side, rounded as ``ResizeLongestSide`` does."""
    scale = side_px / max(size)
    return max(1, int(size[0] * scale + 0.5)), max(1, int(size[1] * scale + 0.5))


def image_array(rgb: RgbImage, encoder: EncoderSignature) -> Array:
    """Make an encoder's input from an image.

    SAM scales to the longest side and pads at the right and at the bottom. EfficientSAM takes any
    size; where an export fixed one, the image is stretched, as the network does itself.

    Args:
        rgb: uint8 (H, W, 3), RGB.
        encoder: What it wants.
    """
    size = (rgb.shape[1], rgb.shape[0])
    wanted = scaled_size(size, encoder.side_px) if encoder.side_px else encoder.size or size
    smaller = wanted[0] < size[0] or wanted[1] < size[1]
    scaled = resize(rgb, wanted, interpolation='area' if smaller else 'linear')
    pixels = scaled.astype(np.float32)
    if encoder.values == 'unit':
        pixels /= 255
    elif encoder.values == 'normalised':
        pixels = (pixels - MEAN) / DEVIATION
    if encoder.size and wanted != encoder.size:
        # Zero where normalised; the mean colour is what becomes zero later.
        border = np.zeros(3, np.float32) if encoder.values == 'normalised' else MEAN
        whole = np.empty((encoder.size[1], encoder.size[0], 3), np.float32)
        whole[:] = border
        whole[: wanted[1], : wanted[0]] = pixels
        pixels = whole
    if encoder.dtype == 'uint8':
        pixels = np.round(pixels)
    array = pixels.transpose(2, 0, 1)[None] if encoder.layout == 'NCHW' else pixels
    return np.ascontiguousarray(array.astype(encoder.dtype))


def prompt_arrays(
    boxes: Boxes, size: tuple[int, int], encoder: EncoderSignature, decoder: DecoderSignature
) -> dict[str, Array]:
    """Make a decoder's inputs for some boxes, all but the embeddings.

    Args:
        boxes: (N, 4), pixels of the image; N = 1 for SAM.
        size: (width, height) of the image.
        encoder: Its scale is that of SAM's coordinates; EfficientSAM takes those of the image.
        decoder: What it wants.
    """
    spare = decoder.points - len(BOX_LABELS)
    corners = np.pad(boxes.reshape(-1, 2, 2), ((0, 0), (0, spare), (0, 0)))
    labels = np.tile(np.array(BOX_LABELS + (NO_POINT,) * spare, np.float32), (len(boxes), 1))
    arrays: dict[str, Array] = {'orig_im_size': np.array(size[::-1], np.float32)}
    if decoder.family == 'efficient_sam':
        arrays |= {'batched_point_coords': corners[None], 'batched_point_labels': labels[None]}
    else:
        factor = np.array(scaled_size(size, encoder.side_px)) / np.array(size)
        arrays |= {
            'point_coords': corners * factor,
            'point_labels': labels,
            'mask_input': np.zeros(_MASK_INPUT, np.float32),
            'has_mask_input': np.zeros(1, np.float32),
        }
    known = decoder.inputs.keys() & arrays.keys()
    return {name: arrays[name].astype(decoder.inputs[name]) for name in sorted(known)}


def chosen_masks(
    masks: Array, scores: Array | None, count: int, decoder: DecoderSignature
) -> list[Floats]:
    """Take one mask per box out of a decoder's output.

    Args:
        masks: (B, C, h, w), or (1, N, C, h, w) of EfficientSAM: logits, > 0 on the object.
        scores: (B, C) or (1, N, C): predicted IoU, None where the decoder tells none.
        count: Number of boxes.
        decoder: Its signature.

    Returns:
        Per box, logits (h, w).

    Raises:
        ModelError: The shapes are others.
    """
    if decoder.family == 'efficient_sam' and masks.ndim == 5:
        masks = masks[0]
        scores = None if scores is None else scores.reshape(-1, scores.shape[-1])
    if masks.ndim != 4 or masks.shape[0] != count or 0 in masks.shape:
        raise ModelError(
            f'The decoder gave masks of shape {list(masks.shape)} for {count} boxes; expected '
            'boxes x candidates x height x width.'
        )
    candidates = masks.shape[1]
    if scores is None or (decoder.family == 'sam' and candidates == TOKEN_COUNT):
        best = np.zeros(count, int)
    elif scores.shape == (count, candidates):
        best = np.argmax(np.nan_to_num(scores.astype(np.float32), nan=-1.0), axis=1)
    else:
        raise ModelError(
            f'The decoder gave scores of shape {list(scores.shape)} for masks of shape '
            f'{list(masks.shape)}; expected boxes x candidates.'
        )
    return [masks[box, index].astype(np.float32) for box, index in enumerate(best)]


def mask_of_image(
    logits: Floats, size: tuple[int, int], encoder: EncoderSignature, *, is_low_res: bool
) -> Mask:
    """Bring a mask to the size of its image.

    Args:
        logits: (h, w): of the image, or of SAM's padded square.
        size: (width, height) of the image.
        encoder: Tells the square's side.
        is_low_res: Whether it is surely of the square.

    Returns:
        bool (height, width).

    Raises:
        ModelError: It is neither of the image's size nor square.
    """
    width, height = size
    if not is_low_res and logits.shape == (height, width):
        return np.asarray(logits > 0)
    if logits.shape[0] != logits.shape[1] or not encoder.side_px:
        raise ModelError(
            f'The decoder gave a mask of {logits.shape[1]}x{logits.shape[0]} pixels; expected '
            f'{width}x{height}, as the image, or a square of SAM.'
        )
    side = encoder.side_px
    square = cv2.resize(logits, (side, side), interpolation=cv2.INTER_LINEAR)
    used_width, used_height = scaled_size(size, side)
    used = np.ascontiguousarray(square[:used_height, :used_width])
    return np.asarray(cv2.resize(used, size, interpolation=cv2.INTER_LINEAR) > 0)
