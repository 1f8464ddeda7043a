import cv2
import numpy as np
import pytest
from label_cases import blobs, iou, ring, square

from sim2real_ros.labels import Part, parts_from_mask, rasterise
from sim2real_ros.labels.joined_rings import join_rings, split_ring
from sim2real_ros.labels.rings import area_of_parts, signed_area

SIZE = (120, 90)


@pytest.mark.parametrize('seed', range(8))
@pytest.mark.parametrize('blur', [1.5, 4.0])
def test_a_joined_ring_comes_apart_into_the_same_parts_and_holes(seed: int, blur: float) -> None:
    mask = blobs(seed, SIZE, blur=blur)
    parts = parts_from_mask(mask)
    joined = join_rings(parts)
    again = split_ring(joined)
    assert (rasterise([Part(joined)], SIZE) == mask).all()
    assert (rasterise(again, SIZE) == mask).all()
    assert area_of_parts(again) == area_of_parts(parts)


def test_holes_stay_empty_by_the_nonzero_rule_too() -> None:
    part = Part(square(10, 10, 60), (square(20, 20, 15), square(45, 45, 10)[::-1]))
    joined = join_rings([part, Part(square(80, 5, 20)[::-1])])
    winding = np.zeros((SIZE[1], SIZE[0]), int)
    for y in range(SIZE[1]):
        for x in range(SIZE[0]):
            for (x0, y0), (x1, y1) in zip(joined, np.roll(joined, -1, axis=0), strict=True):
                if (y0 <= y + 0.5) != (y1 <= y + 0.5):
                    at = x0 + (y + 0.5 - y0) / (y1 - y0) * (x1 - x0)
                    winding[y, x] += (1 if y1 > y0 else -1) * (at > x + 0.5)
    assert ((winding != 0) == rasterise([part, Part(square(80, 5, 20))], SIZE)).all()


def test_opencv_fills_a_joined_ring_with_its_hole() -> None:
    part = Part(square(100, 100, 600), (square(300, 300, 200),))
    painted = np.zeros((800, 800), np.uint8)
    cv2.fillPoly(painted, [join_rings([part]).astype(np.int32)], 1)
    assert painted[400, 400] == 0
    assert iou(painted > 0, rasterise([part], (800, 800))) >= 0.99


def test_bridges_of_other_tools_come_apart() -> None:
    # One bridge from the middle of the list, as merge_multi_segment of Ultralytics makes it.
    joined = ring(
        (0, 0), (10, 0), (30, 0), (40, 0), (40, 10), (30, 10), (30, 0), (10, 0), (10, 10), (0, 10)
    )
    parts = split_ring(joined)
    assert sorted(area_of_parts([part]) for part in parts) == [100, 100]


def test_a_plain_ring_is_returned_as_it_is() -> None:
    crossing = ring((0, 0), (10, 10), (10, 0), (0, 10))
    for each in (square(1, 2, 3), square(1, 2, 3)[::-1], crossing):
        (part,) = split_ring(each)
        assert part.outline is each


def test_nothing_is_left_of_a_line() -> None:
    assert split_ring(ring((0, 0), (5, 5), (0, 0), (5, 5))) == ()
    assert split_ring(ring((1, 1), (1, 1), (1, 1))) == ()


def test_nested_shapes_find_their_own_holes() -> None:
    inner = Part(square(30, 30, 20), (square(35, 35, 5),))
    outer = Part(square(5, 5, 80), (square(20, 20, 50),))
    parts = split_ring(join_rings([outer, inner]))
    found = {
        abs(signed_area(part.outline)): [abs(signed_area(h)) for h in part.holes] for part in parts
    }
    assert found == {6400: [2500], 400: [25]}


def test_many_corners_are_joined_without_comparing_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('sim2real_ros.labels.joined_rings._MAX_PAIRS', 4)
    mask = blobs(1, SIZE, blur=2.0)
    joined = join_rings(parts_from_mask(mask))
    assert (rasterise(split_ring(joined), SIZE) == mask).all()


def test_nothing_cannot_be_joined() -> None:
    with pytest.raises(ValueError, match='no part to join'):
        join_rings([])
