import numpy as np
import pytest

from sim2real_ros.data.contact_sheet import MAX_SHEET_SIDE_PX, contact_sheet, spread_evenly
from sim2real_ros.errors import ImageError


def plain(colour, size=(64, 48)):
    return np.full((size[1], size[0], 3), colour, np.uint8)


def test_pictures_lie_in_rows_of_their_cells():
    colours = [(200, 0, 0), (0, 200, 0), (0, 0, 200), (9, 9, 9), (90, 9, 90)]
    sheet = contact_sheet([plain(each) for each in colours], columns=2, cell=(32, 24))
    assert sheet.shape == (3 * 28 + 4, 2 * 36 + 4, 3)
    for number, colour in enumerate(colours):
        row, column = divmod(number, 2)
        y, x = 4 + row * 28, 4 + column * 36
        assert (sheet[y : y + 24, x : x + 32] == colour).all()


def test_aspect_ratio_is_kept():
    sheet = contact_sheet([plain((10, 20, 30), size=(64, 16))], columns=1, cell=(32, 24))
    inside = (sheet == (10, 20, 30)).all(axis=2)
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    assert (len(columns), len(rows)) == (32, 8)


def test_captions_stand_below_and_never_reach_the_next_cell():
    long = 'a very long caption that cannot fit in here 0042'
    sheet = contact_sheet([plain(0), plain(0)], [long, ''], columns=2, cell=(80, 60))
    first, second = sheet[64:, 4:84], sheet[64:, 85:]
    assert (first < 200).any()
    assert (second == 245).all()
    other = contact_sheet([plain(0), plain(0)], [long[:-1] + '3', ''], columns=2, cell=(80, 60))
    assert not np.array_equal(sheet, other), 'the end of a name must stay readable'


def test_letters_that_the_font_lacks_become_question_marks():
    one = contact_sheet([plain(0)], ['\u00fc\n\u4e16'], columns=1)
    assert np.array_equal(one, contact_sheet([plain(0)], ['???'], columns=1))


def test_empty_cells_stay_empty():
    sheet = contact_sheet([plain(0), None], columns=2, cell=(16, 12))
    assert (sheet[:, 20:] == 245).all()


@pytest.mark.parametrize(('images', 'captions'), [([], []), ([plain(0)], ['a', 'b'])])
def test_captions_must_match(images, captions):
    with pytest.raises(ImageError, match='cannot be drawn'):
        contact_sheet(images, captions, columns=1)


def test_sheet_is_bounded():
    with pytest.raises(ImageError, match=f'too large, at most {MAX_SHEET_SIDE_PX}'):
        contact_sheet([plain(0)] * 100, columns=1, cell=(160, 120))


@pytest.mark.parametrize(('count', 'expected'), [(3, [0, 4, 9]), (20, list(range(10))), (1, [0])])
def test_spread_has_both_ends(count, expected):
    assert spread_evenly(range(10), count) == expected
