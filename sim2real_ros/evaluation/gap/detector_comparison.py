"""Train on X, test on Y: three detectors on the same labelled real images."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sim2real_ros.errors import DataError, ImageError
from sim2real_ros.evaluation.bootstrap import resample_counts
from sim2real_ros.evaluation.gap.closing import gap_of_samples
from sim2real_ros.evaluation.gap.comparison import (
    ComparedScore,
    Comparison,
    notes_about_images,
)
from sim2real_ros.evaluation.perception.detection_matching import match_image
from sim2real_ros.evaluation.perception.detection_precision import (
    PooledDetections,
    mean_over_classes,
)
from sim2real_ros.evaluation.perception.detection_scores import detection_resamples, judged
from sim2real_ros.evaluation.perception.detection_truth import DetectionTruth, TrueBoxes
from sim2real_ros.evaluation.perception.detector import MIN_SCORE, Detector
from sim2real_ros.evaluation.perception.detector_onnx import OnnxDetector
from sim2real_ros.image.decode_file import decode_file
from sim2real_ros.labels import LabelSource
from sim2real_ros.labels.image_index import ImageIndex
from sim2real_ros.labels.label_set import ImageLabels, LabelSet
from sim2real_ros.labels.tree import open_tree

TRAININGS = ('sim', 'translated', 'real')
"""What the three were trained on."""

Progress = Callable[[str, int, int | None], None]


@dataclass(frozen=True, eq=False)
class _Seen:
    """Matched detections: for each of ``TRAININGS``, of the same images."""

    matched: Mapping[str, list[npt.NDArray[np.void]]]
    left_out: list[str]


def compare_detectors(
    detectors: Mapping[str, Detector],
    test: LabelSource,
    *,
    facts: Mapping[str, Mapping[str, str]] | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Run three detectors on labelled images, and compare their average precision.

    Args:
        detectors: By the names of ``TRAININGS``.
        test: Labelled real images.
        facts: What is to be written about each detector; its name where nothing is given.
        progress: Called with a word, the number of images done and the number of all.

    Raises:
        DataError: The labels cannot be read, no class is common to them and all detectors, or no
            object of such a class is labelled in an image that can be read.
        Sim2RealError: A detector failed.
    """
    labels = test.read()
    truth = DetectionTruth(labels, _common_classes(detectors))
    seen = _look(detectors, labels, truth, test, progress)
    count = len(seen.matched[TRAININGS[0]])
    resamples = detection_resamples(count)
    weights = resample_counts(count, resamples=resamples) if count else np.zeros((0, 0))
    weights = np.concatenate((np.ones((1, count)), weights))
    precision = {
        name: PooledDetections(seen.matched[name], len(truth.classes)).average_precision(weights)
        for name in TRAININGS
        if count
    }
    if not precision or np.isnan(precision[TRAININGS[0]][0]).all():
        first = f' First problem: {seen.left_out[0]}.' if seen.left_out else ''
        raise DataError(
            f'No labelled object of {", ".join(truth.classes)} was found in the {count} images '
            f'of {str(test.path)!r} that could be read.{first}'
        )
    notes = [*notes_about_images(count), f'{resamples} resamples.']
    if truth.left_out:
        notes.append(f'Not judged, as a detector does not know them: {", ".join(truth.left_out)}.')
    if labels.problems:
        notes.append(
            f'{len(labels.problems)} labels could not be read; see sim2real labels check.'
        )
    return Comparison(
        'Detectors trained on simulated, translated and real images',
        test.path.name,
        count,
        _scores(precision, truth.classes, count),
        facts or {name: {'name': detectors[name].name} for name in TRAININGS},
        tuple(notes),
        tuple(seen.left_out),
    )


def compare_detector_files(
    paths: Mapping[str, Path], test: LabelSource, *, progress: Progress | None = None
) -> Comparison:
    """Load three detectors from their YAML files, and compare them.

    Args:
        paths: By the names of ``TRAININGS``.
        test: Labelled real images.
        progress: As for ``compare_detectors``.

    Raises:
        Sim2RealError: A file cannot be used; see ``OnnxDetector.load`` and ``compare_detectors``.
    """
    # One image after the other, so that each may use all cores.
    detectors = {name: OnnxDetector.load(paths[name], threads=0) for name in TRAININGS}
    facts = {name: {'name': each.name, 'sha256': each.sha256} for name, each in detectors.items()}
    return compare_detectors(detectors, test, facts=facts, progress=progress)


def _common_classes(detectors: Mapping[str, Detector]) -> list[str]:
    """Return the classes that all detectors know, in the order of the first."""
    known = [{name.strip().casefold() for name in each.classes} for each in detectors.values()]
    common = set.intersection(*known)
    first = detectors[TRAININGS[0]].classes
    return [name for name in first if name.strip().casefold() in common]


def _look(
    detectors: Mapping[str, Detector],
    labels: LabelSet,
    truth: DetectionTruth,
    test: LabelSource,
    progress: Progress | None,
) -> _Seen:
    seen = _Seen({name: [] for name in TRAININGS}, [])
    ids = {name: truth.label_ids(detectors[name].classes) for name in TRAININGS}
    with ExitStack() as stack:
        trees = [stack.enter_context(open_tree(place)) for place in test.image_places()]
        index = ImageIndex(trees)
        for number, each in enumerate(labels.images, 1):
            try:
                rgb = _image(index, each)
                true = _true_boxes(truth, each, rgb)
            except (DataError, ImageError) as error:
                seen.left_out.append(f'{each.image}: {error}')
            else:
                for name in TRAININGS:
                    found = judged(detectors[name].detect(rgb, MIN_SCORE), ids[name])
                    seen.matched[name].append(match_image(found, true))
            if progress:
                progress('test', number, len(labels.images))
    return seen


def _image(index: ImageIndex, labels: ImageLabels) -> npt.NDArray[np.uint8]:
    found = index.find(labels.image, labels.subset)
    if found is None:
        raise DataError('the image was not found; say where the images are with --images')
    return decode_file(found.read())[0]


def _true_boxes(
    truth: DetectionTruth, labels: ImageLabels, rgb: npt.NDArray[np.uint8]
) -> TrueBoxes:
    found = truth.of_image(labels.image, (rgb.shape[1], rgb.shape[0]))
    if found is None:
        raise DataError('the image has no labels')
    return found


def _scores(
    precision: Mapping[str, npt.NDArray[np.float64]], classes: tuple[str, ...], count: int
) -> tuple[ComparedScore, ...]:
    all_overlaps = [mean_over_classes(precision[name]).mean(axis=1) for name in TRAININGS]
    half_overlap = [mean_over_classes(precision[name][:, :, 0]) for name in TRAININGS]
    scores = [
        _compared('map50_95', 'mAP50-95', all_overlaps, count, True),
        _compared('map50', 'mAP50', half_overlap, count, True),
    ]
    for index, name in enumerate(classes):
        of_class = [precision[each][:, index, 0] for each in TRAININGS]
        if len(classes) > 1 and not np.isnan(of_class[0][0]):
            key = f'ap50_{index}_{name}'
            scores.append(_compared(key, f'AP50 of {name}', of_class, count, False))
    return tuple(scores)


def _compared(
    key: str, title: str, samples: list[npt.NDArray[np.float64]], count: int, is_main: bool
) -> ComparedScore:
    gap = gap_of_samples(samples[0], samples[1], samples[2], count, better='higher')
    return ComparedScore(key, title, gap, is_main)
