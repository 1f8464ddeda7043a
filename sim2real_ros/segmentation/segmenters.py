"""SEGMENTERS: the table of what turns boxes into masks."""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sim2real_ros.errors import BackendError, ModelError
from sim2real_ros.segmentation.grabcut import GrabCutSegmenter
from sim2real_ros.segmentation.segmenter import Segmenter


@dataclass(frozen=True)
class SegmenterOptions:
    """What a segmenter may need to know.

    Attributes:
        encoder: ONNX file of the image encoder; for ``sam``.
        decoder: ONNX file of the mask decoder; for ``sam``.
        threads: For inference.
    """

    encoder: Path | None = None
    decoder: Path | None = None
    threads: int = 0


def _grabcut(options: SegmenterOptions) -> Segmenter:
    if options.encoder or options.decoder:
        raise ModelError(
            'GrabCut takes no model: leave --encoder and --decoder out, or choose --segmenter sam.'
        )
    return GrabCutSegmenter()


def _sam(options: SegmenterOptions) -> Segmenter:
    if options.encoder is None or options.decoder is None:
        raise ModelError(
            'The segmenter sam needs the two ONNX files of a SAM, MobileSAM or EfficientSAM '
            'export: --encoder FILE.onnx --decoder FILE.onnx.'
        )
    if importlib.util.find_spec('onnxruntime') is None:
        raise BackendError('The package onnxruntime is not installed: pip install onnxruntime.')
    # Heavy, and only needed here.
    from sim2real_ros.segmentation.sam_onnx import SamSegmenter

    return SamSegmenter(options.encoder, options.decoder, threads=options.threads)


SEGMENTERS: dict[str, Callable[[SegmenterOptions], Segmenter]] = {
    'grabcut': _grabcut,
    'sam': _sam,
}
"""Segmenter name -> how to make it."""
