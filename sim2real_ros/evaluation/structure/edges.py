"""Edges of an image whose thresholds do not depend on its contrast."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from sim2real_ros.evaluation.frame import EvaluatedFrame, SimFrame
from sim2real_ros.evaluation.structure.view import StructureView, sim_view, translated_view

STRONG_SLOPE = 0.36
WEAK_SLOPE = 0.18
"""Slopes per pixel of the normalised luminance, in standard deviations of the neighbourhood."""

_UNITS_PER_SLOPE = 2000
_SOBEL_GAIN = 8

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Edges:
    """Edges, one pixel wide.

    Attributes:
        clear: bool (h, w), edges that nobody would overlook.
        faint: bool (h, w), these and weaker ones: where they are missing there is no edge.
    """

    clear: Bools
    faint: Bools


def find_edges(view: StructureView) -> Edges:
    """Find edges (Canny, A Computational Approach to Edge Detection, 1986) on two levels.

    The slopes are those of the normalised luminance, so the brightness and contrast of the image
    make no difference.
    """
    right, down = (_slope(view, *direction) for direction in ((1, 0), (0, 1)))
    strong, weak = (slope * _UNITS_PER_SLOPE for slope in (STRONG_SLOPE, WEAK_SLOPE))
    clear = cv2.Canny(right, down, weak, strong, L2gradient=True)
    faint = cv2.Canny(right, down, weak / 2, weak, L2gradient=True)
    return Edges(clear > 0, faint > 0)


def sim_edges(sim: SimFrame) -> Edges:
    """Return the edges of a simulated frame, found once for all candidates and measures."""
    return sim.once(_edges_of_sim)


def translated_edges(frame: EvaluatedFrame) -> Edges:
    """Return the edges of a translation, found once for all measures."""
    return frame.once(_edges_of_translation)


def near(edges: Bools, distance_px: int) -> Bools:
    """Tell which pixels lie at most so far from an edge; bool (h, w)."""
    return np.asarray(cv2.dilate(edges.astype(np.uint8), disc(distance_px)) > 0, np.bool_)


def disc(radius_px: int) -> npt.NDArray[np.uint8]:
    """Return which pixels lie at most so far from the middle one; uint8 (2 r + 1, 2 r + 1).

    OpenCV's own ellipse is no disc where it is small, and not the same in all versions.
    """
    rows, columns = np.mgrid[-radius_px : radius_px + 1, -radius_px : radius_px + 1]
    return np.asarray(np.hypot(rows, columns) <= radius_px, np.uint8)


def _edges_of_sim(sim: SimFrame) -> Edges:
    return find_edges(sim_view(sim))


def _edges_of_translation(frame: EvaluatedFrame) -> Edges:
    return find_edges(translated_view(frame))


def _slope(view: StructureView, right: int, down: int) -> npt.NDArray[np.int16]:
    slope = cv2.Sobel(
        view.normalised, cv2.CV_32F, right, down, scale=_UNITS_PER_SLOPE / _SOBEL_GAIN
    )
    limit = np.iinfo(np.int16).max
    return np.asarray(np.clip(np.rint(slope), -limit, limit), np.int16)
