"""DetectionTruth: the true boxes of images, from labels in any format that is known."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sim2real_ros.errors import DataError
from sim2real_ros.evaluation.perception.detection_boxes import Boxes
from sim2real_ros.labels import ImageLabels, LabelSet
from sim2real_ros.labels.image_names import bare_name, stem_of

_ASPECT_TOLERANCE = 0.02


@dataclass(frozen=True, eq=False)
class TrueBoxes:
    """The true boxes of one image.

    Attributes:
        boxes: float32 (N, 4): x_min, y_min, x_max, y_max in pixels.
        labels: int32 (N,) ids of classes.
        is_crowd: bool (N,): stands for a group; finding it is neither right nor wrong.
    """

    boxes: Boxes
    labels: npt.NDArray[np.int32]
    is_crowd: npt.NDArray[np.bool_]


class DetectionTruth:
    """The true boxes of a data set, by the names of its images.

    Attributes:
        classes: The classes that are judged, in the order of their ids.
        left_out: Classes of the labels that are not judged.
    """

    def __init__(self, labels: LabelSet, classes: Sequence[str]) -> None:
        """Take the labels of those classes that the labels know too.

        Args:
            labels: From ``read_labels``.
            classes: Names that detectors know; the case of letters does not matter.

        Raises:
            DataError: No class is known to both.
        """
        known = {_plain(name): name for name in classes}
        self.classes = tuple(name for name in labels.classes if _plain(name) in known)
        self.left_out = tuple(name for name in labels.classes if _plain(name) not in known)
        if not self.classes:
            raise DataError(
                f'The labels have the classes {_listed(labels.classes)}, the detectors '
                f'{_listed(classes)}: none in common. Name the classes of the detectors in their '
                'YAML files as the labels do.'
            )
        self._ids = [
            self.classes.index(name) if name in self.classes else -1 for name in labels.classes
        ]
        self._images = _by_name(labels.images)

    def label_ids(self, classes: Sequence[str]) -> npt.NDArray[np.int32]:
        """Return the id here of each class of a detector, -1 where it is not judged."""
        ids = {_plain(name): index for index, name in enumerate(self.classes)}
        return np.array([ids.get(_plain(name), -1) for name in classes], np.int32)

    def of_image(self, name: str, size: tuple[int, int]) -> TrueBoxes | None:
        """Find the true boxes of an image.

        Args:
            name: Of the frame, with forward slashes; the suffix and the folders of the labels'
                format (``images/``) may differ.
            size: (width, height) of the frame; boxes are scaled where the labels' image is of
                another one.

        Returns:
            The boxes; None where the image has no labels, which is not the same as no objects.

        Raises:
            DataError: The aspect ratio is another one.
        """
        found = self._images.get(name) or self._images.get(stem_of(name))
        found = found or self._images.get(stem_of(bare_name(name, '')))
        return None if found is None else self._true_boxes(found, size)

    def _true_boxes(self, found: ImageLabels, size: tuple[int, int]) -> TrueBoxes:
        scale_x, scale_y = size[0] / found.size[0], size[1] / found.size[1]
        if abs(scale_x / scale_y - 1) > _ASPECT_TOLERANCE:
            raise DataError(
                f'The labels of {found.image!r} are for {found.size[0]}x{found.size[1]}, but the '
                f'frame has {size[0]}x{size[1]}: another aspect ratio.'
            )
        kept = [each for each in found.instances if self._ids[each.class_id] >= 0]
        boxes = np.array([each.box for each in kept], np.float64).reshape(-1, 4)
        boxes *= (scale_x, scale_y, scale_x, scale_y)
        return TrueBoxes(
            boxes.astype(np.float32),
            np.array([self._ids[each.class_id] for each in kept], np.int32),
            np.array([each.crowd for each in kept], bool),
        )


def _by_name(images: Sequence[ImageLabels]) -> dict[str, ImageLabels]:
    """Index by full name, and by shorter ones where only one image has them."""
    found: dict[str, ImageLabels] = {}
    shorter: dict[str, list[ImageLabels]] = {}
    for each in images:
        found[each.image] = each
        names = {stem_of(each.image), stem_of(bare_name(each.image, each.subset))}
        for name in names:
            shorter.setdefault(name, []).append(each)
    for name, which in shorter.items():
        if len(which) == 1:
            found.setdefault(name, which[0])
    return found


def _plain(name: str) -> str:
    return name.strip().casefold()


def _listed(names: Sequence[str]) -> str:
    return ', '.join(names[:20]) or 'none'
