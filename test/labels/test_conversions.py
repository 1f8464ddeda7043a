from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from label_cases import iou, label_sets, write_images

from sim2real_ros.labels import (
    FORMATS,
    ConvertOptions,
    ImageLabels,
    Instance,
    LabelSet,
    LabelSource,
    convert_labels,
    rasterise,
    read_labels,
    sniff_format,
    write_labels,
)
from sim2real_ros.labels.image_names import bare_name_of
from sim2real_ros.labels.rings import part_of_box

PAIRS = list(product(FORMATS, FORMATS))
SUFFIXES = dict.fromkeys(FORMATS, ('', '.zip')) | {'coco': ('', '.zip', '.json')}


def by_name(label_set: LabelSet) -> list[tuple[str, ImageLabels]]:
    return sorted((bare_name_of(labels), labels) for labels in label_set.images)


def box_distance(one: Instance, other: Instance) -> float:
    return float(np.abs(np.subtract(one.box, other.box)).max())


def pixels(instance: Instance, labels: ImageLabels) -> np.ndarray:
    return rasterise(instance.parts or (part_of_box(instance.box),), labels.size)


def assert_same(one: LabelSet, other: LabelSet, *, tolerance_px: float, shapes: bool) -> None:
    assert one.classes == other.classes
    for (name, mine), (other_name, theirs) in zip(by_name(one), by_name(other), strict=True):
        assert (name, mine.size) == (other_name, theirs.size)
        assert len(mine.instances) == len(theirs.instances)
        left = list(theirs.instances)
        for each in mine.instances:
            nearest = min(
                (n for n in left if n.class_id == each.class_id),
                key=lambda n, each=each: (
                    box_distance(each, n) > tolerance_px,
                    -iou(pixels(each, mine), pixels(n, mine)),
                ),
            )
            left.remove(nearest)
            assert box_distance(each, nearest) <= tolerance_px
            if shapes:
                assert iou(pixels(each, mine), pixels(nearest, mine)) >= 0.99


def convert_twice(
    label_set: LabelSet, first: str, second: str, suffixes: tuple[str, str]
) -> LabelSet:
    with TemporaryDirectory() as name:
        folder = Path(name)
        images = write_images(label_set, folder / 'source')
        one, two = folder / f'one{suffixes[0]}', folder / f'two{suffixes[1]}'
        write_labels(label_set, one, first)
        conversion = convert_labels(LabelSource(one, images=images), two, ConvertOptions(second))
        assert {each.kind for each in conversion.problems} <= {'missing labels'}
        again = read_labels(two, images=images)
        assert {each.kind for each in again.problems} <= {'missing labels'}
        assert sniff_format(two) == second
        if '.json' not in suffixes:
            subsets = [{labels.image.rpartition('/')[2]: labels.subset for labels in each.images}
                       for each in (again, label_set)]  # fmt: skip
            assert subsets[0] == subsets[1]
        return again


@pytest.mark.parametrize(('first', 'second'), PAIRS)
@settings(max_examples=4, deadline=None, derandomize=True, phases=[Phase.generate])
@given(data=st.data())
def test_boxes_go_from_any_format_into_any_other(
    first: str, second: str, data: st.DataObject
) -> None:
    label_set = data.draw(label_sets(polygons=False))
    suffixes = tuple(data.draw(st.sampled_from(SUFFIXES[each])) for each in (first, second))
    again = convert_twice(label_set, first, second, suffixes)
    assert_same(again, label_set, tolerance_px=1.0, shapes=False)


# The boxes of shapes that do not overlap may overlap, and masks cannot hold that.
@pytest.mark.parametrize(('first', 'second'), [p for p in PAIRS if p != ('yolo-1.1', 'masks')])
@settings(max_examples=4, deadline=None, derandomize=True, phases=[Phase.generate])
@given(data=st.data())
def test_shapes_go_from_any_format_into_any_other(
    first: str, second: str, data: st.DataObject
) -> None:
    label_set = data.draw(label_sets(polygons=True))
    suffixes = tuple(data.draw(st.sampled_from(SUFFIXES[each])) for each in (first, second))
    again = convert_twice(label_set, first, second, suffixes)
    shapes = all('polygons' in FORMATS[each].keeps for each in (first, second))
    assert_same(again, label_set, tolerance_px=1.0, shapes=shapes)


@pytest.mark.parametrize('name', [n for n, each in FORMATS.items() if 'scores' in each.keeps])
def test_confidences_survive_where_they_are_asked_for(tmp_path: Path, name: str) -> None:
    from sim2real_ros.labels import WriteOptions

    instance = Instance(0, (10, 20, 30, 40), (), 0.625)
    label_set = LabelSet(
        ('a',), (ImageLabels('images/train/a.png', (50, 50), (instance,), 'train'),)
    )
    images = write_images(label_set, tmp_path / 'images')
    kept = write_labels(label_set, tmp_path / 'kept', name, WriteOptions(scores=True))
    lost = write_labels(label_set, tmp_path / 'lost', name)
    read = [
        read_labels(each.path, images=images).images[0].instances[0].score for each in (kept, lost)
    ]
    assert read == [0.625, None]
    assert (kept.losses, lost.losses) == ((), ('1 confidences are left out',))
