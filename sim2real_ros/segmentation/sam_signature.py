"""Recognise SAM-family ONNX files by their inputs and outputs: names, dtypes and shapes.

Three exports are known, all with an encoder and a decoder of their own:

* SAM: ``scripts/export_onnx_model.py`` of facebookresearch/segment-anything for the decoder, and
  for the encoder any of the usual exports: the bare network (1 x 3 x 1024 x 1024, normalised and
  padded), or one that normalises and pads inside (H x W x 3, values 0..255).
* MobileSAM, and others that keep SAM's decoder: the same.
* EfficientSAM: ``export_to_onnx.py`` of yformer/EfficientSAM.
"""

from dataclasses import dataclass

from sim2real_ros.errors import ModelError
from sim2real_ros.runtime.model_file import GraphFile, GraphTensor

DEFAULT_SIDE_PX = 1024
_MAX_SIDE_PX = 4096
_MAX_POINTS = 64
_MAX_QUERIES = 64

EMBEDDINGS = 'image_embeddings'
_SAM_NEEDED = {EMBEDDINGS, 'point_coords', 'point_labels'}
_SAM_OPTIONAL = {'mask_input', 'has_mask_input', 'orig_im_size'}
_EFFICIENT_NEEDED = {EMBEDDINGS, 'batched_point_coords', 'batched_point_labels'}
_EFFICIENT_OPTIONAL = {'orig_im_size'}

_EXPECTED_DECODERS = (
    'SAM and MobileSAM: image_embeddings, point_coords, point_labels, mask_input, has_mask_input, '
    'orig_im_size -> masks, iou_predictions, low_res_masks; EfficientSAM: image_embeddings, '
    'batched_point_coords, batched_point_labels, orig_im_size -> output_masks, iou_predictions'
)
_EXPECTED_ENCODERS = (
    'SAM and MobileSAM: one image, float32 [1, 3, 1024, 1024] (normalised) or uint8 or float32 '
    '[height, width, 3] (0..255) -> image_embeddings; EfficientSAM: batched_images float32 '
    '[1, 3, height, width] (0..1) -> image_embeddings'
)


@dataclass(frozen=True)
class EncoderSignature:
    """How an encoder wants its image.

    Attributes:
        image: Name of its input.
        dtype: Of that input.
        output: Name of the embeddings among its outputs.
        layout: ``NCHW`` or ``HWC``.
        values: ``normalised`` by SAM's mean and deviation, ``raw`` 0..255, ``unit`` 0..1.
        side_px: The image is scaled to this longest side; 0 = taken as it is.
        size: (width, height) that the graph fixes, None where any will do.
    """

    image: str
    dtype: str
    output: str
    layout: str
    values: str
    side_px: int
    size: tuple[int, int] | None


@dataclass(frozen=True)
class DecoderSignature:
    """How a decoder wants its prompts.

    Attributes:
        family: ``sam`` or ``efficient_sam``.
        inputs: dtypes by name.
        masks: Name of the output with the masks.
        scores: Name of the output with the predicted IoU; '' where it has none.
        is_low_res: Whether those masks are of SAM's padded square instead of the image.
        boxes_per_run: How many boxes it takes at a time; 0 = any number.
        points: Points per prompt; a box needs 2.
    """

    family: str
    inputs: dict[str, str]
    masks: str
    scores: str
    is_low_res: bool
    boxes_per_run: int
    points: int


def decoder_signature(graph: GraphFile) -> DecoderSignature:
    """Recognise a decoder.

    Raises:
        ModelError: It has another signature; the message names what was found and expected.
    """
    names = {tensor.name for tensor in graph.inputs}
    if names >= _SAM_NEEDED and names <= _SAM_NEEDED | _SAM_OPTIONAL:
        return _sam_decoder(graph)
    if names >= _EFFICIENT_NEEDED and names <= _EFFICIENT_NEEDED | _EFFICIENT_OPTIONAL:
        return _efficient_decoder(graph)
    hint = ''
    if names & {'batched_images', 'image', 'images', 'input_image', 'x'}:
        hint = ' It takes an image: is this the encoder, or encoder and decoder in one file?'
    elif {'interm_embeddings', 'high_res_feats_0'} & names:
        hint = ' HQ-SAM and SAM 2 are not supported.'
    raise ModelError(_unknown(graph, 'decoder', _EXPECTED_DECODERS) + hint)


def encoder_signature(graph: GraphFile, family: str) -> EncoderSignature:
    """Recognise an encoder.

    Args:
        graph: The encoder's file.
        family: Of the decoder that it is used with.

    Raises:
        ModelError: It has another signature; the message names what was found and expected.
    """
    names = [tensor.name for tensor in graph.outputs]
    output = EMBEDDINGS if EMBEDDINGS in names else names[0]
    if len(graph.inputs) == 1:
        image = graph.inputs[0]
        is_efficient = image.name == 'batched_images'
        if is_efficient != (family == 'efficient_sam'):
            raise ModelError(
                f'{str(graph.path)!r} is the encoder of another model than the decoder is: its '
                f'input is {describe([image])}, but the decoder is of the family {family}. Use '
                'the two files of one export.'
            )
        found = _efficient_encoder(image, output) if is_efficient else _sam_encoder(image, output)
        if found is not None:
            return found
    raise ModelError(_unknown(graph, 'encoder', _EXPECTED_ENCODERS))


def describe(tensors: 'list[GraphTensor] | tuple[GraphTensor, ...]') -> str:
    """Write tensors as ``image float32 [1, 3, ?, ?], ...``."""
    return ', '.join(
        f'{t.name} {t.dtype} [{", ".join("?" if s is None else str(s) for s in t.shape)}]'
        for t in tensors
    )


def _sam_decoder(graph: GraphFile) -> DecoderSignature:
    outputs = [tensor.name for tensor in graph.outputs]
    # In some exports the masks' own way back to the image's size is frozen to the aspect ratio
    # of the picture that was exported with; the small ones are always right.
    is_low_res = 'low_res_masks' in outputs
    masks = 'low_res_masks' if is_low_res else 'masks'
    batch, points, _ = _axes(graph, 'point_coords', 3)
    if masks not in outputs or batch not in (1, None):
        raise ModelError(_unknown(graph, 'decoder', _EXPECTED_DECODERS))
    points = _checked_points(graph, points)
    return DecoderSignature('sam', _dtypes(graph), masks, _scores(outputs), is_low_res, 1, points)


def _efficient_decoder(graph: GraphFile) -> DecoderSignature:
    outputs = [tensor.name for tensor in graph.outputs]
    batch, queries, points, _ = _axes(graph, 'batched_point_coords', 4)
    if 'output_masks' not in outputs or batch not in (1, None) or (queries or 1) > _MAX_QUERIES:
        raise ModelError(_unknown(graph, 'decoder', _EXPECTED_DECODERS))
    points = _checked_points(graph, points)
    return DecoderSignature(
        'efficient_sam',
        _dtypes(graph),
        'output_masks',
        _scores(outputs),
        False,
        queries or 0,
        points,
    )


def _axes(graph: GraphFile, name: str, count: int) -> tuple[int | None, ...]:
    shape = next(tensor.shape for tensor in graph.inputs if tensor.name == name)
    if len(shape) != count:
        raise ModelError(_unknown(graph, 'decoder', _EXPECTED_DECODERS))
    return shape


def _checked_points(graph: GraphFile, points: int | None) -> int:
    if points is not None and not 2 <= points <= _MAX_POINTS:
        raise ModelError(
            f'{str(graph.path)!r} takes {points} points per prompt, but a box needs 2: export the '
            'decoder with the number of points dynamic.'
        )
    return points or 2


def _scores(outputs: list[str]) -> str:
    return 'iou_predictions' if 'iou_predictions' in outputs else ''


def _sam_encoder(image: GraphTensor, output: str) -> EncoderSignature | None:
    shape, dtype = image.shape, image.dtype
    if len(shape) == 4 and shape[0] in (1, None) and shape[1] == 3:
        height, width = shape[2:]
        values = 'raw' if dtype == 'uint8' else 'normalised'
        layout = 'NCHW'
    elif len(shape) == 3 and shape[2] == 3:
        height, width = shape[:2]
        layout, values = 'HWC', 'raw'
    else:
        return None
    if dtype not in ('uint8', 'float32', 'float16') or height != width:
        return None
    side = height or DEFAULT_SIDE_PX
    if side > _MAX_SIDE_PX:
        return None
    # The bare network knows only squares, even where the export left its sides open.
    is_square = height is not None or layout == 'NCHW'
    size = (side, side) if is_square else None
    return EncoderSignature(image.name, dtype, output, layout, values, side, size)


def _efficient_encoder(image: GraphTensor, output: str) -> EncoderSignature | None:
    shape = image.shape
    if len(shape) != 4 or shape[0] not in (1, None) or shape[1] != 3:
        return None
    height, width = shape[2:]
    if image.dtype not in ('float32', 'float16') or (height is None) != (width is None):
        return None
    size = None if height is None or width is None else (width, height)
    if size and max(size) > _MAX_SIDE_PX:
        return None
    return EncoderSignature(image.name, image.dtype, output, 'NCHW', 'unit', 0, size)


def _dtypes(graph: GraphFile) -> dict[str, str]:
    return {tensor.name: tensor.dtype for tensor in graph.inputs}


def _unknown(graph: GraphFile, part: str, expected: str) -> str:
    return (
        f'{str(graph.path)!r} is no {part} of a known kind: found {describe(graph.inputs)} -> '
        f'{describe(graph.outputs)}. Expected {expected}.'
    )
