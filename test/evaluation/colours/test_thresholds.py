import contextlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2real_ros.config import parse_yaml
from sim2real_ros.errors import ConfigError, Sim2RealError
from sim2real_ros.evaluation.colours.thresholds import (
    ColourThresholds,
    HsvRange,
    LineColour,
    load_thresholds,
    to_hsv,
    with_mask_ids,
)

CONFIG = Path(__file__).parents[3] / 'config' / 'perception'

ends = st.tuples(*(st.tuples(st.integers(0, m), st.integers(0, m)) for m in (180, 255, 255)))


def as_range(pairs):
    return HsvRange(tuple(min(p) for p in pairs), tuple(max(p) for p in pairs))


@settings(max_examples=50, deadline=None)
@given(st.lists(ends, max_size=3), st.integers(0, 2**32 - 1))
def test_pixels_equal_a_loop_over_pixels(pairs, seed):
    ranges = tuple(map(as_range, pairs))
    thresholds = ColourThresholds('any', {'c': LineColour(ranges)})
    random = np.random.default_rng(seed)
    hsv = random.integers(0, (180, 256, 256), (6, 7, 3)).astype(np.uint8)
    if ranges:  # corners of a range are inside
        hsv[0, 0], hsv[0, 1] = np.minimum(ranges[0].low, 179), ranges[0].high
        hsv[0, :2, 0] = np.minimum(hsv[0, :2, 0], 179)
    expected = np.zeros((6, 7), bool)
    for y in range(6):
        for x in range(7):
            h, s, v = map(int, hsv[y, x])
            expected[y, x] = any(
                r.low[0] <= h <= r.high[0]
                and r.low[1] <= s <= r.high[1]
                and r.low[2] <= v <= r.high[2]
                for r in ranges
            )
    assert np.array_equal(thresholds.pixels(hsv, 'c'), expected)
    assert thresholds.pixels(hsv, 'c').dtype == np.bool_


def test_shipped_thresholds_are_those_of_the_robot():
    real, sim = (load_thresholds(CONFIG / f'duckietown_{name}.yaml') for name in ('real', 'sim'))
    assert list(real.colours) == ['white', 'yellow', 'red']
    assert real.colours['yellow'].ranges == (HsvRange((25, 140, 100), (45, 255, 255)),)
    assert sim.colours['yellow'].ranges == (HsvRange((14, 100, 80), (35, 255, 255)),)
    assert real.colours['white'] == sim.colours['white']
    assert [each.mask_ids for each in real.colours.values()] == [(2,), (3,), (4,)]
    pure = np.array([[[255, 255, 255], [230, 200, 10], [220, 10, 10], [220, 10, 40]]], np.uint8)
    hsv = to_hsv(pure)
    assert real.pixels(hsv, 'white').tolist() == [[True, False, False, False]]
    assert real.pixels(hsv, 'yellow').tolist() == [[False, True, False, False]]
    assert real.pixels(hsv, 'red').tolist() == [[False, False, True, True]]


def test_hsv_is_that_of_rgb_and_not_of_bgr():
    assert to_hsv(np.array([[[255, 0, 0], [0, 0, 255]]], np.uint8))[0, :, 0].tolist() == [0, 120]


def test_labelled_takes_all_ids_of_a_colour():
    thresholds = ColourThresholds('any', {'c': LineColour((), (2, 5)), 'd': LineColour(())})
    mask = np.array([[0, 2], [5, 3]], np.uint8)
    assert thresholds.labelled(mask, 'c').tolist() == [[False, True], [True, False]]
    assert not thresholds.labelled(mask, 'd').any()


RANGE = '{low: [0, 0, 0], high: [9, 9, 9]}'


@pytest.mark.parametrize(
    ('text', 'found'),
    [
        ('name: a', 'colours'),
        ('colours: {}', 'name'),
        (f'name: a\ncolours: {{w: {{ranges: [{RANGE}], mask_id: [2]}}}}', 'mask_id'),
        ('name: a\ncolours: {w: {ranges: [{low: [0, 0], high: [9, 9, 9]}]}}', 'low'),
        ('name: a\ncolours: {w: {ranges: [{low: [0, 0, 0.5], high: [9, 9, 9]}]}}', 'low'),
        ('name: a\ncolours: {w: {ranges: [{low: [9, 0, 0], high: [8, 9, 9]}]}}', 'low'),
        ('name: a\ncolours: {w: {ranges: [{low: [0, 0, 0], high: [181, 9, 9]}]}}', '180'),
        ('name: a\ncolours: {w: {ranges: [{low: [-1, 0, 0], high: [9, 9, 9]}]}}', '0 <='),
        (f'name: a\ncolours: {{w: {{ranges: [{RANGE}]}}, w: {{ranges: []}}}}', 'twice'),
        (f'name: a\nx: &r {RANGE}\ncolours: {{w: {{ranges: [*r]}}}}', 'alias'),
        ('name: a\ncolours: {w: {ranges: []}}\ndisplay_rgb: {w: [1, 2]}', 'display_rgb'),
        ('name: !!python/object/apply:os.getcwd []\ncolours: {}', 'YAML'),
    ],
)
def test_yaml_is_read_strictly(text, found):
    with pytest.raises(ConfigError, match=found):
        parse_yaml(ColourThresholds, text.encode(), 'a.yaml')


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=80) | st.text(alphabet='name: colours{}[]-&*!\n0123', max_size=80))
def test_no_content_does_more_than_raise_our_error(content):
    content = content if isinstance(content, bytes) else content.encode()
    with contextlib.suppress(Sim2RealError):
        assert isinstance(parse_yaml(ColourThresholds, content, 'x'), ColourThresholds)


def test_with_mask_ids_replaces_only_ids():
    start = load_thresholds(CONFIG / 'duckietown_real.yaml')
    changed = with_mask_ids(start, {'red': (7, 8)})
    assert changed.colours['red'].mask_ids == (7, 8)
    assert changed.colours['red'].ranges == start.colours['red'].ranges
    assert changed.colours['white'] == start.colours['white']
    assert (changed.name, changed.display_rgb) == (start.name, start.display_rgb)
    with pytest.raises(ValueError, match='blue'):
        with_mask_ids(start, {'blue': (1,)})
