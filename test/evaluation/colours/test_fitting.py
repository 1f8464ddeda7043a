import numpy as np
import pytest
from colour_scenes import IDS, scene

from sim2real_ros.evaluation.colours.box_search import HsvBox
from sim2real_ros.evaluation.colours.fitting import fit_thresholds, ranges_of, thresholds_yaml
from sim2real_ros.evaluation.colours.histogram import HsvHistogram
from sim2real_ros.evaluation.colours.thresholds import (
    ColourThresholds,
    HsvRange,
    LineColour,
    load_thresholds,
    to_hsv,
)

IDS_ONLY = {name: LineColour((), (number,)) for name, number in IDS.items()}
START = ColourThresholds('start', IDS_ONLY, 'old', {'red': (1, 2, 3)})


def histogram_of(count=5, **how):
    histogram = HsvHistogram(START.colours)
    for number in range(count):
        rgb, mask = scene(number, **how)
        histogram.add(to_hsv(rgb), {name: mask == each for name, each in IDS.items()})
    return histogram


@pytest.mark.parametrize(
    ('box', 'ranges'),
    [
        (HsvBox(10, 5, (2, 3), (0, 63)), [((10, 8, 0), (14, 15, 255))]),
        (HsvBox(170, 10, (0, 63), (10, 10)), [((170, 0, 40), (179, 255, 43))]),
        (HsvBox(170, 11, (0, 0), (1, 1)), [((0, 0, 4), (0, 3, 7)), ((170, 0, 4), (179, 3, 7))]),
        (HsvBox(5, 180, (0, 0), (0, 0)), [((0, 0, 0), (179, 3, 3))]),
    ],
)
def test_ranges_of_boxes(box, ranges):
    assert ranges_of(box) == tuple(HsvRange(*each) for each in ranges)


def test_ranges_predict_just_the_pixels_of_the_box():
    box = HsvBox(175, 12, (3, 40), (20, 60))
    thresholds = ColourThresholds('x', {'c': LineColour(ranges_of(box))})
    hsv = np.random.default_rng(0).integers(0, (180, 256, 256), (90, 90, 3)).astype(np.uint8)
    histogram = HsvHistogram([])
    histogram.add(hsv, {})
    assert thresholds.pixels(hsv, 'c').sum() == box.sum_of(histogram.total) > 0


def test_fitted_thresholds_find_colours_of_new_frames():
    fitted = fit_thresholds('new', histogram_of(), START)
    assert fitted.name == 'new'
    assert fitted.display_rgb == {'red': (1, 2, 3)}
    assert len(fitted.colours['red'].ranges) == 2  # over hue 0
    rgb, mask = scene(99)
    for name in IDS:
        truth = mask == IDS[name]
        found = fitted.pixels(to_hsv(rgb), name)
        overlap = 2 * (found & truth).sum() / (found.sum() + truth.sum())
        assert overlap > 0.95
        assert fitted.colours[name].mask_ids == (IDS[name],)


def test_colour_that_does_not_occur_is_left_out():
    fitted = fit_thresholds('new', histogram_of(colours=('white', 'yellow')), START)
    assert list(fitted.colours) == ['white', 'yellow']
    assert fitted.display_rgb == {}


@pytest.mark.parametrize('text', ['plain', 'with: colon # and "signs"', 'ein Umlaut: ä', ''])
def test_yaml_is_read_back(tmp_path, text):
    fitted = fit_thresholds('on: x #1', histogram_of(), START)
    path = tmp_path / 'a.yaml'
    path.write_text(thresholds_yaml(fitted, text), 'utf-8')
    read = load_thresholds(path)
    assert (read.name, read.description) == ('on: x #1', text)
    assert (read.colours, read.display_rgb) == (fitted.colours, fitted.display_rgb)
