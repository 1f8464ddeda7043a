import base64
import dataclasses
import json
import re

import cv2
import numpy as np
import pytest
from example_results import drawn_road, example_results
from page_tree import drawn_data, page_tree, table_rows

from sim2real_ros.errors import ImageError
from sim2real_ros.evaluation.quantity import Value
from sim2real_ros.evaluation.report.page import report_page
from sim2real_ros.evaluation.report.plots import coloured
from sim2real_ros.evaluation.results import CandidateResults, PictureRow


def page_of(results, **changes):
    return page_tree(report_page(dataclasses.replace(results, **changes)))


@pytest.fixture(scope='module')
def example():
    return example_results(frames=40)


@pytest.fixture(scope='module')
def tree(example):
    return page_tree(report_page(example))


def test_sections_come_in_order(tree):
    order = [each.attributes.get('id') for each in tree.every('section')]
    groups = ['group-1', 'group-2', 'group-3']
    assert order == ['pictures', 'numbers', *groups, 'problems', 'protocol', 'reading']
    warnings = [each.text for each in tree.only('div', class_='warnings').every('li')]
    assert warnings[0].startswith('40 frames are few')
    protocol = tree.only('section', id='protocol')
    assert [each.text for each in protocol.every('dt')][:2] == ['features', 'resize']
    assert protocol.every('dd')[3].text == '0'


def test_pictures_stand_in_the_order_of_the_columns(example):
    large = np.dstack([drawn_road(1, (500, 800))])
    row = PictureRow('one', {'mask': drawn_road(1), 'real': drawn_road(2), 'cut': large})
    tall = PictureRow('two', {'sim': drawn_road(3, (900, 30))})
    strips = page_of(example, pictures=(row, tall)).every('article', class_='strip')
    images = [strip.every('img') for strip in strips]
    assert [each.attributes['alt'] for each in images[0]] == ['cut: one', 'real: one', 'mask: one']
    assert [s.text for s in strips[0].every('figcaption')] == ['cut', 'real', 'mask']
    sizes = [(i.attributes['width'], i.attributes['height']) for i in [*images[0], *images[1]]]
    assert sizes == [('320', '200'), ('128', '96'), ('128', '96'), ('11', '320')]
    for image, shape in ((images[0][0], (200, 320, 3)), (images[1][0], (320, 11, 3))):
        jpeg = base64.b64decode(image.attributes['src'].partition(',')[2])
        decoded = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert decoded.shape == shape
    # Sky is blue: red and blue were not exchanged.
    jpeg = base64.b64decode(images[0][0].attributes['src'].partition(',')[2])
    blue, _, red = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)[5, 5]
    assert blue > 200 > red


def test_a_picture_of_another_kind_is_refused(example):
    row = PictureRow('one', {'sim': np.zeros((4, 4), np.uint8)})
    with pytest.raises(ImageError, match='expected uint8'):
        page_of(example, pictures=(row,))


def test_table_marks_the_best_and_what_surely_differs(tree):
    rows = table_rows(tree)
    assert list(rows)[:2] == ['Kernel distance', 'Fréchet distance']
    kernel = rows['Kernel distance']
    assert [cell.classes for cell in kernel] == [['side'], ['close'], ['best'], [], ['side']]
    numbers = [cell.only('span', class_='number').text for cell in kernel]
    assert numbers == ['0.0931', '0.0312', '0.0294', '0.0622', '−0.0002']
    assert '± 0.0013' in kernel[2].text
    verdicts = [cell.every('span', class_='difference') for cell in kernel]
    assert [len(each) for each in verdicts] == [0, 1, 1, 1, 0]
    assert verdicts[1][0].classes == ['difference', 'better']
    assert verdicts[1][0].text == '−0.0619 against untranslated, better'
    (difference,) = rows['Fréchet distance'][1].every('span', class_='difference')
    assert difference.classes == ['difference']
    assert rows['Fréchet distance'][4].text == '– no value'
    # Frames that are compared with themselves.
    assert rows['Edge F1'][0].text == '1.000'
    assert not rows['Edge F1'][1].every('span', class_='difference')
    assert '0.660 … 0.760' in rows['Density'][1].text
    assert rows['Warp error'][1].only('span', class_='difference').classes[1] == 'worse'


def test_rows_tell_what_a_quantity_is(tree):
    (edge,) = (s for s in tree.only('table').every('summary') if 'Edge F1' in s.text)
    assert edge.text == 'Edge F1 ↑ , higher is better'
    assert edge.attributes['title'].startswith('Agreement of Canny edges')
    about = {
        row.every('bdi')[0].text: row.every('div', class_='about')[0].text
        for row in tree.only('table').every('tr')
        if row.every('th', scope='row')
    }
    assert 'Possible: 0 to 1.' in about['Edge F1']
    assert 'Possible: −1 to 1.' in about['SSIM of the luminance']
    assert 'Possible: 0 or more.' in about['Density']
    assert 'Source: Binkowski' in about['Kernel distance']
    assert 'Possible' not in about['Kernel distance']
    assert 'In files: kid' in about['Kernel distance']


def test_headers_have_scopes_and_images_have_texts(tree):
    assert {each.attributes.get('scope') for each in tree.only('table').every('th')} == {
        *('col', 'row', 'rowgroup')
    }
    for plot in tree.every('div', class_='plot'):
        assert plot.attributes['role'] == 'img'
        assert plot.attributes['aria-label']
    assert all(each.text or each.attributes.get('aria-label') for each in tree.every('button'))


def test_every_plot_has_something_to_draw(tree):
    figures = drawn_data(tree)['figures']
    numbers = [int(each.attributes['data-figure']) for each in tree.every('div', class_='plot')]
    options = [o.attributes['value'] for s in tree.every('select') for o in s.every('option')]
    numbers += [int(number) for option in options for number in option.split(',')]
    assert set(numbers) == set(range(len(figures)))
    assert len(figures) == 10 + 2 * 6
    assert all(figure['data'] for figure in figures)
    # A template of plotly holds colours, and seven thousand letters for each figure.
    assert all(len(json.dumps(figure['layout']['template'])) < 100 for figure in figures)


def test_dots_carry_their_intervals(tree):
    figures = drawn_data(tree)['figures']
    titles = [each.every('bdi')[0].text for each in tree.every('div', class_='tile')]
    density = figures[titles.index('Density')]
    assert density['layout']['yaxis']['ticktext'] == ['sim', 'cyclegan', 'cut', 'colour transfer']
    second = density['data'][1]
    assert second['x'] == [0.71]
    assert second['error_x']['array'] == [pytest.approx(0.05)]
    assert second['error_x']['arrayminus'] == [pytest.approx(0.05)]
    frechet = figures[titles.index('Fréchet distance')]
    assert frechet['data'][1]['error_x']['array'] == [0]


def test_timelines_have_gaps_and_no_real_frames(example, tree):
    figures = drawn_data(tree)['figures']
    place = [o.text for s in tree.every('select') for o in s.every('option')]
    options = [o.attributes['value'] for s in tree.every('select') for o in s.every('option')]
    timeline, spread = map(int, options[place.index('White line IoU ↑')].split(','))
    lines = figures[timeline]['data']
    assert [each['name'] for each in lines] == ['sim', 'cyclegan', 'cut', 'colour transfer']
    series = example.candidates[1].per_frame['white_line_iou']
    assert lines[1]['y'][13:20] == [None] * 7
    assert lines[1]['y'][:13] == pytest.approx(series[:13].tolist(), rel=1e-5)
    assert lines[1]['mode'] == 'lines+markers'
    boxes = figures[spread]['data']
    assert [each['name'] for each in boxes][-1] == 'real'
    assert boxes[1]['median'] == [pytest.approx(np.nanmedian(series))]
    assert boxes[1]['lowerfence'] == [pytest.approx(np.nanpercentile(series, 5))]


def test_thousands_of_frames_stay_light():
    few = example_results(frames=1000)
    many = dataclasses.replace(
        few,
        candidates=tuple(
            dataclasses.replace(
                each,
                per_frame={key: np.tile(series, 20) for key, series in each.per_frame.items()},
                frame_names=tuple(f'drive/{n:06d}.png' for n in range(20_000)),
            )
            for each in few.candidates
        ),
    )
    page = report_page(many)
    names = 20_000 * len('"drive/000000.png", ')
    assert len(page) - len(report_page(few)) < names + 200_000
    tree = page_tree(page)
    points = [len(t['x']) for f in drawn_data(tree)['figures'] for t in f['data'] if 'x' in t]
    assert max(points) <= 1000


def test_what_is_not_there_is_not_shown(example):
    bare = page_of(
        example, pictures=(), warnings=(), groups=(), candidates=example.candidates[1:2]
    )
    assert [each.attributes['id'] for each in bare.every('section')] == [
        *('numbers', 'protocol', 'reading')
    ]
    assert not bare.every('table')
    assert not bare.every('div', class_='plot')
    assert 'Nothing was measured.' in bare.only('section', id='numbers').text
    # Without plots there is no need for the megabytes that draw them.
    assert len(report_page(dataclasses.replace(example, groups=(), pictures=()))) < 60_000


def test_no_sim_no_real_one_candidate(example):
    tree = page_of(example, candidates=example.candidates[1:2])
    for cells in table_rows(tree).values():
        assert [cell.classes for cell in cells] == [[]]
    assert not tree.only('table').every('span', class_='difference')
    assert [o['data'][0]['name'] for o in drawn_data(tree)['figures'][-2:]] == ['cyclegan'] * 2


def test_no_plot_of_a_series_without_numbers(example):
    blank = dataclasses.replace(
        example.candidates[1],
        per_frame={'edge_f1': np.full(40, np.nan), 'ssim': np.zeros(0)},
    )
    tree = page_of(example, candidates=(blank,))
    assert not tree.every('select', class_='quantity')
    # Real frames have a spread but are no line.
    real = example.candidates[-1]
    tree = page_of(example, candidates=(blank, real))
    values = [o.attributes['value'] for s in tree.every('select') for o in s.every('option')]
    assert all(re.fullmatch(r',\d+', value) for value in values)
    assert len(values) == 2
    assert 'hidden' in tree.every('div', class_='pair')[0].every('figure')[0].attributes


def test_twelve_candidates_have_colours_of_their_own(example):
    model = example.candidates[1]
    many = tuple(dataclasses.replace(model, name=f'm{n}') for n in range(13))
    columns = coloured((example.candidates[0], *many, example.candidates[-1]))
    colours = [column.colour for column in columns]
    assert len(set(colours)) == 14
    assert colours[1] == colours[13]
    tree = page_of(example, candidates=many)
    assert {len(cells) for cells in table_rows(tree).values()} == {13}


def luminance(colour):
    """Relative luminance as the Web Content Accessibility Guidelines define it."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_suffices(example, tree):
    many = [CandidateResults(str(n), 'candidate', '', 0, {}) for n in range(12)]
    colours = [each.colour for each in coloured([example.candidates[0], *many])]
    style = tree.only('style').text
    schemes = [
        dict(re.findall(r'--([\w-]+): (#\w+);', each)) for each in style.split('@media')[:2]
    ]
    for scheme in schemes:
        full = {k: '#' + 2 * v[1:] if len(v) == 4 else v for k, v in scheme.items()}
        assert all(contrast(colour, full['surface']) >= 3 for colour in colours)
        texts = [('ink', 'page'), ('muted', 'page'), ('muted', 'surface'), ('muted', 'raised')]
        texts += [('good', 'good-back'), ('bad', 'bad-back'), ('warn-ink', 'warn-back')]
        texts += [('accent', 'surface'), ('ink', 'raised')]
        for text, back in texts:
            assert contrast(full[text], full[back]) >= 4.5, (text, back)


def test_a_value_without_a_plot_is_not_drawn(example):
    only_one = dataclasses.replace(example.candidates[2], values={'fid': Value(3.5, 10)})
    tree = page_of(example, candidates=(only_one,), groups=example.groups[:1])
    assert list(table_rows(tree)) == ['Fréchet distance']
    assert len(tree.every('div', class_='tile')) == 1


def test_rows_of_details_are_behind_a_switch(example, tree):
    assert not tree.every('input', id='all')
    (look, *others) = example.groups
    detailed = tuple(
        dataclasses.replace(each, is_detail=each.key == 'density') for each in look.quantities
    )
    page = page_of(example, groups=(dataclasses.replace(look, quantities=detailed), *others))
    assert '1 quantities' in page.only('label', class_='all').text
    assert 'checked' not in page.only('input', id='all').attributes
    (row,) = page.every('tr', class_='detail')
    assert row.text.startswith('Density')
    assert len(page.every('div', class_='detail')) == 1, 'and its plot'


@pytest.mark.parametrize(('count', 'hidden'), [(6, 0), (7, 1), (20, 14)])
def test_the_first_pictures_are_open_and_the_others_behind_a_click(example, count, hidden):
    rows = [PictureRow(f'row {n}', {'cut': drawn_road(n)}) for n in range(count)]
    page = page_of(example, pictures=tuple(rows))
    assert len(page.every('article', class_='strip')) == count
    more = page.every('details', class_='more')
    assert len(more) == (hidden > 0)
    if hidden:
        assert len(more[0].every('article', class_='strip')) == hidden
        assert f'{hidden} more' in more[0].only('summary').text


def test_a_difference_of_nothing_is_called_so(example):
    sim, *others = example.candidates
    known = {'kid': Value(0.5, 9, std_error=0.1)}
    columns = [dataclasses.replace(each, values=known) for each in (sim, *others)]
    page = page_of(example, candidates=tuple(columns))
    shown = {each.text for each in page.every('span', class_='difference')}
    assert 'same against untranslated' in shown
    assert not any('+0.0000' in each for each in shown)


def test_a_page_without_plots_keeps_numbers_and_pictures(example):
    page = report_page(example, with_plots=False)
    # plotly.js alone has 4 MB.
    assert len(page) < 1_000_000 < len(report_page(example))
    plain, whole = page_tree(page), page_tree(report_page(example))
    assert not plain.every('div', class_='plot')
    assert drawn_data(plain) == {'frames': [], 'figures': []}
    for tree, shown in ((plain, False), (whole, True)):
        texts = tree.only('section', id='reading').text, tree.only('noscript').text
        assert ['Plots' in text for text in texts] == [shown, shown]
    assert plain.only('table').text == whole.only('table').text
    assert len(plain.every('img')) == len(whole.every('img')) > 2
    ids = [
        [each.attributes.get('id') for each in tree.every('section')] for tree in (plain, whole)
    ]
    assert ids[0] == ids[1]
