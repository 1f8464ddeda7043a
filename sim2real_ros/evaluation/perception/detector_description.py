"""DetectorDescription: what a user says about an object detector, in a small YAML file."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from sim2real_ros.config import load_yaml
from sim2real_ros.evaluation.normalisation import Triple, check_normalisation
from sim2real_ros.image import MAX_SIDE_PX

OutputKind = Literal['yolo', 'boxes_scores_labels', 'end2end']

YOLO_NMS_IOU = 0.7
"""What Ultralytics uses when it predicts and validates."""

MAX_CLASSES = 10_000
MAX_DETECTIONS = 1000


@dataclass(frozen=True)
class DetectorInput:
    """How an image becomes the network's input.

    Attributes:
        size: (width, height) in pixels.
        fit: ``letterbox`` keeps the aspect ratio and adds borders, ``stretch`` changes it.
        border: Grey level of those borders.
        value_range: What the levels 0 and 255 become.
        mean: Subtracted from each channel after that; in the order of ``colour_order``.
        std: What each channel is divided by at last.
        layout: Order of the axes.
        colour_order: Order of the channels.
        name: Of the graph's input; '' = the only one.
    """

    size: tuple[int, int]
    fit: Literal['letterbox', 'stretch'] = 'letterbox'
    border: int = 114
    value_range: tuple[float, float] = (0.0, 1.0)
    mean: Triple = (0.0, 0.0, 0.0)
    std: Triple = (1.0, 1.0, 1.0)
    layout: Literal['NCHW', 'NHWC'] = 'NCHW'
    colour_order: Literal['RGB', 'BGR'] = 'RGB'
    name: str = ''

    def __post_init__(self) -> None:
        """Check the limits.

        Raises:
            ValueError: A number is out of range.
        """
        if not all(1 <= side <= MAX_SIDE_PX for side in self.size):
            raise ValueError(f'size {self.size}: expected 1..{MAX_SIDE_PX} px on each side')
        if not 0 <= self.border <= 255:
            raise ValueError(f'border {self.border}: expected a level of 0..255')
        check_normalisation(self.value_range, self.mean, self.std)


@dataclass(frozen=True)
class OutputNames:
    """Names of the graph's outputs; '' = found by name, type or position.

    Attributes:
        boxes: Of ``boxes_scores_labels``; else the one output that is read.
        scores: Of ``boxes_scores_labels``.
        labels: Of ``boxes_scores_labels``.
    """

    boxes: str = ''
    scores: str = ''
    labels: str = ''


@dataclass(frozen=True)
class DetectorDescription:
    """What a user says about an object detector.

    Attributes:
        model: The ONNX file, relative to the YAML file and not outside of its folder.
        classes: Names of the classes in the order of the network's ids; the same names as those
            of the labels, where it is compared with labels.
        output: ``yolo``: (1, 4 + classes, anchors) with x and y of the centre, width, height and
            scores of the classes (Ultralytics v8 to v12), or (1, anchors, 5 + classes) with the
            objectness in the fifth place (YOLOv5, v7), told apart by the shape.
            ``boxes_scores_labels``: three outputs (torchvision, NMS in the graph).
            ``end2end``: rows x_min, y_min, x_max, y_max, score, class (YOLOv10, exports with NMS).
        input: How an image becomes its input.
        score_threshold: Detections below it do not count, but for average precision, which looks
            at all thresholds.
        nms_iou: Boxes of a class that overlap a better one by more are dropped; None = 0.7 for
            ``yolo``, and no suppression for the others, which do it in the graph.
        box_unit: ``share`` where the coordinates run from 0 to 1 over the input.
        first_label: The label of the first class: 1 for torchvision, where 0 is the background.
        max_detections: Most boxes of an image.
        outputs: Names of the graph's outputs.
        name: For people; '' = the name of the file.
    """

    model: str
    classes: tuple[str, ...]
    output: OutputKind
    input: DetectorInput
    score_threshold: float = 0.25
    nms_iou: float | None = None
    box_unit: Literal['pixels', 'share'] = 'pixels'
    first_label: int = 0
    max_detections: int = 300
    outputs: OutputNames = field(default_factory=OutputNames)
    name: str = ''

    def __post_init__(self) -> None:
        """Check the limits.

        Raises:
            ValueError: A number is out of range, or a class has no name or that of another.
        """
        if not 1 <= len(self.classes) <= MAX_CLASSES or not all(map(str.strip, self.classes)):
            raise ValueError(f'classes: expected 1..{MAX_CLASSES} names, none of them empty')
        if len(set(self.classes)) < len(self.classes):
            raise ValueError('classes: a name appears twice')
        if not 0 <= self.score_threshold <= 1:
            raise ValueError(f'score_threshold {self.score_threshold}: expected 0..1')
        if self.nms_iou is not None and not 0 <= self.nms_iou <= 1:
            raise ValueError(f'nms_iou {self.nms_iou}: expected 0..1')
        if not 0 <= self.first_label <= MAX_CLASSES:
            raise ValueError(f'first_label {self.first_label}: expected 0..{MAX_CLASSES}')
        if not 1 <= self.max_detections <= MAX_DETECTIONS:
            raise ValueError(f'max_detections {self.max_detections}: expected 1..{MAX_DETECTIONS}')

    @property
    def suppression_iou(self) -> float | None:
        """The overlap above which a box is dropped; None for no suppression."""
        if self.nms_iou is None and self.output == 'yolo':
            return YOLO_NMS_IOU
        return self.nms_iou


def load_description(path: str | Path) -> DetectorDescription:
    """Read a detector's YAML file.

    Raises:
        ConfigError: It cannot be read or does not describe a detector.
    """
    return load_yaml(DetectorDescription, path)
