"""GrabCut: box prompts to masks from colours alone, without any weights.

Rother, Kolmogorov, Blake: "GrabCut", SIGGRAPH 2004, with three changes. The colours of the
background are learned without what lies in other boxes, since a neighbour of the same kind looks
like the object. A result must reach the sides of its box, as boxes are drawn tightly (Lempitsky et
al., "Image segmentation with a bounding box prior", ICCV 2009); else another start is tried. And
large boxes are cut at a reduced size first, then only along the outline at more detail.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from sim2real_ros.errors import ImageError
from sim2real_ros.segmentation.box_shape import Mask, Rect, ellipse, slices
from sim2real_ros.segmentation.segmenter import Boxes, BoxMask, RgbImage, checked_rects

STARTS = (('box', 0.8), ('ellipse', 0.4))
"""What is taken for the object at first, and how much of the box's side is looked at around it."""

ITERATIONS = 3
COARSE_SIDE_PX = 256
FINE_SIDE_PX = 768
MIN_MARGIN_PX = 8
MIN_SIDE_PX = 4
"""Boxes that are smaller have too few pixels to learn colours from."""

GOOD_EXTENT = 0.7
"""Part of the box that the bounds of a mask cover when no further start is tried."""

MIN_EXTENT = 0.25
FULL = 0.995
"""Part of the box's pixels from which on nothing was told apart."""

MIN_ISLAND = 0.1
"""Islands smaller than this part of the largest are noise of the colours."""

PEER_AREA = 4.0
"""Boxes up to so many times the area are left out when the background is learned."""

_MIN_SAMPLES = 10
_SEED = 20040801

_Models = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class _View:
    """A box with its surroundings, at the size at which it is cut.

    Attributes:
        image: uint8 (h, w, 3), CIE Lab, which tells colours apart better than RGB does.
        inside: bool (h, w), the box.
        ignored: bool (h, w), other boxes, of which nothing is learned.
    """

    image: npt.NDArray[np.uint8]
    inside: Mask
    ignored: Mask


class GrabCutSegmenter:
    """Segments by colour, one box at a time; the same input always gives the same masks."""

    def segment(self, rgb: RgbImage, boxes_px: Boxes) -> Iterator[BoxMask]:
        """Segment one image; see Segmenter.segment. Masks stay inside their boxes."""
        rects = checked_rects(rgb, boxes_px)
        for number, rect in enumerate(rects):
            others = [each for n, each in enumerate(rects) if n != number and _is_peer(each, rect)]
            inside, fallback = _segment_box(rgb, rect, others)
            mask = np.zeros(rgb.shape[:2], bool)
            mask[slices(rect)] = inside
            yield BoxMask(mask, fallback)

    def describe(self) -> dict[str, Any]:
        """Return the name and version of the method."""
        return {'segmenter': 'grabcut', 'opencv': cv2.__version__}


def _is_peer(other: Rect, rect: Rect) -> bool:
    """Tell whether a box may hold a thing of the same kind; a far larger one is surroundings."""
    areas = [(x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in (other, rect)]
    return areas[0] <= PEER_AREA * areas[1]


def _segment_box(rgb: RgbImage, rect: Rect, others: Sequence[Rect]) -> tuple[Mask, str]:
    """Return the mask of one box, of the box's size, and why it is a fall-back."""
    width, height = rect[2] - rect[0], rect[3] - rect[1]
    if min(width, height) < MIN_SIDE_PX:
        return np.ones((height, width), bool), 'box too small for GrabCut: kept whole'
    best, best_extent = np.zeros((height, width), bool), 0.0
    for start, margin in STARTS:
        mask = _largest_islands(_cut(rgb, rect, others, start, margin))
        extent = _extent(mask)
        if extent > best_extent:
            best, best_extent = mask, extent
        if extent >= GOOD_EXTENT:
            break
    if best_extent < MIN_EXTENT:
        return ellipse(height, width), 'GrabCut found no object: ellipse in the box'
    if best.mean() > FULL:
        return np.ones_like(best), 'GrabCut found no background in the box: kept whole'
    return best, ''


def _cut(rgb: RgbImage, rect: Rect, others: Sequence[Rect], start: str, margin: float) -> Mask:
    window = _window(rgb, rect, margin)
    view = _view(rgb, window, rect, others, COARSE_SIDE_PX)
    labels = np.where(view.inside, cv2.GC_PR_FGD, cv2.GC_BGD).astype(np.uint8)
    if start == 'ellipse':
        ys, xs = np.flatnonzero(view.inside.any(axis=1)), np.flatnonzero(view.inside.any(axis=0))
        corner = labels[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1]
        corner[~ellipse(*corner.shape)] = cv2.GC_PR_BGD
    models = None
    for _ in range(ITERATIONS):
        models = _learn(view, labels)
        if models is None:
            return np.zeros((rect[3] - rect[1], rect[2] - rect[0]), bool)
        before = labels.copy()
        _run(view.image, labels, models)
        if np.array_equal(before, labels):
            break
    fine = _view(rgb, window, rect, (), FINE_SIDE_PX)
    if models is not None and fine.image.shape != view.image.shape:
        labels = _outline_only(labels, fine)
        _run(fine.image, labels, models)
    whole = _resized(_is_object(labels), (window[2] - window[0], window[3] - window[1]))
    left, top = rect[0] - window[0], rect[1] - window[1]
    return whole[top : top + rect[3] - rect[1], left : left + rect[2] - rect[0]]


def _window(rgb: RgbImage, rect: Rect, margin: float) -> Rect:
    height, width = rgb.shape[:2]
    left, top, right, bottom = rect
    dx = max(MIN_MARGIN_PX, int(margin * (right - left)))
    dy = max(MIN_MARGIN_PX, int(margin * (bottom - top)))
    return max(0, left - dx), max(0, top - dy), min(width, right + dx), min(height, bottom + dy)


def _view(rgb: RgbImage, window: Rect, rect: Rect, others: Sequence[Rect], side_px: int) -> _View:
    crop = rgb[slices(window)]
    height, width = crop.shape[:2]
    inside, ignored = np.zeros((height, width), bool), np.zeros((height, width), bool)
    for other in others:
        ignored[slices(_moved(other, window))] = True
    inside[slices(_moved(rect, window))] = True
    scale = min(1.0, side_px / max(height, width))
    if scale < 1:
        size = (max(MIN_SIDE_PX, round(width * scale)), max(MIN_SIDE_PX, round(height * scale)))
        crop = np.asarray(cv2.resize(crop, size, interpolation=cv2.INTER_AREA), np.uint8)
        inside, ignored = _resized(inside, size), _resized(ignored, size)
        if not inside.any():  # a very thin box in a very large window
            inside = _touched(_moved(rect, window), (width, height), size)
    lab = np.asarray(cv2.cvtColor(crop, cv2.COLOR_RGB2LAB), np.uint8)
    return _View(np.ascontiguousarray(lab), inside, ignored & ~inside)


def _learn(view: _View, labels: npt.NDArray[np.uint8]) -> _Models | None:
    """Learn the colours of background and object; None where there is too little of one.

    OpenCV learns from all pixels of a picture, so it is given one that holds only those wanted.
    """
    is_object = _is_object(labels)
    is_background = ~is_object & ~view.ignored
    if np.count_nonzero(is_background) < _MIN_SAMPLES:
        is_background = ~is_object
    samples = np.concatenate((view.image[is_background], view.image[is_object]))[None]
    count = int(np.count_nonzero(is_background))
    if min(count, samples.shape[1] - count) < _MIN_SAMPLES:
        return None
    kinds = np.full(samples.shape[:2], cv2.GC_FGD, np.uint8)
    kinds[0, :count] = cv2.GC_BGD
    # OpenCV's clusters begin at random; the generator belongs to the thread.
    cv2.setRNGSeed(_SEED)
    background, foreground = np.zeros((1, 65)), np.zeros((1, 65))
    mode = cv2.GC_INIT_WITH_MASK
    _grab_cut(samples, kinds, (background, foreground), 0, mode)
    return background, foreground


def _run(image: npt.NDArray[np.uint8], labels: npt.NDArray[np.uint8], models: _Models) -> None:
    _grab_cut(image, labels, models, 1, cv2.GC_EVAL_FREEZE_MODEL)


def _grab_cut(
    image: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.uint8],
    models: _Models,
    iterations: int,
    mode: int,
) -> None:
    try:
        cv2.grabCut(image, labels, (0, 0, 0, 0), *models, iterations, mode)
    except cv2.error as error:
        raise ImageError(f'GrabCut failed: {error.err}') from error


def _outline_only(labels: npt.NDArray[np.uint8], fine: _View) -> npt.NDArray[np.uint8]:
    """Enlarge labels, and leave only those near the outline to be decided again."""
    height, width = fine.image.shape[:2]
    mask = _resized(_is_object(labels), (width, height)).astype(np.uint8)
    reach = 2 * -(-width // labels.shape[1]) + 1
    kernel = np.ones((reach, reach), np.uint8)
    grown, shrunk = cv2.dilate(mask, kernel), cv2.erode(mask, kernel)
    finer = np.where(mask > 0, cv2.GC_PR_FGD, cv2.GC_PR_BGD)
    finer[grown == 0] = cv2.GC_BGD
    finer[shrunk > 0] = cv2.GC_FGD
    finer[~fine.inside] = cv2.GC_BGD
    return finer.astype(np.uint8)


def _is_object(labels: npt.NDArray[np.uint8]) -> Mask:
    return np.asarray((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD))


def _largest_islands(mask: Mask) -> Mask:
    count, islands, stats, _ = cv2.connectedComponentsWithStats(
        mask.astype(np.uint8), connectivity=8
    )
    if count <= 2:
        return mask
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    return np.asarray((areas >= MIN_ISLAND * areas.max())[islands])


def _extent(mask: Mask) -> float:
    """Return which part of the box the bounds of its mask cover."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return 0.0
    covered = (rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1)
    return float(covered / mask.size)


def _resized(mask: Mask, size: tuple[int, int]) -> Mask:
    if mask.shape == (size[1], size[0]):
        return mask
    part = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(part > 0.5)


def _touched(rect: Rect, whole: tuple[int, int], size: tuple[int, int]) -> Mask:
    scale = np.array([size[0] / whole[0], size[1] / whole[1]] * 2)
    left, top, right, bottom = np.array(rect) * scale
    mask = np.zeros((size[1], size[0]), bool)
    mask[int(top) : int(np.ceil(bottom)), int(left) : int(np.ceil(right))] = True
    return mask


def _moved(rect: Rect, window: Rect) -> Rect:
    """Return the part of a rectangle inside a window, relative to the window."""
    width, height = window[2] - window[0], window[3] - window[1]
    left, right = (min(max(x - window[0], 0), width) for x in rect[::2])
    top, bottom = (min(max(y - window[1], 0), height) for y in rect[1::2])
    return left, top, right, bottom
