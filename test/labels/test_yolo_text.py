import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from label_cases import blobs, shape, square

from sim2real_ros.labels import (
    ImageLabels,
    Instance,
    Part,
    format_yolo_text,
    parse_yolo_text,
    parts_from_mask,
    rasterise,
)

SIZE = (200, 100)


def read(text: str) -> tuple[Instance, ...]:
    instances, problems = parse_yolo_text(text.encode(), SIZE)
    assert not problems
    return instances


def write(*instances: Instance, polygons: bool = False, scores: bool = True) -> str:
    labels = ImageLabels('a.png', SIZE, instances)
    return format_yolo_text(labels, polygons=polygons, scores=scores).decode()


def test_a_box_is_centre_and_size() -> None:
    (instance,) = read('2 0.5 0.5 0.1 0.2\n')
    assert instance.box == pytest.approx((90, 40, 110, 60))
    assert (instance.class_id, instance.parts, instance.score, instance.line) == (2, (), None, 1)
    assert write(instance) == '2 0.500000 0.500000 0.100000 0.200000\n'


def test_a_sixth_number_is_a_confidence() -> None:
    (instance,) = read('0 .5 .5 1 1 0.875')
    assert instance.score == 0.875
    assert write(instance).endswith(' 1.000000 0.875000\n')
    assert write(instance, scores=False).split()[-1] == '1.000000'


def test_seven_numbers_are_a_triangle_and_eight_have_a_confidence() -> None:
    # The example of the documentation of Ultralytics.
    one, other = read('0 0.681 0.485 0.670 0.487 0.676 0.487\n0 0 0 1 0 1 1 0.25')
    assert one.parts[0].outline == pytest.approx(
        np.array([(136.2, 48.5), (134, 48.7), (135.2, 48.7)])
    )
    assert one.score is None
    assert other.score == 0.25
    assert other.box == (0, 0, 200, 100)


@pytest.mark.parametrize('text', ['', '\n \n\t\r\n', '\ufeff'])
def test_an_empty_file_is_a_background(text: str) -> None:
    assert read(text) == ()


def test_tabs_windows_lines_and_floats_as_classes_are_read() -> None:
    assert [each.class_id for each in read('\ufeff1.0\t.5 .5 .1 .1\r\n3 5e-1 .5 .1 .1')] == [1, 3]


@pytest.mark.parametrize(
    ('line', 'found'),
    [
        ('0 .5 .5 .1', '4 numbers'),
        ('car .5 .5 .1 .1', "'car' is no number"),
        ('-1 .5 .5 .1 .1', 'no whole number'),
        ('0.5 .5 .5 .1 .1', 'no whole number'),
        ('0 nan .5 .1 .1', "'nan' is no number"),
        ('0 .5 inf .1 .1', "'inf' is no number"),
        ('0 .5 1e9 .1 .1', "'1e9' is no number"),
        ('0 .5 1_0 .1 .1', "'1_0' is no number"),
        ('0 .5 ٣ .1 .1', 'is no number'),
        ('0 .5 .5 -.1 .1', 'negative size'),
        ('0 .5 .5 .1 .1 1.5', 'not in 0..1'),
        ('99999999 .5 .5 .1 .1', 'is no number up to'),
    ],
)
def test_a_bad_line_is_reported_and_the_others_are_read(line: str, found: str) -> None:
    text = f'1 .5 .5 .1 .1\n{line}\n2 .5 .5 .1 .1\n'
    instances, problems = parse_yolo_text(text.encode(), SIZE, 'labels/a.txt')
    assert [each.class_id for each in instances] == [1, 2]
    (problem,) = problems
    assert (problem.kind, problem.file, problem.line) == ('unreadable', 'labels/a.txt', 2)
    assert found in problem.text


def test_boxes_among_polygons_are_warned_of() -> None:
    # Ultralytics takes every line of a file with a polygon for a polygon.
    text = b'0 .1 .1 .2 .1 .2 .2\n1 .5 .5 .1 .1\n'
    instances, (problem,) = parse_yolo_text(text, SIZE)
    assert [bool(each.parts) for each in instances] == [True, False]
    assert problem.kind == 'mixed'
    assert problem.is_warning


def test_a_file_of_polygons_has_no_boxes() -> None:
    text = write(shape(0, Part(square(10, 10, 20))), Instance(1, (0, 0, 50, 50)), polygons=True)
    assert [len(line.split()) for line in text.splitlines()] == [9, 9]


def test_what_is_outside_is_cut_off_or_left_out() -> None:
    # One value beyond 1 makes Ultralytics throw away the image.
    instances = (
        Instance(0, (-20, -10, 100, 50)),
        Instance(1, (300, 10, 310, 20)),
        shape(2, Part(square(150, 50, 100))),
        shape(3, Part(square(250, 50, 100))),
    )
    assert read(write(*instances))[0].box == pytest.approx((0, 0, 100, 50))
    polygons = read(write(*instances, polygons=True))
    assert [each.class_id for each in polygons] == [0, 2]
    assert polygons[1].box == pytest.approx((150, 50, 200, 100))


@pytest.mark.parametrize('seed', range(6))
@pytest.mark.parametrize('size', [(97, 61), (640, 480)])
def test_holes_and_parts_come_back_exactly(seed: int, size: tuple[int, int]) -> None:
    mask = blobs(seed, size, blur=4.0)
    labels = ImageLabels('a.png', size, (shape(4, *parts_from_mask(mask)),))
    text = format_yolo_text(labels, polygons=True)
    assert len(text.splitlines()) == 1
    (instance,), problems = parse_yolo_text(text, size)
    assert not problems
    assert len(instance.parts) == len(labels.instances[0].parts)
    assert (rasterise(instance.parts, size) == mask).all()


def test_a_huge_file_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('sim2real_ros.labels.yolo_text.MAX_TEXT_BYTES', 10)
    assert parse_yolo_text(b'0 .5 .5 .1 .1', SIZE)[1][0].kind == 'unreadable'


WORDS = st.one_of(
    st.floats(width=32).map(str),
    st.integers().map(str),
    st.text(max_size=8),
    st.sampled_from(['0', '1', '.5', '0.25', '1e-3', 'nan', '-0', '1e308']),
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(st.lists(WORDS, max_size=12).map(' '.join), max_size=4).map('\n'.join))
def test_whatever_is_read_can_be_written_and_drawn(text: str) -> None:
    instances, problems = parse_yolo_text(text.encode('utf-8', 'replace'), SIZE)
    for each in instances:
        assert np.isfinite(each.box).all()
        rasterise(each.parts, SIZE)
    for polygons in (True, False):
        again, bad = parse_yolo_text(write(*instances, polygons=polygons).encode(), SIZE)
        assert not bad
        assert len(again) <= len(instances)
    assert all(0 <= each.line <= text.count('\n') + 20 for each in problems)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.binary(max_size=200))
def test_arbitrary_bytes_give_problems_only(content: bytes) -> None:
    parse_yolo_text(content, SIZE)
