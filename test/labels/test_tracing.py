import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from label_cases import blobs, iou
from pycocotools import mask as coco_mask

from sim2real_ros.errors import ImageError
from sim2real_ros.labels import parts_from_mask, rasterise
from sim2real_ros.labels.rings import area_of_parts, signed_area
from sim2real_ros.labels.tracing import simplify_parts

pytestmark = pytest.mark.filterwarnings('ignore:__array__ implementation')


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.tuples(st.integers(1, 14), st.integers(1, 14)).flatmap(
        lambda size: st.lists(
            st.booleans(), min_size=size[0] * size[1], max_size=size[0] * size[1]
        ).map(lambda bits: np.array(bits).reshape(size))
    )
)
def test_any_mask_comes_back_exactly(mask: np.ndarray) -> None:
    parts = parts_from_mask(mask)
    assert (rasterise(parts, mask.shape[::-1]) == mask).all()
    count, _ = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    assert len(parts) == count - 1
    assert area_of_parts(parts) == mask.sum()


def test_a_single_pixel_is_a_unit_square() -> None:
    mask = np.zeros((5, 6), np.uint8)
    mask[2, 3] = 200
    (part,) = parts_from_mask(mask)
    assert {tuple(point) for point in part.outline} == {(3, 2), (4, 2), (4, 3), (3, 3)}
    assert not part.holes


def test_outlines_run_clockwise_and_holes_against_them() -> None:
    mask = np.ones((9, 9), bool)
    mask[3:5, 3:5] = mask[6, 6] = False
    (part,) = parts_from_mask(mask)
    assert len(part.outline) == 4
    assert signed_area(part.outline) == 81
    assert sorted(signed_area(hole) for hole in part.holes) == [-4, -1]


def test_a_part_inside_a_hole_is_a_part_of_its_own() -> None:
    mask = np.ones((9, 9), bool)
    mask[2:7, 2:7] = False
    mask[4, 4] = True
    parts = parts_from_mask(mask)
    assert [len(part.holes) for part in parts] == [1, 0]


def test_an_empty_mask_has_no_parts() -> None:
    assert parts_from_mask(np.zeros((4, 4), bool)) == ()


def test_colours_are_refused() -> None:
    with pytest.raises(ImageError, match='expected \\(height, width\\)'):
        parts_from_mask(np.zeros((4, 4, 3)))


@pytest.mark.parametrize('seed', range(5))
def test_a_simplified_outline_has_fewer_corners_and_nearly_the_same_pixels(seed: int) -> None:
    mask = blobs(seed, (320, 240), blur=12.0)
    exact, simple = parts_from_mask(mask), parts_from_mask(mask, epsilon_px=1.0)
    corners = [sum(len(part.outline) for part in parts) for parts in (exact, simple)]
    assert corners[1] < corners[0] / 2
    assert iou(rasterise(simple, (320, 240)), mask) >= 0.96
    again = rasterise(simplify_parts(exact, 1.0), (320, 240))
    assert (again == rasterise(simple, (320, 240))).all()


def test_parts_too_small_to_simplify_stay() -> None:
    mask = np.zeros((8, 8), bool)
    mask[2, 2] = True
    parts = parts_from_mask(mask)
    assert (rasterise(simplify_parts(parts, 5.0), (8, 8)) == mask).all()


@pytest.mark.parametrize('seed', range(5))
def test_polygons_give_the_mask_again_in_pycocotools_and_opencv(seed: int) -> None:
    size = (400, 300)
    mask = blobs(seed, size, blur=20.0)
    outer, painted = np.zeros_like(mask), np.zeros(mask.shape, np.uint8)
    parts = parts_from_mask(mask)
    for part in parts:
        for number, each in enumerate(part.rings):
            runs = coco_mask.frPyObjects([each.reshape(-1).tolist()], size[1], size[0])
            filled = coco_mask.decode(runs)[..., 0] > 0
            outer = outer & ~filled if number else outer | filled
    assert (outer == mask).all()
    # fillPoly paints a pixel wherever the outline passes through its corner of lower numbers.
    rings = [each.astype(np.int32) for part in parts for each in part.rings]
    cv2.fillPoly(painted, rings, 1)
    grown = cv2.dilate(mask.astype(np.uint8), np.ones((2, 2), np.uint8), anchor=(1, 1))
    assert iou(painted > 0, grown > 0) >= 0.99
