"""OnnxSegmenter: a segmentation network that the user has, as an ONNX file with a card."""

import math
import threading
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from sim2real_ros.card import ModelCard
from sim2real_ros.errors import BackendError, ModelError
from sim2real_ros.evaluation.frame import IdImage, RgbImage
from sim2real_ros.evaluation.structure.segmenter import IGNORED_ID
from sim2real_ros.evaluation.structure.segmenter_card import (
    MAX_SIDE_PX,
    SegmenterCard,
    read_segmenter_card,
)
from sim2real_ros.image.resizing import resize
from sim2real_ros.runtime.backends import BackendOptions, create_backend
from sim2real_ros.runtime.model_file import GraphFile, GraphTensor, ModelFile, read_graph

MIDDLE_LEVEL = 128

MIN_SIDE_PX = 64
"""Smaller images are enlarged: what is left of them after some pooling can end the process."""

Array = npt.NDArray[np.generic]


class OnnxSegmenter:
    """A ``Segmenter`` that runs a graph on the CPU, so that numbers are the same everywhere."""

    def __init__(
        self,
        path: str | Path,
        card: str | Path | None = None,
        *,
        backend: str = 'auto',
        threads: int = 1,
    ) -> None:
        """Load a file and its card, and segment one grey image to see whether they fit.

        The file is checked as untrusted data, but running a graph can still end or block the
        process: try it with ``try_segmenter`` first.

        Args:
            path: The ``.onnx`` file.
            card: Its card; None = ``NAME.segmenter.yaml`` beside it.
            backend: ``auto`` or a key of ``runtime.backends.BACKENDS``.
            threads: Of one run; 0 = the runtime's own choice.

        Raises:
            ModelError: The file is missing, damaged or unsafe, has no card, or the card and the
                graph contradict each other.
            ConfigError: The card is not valid.
            BackendError: The runtime is missing, or the graph does not run.
        """
        self._card = read_segmenter_card(path, card)
        graph = read_graph(path)
        model = _as_model(graph, self._card)
        self._size = _graph_size(graph, self._card)
        self._backend = create_backend(backend, model, BackendOptions('cpu', threads))
        self._lock = threading.Lock()
        self._ids = np.array(self._card.class_ids, np.uint8)
        self.class_ids = tuple(sorted({*self._card.class_ids} - {IGNORED_ID}))
        self.name = f'{self._card.name or graph.path.name} ({graph.sha256[:12]})'
        # Where any size goes, this is the smallest that the graph will ever be given.
        width, height = self._size or (MIN_SIDE_PX, MIN_SIDE_PX)
        self.segment(np.full((height, width, 3), MIDDLE_LEVEL, np.uint8))

    def segment(self, rgb: RgbImage) -> IdImage:
        """Segment one image; see ``Segmenter.segment``.

        Scores are enlarged to the image before the highest is taken, ids by their nearest.

        Raises:
            BackendError: The graph fails, or its output is not what the card says.
        """
        width, height = rgb.shape[1], rgb.shape[0]
        tensor = self._tensor(resize(rgb, self._size or self._multiple((width, height))))
        with self._lock:
            output = self._backend.run(tensor, None)
        if self._card.output_kind == 'scores':
            return self._ids[_highest(output, self._card, (width, height))]
        return self._ids[_numbers(output, self._card, (width, height))]

    def _multiple(self, size: tuple[int, int]) -> tuple[int, int]:
        multiple = self._card.size_multiple
        smallest = math.ceil(MIN_SIDE_PX / multiple)
        width, height = (max(smallest, round(side / multiple)) * multiple for side in size)
        return width, height

    def _tensor(self, rgb: RgbImage) -> Array:
        card = self._card
        if card.dtype == 'uint8':
            values: Array = rgb
        else:
            low, high = card.value_range
            mean, std = np.array(card.mean, np.float32), np.array(card.std, np.float32)
            scaled = rgb.astype(np.float32) * np.float32((high - low) / 255) + np.float32(low)
            values = (scaled - mean) / std
        if card.colour_order == 'BGR':
            values = values[..., ::-1]
        if card.layout == 'NCHW':
            values = values.transpose(2, 0, 1)
        return np.ascontiguousarray(values)[None]


def _highest(output: Array, card: SegmenterCard, size: tuple[int, int]) -> npt.NDArray[np.intp]:
    """Return the number of the class with the highest score, (H, W)."""
    axis = 1 if card.layout == 'NCHW' else 3
    if output.ndim != 4 or output.shape[0] != 1 or output.shape[axis] != len(card.class_ids):
        raise BackendError(
            f'The segmenter returned the shape {output.shape}; expected one {card.layout} array '
            f'with {len(card.class_ids)} channels, as many as class_ids.'
        )
    scores = np.moveaxis(output[0].astype(np.float32), axis - 1, 0)
    if not np.isfinite(scores).all():
        raise BackendError('The segmenter returned NaN or infinity; check value_range, mean, std.')
    # Plane by plane: OpenCV resizes few channels at once.
    planes = [cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR) for plane in scores]
    return np.asarray(np.stack(planes).argmax(0), np.intp)


def _numbers(output: Array, card: SegmenterCard, size: tuple[int, int]) -> npt.NDArray[np.intp]:
    """Return the number of the class that the graph gives, (H, W)."""
    numbers = output.reshape([side for side in output.shape if side != 1] or [1])
    if numbers.ndim != 2:
        raise BackendError(
            f'The segmenter returned the shape {output.shape}; expected one image of class '
            'numbers. Say output_kind: scores where it has one channel for each class.'
        )
    whole = numbers.astype(np.float64)
    if not np.isfinite(whole).all() or (whole != np.rint(whole)).any():
        raise BackendError('The segmenter returned numbers that are not whole; say scores?')
    if whole.min() < 0 or whole.max() >= len(card.class_ids):
        raise BackendError(
            f'The segmenter returned class numbers {whole.min():g}..{whole.max():g}; class_ids '
            f'names 0..{len(card.class_ids) - 1}.'
        )
    enlarged = cv2.resize(whole, size, interpolation=cv2.INTER_NEAREST)
    return np.asarray(enlarged, np.intp)


def _as_model(graph: GraphFile, card: SegmenterCard) -> ModelFile:
    """Describe the graph to the runtime's back ends, which know nothing of classes."""
    image, output = _image(graph, card), _named(graph.outputs, card.output, 'output')
    if image.dtype != card.dtype:
        raise ModelError(f'The card says dtype {card.dtype}, but {image.name!r} is {image.dtype}.')
    contract = ModelCard(name=card.name or graph.path.stem, input=image.name, output=output.name)
    return ModelFile(
        *(graph.path, graph.content, graph.sha256, contract),
        *(graph.inputs, graph.outputs, graph.metadata),
    )


def _image(graph: GraphFile, card: SegmenterCard) -> GraphTensor:
    image = _named(graph.inputs, card.input, 'input')
    if len(graph.inputs) != 1:
        known = ', '.join(repr(tensor.name) for tensor in graph.inputs)
        raise ModelError(f'The graph has the inputs {known}; expected one, for images.')
    axis = 1 if card.layout == 'NCHW' else 3
    if (
        len(image.shape) != 4
        or image.shape[axis] not in (3, None)
        or image.shape[0] not in (1, None)
    ):
        raise ModelError(
            f'The input {image.name!r} has the shape {list(image.shape)}; expected one '
            f'{card.layout} image with 3 channels.'
        )
    return image


def _named(tensors: tuple[GraphTensor, ...], name: str, kind: str) -> GraphTensor:
    for tensor in tensors:
        if name in ('', tensor.name):
            return tensor
    known = ', '.join(repr(tensor.name) for tensor in tensors)
    raise ModelError(f'The card names the {kind} {name!r}, but the graph has only {known}.')


def _graph_size(graph: GraphFile, card: SegmenterCard) -> tuple[int, int] | None:
    """Return the (width, height) to resize to; None where the graph takes any."""
    shape = _image(graph, card).shape
    height, width = shape[2:4] if card.layout == 'NCHW' else shape[1:3]
    if card.size is None and (height is None) != (width is None):
        raise ModelError(
            f'The graph fixes one side of {card.layout} images only ({list(shape)}); give a size, '
            'or the other layout.'
        )
    size = card.size or (None if width is None or height is None else (width, height))
    if size is None:
        return None
    if width not in (None, size[0]) or height not in (None, size[1]):
        raise ModelError(f'The card says size {size}, but the graph takes {(width, height)}.')
    if max(size) > MAX_SIDE_PX:
        raise ModelError(f'The graph takes images of {size}; at most {MAX_SIDE_PX} px a side.')
    return size
