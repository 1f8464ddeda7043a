import dataclasses
import re

import pytest
from example_results import example_results, renamed

from sim2real_ros.evaluation.report.shown_text import text_width
from sim2real_ros.evaluation.report.tables import TABLE_COLUMNS, markdown_table, text_table

HOSTILE = 'a|b\n\x1b[2J**c**`<b>\u202e'


def many_candidates(results, prefix='model number '):
    """Return the results with twelve candidates between sim and real."""
    sim, model, *_, real = results.candidates
    many = [dataclasses.replace(model, name=f'{prefix}{n:02d}') for n in range(12)]
    return dataclasses.replace(results, candidates=(sim, *many, real))


def cells_of(line):
    return [cell.strip() for cell in re.split(r'(?<!\\)\|', line)[1:-1]]


def test_markdown_table():
    lines = markdown_table(example_results(frames=20)).splitlines()
    table = [cells_of(line) for line in lines if line.startswith('|')]
    assert {len(cells) for cells in table} == {6}
    assert table[0] == ['Quantity', 'sim', 'cyclegan', 'cut', 'colour transfer', 'real']
    assert table[2] == ['**Does it look real?**', '', '', '', '', '']
    assert table[3] == [
        *('Kernel distance ↓', '0.0931 ± 0.0021', '*0.0312* ± 0.0014'),
        *('**0.0294** ± 0.0013', '0.0622 ± 0.0018', '-0.0002 ± 0.0009'),
    ]
    assert table[4] == ['Fréchet distance ↓', '141.2', '74.9', '**71.3**', '103.4', '–']
    assert table[5][2] == '*0.710* [0.660, 0.760]'
    assert len(table) == 2 + 3 + 10


def test_markdown_table_takes_no_markup_from_names():
    results = renamed(example_results(frames=5), 'cut', HOSTILE)
    table = markdown_table(results)
    assert cells_of(table.splitlines()[0])[3] == (r'a\|b \\u001b\[2J\*\*c\*\*\`\<b\>\\u202e')
    assert '\x1b' not in table
    assert '\u202e' not in table


def test_text_table():
    table = text_table(example_results(frames=20))
    lines = table.splitlines()
    kernel = next(line for line in lines if 'Kernel distance ↓' in line)
    assert re.search(r' 0\.0931  ± 0\.0021 +0\.0312~ ± 0\.0014 +0\.0294\* ± 0\.0013', kernel)
    ends = {re.match(r'.*? (\d+\.\d+)', line).end(1) for line in lines[2:6]}
    assert len(ends) == 1, 'numbers end below each other'
    assert table.endswith('told apart from it.\n')


def with_detail(results, key):
    groups = [
        dataclasses.replace(
            group,
            quantities=tuple(
                dataclasses.replace(each, is_detail=each.key == key) for each in group.quantities
            ),
        )
        for group in results.groups
    ]
    return dataclasses.replace(results, groups=tuple(groups))


def test_details_are_in_the_file_alone():
    results = with_detail(example_results(frames=5), 'ssim')
    assert 'SSIM' not in text_table(results)
    assert 'Edge F1' in text_table(results)
    assert '1 quantities that only explain others' in text_table(results)
    assert 'SSIM' in markdown_table(results)
    assert 'only explain' not in text_table(example_results(frames=5))


def test_text_table_wraps_many_candidates():
    results = many_candidates(example_results(frames=5))
    lines = text_table(results).splitlines()
    assert max(text_width(line) for line in lines) <= TABLE_COLUMNS
    assert max(text_width(line) for line in lines) > TABLE_COLUMNS - 30
    heads = [name for line in lines for name in re.findall(r'model number \d\d|sim|real$', line)]
    assert heads[:13] == ['sim', *(f'model number {n:02d}' for n in range(12))]
    assert sum('Kernel distance' in line for line in lines) > 3


def test_text_table_holds_back_what_acts_on_a_terminal():
    results = renamed(renamed(example_results(frames=5), 'cut', HOSTILE), 'sim', '東' * 30)
    table = text_table(results)
    assert '\x1b' not in table
    assert '\u202e' not in table
    head = table.splitlines()[0]
    assert '東' * 11 + '…' in head
    assert max(text_width(line) for line in table.splitlines()) <= TABLE_COLUMNS


def test_one_candidate_has_no_marks():
    results = example_results(frames=5)
    alone = dataclasses.replace(results, candidates=results.candidates[1:2])
    body = text_table(alone).rsplit('\n', 3)[0]
    assert '*' not in body
    assert '~' not in body
    assert '**0' not in markdown_table(alone)


@pytest.mark.parametrize('width', range(8, 24))
def test_text_table_uses_the_width_there_is(width):
    results = many_candidates(example_results(frames=5), 'x' * (width - 2))
    frechet = dataclasses.replace(
        results.groups[0], title='', quantities=results.groups[0].quantities[1:2]
    )
    results = dataclasses.replace(results, groups=(frechet,), candidates=results.candidates[1:-1])
    title = '  Fréchet distance ↓'
    heads = [line for line in text_table(results).splitlines() if 'xx' in line]
    fitting = (TABLE_COLUMNS - len(title)) // (width + 2)
    assert heads[0].count('xx0') == min(fitting, 10)


def test_a_cell_wider_than_the_table_stands_alone():
    results = example_results(frames=5)
    exact = dataclasses.replace(results.groups[0].quantities[0], decimals=150)
    group = dataclasses.replace(results.groups[0], quantities=(exact,))
    table = text_table(dataclasses.replace(results, groups=(group,)))
    blocks = table.split('\n\n')[:-1]
    assert [block.split()[0] for block in blocks] == [
        c.name.split()[0] for c in results.candidates
    ]
    assert f'{0.0931:.150f}' in blocks[0]


def test_nothing_measured():
    nothing = dataclasses.replace(example_results(frames=5), groups=())
    assert text_table(nothing) == markdown_table(nothing) == 'Nothing was measured.\n'
