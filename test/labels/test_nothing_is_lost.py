"""Instances that go in come out, or are said to be left out."""

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from label_cases import ring, shape, square, write_images

from sim2real_ros.labels import (
    FORMATS,
    ConvertOptions,
    ImageLabels,
    Instance,
    LabelSet,
    LabelSource,
    Part,
    convert_labels,
    read_labels,
    write_labels,
)

SIZE = (60, 40)
SIDES = st.sampled_from([0.0, 1e-6, 0.01, 0.3, 1.0, 7.5, 50.0, 500.0])
PLACES = st.tuples(st.floats(-30, 90), st.floats(-30, 70))


@st.composite
def awkward_instances(draw: st.DrawFn) -> Instance:
    """Make instances that overlap, leave the image, or have hardly an area."""
    (x, y), width, height = draw(PLACES), draw(SIDES), draw(SIDES)
    class_id = draw(st.integers(0, 2))
    if draw(st.booleans()):
        return Instance(class_id, (x, y, x + width, y + height))
    corners = draw(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=3, max_size=7))
    parts = [Part(np.array(corners) * (width, height) + (x, y))]
    if draw(st.booleans()):
        parts.append(Part(square(x + width, y, 3.0)))
    return shape(class_id, *parts)


def classes_of(label_set: LabelSet) -> Counter[int]:
    return Counter(each.class_id for labels in label_set.images for each in labels.instances)


@pytest.mark.parametrize('first', FORMATS)
@settings(max_examples=12, deadline=None, derandomize=True, phases=[Phase.generate])
@given(instances=st.lists(awkward_instances(), max_size=6), second=st.sampled_from(list(FORMATS)))
def test_awkward_instances_come_out_or_are_said(
    first: str, instances: list[Instance], second: str
) -> None:
    labels = ImageLabels('images/train/a.png', SIZE, tuple(instances), 'train')
    label_set = LabelSet(('a', 'b', 'c'), (labels,))
    with TemporaryDirectory() as name:
        folder = Path(name)
        images = write_images(label_set, folder / 'source')
        written = write_labels(label_set, folder / 'one', first)
        read = read_labels(folder / 'one', images=images)
        assert written.instances + written.left_out == len(instances)
        assert classes_of(read).total() == written.instances
        assert not classes_of(read) - classes_of(label_set)
        source = LabelSource(folder / 'one', images=images)
        again = convert_labels(source, folder / 'two', ConvertOptions(second))
        assert again.is_complete == (again.written.left_out == 0)
        assert again.written.instances + again.written.left_out == written.instances
        found = classes_of(read_labels(folder / 'two', images=images))
        assert found.total() == again.written.instances


SLIVER = shape(0, Part(ring((1.6, 1.6), (5.4, 1.6), (5.4, 1.9))))
OUTSIDE = Instance(0, (70, 10, 80, 20))
FLAT = Instance(0, (10, 10, 20, 10))
UNDER = Instance(0, (10, 10, 20, 20))
OVER = Instance(1, (10, 10, 20, 20))


@pytest.mark.parametrize(
    ('instances', 'left_out'),
    [
        ((SLIVER,), {'masks': 1}),
        ((OUTSIDE,), {'masks': 1, 'yolo': 1, 'ultralytics': 1, 'yolo-1.1': 1}),
        ((FLAT,), {'masks': 1, 'yolo': 1, 'ultralytics': 1, 'yolo-1.1': 1}),
        ((UNDER, OVER), {'masks': 1}),
        ((SLIVER, OUTSIDE, UNDER), {'masks': 2, 'yolo': 1, 'ultralytics': 1, 'yolo-1.1': 1}),
    ],
)
@pytest.mark.parametrize('dry_run', [False, True])
def test_what_has_no_place_is_counted(
    tmp_path: Path, instances: tuple[Instance, ...], left_out: dict[str, int], dry_run: bool
) -> None:
    label_set = LabelSet(('a', 'b'), (ImageLabels('a.png', SIZE, instances),))
    for name in FORMATS:
        written = write_labels(label_set, tmp_path / name, name, dry_run=dry_run)
        assert (name, written.left_out) == (name, left_out.get(name, 0))
        said = [text for text in written.losses if text.endswith('are left out')]
        assert len(said) == (written.left_out > 0)
        assert all(text.startswith(f'{written.left_out} instances') for text in said)
