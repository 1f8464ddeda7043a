"""Detector and Detections: what finds objects in an image, and what it found."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from sim2real_ros.evaluation.frame import RgbImage
from sim2real_ros.evaluation.perception.detection_boxes import Boxes

MIN_SCORE = 0.001
"""Detections below it are not asked for: average precision hardly sees them, and they are many."""


@dataclass(frozen=True, eq=False)
class Detections:
    """What was found in one image, highest score first.

    Attributes:
        boxes: float32 (N, 4): x_min, y_min, x_max, y_max in pixels of the image; edges.
        scores: float32 (N,) in 0..1.
        labels: int32 (N,) indices into ``Detector.classes``.
    """

    boxes: Boxes
    scores: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int32]

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.scores)

    def above(self, threshold: float) -> 'Detections':
        """Return those with a score of at least a threshold."""
        kept = self.scores >= threshold
        return Detections(self.boxes[kept], self.scores[kept], self.labels[kept])


class Detector(Protocol):
    """Finds objects in images; may be asked by several threads at once."""

    @property
    def name(self) -> str:
        """For people."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes by label."""
        ...

    @property
    def score_threshold(self) -> float:
        """Where the detector is meant to be used."""
        ...

    def detect(self, rgb: RgbImage, min_score: float | None = None) -> Detections:
        """Find objects.

        Args:
            rgb: uint8 RGB (H, W, 3).
            min_score: Lowest score to return; None = ``score_threshold``.
        """
        ...
