"""The table of an evaluation as text: Markdown for documents, aligned columns for a terminal."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from sim2real_ros.evaluation.quantity import Quantity
from sim2real_ros.evaluation.report.comparison import Cell, Row, Section, compare
from sim2real_ros.evaluation.report.number_text import (
    ARROWS,
    number_text,
    spread_text,
    titled,
)
from sim2real_ros.evaluation.report.shown_text import shortened, shown_text, text_width
from sim2real_ros.evaluation.results import CandidateResults, EvaluationResults

TABLE_COLUMNS = 120
"""Widest line of ``text_table``."""

_TITLE_COLUMNS = 38
_NAME_COLUMNS = 24
_GAP = '  '
_MARKS = {'best': '*', 'close': '~', '': ''}
_TEXT_LEGEND = (
    '↑ higher is better, ↓ lower is better; [95 % interval], ± standard error; '
    '* best candidate, ~ not told apart from it.'
)
_MARKDOWN_LEGEND = (
    '↑ higher is better, ↓ lower is better; [95 % interval], ± standard error; **bold**: best '
    'candidate, *italic*: its interval overlaps that of the best.'
)
# What Markdown or the HTML in it could take for markup.
_MARKUP = re.compile(r'([\\`*_{}\[\]<>|~&$:@])')


def markdown_table(results: EvaluationResults) -> str:
    """Write the table in Markdown: candidates as columns, quantities as rows below their groups.

    Args:
        results: Names and titles in it are shown as they are, whatever they hold.

    Returns:
        Lines with a newline at the end; a sentence where nothing was measured.
    """
    sections = compare(results)
    if not sections:
        return 'Nothing was measured.\n'
    names = [_markdown(each.name) for each in results.candidates]
    lines = [_markdown_line(['Quantity', *names]), _markdown_line(['---'] + ['---:'] * len(names))]
    for section in sections:
        lines.append(_markdown_line([f'**{_markdown(section.group.title)}**', *[''] * len(names)]))
        for row in section.rows:
            cells = [_markdown_cell(cell, row.quantity) for cell in row.cells]
            lines.append(_markdown_line([_markdown(_row_title(row.quantity)), *cells]))
    return '\n'.join([*lines, '', _MARKDOWN_LEGEND, ''])


def text_table(results: EvaluationResults) -> str:
    """Write the table for a terminal, no line wider than ``TABLE_COLUMNS``.

    Details are left out; the other tables have them. Where the candidates do not fit side by
    side, the table goes on below for those that follow.

    Args:
        results: Names in it are shortened, and what would act on a terminal is written out.

    Returns:
        Lines with a newline at the end; a sentence where nothing was measured.
    """
    sections, details = _without_details(compare(results))
    if not sections:
        return 'Nothing was measured.\n'
    columns = [
        _text_column(place, each, sections) for place, each in enumerate(results.candidates)
    ]
    titles = _title_column(sections)
    width = max(text_width(line) for line in titles)
    lines = []
    for block in _blocks([text_width(column[0]) for column in columns], TABLE_COLUMNS - width):
        chosen = [columns[place] for place in block]
        for number, title in enumerate(titles):
            cells = [title + ' ' * (width - text_width(title)), *(c[number] for c in chosen)]
            lines.append(_GAP.join(cells).rstrip())
        lines.append('')
    if details:
        lines += [f'{details} quantities that only explain others are in the files.', '']
    return '\n'.join([*lines, _TEXT_LEGEND, ''])


def _without_details(sections: Sequence[Section]) -> tuple[list[Section], int]:
    """Return what decides, and the number of rows that were left out."""
    rows = [[row for row in each.rows if not row.quantity.is_detail] for each in sections]
    kept = [
        replace(section, rows=tuple(some))
        for section, some in zip(sections, rows, strict=True)
        if some
    ]
    return kept, sum(len(each.rows) for each in sections) - sum(map(len, rows))


def _row_title(quantity: Quantity) -> str:
    return f'{shown_text(titled(quantity))} {ARROWS[quantity.better]}'.rstrip()


def _markdown(text: str) -> str:
    return _MARKUP.sub(r'\\\1', shown_text(text))


def _markdown_line(cells: Sequence[str]) -> str:
    return f'| {" | ".join(cells)} |'


def _markdown_cell(cell: Cell, quantity: Quantity) -> str:
    if cell.value is None:
        return '–'
    number = number_text(cell.value.value, quantity.decimals)
    mark = {'best': '**', 'close': '*', '': ''}[cell.rank]
    spread = spread_text(cell.value, quantity)
    return f'{mark}{number}{mark} {spread}'.rstrip()


def _title_column(sections: Sequence[Section]) -> list[str]:
    """List the first column: a line for the names, then each group and its quantities."""
    lines = ['']
    for section in sections:
        lines.append(shortened(shown_text(section.group.title), _TITLE_COLUMNS))
        for row in section.rows:
            arrow = ARROWS[row.quantity.better]
            title = shortened(shown_text(titled(row.quantity)), _TITLE_COLUMNS - 4)
            lines.append(f'  {title} {arrow}'.rstrip())
    return lines


def _text_column(
    place: int, candidate: CandidateResults, sections: Sequence[Section]
) -> list[str]:
    """List the cells of one candidate, line by line as ``_title_column``, all equally wide."""
    rows = [row for section in sections for row in section.rows]
    numbers = _aligned([_text_number(row, place) for row in rows], right=True)
    spreads = _aligned([_text_spread(row, place) for row in rows], right=False)
    body = [f'{n} {s}' for n, s in zip(numbers, spreads, strict=True)]
    cells = [shortened(shown_text(candidate.name), _NAME_COLUMNS)]
    for section in sections:
        cells += ['', *body[: len(section.rows)]]
        body = body[len(section.rows) :]
    return _aligned(cells, right=False)


def _text_number(row: Row, place: int) -> str:
    cell = row.cells[place]
    if cell.value is None:
        return '- '
    return number_text(cell.value.value, row.quantity.decimals) + (_MARKS[cell.rank] or ' ')


def _text_spread(row: Row, place: int) -> str:
    value = row.cells[place].value
    return spread_text(value, row.quantity) if value is not None else ''


def _aligned(texts: Sequence[str], *, right: bool) -> list[str]:
    width = max(text_width(text) for text in texts)
    blanks = [' ' * (width - text_width(text)) for text in texts]
    if right:
        return [blank + text for blank, text in zip(blanks, texts, strict=True)]
    return [text + blank for blank, text in zip(blanks, texts, strict=True)]


def _blocks(widths: Sequence[int], room: int) -> Iterator[list[int]]:
    """Yield the columns that fit side by side; one that fits nowhere stands alone."""
    block: list[int] = []
    taken = 0
    for place, width in enumerate(widths):
        if block and taken + len(_GAP) + width > room:
            yield block
            block, taken = [], 0
        block.append(place)
        taken += len(_GAP) + width
    if block:
        yield block
