"""From the raw outputs of a detector's graph to boxes, scores and labels."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sim2real_ros.errors import ModelError
from sim2real_ros.evaluation.perception.detector_description import DetectorDescription

Outputs = Mapping[str, npt.NDArray[Any]]

_LABEL_WORDS = ('label', 'class', 'cls')


class RawDetections(NamedTuple):
    """Boxes as the graph gives them.

    Attributes:
        boxes: float64 (N, 4): x_min, y_min, x_max, y_max in pixels of the input.
        scores: float64 (N,).
        labels: int64 (N,), 0 for the first class.
    """

    boxes: npt.NDArray[np.float64]
    scores: npt.NDArray[np.float64]
    labels: npt.NDArray[np.int64]

    def where(self, kept: npt.NDArray[Any]) -> 'RawDetections':
        """Return those that a mask or indices choose."""
        return RawDetections(self.boxes[kept], self.scores[kept], self.labels[kept])


def raw_detections(
    outputs: Outputs, described: DetectorDescription, min_score: float
) -> RawDetections:
    """Read what a graph answered.

    Args:
        outputs: By name, in the graph's order; not trusted.
        described: Of the detector.
        min_score: Lowest score of interest.

    Returns:
        Those with finite boxes that have an area, and of known classes, in the graph's order.

    Raises:
        ModelError: The outputs are not of the described kind.
    """
    if described.output == 'yolo':
        found = _of_yolo(_only_output(outputs, described), described, min_score)
    elif described.output == 'end2end':
        found = _of_rows(_only_output(outputs, described), described)
    else:
        found = _of_three(outputs, described)
    if described.box_unit == 'share':
        found = found._replace(boxes=found.boxes * (described.input.size * 2))
    with np.errstate(invalid='ignore'):  # differences of infinities, which go
        has_area = (found.boxes[:, 2:] > found.boxes[:, :2]).all(axis=1)
        kept = np.isfinite(found.boxes).all(axis=1) & has_area & (found.scores >= min_score)
    kept &= (found.labels >= 0) & (found.labels < len(described.classes))
    return found.where(kept)


def _of_yolo(
    output: npt.NDArray[Any], described: DetectorDescription, min_score: float
) -> RawDetections:
    count = len(described.classes)
    rows, has_objectness = _yolo_rows(output, count)
    scores = rows[:, 5 if has_objectness else 4 :]
    if has_objectness:
        # A class can only lower the score, so that most rows need no product.
        rows, scores = (each[rows[:, 4] >= min_score] for each in (rows, scores))
        scores = scores * rows[:, 4:5]
    best = scores.argmax(axis=1)
    top = scores[np.arange(len(rows)), best]
    likely = top >= min_score
    centres, sizes = (rows[likely, low : low + 2].astype(np.float64) for low in (0, 2))
    with np.errstate(invalid='ignore', over='ignore'):  # what is not finite goes later
        boxes = np.concatenate((centres - sizes / 2, centres + sizes / 2), axis=1)
    return RawDetections(boxes, top[likely].astype(np.float64), best[likely].astype(np.int64))


def _yolo_rows(output: npt.NDArray[Any], classes: int) -> tuple[npt.NDArray[Any], bool]:
    """Return rows of one anchor each, and whether they have an objectness."""
    _check_float(output, 'yolo')
    if output.ndim == 3 and output.shape[0] == 1:
        if output.shape[1] == 4 + classes:
            return output[0].T, False
        if output.shape[2] == 5 + classes:
            return output[0], True
        if output.shape[2] == 4 + classes:
            return output[0], False
    raise ModelError(
        f'The detector gave an output of shape {list(output.shape)}; of a yolo with {classes} '
        f'classes [1, {4 + classes}, anchors] or [1, anchors, {5 + classes}] is expected. Is the '
        'list of classes complete, and is this the kind of output?'
    )


def _of_rows(output: npt.NDArray[Any], described: DetectorDescription) -> RawDetections:
    _check_float(output, 'end2end')
    rows = output[0] if output.ndim == 3 and output.shape[0] == 1 else output
    if rows.ndim != 2 or rows.shape[1] != 6:
        raise ModelError(
            f'The detector gave an output of shape {list(output.shape)}; of end2end [1, N, 6] '
            'or [N, 6] is expected: x_min, y_min, x_max, y_max, score, class.'
        )
    rows = rows.astype(np.float64)
    return RawDetections(rows[:, :4], rows[:, 4], _labels(rows[:, 5], described))


def _of_three(outputs: Outputs, described: DetectorDescription) -> RawDetections:
    names = _three_names(outputs, described)
    boxes, scores, labels = (_without_batch(outputs[name], name) for name in names)
    if (
        boxes.ndim != 2
        or boxes.shape[1] != 4
        or not (scores.shape == labels.shape == (len(boxes),))
    ):
        shapes = ', '.join(f'{name} {list(outputs[name].shape)}' for name in names)
        raise ModelError(
            f'The detector gave {shapes}; expected boxes [N, 4], scores [N] and labels [N].'
        )
    _check_float(boxes, names[0])
    _check_float(scores, names[1])
    return RawDetections(
        boxes.astype(np.float64), scores.astype(np.float64), _labels(labels, described)
    )


def _three_names(outputs: Outputs, described: DetectorDescription) -> tuple[str, str, str]:
    """Find out which output is which: as described, else by name, else by type and shape."""
    given = described.outputs
    asked = [name for name in (given.boxes, given.scores, given.labels) if name]
    missing = [name for name in asked if name not in outputs]
    if missing:
        raise _unknown_output(missing[0], outputs)
    free = [name for name in outputs if name not in asked]
    boxes = given.boxes or _first(free, [name for name in free if 'box' in name.lower()] or [
        name for name in free if outputs[name].ndim >= 2 and outputs[name].shape[-1] == 4
    ])  # fmt: skip
    labels = given.labels or _first(free, [
        name for name in free if any(word in name.lower() for word in _LABEL_WORDS)
    ] or [name for name in free if np.issubdtype(outputs[name].dtype, np.integer)])  # fmt: skip
    scores = given.scores or _first(free, [name for name in free if 'score' in name.lower()] or [
        name for name in free if np.issubdtype(outputs[name].dtype, np.floating)
    ])  # fmt: skip
    if not (boxes and labels and scores):
        shown = ', '.join(f'{name} {each.dtype}' for name, each in outputs.items())
        raise ModelError(
            f'The detector gave {shown}; it is not clear which are boxes, scores and labels. Name '
            'them: outputs: {boxes: ..., scores: ..., labels: ...}.'
        )
    return boxes, scores, labels


def _first(free: list[str], found: list[str]) -> str:
    """Take the first name off the list of free ones; '' where nothing was found."""
    if not found:
        return ''
    free.remove(found[0])
    return found[0]


def _only_output(outputs: Outputs, described: DetectorDescription) -> npt.NDArray[Any]:
    # Some exports append feature maps; what the user gets is the first.
    name = described.outputs.boxes or next(iter(outputs))
    if name not in outputs:
        raise _unknown_output(name, outputs)
    return outputs[name]


def _unknown_output(name: str, outputs: Outputs) -> ModelError:
    return ModelError(f'The detector has no output {name!r}, only {", ".join(outputs)}.')


def _without_batch(output: npt.NDArray[Any], name: str) -> npt.NDArray[Any]:
    wanted = 2 if output.shape[-1:] == (4,) and output.ndim > 1 else 1
    return output[0] if output.ndim == wanted + 1 and output.shape[0] == 1 else output


def _labels(values: npt.NDArray[Any], described: DetectorDescription) -> npt.NDArray[np.int64]:
    """Return labels from 0 on; what is no label becomes -1."""
    numbers = values.astype(np.float64) - described.first_label
    known = (numbers >= 0) & (numbers < len(described.classes))
    return np.where(known, np.where(known, numbers, 0), -1).astype(np.int64)


def _check_float(output: npt.NDArray[Any], what: str) -> None:
    if not np.issubdtype(output.dtype, np.floating):
        raise ModelError(f'The output {what} of the detector is {output.dtype}; expected floats.')
