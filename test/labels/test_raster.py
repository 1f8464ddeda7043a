import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from label_cases import blobs, iou, ring, square
from pycocotools import mask as coco_mask

from sim2real_ros.errors import ImageError
from sim2real_ros.labels import Part, parts_from_mask, rasterise

pytestmark = pytest.mark.filterwarnings('ignore:__array__ implementation')

POINTS = st.lists(st.tuples(st.floats(-20, 60), st.floats(-20, 60)), min_size=3, max_size=12).map(
    lambda points: np.array(points)
)


def inside_by_definition(rings: list[np.ndarray], size: tuple[int, int]) -> np.ndarray:
    """Count crossings to the right of every pixel centre, one by one."""
    mask = np.zeros((size[1], size[0]), bool)
    for y in range(size[1]):
        for x in range(size[0]):
            for each in rings:
                for (x0, y0), (x1, y1) in zip(each, np.roll(each, -1, axis=0), strict=True):
                    if (y0 <= y + 0.5) != (y1 <= y + 0.5):
                        at = x0 + (y + 0.5 - y0) / (y1 - y0) * (x1 - x0)
                        mask[y, x] ^= at > x + 0.5
    return mask


def test_a_square_covers_the_pixels_between_its_edges() -> None:
    mask = rasterise([Part(square(2, 1, 3))], (8, 6))
    assert mask.sum() == 9
    assert mask[1:4, 2:5].all()


def test_a_hole_is_left_out_whichever_way_it_runs() -> None:
    for hole in (square(3, 3, 2), square(3, 3, 2)[::-1]):
        mask = rasterise([Part(square(1, 1, 6), (hole,))], (10, 10))
        assert mask.sum() == 36 - 4
        assert not mask[3:5, 3:5].any()


def test_parts_that_overlap_are_united() -> None:
    mask = rasterise([Part(square(0, 0, 4)), Part(square(2, 2, 4))], (8, 8))
    assert mask.sum() == 16 + 16 - 4


def test_what_lies_outside_is_cut_off() -> None:
    assert rasterise([Part(square(-100, -100, 1000))], (7, 5)).all()
    assert not rasterise([Part(square(10, 10, 5))], (7, 5)).any()
    assert not rasterise([], (7, 5)).any()


def test_an_absurd_size_is_refused() -> None:
    with pytest.raises(ImageError, match='each side must be'):
        rasterise([Part(square(0, 0, 1))], (0, 5))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(POINTS)
def test_equals_the_even_odd_rule_point_by_point(points: np.ndarray) -> None:
    assert (rasterise([Part(points)], (24, 17)) == inside_by_definition([points], (24, 17))).all()


def test_large_polygons_in_chunks_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = parts_from_mask(blobs(3, (200, 150), blur=2.0))
    whole = rasterise(parts, (200, 150))
    monkeypatch.setattr('sim2real_ros.labels.raster._MAX_CROSSINGS', 150)
    assert (rasterise(parts, (200, 150)) == whole).all()


@pytest.mark.parametrize('seed', range(6))
def test_agrees_with_opencv_on_a_finer_grid(seed: int) -> None:
    size, fine = (160, 120), 8
    parts = parts_from_mask(blobs(seed, size))
    rings = [np.round(r * fine).astype(np.int32) for part in parts for r in part.rings]
    painted = np.zeros((size[1] * fine, size[0] * fine), np.uint8)
    cv2.fillPoly(painted, rings, 1)
    centres = painted[fine // 2 :: fine, fine // 2 :: fine] > 0
    assert (rasterise(parts, size) == centres).all()


def test_agrees_with_opencv_as_ultralytics_fills_large_shapes() -> None:
    # fillPoly paints the outline too: half a pixel all around, 1 % of a circle of this size.
    angles = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    circle = np.stack((400 + 300 * np.cos(angles), 400 + 300 * np.sin(angles)), axis=1)
    painted = np.zeros((800, 800), np.uint8)
    cv2.fillPoly(painted, [circle.astype(np.int32)], 1)
    assert iou(rasterise([Part(circle)], (800, 800)), painted > 0) >= 0.99


@pytest.mark.parametrize('seed', range(6))
def test_agrees_with_pycocotools(seed: int) -> None:
    size = (160, 120)
    for part in parts_from_mask(blobs(seed, size)):
        polygon = [part.outline.reshape(-1).tolist()]
        theirs = coco_mask.decode(coco_mask.frPyObjects(polygon, size[1], size[0]))[..., 0] > 0
        ours = rasterise([Part(part.outline)], size)
        assert (ours == theirs).all()


def test_agrees_with_pycocotools_on_slanted_shapes() -> None:
    triangle = ring((10.3, 5.2), (180.7, 60.4), (40.1, 140.9))
    theirs = coco_mask.decode(coco_mask.frPyObjects([triangle.reshape(-1).tolist()], 150, 200))[
        ..., 0
    ]
    assert iou(rasterise([Part(triangle)], (200, 150)), theirs > 0) >= 0.99
