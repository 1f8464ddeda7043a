import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from label_cases import blobs, iou, shape, square

from sim2real_ros.errors import DataError
from sim2real_ros.image import PLACEMENTS, place, place_mask
from sim2real_ros.labels import (
    ImageLabels,
    Instance,
    Part,
    parts_from_mask,
    place_labels,
    rasterise,
)


def labels_of(size: tuple[int, int], *instances: Instance) -> ImageLabels:
    return ImageLabels('a.png', size, instances, 'train', 'a.txt')


@pytest.mark.parametrize('mode', PLACEMENTS)
@pytest.mark.parametrize('target', [(64, 64), (320, 100), (31, 77)])
def test_shapes_go_where_their_pixels_go(mode: str, target: tuple[int, int]) -> None:
    size = (160, 120)
    mask = blobs(5, size, blur=10.0)
    placement = place(size, target, mode)
    (placed,) = place_labels(
        labels_of(size, shape(2, *parts_from_mask(mask))), placement
    ).instances
    assert (
        iou(rasterise(placed.parts, target), place_mask(mask.astype(np.uint8), placement) > 0)
        >= 0.9
    )
    assert placed.class_id == 2


def test_a_larger_picture_agrees_closely() -> None:
    size, target = (160, 120), (640, 640)
    mask = blobs(5, size, blur=10.0)
    placement = place(size, target, 'letterbox')
    (placed,) = place_labels(
        labels_of(size, shape(0, *parts_from_mask(mask))), placement
    ).instances
    assert (
        iou(rasterise(placed.parts, target), place_mask(mask.astype(np.uint8), placement) > 0)
        >= 0.99
    )


def test_a_box_under_letterbox_moves_by_the_border() -> None:
    placement = place((200, 100), (100, 100), 'letterbox')
    instance = Instance(1, (20, 10, 40, 30), (), 0.5, True, 7)
    result = place_labels(labels_of((200, 100), instance), placement)
    (placed,) = result.instances
    assert placed.box == (10, 30, 20, 40)
    assert (placed.score, placed.crowd, placed.line) == (0.5, True, 7)
    assert (result.size, result.subset, result.file) == ((100, 100), 'train', 'a.txt')


def test_a_crop_cuts_shapes_and_takes_the_box_of_what_is_left() -> None:
    # An L whose upright lies outside: its box would reach higher than what is left of it.
    outline = np.array([(0, 0), (20, 0), (20, 80), (90, 80), (90, 95), (0, 95)], float)
    placement = place((100, 100), (50, 100), 'crop')
    (placed,) = place_labels(labels_of((100, 100), shape(0, Part(outline))), placement).instances
    assert placed.box == (0, 80, 50, 95)


def test_a_hole_is_cut_too() -> None:
    instance = shape(0, Part(square(10, 10, 80), (square(20, 20, 60),)))
    placement = place((100, 100), (50, 100), 'crop')
    (placed,) = place_labels(labels_of((100, 100), instance), placement).instances
    assert rasterise(placed.parts, (50, 100)).sum() == 50 * 80 - 50 * 60


def test_what_is_outside_or_too_small_is_dropped() -> None:
    placement = place((100, 100), (50, 100), 'crop')
    outside = Instance(0, (0, 0, 20, 50)), shape(0, Part(square(0, 0, 24)))
    sliver = Instance(0, (0, 0, 25.5, 50))
    half = Instance(0, (15, 0, 35, 50))
    labels = labels_of((100, 100), *outside, sliver, half)
    assert [each.box for each in place_labels(labels, placement).instances] == [(0, 0, 10, 50)]
    assert len(place_labels(labels, placement, min_side_px=0.1).instances) == 2
    assert not place_labels(labels, placement, min_visible=0.6).instances


def test_labels_of_another_size_are_refused() -> None:
    with pytest.raises(DataError, match='100x100 pixels, but the image has 90x100'):
        place_labels(labels_of((100, 100)), place((90, 100), (50, 50), 'crop'))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(st.floats(-50, 250), st.floats(-50, 250)), min_size=3, max_size=9),
    st.sampled_from(PLACEMENTS),
)
def test_nothing_reaches_beyond_the_picture(points: list[tuple[float, float]], mode: str) -> None:
    instance = shape(0, Part(np.array(points)))
    placement = place((200, 150), (90, 80), mode)
    for placed in place_labels(labels_of((200, 150), instance), placement).instances:
        x, y, width, height = placement.placed
        corners = np.concatenate([part.outline for part in placed.parts])
        assert (corners >= np.array((x, y)) - 1e-6).all()
        assert (corners <= np.array((x + width, y + height)) + 1e-6).all()


@pytest.mark.parametrize(('min_visible', 'kept'), [(0.49, 1), (0.51, 0)])
def test_shapes_cut_to_less_than_what_must_be_visible_are_dropped(
    min_visible: float, kept: int
) -> None:
    placement = place((100, 100), (50, 100), 'crop')
    half = shape(0, Part(square(15, 0, 20), (square(22, 5, 6),)))
    placed = place_labels(labels_of((100, 100), half), placement, min_visible=min_visible)
    assert len(placed.instances) == kept
