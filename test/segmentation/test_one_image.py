from dataclasses import replace

import numpy as np
import pytest

from sim2real_ros.errors import ImageError
from sim2real_ros.labels import ImageLabels, Instance, Part, rasterise
from sim2real_ros.segmentation.one_image import mask_labels, shape_of_mask
from sim2real_ros.segmentation.segmenter import BoxMask

SIZE = (80, 60)
RGB = np.zeros((60, 80, 3), np.uint8)


class Drawer:
    """A segmenter that gives prepared masks, and remembers the boxes."""

    def __init__(self, *masks, fallback=''):
        self.masks, self.fallback, self.boxes = masks, fallback, None

    def segment(self, rgb, boxes_px):
        self.boxes = boxes_px.tolist()
        return (BoxMask(mask, self.fallback) for mask in self.masks)

    def describe(self):
        return {}


def mask_of(*rects, holes=()):
    mask = np.zeros((SIZE[1], SIZE[0]), bool)
    for left, top, right, bottom in rects:
        mask[top:bottom, left:right] = True
    for left, top, right, bottom in holes:
        mask[top:bottom, left:right] = False
    return mask


def labels_of(*instances):
    return ImageLabels('images/a.png', SIZE, instances)


def test_split_objects_keep_all_of_their_parts_and_holes():
    """Fourth defect of the original script: only the largest outline was kept."""
    mask = mask_of((10, 10, 30, 50), (40, 10, 60, 50), holes=[(15, 20, 25, 30)])
    found = mask_labels(RGB, labels_of(Instance(2, (10, 10, 60, 50))), Drawer(mask))
    (instance,) = found.labels.instances
    assert [len(part.holes) for part in instance.parts] == [1, 0]
    np.testing.assert_array_equal(rasterise(instance.parts, SIZE), mask)
    assert instance.box == (10, 10, 60, 50)
    assert instance.class_id == 2


def test_polygons_are_kept_unless_they_are_to_be_redone():
    drawn = Part(np.array([(1.0, 1), (20, 1), (20, 20)]))
    given = labels_of(
        Instance(0, (30, 30, 50, 50)),
        Instance(3, (1, 1, 20, 20), (drawn,)),
        Instance(1, (0, 0, 9, 9)),
    )
    masks = [mask_of((30, 30, 50, 50)), mask_of((0, 0, 9, 9)), mask_of((2, 2, 4, 4))]
    segmenter = Drawer(*masks[:2])
    found = mask_labels(RGB, given, segmenter).labels.instances
    assert segmenter.boxes == [[30, 30, 50, 50], [0, 0, 9, 9]]
    assert [each.class_id for each in found] == [0, 3, 1]
    assert found[1] is given.instances[1]
    segmenter = Drawer(masks[0], masks[2], masks[1])
    again = mask_labels(RGB, given, segmenter, redo=True).labels.instances
    assert segmenter.boxes[1] == [1, 1, 20, 20]
    assert again[1].box == (2, 2, 4, 4)


def test_boxes_outside_of_the_image_are_told_and_not_swallowed():
    given = labels_of(Instance(0, (90, 5, 99, 9), line=4), Instance(1, (0, 0, 9, 9)))
    found = mask_labels(RGB, given, Drawer(mask_of((0, 0, 9, 9))))
    assert [each.class_id for each in found.labels.instances] == [1]
    assert found.lost == ('line 4: the box (90, 5, 99, 9) has no pixel in the image',)


def test_fallbacks_name_the_instance():
    drawn = Part(np.array([(1.0, 1), (20, 1), (20, 20)]))
    given = labels_of(Instance(3, (1, 1, 20, 20), (drawn,)), Instance(1, (0, 0, 9, 9)))
    found = mask_labels(RGB, given, Drawer(mask_of((0, 0, 9, 9)), fallback='nothing there'))
    assert found.fallbacks == ((1, 'nothing there'),)


def test_labels_for_an_image_of_another_size_are_refused():
    given = replace(labels_of(Instance(0, (0, 0, 9, 9))), size=(160, 120))
    with pytest.raises(ImageError, match=r'80x60 pixels, but its labels are for 160x120'):
        mask_labels(RGB, given, Drawer())


def test_specks_are_removed_but_never_the_whole():
    mask = mask_of((10, 10, 40, 40), (50, 50, 53, 53), holes=[(20, 20, 22, 22), (30, 20, 36, 26)])
    parts = shape_of_mask(mask, 10, 0)
    expected = mask_of((10, 10, 40, 40), holes=[(30, 20, 36, 26)])
    np.testing.assert_array_equal(rasterise(parts, SIZE), expected)
    small = mask_of((50, 50, 52, 52), (60, 50, 61, 51))
    parts = shape_of_mask(small, 10, 0)
    np.testing.assert_array_equal(rasterise(parts, SIZE), mask_of((50, 50, 52, 52)))


def test_what_lies_around_a_small_shape_is_no_hole():
    mask = mask_of((20, 20, 21, 30), (20, 20, 30, 21))
    np.testing.assert_array_equal(rasterise(shape_of_mask(mask, 1000, 0), SIZE), mask)


def test_a_ring_at_the_border_of_the_image_keeps_its_hole():
    mask = mask_of((0, 0, 80, 60), holes=[(10, 10, 70, 50)])
    np.testing.assert_array_equal(rasterise(shape_of_mask(mask, 50, 0), SIZE), mask)


@pytest.mark.parametrize('seed', range(5))
def test_simplified_outlines_stay_near_the_mask(seed):
    rng = np.random.default_rng(seed)
    x0, y0 = rng.integers(0, 30, 2)
    ys, xs = np.mgrid[:60, :80] + 0.5
    mask = ((xs - x0 - 25) / 24) ** 2 + ((ys - y0 - 15) / 14) ** 2 < 1
    exact, simple = shape_of_mask(mask, 0, 0), shape_of_mask(mask, 0, 0.6)
    drawn = rasterise(simple, SIZE)
    assert (drawn & mask).sum() / (drawn | mask).sum() > 0.985
    assert len(simple[0].outline) < 0.9 * len(exact[0].outline)


def test_lines_of_pixels_survive_simplification():
    mask = mask_of((5, 5, 6, 40))
    np.testing.assert_array_equal(rasterise(shape_of_mask(mask, 10, 5.0), SIZE), mask)
