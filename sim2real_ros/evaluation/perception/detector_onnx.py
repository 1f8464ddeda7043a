"""OnnxDetector: a user's detector, an ONNX file with a small YAML file beside it."""

from pathlib import Path

import numpy as np

from sim2real_ros.errors import ModelError
from sim2real_ros.evaluation.frame import RgbImage
from sim2real_ros.evaluation.onnx_session import OnnxSession
from sim2real_ros.evaluation.perception.detection_boxes import suppress_repeated
from sim2real_ros.evaluation.perception.detector import Detections
from sim2real_ros.evaluation.perception.detector_description import (
    DetectorDescription,
    load_description,
)
from sim2real_ros.evaluation.perception.detector_input import (
    boxes_in_image,
    input_array,
    place_in_input,
)
from sim2real_ros.evaluation.perception.detector_output import raw_detections
from sim2real_ros.files import path_inside
from sim2real_ros.runtime.model_file import GraphFile, GraphTensor, read_graph
from sim2real_ros.runtime.trial_run import DEFAULT_TIMEOUT_S, run_in_trial

MAX_CANDIDATES = 3000
"""Boxes, those of the highest scores, that go into the suppression of repeated ones."""

MIDDLE_LEVEL = 128

_DTYPES = ('float32', 'float16', 'uint8')


class OnnxDetector:
    """A user's detector. ``detect`` may be called by several threads at once."""

    def __init__(
        self,
        described: DetectorDescription,
        graph: GraphFile,
        *,
        threads: int = 1,
    ) -> None:
        """Load a graph; ``load`` also reads the files and tries them in a process of their own.

        Args:
            described: What the user says about it.
            graph: The checked file.
            threads: For inference on the CPU; 0 leaves the choice to the runtime.

        Raises:
            ModelError: The graph's input is not as described.
            BackendError: ONNX Runtime refuses the graph.
        """
        self._described = described
        self._input = _checked_input(graph, described)
        self._outputs = [tensor.name for tensor in graph.outputs]
        self._session = OnnxSession.of_graph(graph, threads=threads)
        self.name = described.name or graph.path.stem
        self.classes = described.classes
        self.score_threshold = described.score_threshold
        self.sha256 = graph.sha256

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        threads: int = 1,
        trial: bool = True,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> 'OnnxDetector':
        """Read a YAML file and the model that it names, both as untrusted data.

        Args:
            path: The YAML file, see ``DetectorDescription``.
            threads: For inference on the CPU; 0 leaves the choice to the runtime.
            trial: First run the model on a grey image in a child process with limits on memory
                and time, so that a hostile or broken one cannot take this process down.
            timeout_s: Seconds after which the child is ended.

        Raises:
            ConfigError: The YAML file does not describe a detector.
            DataError: The model lies outside of the YAML file's folder.
            ModelError: The model is missing, damaged, unsafe, not as described, or failed its
                trial.
            BackendError: ONNX Runtime refuses it.
        """
        path = Path(path)
        described = load_description(path)
        graph = read_graph(path_inside(path.parent, described.model, 'model of the detector'))
        _checked_input(graph, described)
        if trial:
            run_in_trial(_detect_once, path, timeout_s=timeout_s, gives='boxes')
        return cls(described, graph, threads=threads)

    def detect(self, rgb: RgbImage, min_score: float | None = None) -> Detections:
        """Find objects in one image.

        Args:
            rgb: uint8 RGB (H, W, 3).
            min_score: Lowest score to return; None = the detector's own threshold.

        Returns:
            At most ``max_detections``, in pixels of the image, highest score first.

        Raises:
            ImageError: ``rgb`` is no RGB image.
            ModelError: The outputs are not of the described kind.
            BackendError: The runtime failed.
        """
        described = self._described
        lowest = self.score_threshold if min_score is None else min_score
        placement = place_in_input(rgb, described.input)
        array = input_array(rgb, placement, described.input, self._input.dtype)
        outputs = self._session.run({self._input.name: array}, self._outputs)
        named = dict(zip(self._outputs, outputs, strict=True))
        found = raw_detections(named, described, lowest)
        best = np.argsort(-found.scores, kind='stable')[:MAX_CANDIDATES]
        found = found.where(best)
        if described.suppression_iou is not None:
            found = found.where(
                suppress_repeated(*found, described.suppression_iou, described.max_detections)
            )
        boxes = boxes_in_image(found.boxes, placement)
        # Boxes in the letterbox's borders have nothing left in the image.
        inside = np.flatnonzero((boxes[:, 2:] > boxes[:, :2]).all(axis=1))
        inside = inside[: described.max_detections]
        scores, labels = found.scores[inside], found.labels[inside]
        return Detections(boxes[inside], scores.astype(np.float32), labels.astype(np.int32))


def _detect_once(path: str) -> None:
    width, height = load_description(path).input.size
    grey = np.full((height, width, 3), MIDDLE_LEVEL, np.uint8)
    OnnxDetector.load(path, trial=False).detect(grey, 0.0)


def _checked_input(graph: GraphFile, described: DetectorDescription) -> GraphTensor:
    """Find the input that takes the image.

    Raises:
        ModelError: There is none, or it takes something else.
    """
    wanted = described.input.name
    found = [tensor for tensor in graph.inputs if not wanted or tensor.name == wanted]
    if len(graph.inputs) != 1 or not found:
        names = ', '.join(repr(tensor.name) for tensor in graph.inputs)
        raise ModelError(
            f'{str(graph.path)!r} has the inputs {names}; expected '
            f'{repr(wanted) if wanted else "one for the image"} alone. Export the detector so '
            'that it takes nothing but the image.'
        )
    (tensor,) = found
    width, height = described.input.size
    is_nchw = described.input.layout == 'NCHW'
    shape = (1, 3, height, width) if is_nchw else (1, height, width, 3)
    fits = not tensor.shape or (
        len(tensor.shape) == 4
        and all(has in (None, side) for has, side in zip(tensor.shape, shape, strict=True))
    )
    if tensor.dtype not in _DTYPES or not fits:
        raise ModelError(
            f'{str(graph.path)!r} takes {tensor.dtype} {list(tensor.shape)}, but is described as '
            f'{described.input.layout} {list(shape)}; the types {", ".join(_DTYPES)} are known. '
            'Correct size and layout in the YAML file.'
        )
    return tensor
