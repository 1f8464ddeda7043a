"""New things in a translated frame, where the simulated one had nothing."""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from sim2real_ros.evaluation.structure.edges import Bools, Edges, disc, near
from sim2real_ros.evaluation.structure.view import SMOOTHING_PX, StructureView

KNOWN_PX, EMPTY_PX = 4, 10
"""An edge is new if the simulated frame has none so near, and stands in the empty if it has none
within the larger distance."""

CONTOUR_SHARE = 0.5
"""How steep new edges must be, compared with the image's known edges: textures are not."""

JOINED_PX = 15
MIN_AREA_SHARE = 0.0005
MIN_SIDE_PX = 8
MIN_EDGE_PIXELS = 20

Box = tuple[int, int, int, int]


def appeared_boxes(
    translated: StructureView,
    translated_edges: Edges,
    sim_edges: Edges,
    explained: Sequence[Box] = (),
) -> list[Box]:
    """Find groups of strong new edges.

    Args:
        translated: The translated frame.
        translated_edges: Its edges.
        sim_edges: Edges of the simulated frame.
        explained: Boxes (left, top, width, height) whose edges are no news: where objects moved.

    Returns:
        Boxes (left, top, width, height) in pixels of the view.
    """
    new = _new_edges(translated, translated_edges, sim_edges)
    for left, top, width, height in explained:
        new[max(0, top) : max(0, top + height), max(0, left) : max(0, left + width)] = False
    in_the_empty = new & ~near(sim_edges.faint, EMPTY_PX)
    groups = cv2.morphologyEx(new.astype(np.uint8), cv2.MORPH_CLOSE, disc(JOINED_PX // 2))
    count, parts, boxes, _ = cv2.connectedComponentsWithStats(groups, connectivity=8)
    sizes = np.bincount(parts[new], minlength=count)
    cores = np.bincount(parts[in_the_empty], minlength=count)
    found = []
    for number in range(1, count):
        left, top, width, height, area = (int(value) for value in boxes[number])
        if (
            sizes[number] >= MIN_EDGE_PIXELS
            and 2 * cores[number] >= sizes[number]
            and area >= MIN_AREA_SHARE * new.size
            and min(width, height) >= MIN_SIDE_PX
        ):
            found.append((left, top, width, height))
    return found


def _new_edges(translated: StructureView, edges: Edges, sim_edges: Edges) -> Bools:
    """Return clear edges that the simulated frame does not have, less those of textures."""
    steepness = _steepness(translated.luminance)
    known = edges.clear & near(sim_edges.clear, KNOWN_PX // 2)
    new = edges.clear & ~near(sim_edges.faint, KNOWN_PX)
    if known.sum() >= MIN_EDGE_PIXELS:
        new &= steepness >= CONTOUR_SHARE * float(np.median(steepness[known]))
    return new


def _steepness(luminance: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return slopes of the brightness itself: the normalised one makes all contrasts alike."""
    smooth = cv2.GaussianBlur(luminance.astype(np.float32), (0, 0), SMOOTHING_PX)
    right, down = (cv2.Sobel(smooth, cv2.CV_32F, *each) for each in ((1, 0), (0, 1)))
    return np.asarray(cv2.magnitude(right, down), np.float32)
