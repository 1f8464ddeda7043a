"""LineSegmentCounts: how many line segments a robot sees, and whether paint is where it does."""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from sim2real_ros.errors import ImageError
from sim2real_ros.evaluation.bootstrap import bootstrap_statistic
from sim2real_ros.evaluation.colours.thresholds import ColourThresholds
from sim2real_ros.evaluation.frame import EvaluatedFrame, IdImage
from sim2real_ros.evaluation.measure import Measure, Observation, Observations
from sim2real_ros.evaluation.perception.line_detector import (
    LineDetectorOptions,
    detect_lines,
    detector_picture,
)
from sim2real_ros.evaluation.perception.line_segments import LineSegments
from sim2real_ros.evaluation.perception.threshold_scores import key_suffixes
from sim2real_ros.evaluation.quantity import Quantity, Value

FloatArray = npt.NDArray[np.float64]

TOLERANCE_PX = 2
"""How far a segment may lie from its paint, in pixels of the detector's small picture. Canny and
the Hough transform move edges by up to a pixel each."""

RIGHT_SHARE = 0.9
"""Share of a segment's points that must lie near the paint."""

SEGMENT_POINTS = 21
"""How many points of each segment are looked at."""

SOURCE = 'line detector of duckietown/dt-core (daffy)'


class LineSegmentCounts(Measure):
    """Count the segments of each colour, which works for real frames too.

    Where there is a mask, segments are also compared with it.
    """

    def __init__(
        self,
        thresholds: Sequence[ColourThresholds],
        options: LineDetectorOptions | None = None,
        *,
        tolerance_px: int = TOLERANCE_PX,
    ) -> None:
        """Choose the thresholds.

        Args:
            thresholds: One or more.
            options: Constants of the detector; None for those of the robot.
            tolerance_px: See ``TOLERANCE_PX``; at least 0.
        """
        self._options = options or LineDetectorOptions()
        self._thresholds = tuple(zip(thresholds, key_suffixes(thresholds), strict=True))
        width = 2 * tolerance_px + 1
        self._reach = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))
        self.quantities = tuple(
            quantity
            for each, suffix in self._thresholds
            for colour, line in each.colours.items()
            for quantity in _quantities(colour, suffix, each.name, labelled=bool(line.mask_ids))
        )

    def of_frame(self, frame: EvaluatedFrame) -> Observation:
        """Detect and compare.

        Raises:
            ImageError: The mask is not of the size of the image.
        """
        mask = frame.sim.mask
        if mask is not None and mask.shape != frame.translated.shape[:2]:
            raise ImageError(
                f'The mask of {frame.sim.name!r} has {mask.shape[1]}x{mask.shape[0]} pixels, its '
                f'image {frame.translated.shape[1]}x{frame.translated.shape[0]}: they must match.'
            )
        small_mask = None if mask is None else detector_picture(mask, self._options)
        values: dict[str, float] = {}
        for thresholds, suffix in self._thresholds:
            lines = detect_lines(frame.translated, thresholds, self._options)
            for colour, segments in lines.items():
                name = f'{colour}{suffix}'
                values[f'segments_{name}'] = float(len(segments))
                if small_mask is not None and thresholds.colours[colour].mask_ids:
                    labelled = thresholds.labelled(small_mask, colour).view(np.uint8)
                    values.update(self._agreement(segments, labelled, name))
        return Observation(values)

    def summarise(self, seen: Observations) -> dict[str, Value]:
        """Average the counts; shares are those of all segments, or all outlines, together."""
        summary = super().summarise(seen)
        for _, colour_suffix in self._names():
            for share, part, whole in _shares(colour_suffix):
                summary.pop(share, None)
                counts = np.stack([seen.defined(part), seen.defined(whole)])
                if counts[1].sum() > 0:
                    summary[share] = _pooled_share(counts)
        return summary

    def _names(self) -> list[tuple[str, str]]:
        return [
            (colour, f'{colour}{suffix}')
            for thresholds, suffix in self._thresholds
            for colour in thresholds.colours
        ]

    def _agreement(self, segments: LineSegments, labelled: IdImage, name: str) -> dict[str, float]:
        """Compare segments with the labelled pixels (0 and 1) of the small, cut picture."""
        near_label = np.asarray(cv2.dilate(labelled, self._reach), np.uint8)
        drawn = np.zeros_like(labelled)
        ends = np.rint(segments.points - [0, self._options.cut_rows_px]).astype(np.int32)
        cv2.polylines(drawn, list(ends), False, 1)
        right = int(_lie_in(near_label, ends).sum())
        outline = labelled - np.asarray(cv2.erode(labelled, np.ones((3, 3), np.uint8)), np.uint8)
        covered = outline & np.asarray(cv2.dilate(drawn, self._reach), np.uint8)
        counts = (right, len(segments), cv2.countNonZero(covered), cv2.countNonZero(outline))
        values = {}
        for (share, part, whole), pair in zip(
            _shares(name), (counts[:2], counts[2:]), strict=True
        ):
            values[part], values[whole] = map(float, pair)
            if pair[1]:
                values[share] = pair[0] / pair[1]
        return values


def _shares(name: str) -> tuple[tuple[str, str, str], tuple[str, str, str]]:
    """Return the keys of both shares, each with its part and its whole."""
    return (
        (f'segment_precision_{name}', f'segments_right_{name}', f'segments_compared_{name}'),
        (f'line_recall_{name}', f'outline_covered_px_{name}', f'outline_px_{name}'),
    )


def _pooled_share(counts: FloatArray) -> Value:
    """Return part over whole of (2, frames) with its interval over frames."""

    def share(frames: npt.NDArray[np.intp]) -> float:
        part, whole = counts[:, frames].sum(axis=1)
        return float(part / whole) if whole else float('nan')

    return bootstrap_statistic(share, counts.shape[1])


def _lie_in(area: IdImage, ends: npt.NDArray[np.int32]) -> npt.NDArray[np.bool_]:
    """Tell which segments (N, 2, 2) lie in an area of 1 with enough of their points."""
    steps = np.linspace(0, 1, SEGMENT_POINTS)[:, None]
    points = np.rint(ends[:, :1] * (1 - steps) + ends[:, 1:] * steps).astype(np.intp)
    u = np.clip(points[..., 0], 0, area.shape[1] - 1)
    v = np.clip(points[..., 1], 0, len(area) - 1)
    return np.asarray(area[v, u].mean(axis=1) >= RIGHT_SHARE)


def _quantities(colour: str, suffix: str, thresholds: str, *, labelled: bool) -> list[Quantity]:
    name, by = f'{colour}{suffix}', f'({thresholds})'
    counted = Quantity(
        f'segments_{name}',
        f'{colour.capitalize()} line segments {by}',
        'neither',
        'Line segments of this colour that the robot sees in a frame. Compare with the real '
        'frames: far fewer means that it misses lines, far more that it sees lines which are '
        'not there.',
        'per frame',
        (0.0, None),
        SOURCE,
        1,
    )
    if not labelled:
        return [counted]
    return [
        counted,
        Quantity(
            f'segment_precision_{name}',
            f'{colour.capitalize()} segments on paint {by}',
            'higher',
            f'Share of these segments that lie on labelled {colour} paint, up to {TOLERANCE_PX} '
            'pixels of the detector; the rest would pull the robot off its lane.',
            limits=(0.0, 1.0),
            source=SOURCE,
        ),
        Quantity(
            f'line_recall_{name}',
            f'{colour.capitalize()} outlines found {by}',
            'higher',
            f'Share of the outline of labelled {colour} paint that has a segment of this colour '
            'beside it, in pixels of the detector.',
            limits=(0.0, 1.0),
            source=SOURCE,
        ),
    ]
