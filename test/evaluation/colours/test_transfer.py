import numpy as np
import pytest
from colour_scenes import IDS, scene

from sim2real_ros.evaluation.colours.thresholds import (
    ColourThresholds,
    HsvRange,
    LineColour,
    to_hsv,
)
from sim2real_ros.evaluation.colours.transfer import TransferCounts, transfer_matrix

COLOURS = ColourThresholds('ids', {name: LineColour((), (each,)) for name, each in IDS.items()})


def yellow(name, low, high, **others):
    colours = {'yellow': LineColour((HsvRange((low, 100, 80), (high, 255, 255)),)), **others}
    return ColourThresholds(name, colours)


WHITE = LineColour((HsvRange((0, 0, 150), (179, 90, 255)),))
ROWS = [yellow('a', 20, 35, white=WHITE), yellow('b', 27, 60, white=WHITE), yellow('c', 90, 99)]


def frame(number, **how):
    """A frame whose mask misses some pixels, so that no thresholds are perfect."""
    rgb, mask = scene(number, **how)
    mask[::5] = 0
    return rgb, mask


def count(frames, rows=ROWS, **how):
    counts = TransferCounts(rows, COLOURS)
    for number in range(frames):
        counts.add(*frame(number, **how))
    return counts


def test_counts_equal_a_loop():
    counts = count(2).counts('b', 'yellow')
    for number, found in enumerate(counts):
        rgb, mask = frame(number)
        predicted = [
            27 <= h <= 60 and s >= 100 and v >= 80 for h, s, v in to_hsv(rgb).reshape(-1, 3)
        ]
        truth = (mask == 3).ravel()
        assert found.tolist() == [(predicted & truth).sum(), sum(predicted), truth.sum()]
    assert count(2).counts('c', 'white') is None
    assert count(2).counts('nobody', 'white') is None


def test_scores_and_ratios_follow_from_all_pixels():
    counts = {'a': count(6), 'b': count(6, hue_shift=9)}
    matrix = transfer_matrix(counts, [each.name for each in ROWS], ['white', 'yellow'])
    for domain, found in counts.items():
        for row in 'ab':
            hits, predicted, positives = found.counts(row, 'yellow').sum(0)
            expected = 2 * hits / (predicted + positives)
            cell = matrix.cell(row, domain, 'yellow')
            assert cell.score.value == pytest.approx(expected)
            assert cell.score.low <= cell.score.value <= cell.score.high
            best = matrix.cell(domain, domain, 'yellow').score.value
            assert cell.ratio.value == pytest.approx(expected / best)
            white = matrix.cell(row, domain, 'white').score.value
            mean = matrix.cell(row, domain, None)
            assert mean.score.value == pytest.approx((white + expected) / 2)
            best = matrix.cell(domain, domain, None).score.value
            assert mean.ratio.value == pytest.approx(mean.score.value / best)
        assert matrix.cell(domain, domain, 'yellow').ratio.value == 1
    assert matrix.cell('a', 'a', 'yellow').score.value > 0.8
    assert matrix.cell('a', 'b', 'yellow').ratio.value < 0.7
    assert matrix.cell('c', 'a', 'yellow').score.value == 0


def test_thresholds_without_a_colour_have_no_mean():
    matrix = transfer_matrix({'a': count(3)}, ['a', 'c'], ['white', 'yellow'])
    assert matrix.cell('c', 'a', 'white') is None
    assert matrix.cell('c', 'a', None) is None
    assert matrix.cell('c', 'a', 'yellow') is not None


def test_colour_that_does_not_occur_has_no_cell_and_no_part_in_the_mean():
    found = count(3, colours=('yellow',))
    matrix = transfer_matrix({'a': found}, ['a', 'b'], ['white', 'yellow'])
    assert matrix.cell('a', 'a', 'white') is None
    assert matrix.cell('a', 'a', None).score == matrix.cell('a', 'a', 'yellow').score


def test_domain_without_own_thresholds_has_no_ratio():
    matrix = transfer_matrix({'elsewhere': count(3)}, ['a', 'b'], ['yellow'])
    assert matrix.cell('a', 'elsewhere', 'yellow').score.value > 0.8
    assert matrix.cell('a', 'elsewhere', 'yellow').ratio is None


def test_own_thresholds_that_find_nothing_give_no_ratio():
    matrix = transfer_matrix({'c': count(3)}, ['a', 'c'], ['yellow'])
    assert matrix.cell('c', 'c', 'yellow').score.value == 0
    assert matrix.cell('a', 'c', 'yellow').ratio is None


def test_beta_changes_the_score():
    counts = {'a': count(3)}
    one, two = (transfer_matrix(counts, ['b'], ['yellow'], beta) for beta in (1.0, 2.0))
    hits, predicted, positives = counts['a'].counts('b', 'yellow').sum(0)
    expected = 5 * hits / (4 * positives + predicted)
    assert two.cell('b', 'a', 'yellow').score.value == pytest.approx(expected)
    assert (one.score_name, two.score_name) == ('F1', 'F2')
    assert one.cell('b', 'a', 'yellow').score.value != pytest.approx(expected)


@pytest.mark.parametrize('image', [np.zeros((16, 16, 3)), np.full((16, 16, 3), 255)])
def test_black_and_white_frames_give_no_nan(image):
    counts = TransferCounts(ROWS, COLOURS)
    counts.add(image.astype(np.uint8), np.zeros((16, 16), np.uint8))
    matrix = transfer_matrix({'a': counts}, ['a', 'b'], ['white', 'yellow'])
    assert not matrix.cells
    assert not matrix.means
