import numpy as np
import pytest

from sim2real_ros.evaluation.colours import transfer_picture as heat_maps
from sim2real_ros.evaluation.colours.box_picture import (
    FITTED,
    GIVEN,
    HEAD_PX,
    LEFT_PX,
    LEGEND_PX,
    PLOT_PX,
    DomainDensity,
    box_picture,
)
from sim2real_ros.evaluation.colours.thresholds import ColourThresholds, HsvRange, LineColour
from sim2real_ros.evaluation.colours.transfer import Cell, TransferMatrix
from sim2real_ros.evaluation.quantity import Value

COLOURS = ('white', 'ü')


def matrix(low, high):
    cells = {
        ('a', 'a', 'white'): Cell(Value(high, 9, high, high), Value(1.0, 9)),
        ('b', 'a', 'white'): Cell(Value(low, 9, low - 0.1, low + 0.1), Value(low / high, 9)),
    }
    return TransferMatrix(('a', 'b'), ('a', 'x' * 60), COLOURS, 1.0, cells, {})


def corner_of(row, column, panel):
    (width, height), gap = heat_maps.CELL_PX, heat_maps.GAP_PX
    x = heat_maps.MARGIN_PX + heat_maps.LABEL_PX + panel * (2 * width + gap) + column * width
    return heat_maps.TITLE_PX + heat_maps.HEAD_PX + row * height + 4, x + 4


def test_heat_map_is_brighter_for_better_scores():
    picture = heat_maps.transfer_picture(matrix(0.2, 0.9))
    assert picture.dtype == np.uint8
    good, bad, missing = (
        picture[corner_of(r, c, 1)].tolist() for r, c in ((0, 0), (1, 0), (0, 1))
    )
    assert sum(good) > sum(bad)
    assert missing == [240, 240, 240]
    swapped = heat_maps.transfer_picture(matrix(0.9, 0.2))
    assert swapped[corner_of(1, 0, 1)].tolist() == good
    # The score of 'white' is in the second panel; the mean and the other colour are unknown.
    assert picture[corner_of(0, 0, 0)].tolist() == picture[corner_of(0, 0, 2)].tolist() == missing


def test_ratios_are_below_scores():
    picture = heat_maps.transfer_picture(matrix(0.45, 0.5))
    y, x = corner_of(1, 0, 1)
    below = picture[y + len(picture) // 2, x]
    same = heat_maps.transfer_picture(matrix(0.2, 0.9))[corner_of(0, 0, 1)]
    assert below.tolist() == same.tolist()  # 0.45 / 0.5 = 0.9


@pytest.mark.parametrize('empty', [False, True])
def test_boxes_lie_where_their_ranges_are(empty):
    density = np.zeros((180, 64), np.int64)
    if not empty:
        density[90, 32] = 1000
    fitted = {'c': LineColour((HsvRange((80, 100, 0), (100, 200, 255)),))}
    given = {'c': LineColour((HsvRange((20, 10, 0), (40, 60, 255)),))}
    domains = [DomainDensity(n, {'c': density}, ColourThresholds(n, fitted)) for n in ('a', 'ä')]
    picture = box_picture(domains, ColourThresholds('given', given))
    plot = picture[LEGEND_PX + HEAD_PX :, LEFT_PX:][: PLOT_PX[1], : PLOT_PX[0]]
    assert plot[255 - 200, 2 * 90].tolist() == list(FITTED)
    assert plot[255 - 100, 2 * 90].tolist() == list(FITTED)
    assert plot[255 - 150, 2 * 80].tolist() == list(FITTED)
    edge = plot[255 - 60, 40:80].tolist()
    assert edge.count(list(GIVEN)) > 20
    inside = plot[255 - 4 * 32 - 2, 2 * 90].sum()
    assert (inside < 200) == (not empty)
    # Hue 0 is red and hue 60 green: the pale colours lie to the right and upwards.
    red, green = plot[10, 0].astype(int), plot[10, 120].astype(int)
    assert red[0] > red[1] + 50
    assert green[1] > green[0] + 50
    assert plot[253, 120].min() > 240
