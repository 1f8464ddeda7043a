import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from label_cases import blobs, label_sets, ring, shape, square, write_images
from sample_files import picture, write_tree

from sim2real_ros.labels import (
    ImageLabels,
    Instance,
    LabelSet,
    LabelSource,
    Part,
    check_labels,
    check_source,
    parts_from_mask,
)
from sim2real_ros.labels.problem import KINDS, WARNINGS

GOOD = Instance(0, (10, 10, 30, 30))
STAR = ring((10, 10), (50, 50), (50, 10), (10, 60))


def problems_of(*instances: Instance) -> list[tuple[str, int]]:
    labels = ImageLabels('a.png', (100, 80), instances, '', 'labels/a.txt')
    found = check_labels(LabelSet(('a', 'b'), (labels,)))
    assert all(problem.file == 'labels/a.txt' and problem.kind in KINDS for problem in found)
    return [(problem.kind, problem.line) for problem in found]


@pytest.mark.parametrize(
    ('instance', 'kind'),
    [
        (Instance(2, (10, 10, 30, 30)), 'unknown class'),
        (Instance(0, (10, 10, 10, 30)), 'degenerate'),
        (Instance(0, (10, 30, 40, 30)), 'degenerate'),
        (shape(0, Part(ring((10, 10), (20, 20), (30, 30)))), 'degenerate'),
        (shape(0, Part(ring((10, 10), (20, 20), (10, 10), (20, 20)))), 'degenerate'),
        (Instance(0, (-0.5, 10, 30, 30)), 'out of range'),
        (Instance(0, (10, 10, 30, 80.5)), 'out of range'),
        (shape(0, Part(square(90, 10, 20))), 'out of range'),
        (shape(0, Part(STAR)), 'self-crossing'),
    ],
)
def test_what_is_wrong_is_found(instance: Instance, kind: str) -> None:
    assert problems_of(GOOD, instance) == [(kind, 2)]


def test_what_is_right_passes() -> None:
    touching = ring((0, 0), (10, 10), (20, 0), (20, 20), (10, 10), (0, 20))
    assert not problems_of(
        GOOD,
        Instance(1, (0, 0, 100, 80)),
        Instance(0, (-0.005, 0, 20, 20)),
        shape(0, Part(touching)),
        *(shape(1, part) for part in parts_from_mask(blobs(1, (100, 80)))),
    )


@pytest.mark.parametrize(
    ('other', 'is_duplicate'),
    [
        (Instance(0, (10, 10, 30, 30)), True),
        (Instance(0, (10.05, 10, 30.05, 30)), True),
        (Instance(0, (10.3, 10, 30.3, 30)), False),
        (Instance(1, (10, 10, 30, 30)), False),
        (shape(0, Part(square(10, 10, 20))), True),
        (shape(0, Part(ring((10, 10), (30, 10), (30, 30)))), False),
    ],
)
def test_the_same_class_in_the_same_place_is_a_duplicate(
    other: Instance, is_duplicate: bool
) -> None:
    between = Instance(0, (10.01, 40, 12, 60))
    assert problems_of(GOOD, between, other) == ([('duplicate', 3)] if is_duplicate else [])


def test_three_of_a_kind_are_reported() -> None:
    assert {kind for kind, _ in problems_of(GOOD, GOOD, GOOD)} == {'duplicate'}


def test_the_problems_of_reading_come_with_line_and_file(tmp_path: Path) -> None:
    files = {
        'data.yaml': 'train: images\nnames: [a]\n',
        'images/a.png': picture(),
        'images/b.png': picture(),
        'labels/a.txt': '0 .5 .5 .1 .1\nx\n0 .5 .5 .1 .1\n'
        '7 .5 .5 .1 .1\n0 1 .5 .1 .1\n0 .5 .5 0 .1\n',
        'labels/c.txt': '0 .5 .5 .1 .1\n',
    }
    report = check_source(LabelSource(write_tree(tmp_path, files)))
    assert not report.is_complete
    assert sorted((each.kind, each.file, each.line) for each in report.problems) == [
        ('degenerate', 'labels/a.txt', 6),
        ('duplicate', 'labels/a.txt', 3),
        ('missing image', 'labels/c.txt', 0),
        ('missing labels', 'images/b.png', 0),
        ('out of range', 'labels/a.txt', 5),
        ('unknown class', 'labels/a.txt', 4),
        ('unreadable', 'labels/a.txt', 2),
    ]
    text = '\n'.join(report.describe())
    assert 'labels/a.txt:2: unreadable' in text
    assert 'warning: images/b.png: missing labels' in text
    assert 'there are problems' in text


def test_labels_whose_image_is_gone_are_found_in_a_folder_without_description(
    tmp_path: Path,
) -> None:
    files = {'images/a.png': picture(), 'labels/a.txt': '', 'labels/c.txt': '0 .5 .5 .1 .1\n'}
    report = check_source(LabelSource(write_tree(tmp_path, files)))
    assert [(each.kind, each.file) for each in report.problems] == [
        ('missing image', 'labels/c.txt')
    ]


def test_images_are_compared_with_what_labels_say_of_them(tmp_path: Path) -> None:
    names = ('a.png', 'b.png', 'c.png')
    document = {
        'images': [
            {'id': n, 'file_name': name, 'width': 200, 'height': 100 + n}
            for n, name in enumerate(names)
        ],
        'categories': [],
        'annotations': [],
    }
    files = {'a.json': json.dumps(document), 'frames/a.png': picture(), 'frames/b.png': picture()}
    write_tree(tmp_path, files)
    report = check_source(LabelSource(tmp_path / 'a.json', images=tmp_path / 'frames'))
    assert [(each.kind, each.file) for each in report.problems] == [
        ('out of range', 'a.json'),
        ('missing image', 'c.png'),
    ]


@settings(max_examples=20, deadline=None, derandomize=True)
@given(label_sets(polygons=True))
def test_made_shapes_have_no_problem_but_being_alike(label_set: LabelSet) -> None:
    assert not check_labels(label_set)


def test_warnings_alone_leave_a_set_complete(tmp_path: Path) -> None:
    write_images(LabelSet((), (ImageLabels('images/a.png', (9, 9)),)), tmp_path)
    report = check_source(LabelSource(tmp_path, source_format='yolo'))
    assert [each.kind for each in report.problems] == ['missing labels']
    assert report.is_complete
    assert frozenset(KINDS) >= WARNINGS


def test_outlines_with_very_many_corners_take_no_square_of_time() -> None:
    angles = np.linspace(0, 2 * np.pi, 100_000, endpoint=False)
    circle = np.stack((50 + 30 * np.cos(angles), 40 + 30 * np.sin(angles)), axis=1)
    assert not problems_of(shape(0, Part(circle)))
