"""MaskFit: whether the masks fit the pictures they belong to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from sim2real_ros.evaluation.bootstrap import bootstrap_mean, bootstrap_statistic
from sim2real_ros.evaluation.frame import EvaluatedFrame, IdImage, RgbImage, SimFrame
from sim2real_ros.evaluation.measure import Measure, Need, Observation, Observations
from sim2real_ros.evaluation.quantity import Quantity, Value

REACH_PX = 12
"""How far away from a border of the mask an edge is looked for."""

MAX_DISTANCE_PX = 2.0
"""Borders that lie further from their edges do not fit."""

MAX_SIDE_PX = 640
"""Larger images are reduced to this, and the distances scaled back."""

MIN_BORDER_PIXELS = 100
"""A frame with fewer visible borders says nothing."""

MIN_EDGE_LEVELS = 4.0
"""Change per pixel below which an edge is noise."""

MIN_GAIN = 1.1
"""A shift that gains less may be one of many along straight lines."""

WARNING_SHARE = 0.25
"""Share of frames with misfitting masks from which users are warned."""

_EDGE_QUANTILE = 0.75
_MAX_SAMPLED = 3000
_EQUAL_SCORE = 0.01

DISTANCE = Quantity(
    'mask_border_distance_px',
    'Masks: distance of borders',
    'lower',
    'Median distance, across the border, between a border of the mask and the strongest edge of '
    f'the picture within {REACH_PX} px. 0 to 1 where labels fit, about {REACH_PX // 2} where they '
    'have nothing to do with the picture.',
    unit='px',
    limits=(0.0, None),
    decimals=1,
)

DISPLACEMENT = Quantity(
    'mask_displacement_px',
    'Masks: displacement',
    'lower',
    'Length of the one shift of the whole mask that brings most of its borders onto edges. Labels '
    'that are displaced by other amounts in other places may still have about 0.',
    unit='px',
    limits=(0.0, None),
    decimals=1,
)

SHIFT_X = Quantity(
    'mask_shift_x_px',
    'Masks: shift to the right',
    'neither',
    'How far masks must be moved to the right to fit, median over the frames. The same number in '
    'all frames can be repaired by shifting the masks.',
    unit='px',
    decimals=1,
)

SHIFT_Y = Quantity(
    'mask_shift_y_px',
    'Masks: shift downwards',
    'neither',
    'How far masks must be moved down to fit, median over the frames.',
    unit='px',
    decimals=1,
)

GAIN = Quantity(
    'mask_shift_gain',
    'Masks: gain by the shift',
    'lower',
    'Mean strength of the edges below the borders after the best shift, divided by that before '
    'it. 1 where masks fit; large where a shift repairs them.',
    limits=(1.0, None),
    decimals=2,
)

MISFIT = Quantity(
    'mask_misfit_share',
    'Masks that do not fit',
    'lower',
    f'Share of the frames whose borders lie more than {MAX_DISTANCE_PX:g} px from their edges in '
    'the median, or fit clearly better after a longer shift. 0 is right; scores that use labels '
    'mean little otherwise.',
    limits=(0.0, 1.0),
)

Field = npt.NDArray[np.float32]


class Gradient(NamedTuple):
    """Change of the picture per pixel to the right and down, of the channel that changes most.

    Attributes:
        x: float32 (H, W), levels per pixel.
        y: The same, downwards.
    """

    x: Field
    y: Field


@dataclass(frozen=True)
class Shift:
    """The best shift of a mask as a whole.

    Attributes:
        x_px: To the right.
        y_px: Down.
        gain: Strength of the edges under the borders there, divided by that without a shift.
    """

    x_px: float
    y_px: float
    gain: float


class MaskFit(Measure):
    """Looks for the borders between mask classes among the edges of the untranslated picture."""

    quantities = (DISTANCE, MISFIT, DISPLACEMENT, SHIFT_X, SHIFT_Y, GAIN)
    needs: frozenset[Need] = frozenset({'mask'})

    def of_frame(self, frame: EvaluatedFrame) -> Observation:
        """Judge the frame's mask; the same for all candidates, and computed once."""
        return Observation(dict(frame.sim.once(mask_fit)))

    def summarise(self, seen: Observations) -> dict[str, Value]:
        """Take medians, as a few odd frames shall not decide; the share is a mean."""
        values = {}
        for quantity in self.quantities:
            found = seen.defined(quantity.key)
            if len(found):
                values[quantity.key] = (
                    bootstrap_mean(found) if quantity is MISFIT else _median(found)
                )
        return values


def mask_fit_warning(values: Mapping[str, Value]) -> str | None:
    """Tell users that their labels do not fit their images; None where they do.

    Args:
        values: What ``MaskFit.summarise`` returned, or more.
    """
    share, distance = values.get(MISFIT.key), values.get(DISTANCE.key)
    if share is None or distance is None or share.value < WARNING_SHARE:
        return None
    return (
        f'labels do not fit their images: in {share.value:.0%} of {share.count} frames the masks '
        f'lie more than {MAX_DISTANCE_PX:g} px off (borders are {distance.value:.1f} px from the '
        'next strong edge in the median). Scores that use labels cannot be trusted; look at masks '
        'drawn over their images, and make them again'
    )


def mask_fit(frame: SimFrame) -> dict[str, float]:
    """Judge the mask of a frame, for ``SimFrame.once``; {} where too little is to be seen."""
    if frame.mask is None or frame.mask.shape != frame.image.shape[:2]:
        return {}
    image, mask, scale = _reduced(frame.image, frame.mask)
    gradient = gradient_of(image)
    distances = border_distances(gradient, mask)
    if len(distances) < MIN_BORDER_PIXELS:
        return {}
    median = float(np.median(distances))
    values = {DISTANCE.key: median * scale, MISFIT.key: float(median > MAX_DISTANCE_PX)}
    shift = best_shift(gradient, mask)
    if shift is not None:
        length = float(np.hypot(shift.x_px, shift.y_px))
        values[SHIFT_X.key], values[SHIFT_Y.key] = shift.x_px * scale, shift.y_px * scale
        values[DISPLACEMENT.key], values[GAIN.key] = length * scale, shift.gain
        if length > MAX_DISTANCE_PX and shift.gain > MIN_GAIN:
            values[MISFIT.key] = 1.0
    return values


def gradient_of(image: RgbImage) -> Gradient:
    """Return the gradient of a slightly blurred image (Gaussian of 1 px, then Sobel)."""
    smooth = cv2.GaussianBlur(image, (0, 0), 1.0)
    x, y = (
        cv2.Sobel(smooth, cv2.CV_32F, *order, ksize=3, scale=1 / 8) for order in ((1, 0), (0, 1))
    )
    strongest = (x * x + y * y).argmax(axis=2)[..., None]
    picked = (np.take_along_axis(each, strongest, 2)[..., 0] for each in (x, y))
    return Gradient(*(np.asarray(each, np.float32) for each in picked))


def border_distances(gradient: Gradient, mask: IdImage) -> npt.NDArray[np.float64]:
    """Search the strongest edge across each border, from an even sample of its pixels.

    Only the part of the gradient across the border counts, so that edges which cross it do not.

    Args:
        gradient: Of the image.
        mask: uint8 (H, W) ids.

    Returns:
        (N,) distances in px, of those borders that have a visible edge within ``REACH_PX``.
    """
    inside = np.zeros(mask.shape, bool)
    inside[REACH_PX:-REACH_PX, REACH_PX:-REACH_PX] = True
    rows, columns = np.nonzero(borders(mask) & inside)
    if not len(rows):
        return np.zeros(0)
    step = -(-len(rows) // _MAX_SAMPLED)
    rows, columns = rows[::step], columns[::step]
    across_x, across_y = _normals(mask, rows, columns)
    offsets = np.arange(-REACH_PX, REACH_PX + 1)
    x = np.rint(columns[:, None] + across_x[:, None] * offsets).astype(np.intp)
    y = np.rint(rows[:, None] + across_y[:, None] * offsets).astype(np.intp)
    change = np.abs(gradient.x[y, x] * across_x[:, None] + gradient.y[y, x] * across_y[:, None])
    visible = change.max(axis=1) >= MIN_EDGE_LEVELS
    return np.asarray(np.abs(offsets[change.argmax(axis=1)])[visible], np.float64)


def best_shift(gradient: Gradient, mask: IdImage) -> Shift | None:
    """Correlate the borders of a mask with the edges of the image, up to ``REACH_PX`` away.

    Among shifts that are about as good (straight roads have many) the shortest one is taken.

    Returns:
        None where the mask has no borders or the image no edges.
    """
    strength = np.hypot(gradient.x, gradient.y)
    visible = strength[strength >= MIN_EDGE_LEVELS]
    if not len(visible):
        return None
    # A few strong edges must not outweigh all others.
    edges = np.minimum(strength / np.quantile(visible, _EDGE_QUANTILE), 1).astype(np.float32)
    template = borders(mask)[REACH_PX:-REACH_PX, REACH_PX:-REACH_PX].astype(np.float32)
    if template.size == 0 or template.sum() < MIN_BORDER_PIXELS:
        return None
    scores = cv2.matchTemplate(edges, template, cv2.TM_CCORR) / template.sum()
    y, x = np.mgrid[-REACH_PX : REACH_PX + 1, -REACH_PX : REACH_PX + 1]
    chance = float(edges.mean())
    if scores.max() <= chance or scores[REACH_PX, REACH_PX] <= 0:
        return None
    good = scores >= scores.max() - _EQUAL_SCORE * (scores.max() - chance)
    best = np.unravel_index(np.where(good, np.hypot(x, y), np.inf).argmin(), scores.shape)
    gain = float(scores[best] / scores[REACH_PX, REACH_PX])
    return Shift(float(x[best]), float(y[best]), max(1.0, gain))


def borders(mask: IdImage) -> npt.NDArray[np.bool_]:
    """Return bool (H, W): pixels whose neighbour to the left, right, above or below differs."""
    found = np.zeros(mask.shape, bool)
    down, right = mask[1:] != mask[:-1], mask[:, 1:] != mask[:, :-1]
    found[1:] |= down
    found[:-1] |= down
    found[:, 1:] |= right
    found[:, :-1] |= right
    return found


def _normals(
    mask: IdImage, rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp]
) -> tuple[Field, Field]:
    """Return unit vectors across the border at some of its pixels."""
    x, y = np.zeros(len(rows), np.float32), np.zeros(len(rows), np.float32)
    for each in np.unique(mask):
        area = cv2.GaussianBlur((mask == each).astype(np.float32), (0, 0), 1.5)
        here = mask[rows, columns] == each
        x[here] = cv2.Sobel(area, cv2.CV_32F, 1, 0)[rows[here], columns[here]]
        y[here] = cv2.Sobel(area, cv2.CV_32F, 0, 1)[rows[here], columns[here]]
    length = np.maximum(np.hypot(x, y), np.float32(1e-6))
    return np.asarray(x / length, np.float32), np.asarray(y / length, np.float32)


def _reduced(image: RgbImage, mask: IdImage) -> tuple[RgbImage, IdImage, float]:
    height, width = mask.shape
    scale = max(height, width) / MAX_SIDE_PX
    if scale <= 1:
        return image, mask, 1.0
    size = (max(1, round(width / scale)), max(1, round(height / scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    ids = cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST)
    return np.asarray(small, np.uint8), np.asarray(ids, np.uint8), scale


def _median(values: npt.NDArray[np.float64]) -> Value:
    return bootstrap_statistic(lambda rows: float(np.median(values[rows])), len(values))
