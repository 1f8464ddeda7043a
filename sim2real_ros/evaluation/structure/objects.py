"""ObjectFates: which objects a translation moved, removed or invented."""

from collections.abc import Sequence

from sim2real_ros.errors import ConfigError, ImageError
from sim2real_ros.evaluation.frame import EvaluatedFrame, SimFrame
from sim2real_ros.evaluation.measure import Measure, Observation, Observations
from sim2real_ros.evaluation.quantity import Quantity, Value
from sim2real_ros.evaluation.structure.appeared_objects import Box, appeared_boxes
from sim2real_ros.evaluation.structure.edges import sim_edges, translated_edges
from sim2real_ros.evaluation.structure.object_fates import (
    ObjectFate,
    SoughtObject,
    fate_of,
    oriented_slopes,
    sought_object,
)
from sim2real_ros.evaluation.structure.object_regions import ObjectRegion, object_regions
from sim2real_ros.evaluation.structure.object_shares import ratio_of_sums
from sim2real_ros.evaluation.structure.view import sim_view, translated_view

MIN_AREA_SHARE = 0.0005
"""About 100 of 512x384 pixels."""

MOVED = Quantity(
    key='objects_moved',
    title='Objects moved',
    better='lower',
    description=(
        'Objects per frame that stand more than 3 px from where they were: their outlines fit '
        'another place up to 24 px away clearly better than their own.'
    ),
    limits=(0.0, None),
)
VANISHED = Quantity(
    key='objects_vanished',
    title='Objects vanished',
    better='lower',
    description=(
        'Objects per frame that are gone: their outlines fit nowhere near, and most of their '
        'edges are missing.'
    ),
    limits=(0.0, None),
)
APPEARED = Quantity(
    key='objects_appeared',
    title='Objects appeared',
    better='lower',
    description=(
        'New things per frame where the simulated frame had nothing: groups of edges about as '
        'steep as its outlines, so strokes and fringes count, too, weak textures do not. Lines '
        'that moved count where they are now, unless they belong to a moved object.'
    ),
    limits=(0.0, None),
)
MOVED_SHARE = Quantity(
    key='objects_moved_share',
    title='Share of objects moved',
    better='lower',
    description='Moved objects by all objects that can be judged, over all frames.',
    limits=(0.0, 1.0),
)
VANISHED_SHARE = Quantity(
    key='objects_vanished_share',
    title='Share of objects vanished',
    better='lower',
    description='Vanished objects by all objects that can be judged, over all frames.',
    limits=(0.0, 1.0),
)
JUDGED = 'objects_judged'
"""Number of objects in a frame that can be judged; a count for the shares."""


class ObjectFates(Measure):
    """Objects of the mask, looked for in the translated frame, and new ones beside them."""

    quantities = (MOVED, VANISHED, APPEARED, MOVED_SHARE, VANISHED_SHARE)
    needs = frozenset({'mask', 'translation'})

    def __init__(
        self,
        object_ids: Sequence[int] | None = None,
        *,
        min_area_share: float = MIN_AREA_SHARE,
    ) -> None:
        """Say what an object is.

        Args:
            object_ids: Ids in the masks, 0..255; None = every id but 0. Each connected region is
                an object, so two that touch are one.
            min_area_share: Smaller regions, as shares of the image, are not looked at; 0..1.

        Raises:
            ConfigError: An id or the share is out of range.
        """
        if object_ids is not None and not all(0 <= each <= 255 for each in object_ids):
            raise ConfigError(f'object ids must lie in 0..255, found {list(object_ids)}')
        if not 0 <= min_area_share <= 1:
            raise ConfigError(f'min_area_share must lie in 0..1, found {min_area_share}')
        self._object_ids = None if object_ids is None else tuple(dict.fromkeys(object_ids))
        self._min_area_share = min_area_share

    def of_frame(self, frame: EvaluatedFrame) -> Observation:
        """Look for the objects of one frame.

        Raises:
            ImageError: The mask has another size than the frame.
        """
        after = translated_view(frame)
        edges, slopes = translated_edges(frame), oriented_slopes(after)
        fates: list[ObjectFate] = []
        explained: list[Box] = []
        for sought in frame.sim.once(self._sought):
            fate = fate_of(sought, slopes, edges)
            fates.append(fate)
            if fate.fate == 'moved':
                explained.append(_moved_box(sought.region, fate, after.frame_px))
        appeared = appeared_boxes(after, edges, sim_edges(frame.sim), explained)
        return Observation(
            {
                **_counted(fates),
                APPEARED.key: float(len(appeared)),
                JUDGED: float(len(fates)),
            }
        )

    def summarise(self, seen: Observations) -> dict[str, Value]:
        """Average the counts, and take the shares over all objects of all frames."""
        values = super().summarise(seen)
        for share, count in ((MOVED_SHARE, MOVED), (VANISHED_SHARE, VANISHED)):
            found = ratio_of_sums(seen, count.key, JUDGED)
            if found is not None:
                values[share.key] = found
        return values

    def _sought(self, sim: SimFrame) -> list[SoughtObject]:
        assert sim.mask is not None
        if sim.mask.shape != sim.image.shape[:2]:
            raise ImageError(
                f'{sim.name}: the mask has the shape {sim.mask.shape}, expected that of the '
                f'image, {sim.image.shape[:2]}.'
            )
        height, width = sim_view(sim).luminance.shape
        regions = object_regions(sim.mask, self._object_ids, (width, height), self._min_area_share)
        slopes, edges = oriented_slopes(sim_view(sim)), sim_edges(sim)
        sought = (sought_object(region, slopes, edges) for region in regions)
        return [each for each in sought if each is not None]


def _counted(fates: Sequence[ObjectFate]) -> dict[str, float]:
    """Return the counts of a frame, and its shares where there are objects at all."""
    moved = float(sum(each.fate == 'moved' for each in fates))
    vanished = float(sum(each.fate == 'vanished' for each in fates))
    if not fates:
        return {}
    return {
        MOVED.key: moved,
        VANISHED.key: vanished,
        MOVED_SHARE.key: moved / len(fates),
        VANISHED_SHARE.key: vanished / len(fates),
    }


def _moved_box(region: ObjectRegion, fate: ObjectFate, frame_px: float) -> Box:
    """Return where an object is now, with some room, in pixels of the view."""
    room = 6
    height, width = region.inside.shape
    left = region.left + round(fate.right_px / frame_px) - room
    top = region.top + round(fate.down_px / frame_px) - room
    return left, top, width + 2 * room, height + 2 * room
