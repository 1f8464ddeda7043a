"""What became of an object: kept in its place, moved, or vanished."""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from sim2real_ros.evaluation.structure.edges import Bools, Edges, near
from sim2real_ros.evaluation.structure.object_regions import ObjectRegion
from sim2real_ros.evaluation.structure.slopes import searched, slopes, without_sign
from sim2real_ros.evaluation.structure.view import FloatImage, StructureView

Fate = Literal['kept', 'moved', 'vanished']
Box = tuple[slice, slice]

REACH_PX = 24
"""How far an object is looked for, in pixels of the frame; beyond, it vanished here and another
one appeared there."""

SAME_PLACE_PX = 3.0
KEPT_FIT, MOVED_FIT, CLEARLY_BETTER = 0.3, 0.5, 0.2
KEPT_EDGES = 0.4
MIN_EDGE_PIXELS = 15
EDGE_TOLERANCE_PX = 2

_OUTLINE_PX = 2
_NEARLY_EMPTY = 0.01


@dataclass(frozen=True, eq=False)
class OrientedSlopes:
    """Slopes in which opposite directions are equal, as two channels.

    Attributes:
        channels: float32 (h, w, 2).
        frame_px: Width of one of these pixels in pixels of the frame.
    """

    channels: FloatImage
    frame_px: float


@dataclass(frozen=True, eq=False)
class SoughtObject:
    """An object of a simulated frame, ready to be looked for.

    Attributes:
        region: Where it is, in pixels of the view.
        box: Its box with its outline, in pixels of the view.
        edges: bool, its clear edges in the box.
        place: Its box in the searched image.
        template: float32 (h, w, 2), its slopes there, 0 outside of it.
        weights: float32 (h, w), 1 where it is.
        fits_before: How well it fits each place of the simulated frame itself.
    """

    region: ObjectRegion
    box: Box
    edges: Bools
    place: Box
    template: FloatImage
    weights: FloatImage
    fits_before: FloatImage


@dataclass(frozen=True)
class ObjectFate:
    """What became of one object.

    Attributes:
        fate: In a word.
        right_px: How far it moved to the right, in pixels of the frame; 0 unless it moved.
        down_px: The same, downwards.
    """

    fate: Fate
    right_px: float = 0.0
    down_px: float = 0.0


def oriented_slopes(view: StructureView) -> OrientedSlopes:
    """Prepare an image for the search for objects."""
    image, frame_px = searched(view)
    directions = without_sign(slopes(image))
    channels = np.stack([directions.real, directions.imag], -1)
    return OrientedSlopes(np.asarray(channels, np.float32), frame_px)


def sought_object(region: ObjectRegion, sim: OrientedSlopes, edges: Edges) -> SoughtObject | None:
    """Prepare an object for the search.

    Args:
        region: The object, in pixels of the edges.
        sim: Slopes of the simulated frame.
        edges: Edges of the simulated frame.

    Returns:
        None where the object has too few edges to be told from its surroundings.
    """
    box, inside = _with_outline(region, edges.clear.shape)
    own_edges = edges.clear[box] & inside
    if own_edges.sum() < MIN_EDGE_PIXELS:
        return None
    shrinking = edges.clear.shape[1] / sim.channels.shape[1]
    top, left = (int(side.start / shrinking) for side in box)
    bottom, right = (
        min(int(np.ceil(side.stop / shrinking)), limit)
        for side, limit in zip(box, sim.channels.shape[:2], strict=True)
    )
    place = slice(top, bottom), slice(left, right)
    weights = np.asarray(
        cv2.resize(
            inside.astype(np.float32), (right - left, bottom - top), interpolation=cv2.INTER_AREA
        ),
        np.float32,
    )
    template = sim.channels[place] * weights[..., None]
    before = _fits(template, weights, place, sim)
    return SoughtObject(region, box, own_edges, place, template, weights, before)


def fate_of(sought: SoughtObject, translated: OrientedSlopes, edges: Edges) -> ObjectFate:
    """Find out what became of an object.

    Its slopes are compared with those of the translated image in its place and around it: the
    cosine between the two fields, whichever side of an edge is the brighter one. It moved if
    another place fits well, clearly better than its own place, clearly better than before (the
    same kind of thing may stand beside it), and has more of its edges. It vanished if its own
    place does not fit and most of its edges are gone; with its edges in place it was only drawn
    in another way.

    Args:
        sought: The object.
        translated: Slopes of the translated frame, of the size of the simulated one's.
        edges: Edges of the translated frame.
    """
    fits = _fits(sought.template, sought.weights, sought.place, translated)
    reach = fits.shape[0] // 2
    offsets_px = (np.arange(fits.shape[0]) - reach) * translated.frame_px
    same_place = np.hypot(offsets_px[:, None], offsets_px[None]) <= SAME_PLACE_PX
    here = float(fits[same_place].max())
    elsewhere = np.where(fits >= sought.fits_before + CLEARLY_BETTER, fits, 0)
    near_edges = near(edges.faint, EDGE_TOLERANCE_PX)
    found_here = _share_of_edges(sought, near_edges)
    if elsewhere.max() >= max(MOVED_FIT, here + CLEARLY_BETTER):
        row, column = np.unravel_index(int(elsewhere.argmax()), fits.shape)
        right_px, down_px = float(offsets_px[column]), float(offsets_px[row])
        view_px = translated.frame_px * translated.channels.shape[1] / near_edges.shape[1]
        offset = round(right_px / view_px), round(down_px / view_px)
        if _share_of_edges(sought, near_edges, *offset) > found_here:
            return ObjectFate('moved', right_px, down_px)
    return ObjectFate('kept' if here >= KEPT_FIT or found_here >= KEPT_EDGES else 'vanished')


def _share_of_edges(
    sought: SoughtObject, near_edges: Bools, right: int = 0, down: int = 0
) -> float:
    """Return the share of the object's edges that are there, so far from its place."""
    rows, columns = np.nonzero(sought.edges)
    rows, columns = rows + sought.box[0].start + down, columns + sought.box[1].start + right
    height, width = near_edges.shape
    visible = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    if not visible.any():
        return 0.0
    return float(near_edges[rows[visible], columns[visible]].mean())


def _with_outline(region: ObjectRegion, shape: tuple[int, ...]) -> tuple[Box, Bools]:
    """Return the object's box with its outline, and which pixels of it count."""
    height, width = region.inside.shape
    top, left = max(0, region.top - _OUTLINE_PX), max(0, region.left - _OUTLINE_PX)
    bottom = min(shape[0], region.top + height + _OUTLINE_PX)
    right = min(shape[1], region.left + width + _OUTLINE_PX)
    inside = np.zeros((bottom - top, right - left), np.bool_)
    row, column = region.top - top, region.left - left
    inside[row : row + height, column : column + width] = region.inside
    return (slice(top, bottom), slice(left, right)), near(inside, _OUTLINE_PX)


def _fits(
    template: FloatImage, weights: FloatImage, place: Box, image: OrientedSlopes
) -> npt.NDArray[np.float32]:
    """Return the cosine between template and image for each displacement, -1..1.

    Returns:
        float32 (2 r + 1, 2 r + 1), where r is ``REACH_PX`` in pixels of the image.
    """
    reach = max(1, round(REACH_PX / image.frame_px))
    rows, columns = (slice(side.start, side.stop + 2 * reach) for side in place)
    bordered = cv2.copyMakeBorder(
        image.channels, reach, reach, reach, reach, cv2.BORDER_CONSTANT, value=(0, 0)
    )
    window = np.ascontiguousarray(bordered[rows, columns])
    # The template is weighted already, and all weights but those of its rim are 0 or 1.
    products = cv2.matchTemplate(window, template, cv2.TM_CCORR)
    energies = cv2.matchTemplate(np.square(window).sum(-1), np.square(weights), cv2.TM_CCORR)
    own = float(np.square(template).sum())
    # What is nearly empty fits nothing.
    energies = np.maximum(energies, max(_NEARLY_EMPTY * own, 1e-6))
    return np.asarray(products / np.sqrt(max(own, 1e-6) * energies), np.float32)
