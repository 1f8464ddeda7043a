"""Label preservation: whether a fixed segmenter still sees what is there after translation."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from sim2real_ros.evaluation.bootstrap import bootstrap_statistic
from sim2real_ros.evaluation.frame import EvaluatedFrame, IdImage, SimFrame
from sim2real_ros.evaluation.measure import Measure, Observation, Observations
from sim2real_ros.evaluation.quantity import Quantity, Value
from sim2real_ros.evaluation.structure.confusion import (
    Confusion,
    class_accuracy,
    confusion,
    mean_iou,
    pixel_accuracy,
)
from sim2real_ros.evaluation.structure.segmenter import RememberingSegmenter, Segmenter

_SOURCE = 'the FCN score of Isola et al., Image-to-Image Translation, CVPR 2017'


@dataclass(frozen=True)
class _Statistic:
    """One of the numbers of the FCN score."""

    key: str
    title: str
    meaning: str
    of: Callable[[Confusion], float]


_STATISTICS = (
    _Statistic('miou', 'mean IoU', 'mean over the classes of intersection over union', mean_iou),
    _Statistic(
        'pixel_accuracy', 'pixel accuracy', 'share of pixels with the right class', pixel_accuracy
    ),
    _Statistic(
        'class_accuracy',
        'class accuracy',
        'mean over the classes of the share of their pixels that are right',
        class_accuracy,
    ),
)


def _quantities(key: str, title: str, compared: str) -> tuple[Quantity, ...]:
    return tuple(
        Quantity(
            key=f'{key}_{each.key}',
            title=f'{title}: {each.title}',
            better='higher',
            description=(
                f'{compared}: {each.meaning}. From one table of confusions over all frames; 1 is '
                'best. Compare with the column of the untranslated frames.'
            ),
            limits=(0.0, 1.0),
            source=_SOURCE,
        )
        for each in _STATISTICS
    )


class _LabelAgreement(Measure):
    """What both comparisons share: confusions per frame, summed up over all of them."""

    def __init__(self, segmenter: Segmenter) -> None:
        """Choose the segmenter; a ``RememberingSegmenter`` serves several measures at once."""
        self._segmenter = segmenter

    def summarise(self, seen: Observations) -> dict[str, Value]:
        """Sum up the confusions of all frames, with intervals over resampled frames."""
        if not seen.kept:
            return {}
        flat = np.stack([each.reshape(-1) for each in seen.kept]).astype(np.float64)
        classes = seen.kept[0].shape[0]
        values = {}
        for quantity, statistic in zip(self.quantities, _STATISTICS, strict=True):
            value = bootstrap_statistic(partial(_over_frames, flat, classes, statistic), len(flat))
            if not np.isnan(value.value):
                values[quantity.key] = value
        return values

    def _observed(self, truth: IdImage, predicted: IdImage) -> Observation:
        counts = confusion(truth, predicted, self._segmenter.class_ids)
        values = {
            quantity.key: statistic.of(counts)
            for quantity, statistic in zip(self.quantities, _STATISTICS, strict=True)
        }
        return Observation({key: v for key, v in values.items() if not np.isnan(v)}, counts)


def _over_frames(
    flat: npt.NDArray[np.float64],
    classes: int,
    statistic: _Statistic,
    indices: npt.NDArray[np.intp],
) -> float:
    """Compute a statistic from the confusions (frames, classes * classes) of some frames."""
    # Exact: counts of pixels stay far below 2^53.
    counts = np.bincount(indices, minlength=len(flat)) @ flat
    return statistic.of(counts.astype(np.int64).reshape(classes, classes))


class LabelsAgainstMask(_LabelAgreement):
    """The segmenter on the translated frame against the mask: the FCN score."""

    quantities = _quantities(
        'labels_against_mask',
        'Labels against masks',
        'What a fixed segmenter sees in the translated frames against the masks',
    )
    needs = frozenset({'mask'})

    def of_frame(self, frame: EvaluatedFrame) -> Observation:
        """Segment one frame and compare it with its mask.

        Raises:
            Sim2RealError: The segmenter fails, or the mask has another size.
        """
        assert frame.sim.mask is not None
        return self._observed(frame.sim.mask, self._segmenter.segment(frame.translated))


class LabelsAgainstSim(_LabelAgreement):
    """The segmenter on the translated frame against the same one on the simulated frame."""

    quantities = _quantities(
        'labels_against_sim',
        'Labels against sim',
        'What a fixed segmenter sees in the translated frames against what it sees in the '
        'simulated ones',
    )
    needs = frozenset({'translation'})

    def of_frame(self, frame: EvaluatedFrame) -> Observation:
        """Segment one frame and what it was made of.

        Raises:
            Sim2RealError: The segmenter fails.
        """
        before = frame.sim.once(self._of_sim)
        return self._observed(before, self._segmenter.segment(frame.translated))

    def _of_sim(self, sim: SimFrame) -> IdImage:
        return self._segmenter.segment(sim.image)


def label_measures(segmenter: Segmenter) -> Sequence[Measure]:
    """Return both measures of a segmenter, which will run once for each image."""
    shared = RememberingSegmenter(segmenter)
    return (LabelsAgainstMask(shared), LabelsAgainstSim(shared))
