"""SIFT keypoints of an image, and which of them are found again in another one."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from sim2real_ros.evaluation.structure.view import StructureView

LOWE_RATIO = 0.75
"""A match must be this much nearer than the second best one (Lowe 2004; 0.7 to 0.8 is usual)."""

CONTRAST_THRESHOLD = 0.04
"""OpenCV's default."""

SEARCH_SHARE = 0.1
"""Matches that are farther apart than this share of the diagonal are taken for wrong ones."""

_SCALE_RATIO = 1.5
_LEVELS_PER_DEVIATION = 60
_TIE_PER_PX = 1e-3

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Keypoints:
    """Keypoints of one image, strongest first.

    Attributes:
        points_px: float32 (N, 2), x and y in pixels of the frame.
        sizes_px: float32 (N,), diameters in pixels of the frame.
        descriptors: float32 (N, 128).
        diagonal_px: Of the frame.
    """

    points_px: Floats
    sizes_px: Floats
    descriptors: Floats
    diagonal_px: float

    def __len__(self) -> int:
        """Return the number of keypoints."""
        return len(self.points_px)


@dataclass(frozen=True, eq=False)
class Matches:
    """Which keypoints of one image were found again in another.

    Attributes:
        first: (M,) indices into the first image's keypoints.
        second: (M,) indices into the second image's keypoints.
        displacement_px: float32 (M,), how far each one is from where it was.
    """

    first: Indices
    second: Indices
    displacement_px: Floats


def find_keypoints(
    view: StructureView, limit: int, *, threshold: float = CONTRAST_THRESHOLD
) -> Keypoints:
    """Find the strongest keypoints.

    SIFT (Lowe, Distinctive Image Features from Scale-Invariant Keypoints, 2004). Its threshold is
    one of contrast, so it looks at the normalised image: a darker image has as many keypoints.

    Args:
        view: The image.
        limit: Number of keypoints at most.
        threshold: OpenCV's ``contrastThreshold``.
    """
    sift = cv2.SIFT.create(nfeatures=limit, contrastThreshold=threshold)
    levels = np.clip(view.normalised * _LEVELS_PER_DEVIATION + 128, 0, 255).astype(np.uint8)
    found, descriptors = sift.detectAndCompute(levels, None)
    order = sorted(range(len(found)), key=lambda i: -found[i].response)[:limit]
    points = np.array([found[i].pt for i in order], np.float32).reshape(-1, 2) * view.frame_px
    sizes = np.array([found[i].size for i in order], np.float32) * view.frame_px
    rows = np.zeros((0, 128), np.float32) if descriptors is None else descriptors[order]
    diagonal = float(np.hypot(*view.luminance.shape)) * view.frame_px
    return Keypoints(points, sizes, np.asarray(rows, np.float32), diagonal)


def confident_matches(first: Keypoints, second: Keypoints) -> Matches:
    """Match descriptors: best in both directions, and by Lowe's ratio better than the second best.

    The second best is looked for away from the best one, as SIFT may describe one place several
    times. Of equally good ones the nearest is taken, so that an image matches itself whatever it
    repeats. Matches over more than ``SEARCH_SHARE`` of the diagonal are left out.
    """
    if not len(first) or not len(second):
        none = np.zeros(0, np.intp)
        return Matches(none, none, np.zeros(0, np.float32))
    apart_px = _distances(first.points_px, second.points_px)
    distances = _distances(first.descriptors, second.descriptors) + _TIE_PER_PX * apart_px
    rows, best = np.arange(len(first)), distances.argmin(1)
    mutual = distances.argmin(0)[best] == rows
    same_place = (
        _distances(second.points_px, second.points_px)[best] <= second.sizes_px[best, None]
    )
    others = np.where(same_place, np.inf, distances).min(1)
    confident = mutual & (distances[rows, best] <= LOWE_RATIO * others)
    confident &= apart_px[rows, best] <= SEARCH_SHARE * first.diagonal_px
    chosen = np.flatnonzero(confident)
    return Matches(chosen, best[chosen], apart_px[chosen, best[chosen]])


def found_again(first: Keypoints, second: Keypoints, tolerance_px: float) -> npt.NDArray[np.bool_]:
    """Tell which keypoints of the first image have one of like size in the same place.

    Args:
        first: Where to find again.
        second: Where to look.
        tolerance_px: How far apart they may be, in pixels of the frame.

    Returns:
        bool (N,).
    """
    if not len(second):
        return np.zeros(len(first), np.bool_)
    near = _distances(first.points_px, second.points_px) <= tolerance_px
    ratio = first.sizes_px[:, None] / second.sizes_px[None]
    alike = (ratio <= _SCALE_RATIO) & (ratio >= 1 / _SCALE_RATIO)
    return np.asarray((near & alike).any(1), np.bool_)


def _distances(first: Floats, second: Floats) -> Floats:
    """Return all distances; (N, D) and (M, D) give float32 (N, M)."""
    # float64, for equal rows must give 0.
    a, b = first.astype(np.float64), second.astype(np.float64)
    squares = np.square(a).sum(1)[:, None] + np.square(b).sum(1)[None] - 2 * a @ b.T
    return np.asarray(np.sqrt(np.maximum(squares, 0)), np.float32)
