"""SAM, MobileSAM and EfficientSAM as ONNX files that the user has: boxes to masks."""

import ctypes
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from sim2real_ros.errors import BackendError, ModelError
from sim2real_ros.runtime.model_file import GraphFile, read_graph
from sim2real_ros.segmentation.box_shape import Mask, Rect, ellipse, slices
from sim2real_ros.segmentation.sam_arrays import (
    Array,
    chosen_masks,
    image_array,
    mask_of_image,
    prompt_arrays,
)
from sim2real_ros.segmentation.sam_signature import (
    EMBEDDINGS,
    decoder_signature,
    encoder_signature,
)
from sim2real_ros.segmentation.segmenter import Boxes, BoxMask, RgbImage, checked_rects

MAX_BOXES_PER_RUN = 8
"""Bounds the memory of decoders that take any number: three masks of the image's size per box."""

REACH = 0.1
"""A mask may leave its box by this part of the box's longer side; what is farther is noise."""

_MIN_REACH_PX = 2
_ERROR_ONLY = 3


class SamSegmenter:
    """An encoder, run once per image, and a decoder, run for its boxes.

    The files are checked as untrusted data: no weights outside of their folder, no operators
    besides ONNX's own, outputs of the promised shapes.
    """

    def __init__(self, encoder: Path, decoder: Path, *, threads: int = 0) -> None:
        """Load both files.

        Args:
            encoder: ONNX file that makes embeddings of an image.
            decoder: ONNX file that makes masks of embeddings and prompts.
            threads: For inference on the CPU; 0 leaves the choice to the runtime.

        Raises:
            ModelError: A file is missing, damaged, unsafe or of an unknown signature.
            BackendError: ONNX Runtime refuses one.
        """
        files = read_graph(encoder), read_graph(decoder)
        self._decoder = decoder_signature(files[1])
        self._encoder = encoder_signature(files[0], self._decoder.family)
        self._sessions = _session(files[0], threads), _session(files[1], threads)
        self._checksums = [file.sha256 for file in files]
        # One run at a time: it uses all cores by itself, and its memory is large.
        self._lock = threading.Lock()

    def segment(self, rgb: RgbImage, boxes_px: Boxes) -> Iterator[BoxMask]:
        """Segment one image; see Segmenter.segment. Masks may leave their box by ``REACH``."""
        rects = checked_rects(rgb, boxes_px)
        if not rects:
            return
        size = (rgb.shape[1], rgb.shape[0])
        limits = np.array([*size, *size], np.float64)
        boxes = np.clip(boxes_px.astype(np.float64), 0, limits)
        feeds = {self._encoder.image: image_array(rgb, self._encoder)}
        embeddings = self._run(0, [self._encoder.output], feeds)[0]
        step = self._decoder.boxes_per_run or MAX_BOXES_PER_RUN
        step = min(step, MAX_BOXES_PER_RUN)
        for begin in range(0, len(boxes), step):
            logits = self._decode(embeddings, boxes[begin : begin + step], size)
            for rect, each in zip(rects[begin : begin + step], logits, strict=True):
                yield _box_mask(each, rect)

    def describe(self) -> dict[str, Any]:
        """Return family and checksums of the files."""
        return {
            'segmenter': 'sam',
            'family': self._decoder.family,
            'encoder_sha256': self._checksums[0],
            'decoder_sha256': self._checksums[1],
        }

    def _decode(self, embeddings: Array, boxes: Boxes, size: tuple[int, int]) -> list[Mask]:
        signature = self._decoder
        count = len(boxes)
        if signature.boxes_per_run > count:  # a fixed number of prompts: repeat the last
            fill = np.repeat(boxes[-1:], signature.boxes_per_run - count, axis=0)
            boxes = np.concatenate((boxes, fill))
        feeds = prompt_arrays(boxes, size, self._encoder, signature)
        feeds[EMBEDDINGS] = embeddings.astype(signature.inputs[EMBEDDINGS])
        names = [name for name in (signature.masks, signature.scores) if name]
        outputs = self._run(1, names, feeds)
        scores = outputs[1] if signature.scores else None
        chosen = chosen_masks(outputs[0], scores, len(boxes), signature)[:count]
        low_res = signature.is_low_res
        return [mask_of_image(each, size, self._encoder, is_low_res=low_res) for each in chosen]

    def _run(self, which: int, names: list[str], feeds: dict[str, Array]) -> list[Array]:
        try:
            with self._lock:
                outputs = self._sessions[which].run(names, feeds)
        # ONNX Runtime has no common base class of its exceptions below Exception.
        except Exception as error:
            part = ('encoder', 'decoder')[which]
            raise BackendError(f'ONNX Runtime failed in the {part}: {_one_line(error)}') from error
        for name, output in zip(names, outputs, strict=True):
            if not isinstance(output, np.ndarray) or not np.issubdtype(output.dtype, np.floating):
                raise ModelError(f'The output {name!r} is no array of floats.')
        return list(outputs)


def _box_mask(mask: Mask, rect: Rect) -> BoxMask:
    longer = max(rect[2] - rect[0], rect[3] - rect[1])
    reach = max(_MIN_REACH_PX, round(REACH * longer))
    near = np.zeros_like(mask)
    grown = (max(0, rect[0] - reach), max(0, rect[1] - reach), rect[2] + reach, rect[3] + reach)
    near[slices(grown)] = mask[slices(grown)]
    if near[slices(rect)].any():
        return BoxMask(near)
    near[:] = False
    near[slices(rect)] = ellipse(rect[3] - rect[1], rect[2] - rect[0])
    return BoxMask(near, 'the model found no object: ellipse in the box')


def _session(file: GraphFile, threads: int) -> 'ort.InferenceSession':
    settings = ort.SessionOptions()
    settings.log_severity_level = _ERROR_ONLY
    settings.intra_op_num_threads = threads
    try:
        return ort.InferenceSession(
            file.content or str(file.path), settings, providers=_providers()
        )
    except Exception as error:
        raise BackendError(
            f'ONNX Runtime cannot load {str(file.path)!r}: {_one_line(error)}'
        ) from error


def _providers() -> list[str]:
    """List CUDA where both the runtime and the driver have it, then the CPU."""
    if 'CUDAExecutionProvider' in ort.get_available_providers():
        try:
            ctypes.CDLL('libcuda.so.1')
        except OSError:
            return ['CPUExecutionProvider']
        return ['CUDAExecutionProvider', 'CPUExecutionProvider']
    return ['CPUExecutionProvider']


def _one_line(error: Exception) -> str:
    return ' '.join(str(error).split())[:500]
