import cv2
import mask_scenes as scenes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2real_ros.errors import ImageError
from sim2real_ros.files import ordered_map
from sim2real_ros.segmentation import grabcut
from sim2real_ros.segmentation.grabcut import COARSE_SIDE_PX, FINE_SIDE_PX, GrabCutSegmenter
from sim2real_ros.segmentation.segmenter import pixel_rect

GRABCUT = GrabCutSegmenter()


def segment(rgb, boxes):
    return list(GRABCUT.segment(rgb, np.array(boxes, np.float64).reshape(-1, 4)))


@pytest.mark.parametrize('seed', range(4))
@pytest.mark.parametrize('size', [(320, 240), (240, 320)])
def test_made_things_are_found_with_their_holes_and_parts(size, seed):
    rgb, things = scenes.scene(size, seed=seed)
    found = segment(rgb, [scenes.box_of(mask) for _, mask in things])
    for (kind, mask), each in zip(things, found, strict=True):
        assert each.fallback == '', kind
        assert scenes.iou(each.mask, mask) > 0.93, kind


def test_rgb_reaches_opencv_and_not_bgr(monkeypatch):
    seen, grab_cut = [], grabcut._grab_cut

    def note(image, *arguments):
        seen.append(image.reshape(-1, 3)[0].tolist())
        return grab_cut(image, *arguments)

    monkeypatch.setattr(grabcut, '_grab_cut', note)
    segment(np.full((40, 40, 3), (255, 0, 0), np.uint8), [(10, 10, 30, 30)])
    # Red in 8-bit CIE Lab: L = 53.2 * 2.55, a = 80.1 + 128, b = 67.2 + 128.
    assert seen[0] == [136, 208, 195]


def test_small_things_are_found_though_not_always_their_holes():
    rgb, things = scenes.scene((97, 61))
    found = segment(rgb, [scenes.box_of(mask) for _, mask in things])
    quality = [scenes.iou(each.mask, mask) for (_, mask), each in zip(things, found, strict=True)]
    assert quality[0] > 0.9
    assert quality[1] > 0.7
    assert quality[2] > 0.9


def test_large_images_are_cut_with_fine_outlines():
    size = (1600, 1200)
    rgb, things = scenes.scene(size, ('blob', 'ring'))
    boxes = [scenes.box_of(mask) for _, mask in things]
    assert min(boxes[0][2:] - boxes[0][:2]) > 2 * COARSE_SIDE_PX
    assert max(size) > FINE_SIDE_PX
    for (_, mask), each in zip(things, segment(rgb, boxes), strict=True):
        assert scenes.iou(each.mask, mask) > 0.985


def test_neighbours_of_the_same_kind_do_not_hide_each_other():
    """Dashes of a lane: around each box lie more of the same colour."""
    size = (400, 120)
    rgb = scenes.noisy(size, (60, 62, 65), 1)
    yellow = scenes.noisy(size, (210, 180, 40), 2, 5)
    masks = []
    for left in range(10, 360, 60):
        mask = np.zeros((size[1], size[0]), np.uint8)
        corners = [(left + 15, 40), (left + 45, 40), (left + 30, 80), (left, 80)]
        cv2.fillPoly(mask, [np.array(corners, np.int32)], 1)
        masks.append(mask.astype(bool))
        rgb[masks[-1]] = yellow[masks[-1]]
    found = segment(rgb, [scenes.box_of(mask) for mask in masks])
    assert [each.fallback for each in found] == [''] * len(masks)
    assert min(scenes.iou(f.mask, m) for f, m in zip(found, masks, strict=True)) > 0.9


def test_the_same_input_gives_the_same_masks_in_any_thread_and_order():
    rgb, things = scenes.scene((200, 150), seed=3)
    boxes = [scenes.box_of(mask) for _, mask in things]
    expected = [each.mask for each in segment(rgb, boxes)]
    cv2.setRNGSeed(99)
    runs = list(ordered_map(lambda _: segment(rgb, boxes), range(4), workers=3))
    for run in runs:
        for one, other in zip(expected, run, strict=True):
            np.testing.assert_array_equal(one, other.mask)


def test_masks_stay_in_their_boxes():
    rgb, things = scenes.scene()
    box = scenes.box_of(things[0][1]) + np.array([10, 10, -10, -10])
    (each,) = segment(rgb, [box])
    assert each.mask.any()
    found = scenes.box_of(each.mask)
    assert (found[:2] >= box[:2]).all()
    assert (found[2:] <= box[2:]).all()


@pytest.mark.parametrize('colour', [(0, 0, 0), (90, 120, 30), (255, 255, 255)])
def test_a_box_in_which_nothing_can_be_told_apart_says_so(colour):
    rgb = np.full((60, 80, 3), colour, np.uint8)
    (each,) = segment(rgb, [[20, 10, 60, 50]])
    assert each.fallback.startswith('GrabCut found no')
    covered = each.mask[10:50, 20:60].mean()
    assert covered == 1 or abs(covered - np.pi / 4) < 0.02
    assert not each.mask[:10].any()


def test_an_object_that_fills_its_box_keeps_it_whole():
    rgb = scenes.noisy((120, 90), (60, 60, 60), 0)
    rgb[30:60, 40:80] = (220, 30, 30)
    (each,) = segment(rgb, [[40, 30, 80, 60]])
    assert each.mask.sum() == 30 * 40


@pytest.mark.parametrize('box', [[5, 5, 6, 6], [0, 0, 3, 40], [10.4, 3, 10.6, 20], [7, 7, 40, 9]])
def test_boxes_of_few_pixels_are_kept_whole(box):
    rgb, _ = scenes.scene((64, 48))
    (each,) = segment(rgb, [box])
    left, top, right, bottom = pixel_rect(np.array(box, np.float64), (64, 48)) or (0, 0, 0, 0)
    assert each.mask.sum() == (right - left) * (bottom - top) > 0
    assert each.fallback == 'box too small for GrabCut: kept whole'


def test_a_box_of_the_whole_image_is_segmented_from_its_middle():
    size = (160, 120)
    rgb = scenes.noisy(size, (90, 100, 95), 5)
    mask = scenes.shape('blob', size, (4, 4, 156, 116))
    rgb[mask] = (210, 60, 20)
    (each,) = segment(rgb, [[0, 0, 160, 120]])
    assert each.fallback == ''
    assert scenes.iou(each.mask, mask) > 0.95


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    size=st.tuples(st.integers(1, 90), st.integers(1, 90)),
    corners=st.lists(st.floats(-0.2, 1.2), min_size=4, max_size=4),
    seed=st.integers(0, 5),
)
def test_any_box_gives_a_mask_inside_of_it(size, corners, seed):
    x, y = sorted(corners[:2]), sorted(corners[2:])
    box = np.array([x[0] * size[0], y[0] * size[1], x[1] * size[0], y[1] * size[1]])
    rgb = np.random.default_rng(seed).integers(0, 40 * seed + 1, (size[1], size[0], 3), np.uint8)
    rect = pixel_rect(box, size)
    if rect is None:
        with pytest.raises(ImageError, match='has no pixel in the image'):
            segment(rgb, [box])
        return
    (each,) = segment(rgb, [box])
    assert each.mask.shape == rgb.shape[:2]
    assert each.mask.any()
    each.mask[rect[1] : rect[3], rect[0] : rect[2]] = False
    assert not each.mask.any()


def test_thin_boxes_in_large_images_are_no_accident():
    rgb, _ = scenes.scene((3000, 40))
    for each in segment(rgb, [[0, 10, 3000, 15], [100, 0, 105, 40], [1, 1, 2999, 39]]):
        assert each.mask.any()


@pytest.mark.parametrize(
    ('image', 'boxes', 'reason'),
    [
        (np.zeros((4, 4, 3), np.float32), np.zeros((1, 4)), 'expected uint8 RGB'),
        (np.zeros((4, 4), np.uint8), np.zeros((1, 4)), 'expected uint8 RGB'),
        (np.zeros((4, 4, 3), np.uint8), np.zeros((4,)), r'expected \(N, 4\)'),
        (np.zeros((4, 4, 3), np.uint8), np.array([[9.0, 9, 12, 12]]), 'no pixel in the image'),
        (np.zeros((4, 4, 3), np.uint8), np.array([[np.nan, 0, 1, 1]]), 'no pixel in the image'),
    ],
)
def test_arrays_of_another_kind_are_refused(image, boxes, reason):
    with pytest.raises(ImageError, match=reason):
        list(GRABCUT.segment(image, boxes))
