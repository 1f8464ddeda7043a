"""The report of an evaluation: one HTML file that needs neither network nor server."""

import base64
import hashlib
import html
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

import jinja2

from sim2real_ros.evaluation.frame import RgbImage
from sim2real_ros.evaluation.quantity import Quantity, Value
from sim2real_ros.evaluation.report.comparison import Cell, Row, Section, compare
from sim2real_ros.evaluation.report.number_text import (
    ARROWS,
    number_text,
    signed_text,
    spread_text,
)
from sim2real_ros.evaluation.report.plots import (
    Column,
    coloured,
    estimate_figure,
    plotly_script,
    spread_figure,
    timeline_figure,
)
from sim2real_ros.evaluation.report.shown_text import shown_text
from sim2real_ros.evaluation.results import EvaluationResults, PictureRow
from sim2real_ros.image import resize
from sim2real_ros.image.encode_file import encode_file

PICTURE_SIDE_PX = 320
OPEN_ROWS = 6
"""Rows of pictures that are shown at once; the others are behind a click."""

JPEG_QUALITY = 85

# Inside <script> a browser looks for "</script" and "<!--" before it looks at JSON.
_ESCAPES = {ord(each): f'\\u{ord(each):04x}' for each in '<>&\u2028\u2029'}


def report_page(results: EvaluationResults, *, with_plots: bool = True) -> bytes:
    """Write the report: pictures, table, plots and what must be known to read them.

    One file that also opens from a disk: scripts and pictures are in it, and its security policy
    forbids everything else. Most of its size (about 5 MB) is plotly.js.

    Args:
        results: Names and texts in it are shown as they are, whatever they hold. Pictures are
            shrunk to ``PICTURE_SIDE_PX``.
        with_plots: Without them plotly.js is left out, too.

    Returns:
        UTF-8 HTML.

    Raises:
        ImageError: A picture is no RGB image.
    """
    columns = coloured(results.candidates)
    sections = compare(results)
    figures = _Figures(with_plots)
    groups = [_group(section, columns, figures) for section in sections]
    frame_names = _timeline_frames(columns) if figures.drawn else ()
    script, data = _template_text('page_script.html'), _script_data(figures.drawn, frame_names)
    plotly = plotly_script() if figures.drawn else ''
    environment = jinja2.Environment(
        autoescape=True,
        # Whatever a template shows passes here, so that no name is forgotten.
        finalize=lambda shown: shown_text(shown) if type(shown) is str else shown,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.from_string(_template_text('page.html')).render(
        results=results,
        columns=columns,
        groups=groups,
        pictures=[_picture_row(row, columns) for row in results.pictures],
        arrows=ARROWS,
        open_rows=OPEN_ROWS,
        details=sum(row.quantity.is_detail for section in sections for row in section.rows),
        style=_template_text('page_style.html'),
        script=script,
        plotly=plotly,
        data=data,
        script_hashes=' '.join(_policy_hash(each) for each in (script, plotly) if each),
    )
    return page.encode('utf-8')


@dataclass
class _Figures:
    """Collects figures; the page names them by their place."""

    wanted: bool
    drawn: list[str] = field(default_factory=list)

    def add(self, draw: Callable[..., str | None], *arguments: Any) -> int | None:
        figure = draw(*arguments) if self.wanted else None
        if figure is None:
            return None
        self.drawn.append(figure)
        return len(self.drawn) - 1


def _group(section: Section, columns: Sequence[Column], figures: _Figures) -> dict[str, Any]:
    return {
        'title': section.group.title,
        'description': section.group.description,
        'rows': [
            {
                'quantity': row.quantity,
                'limits': _limits_text(row.quantity),
                'cells': [_cell(cell, row.quantity) for cell in row.cells],
                'figure': figures.add(estimate_figure, row.quantity, columns, row.cells),
            }
            for row in section.rows
        ],
        'frames': list(_frame_figures(section.rows, columns, figures)),
    }


def _frame_figures(
    rows: Sequence[Row], columns: Sequence[Column], figures: _Figures
) -> Iterator[dict[str, Any]]:
    for row in rows:
        spread = figures.add(spread_figure, row.quantity, columns)
        if spread is not None:
            timeline = figures.add(timeline_figure, row.quantity, columns)
            yield {'quantity': row.quantity, 'timeline': timeline, 'spread': spread}


def _cell(cell: Cell, quantity: Quantity) -> dict[str, Any]:
    if cell.value is None:
        return {'number': ''}
    difference = ''
    if cell.difference is not None:
        difference = signed_text(cell.difference, quantity.decimals)
        if not float(difference):
            difference = 'same'
    return {
        'number': _typeset(number_text(cell.value.value, quantity.decimals)),
        'spread': _typeset(_spread(cell.value, quantity)),
        'rank': cell.rank,
        'difference': _typeset(difference),
        'verdict': cell.verdict,
        'count': cell.value.count,
    }


def _spread(value: Value, quantity: Quantity) -> str:
    if value.low == value.value == value.high:
        return ''
    return spread_text(value, quantity).strip('[]').replace(', ', ' … ')


def _typeset(number: str) -> str:
    """Put the sign in front that is as wide as a plus."""
    return number.replace('e-', 'e−').replace('-', '−')


def _limits_text(quantity: Quantity) -> str:
    low, high = (None if end is None else _typeset(f'{end:g}') for end in quantity.limits)
    if low is not None and high is not None:
        return f'{low} to {high}'
    if low is not None:
        return f'{low} or more'
    return f'{high} or less' if high is not None else ''


def _picture_row(row: PictureRow, columns: Sequence[Column]) -> dict[str, Any]:
    """Bring pictures into the order of the columns; those of other names follow."""
    colours = {column.candidate.name: column.colour for column in columns}
    names = [name for name in colours if name in row.pictures]
    names += [name for name in row.pictures if name not in colours]
    shots = []
    for name in names:
        small = _shrunk(row.pictures[name])
        jpeg = encode_file(small, 'jpg', JPEG_QUALITY)
        shots.append(
            {
                'name': name,
                'colour': colours.get(name, 'currentColor'),
                'source': f'data:image/jpeg;base64,{base64.b64encode(jpeg).decode("ascii")}',
                'height': small.shape[0],
                'width': small.shape[1],
            }
        )
    return {'caption': row.caption, 'shots': shots}


def _shrunk(image: RgbImage) -> RgbImage:
    height, width = image.shape[:2]
    scale = PICTURE_SIDE_PX / max(height, width)
    if scale >= 1:
        return image
    return resize(image, (max(round(width * scale), 1), max(round(height * scale), 1)))


def _timeline_frames(columns: Sequence[Column]) -> tuple[str, ...]:
    """Return the names of the frames that all candidates share."""
    named = (each.candidate.frame_names for each in columns if each.candidate.role != 'real')
    return max(named, key=len, default=())


def _script_data(figures: Sequence[str], frame_names: Sequence[str]) -> str:
    """Write what the page's script draws, as JSON that may stand in a script element."""
    names = json.dumps([html.escape(shown_text(name)) for name in frame_names])
    return f'{{"frames":{names},"figures":[{",".join(figures)}]}}'.translate(_ESCAPES)


def _policy_hash(script: str) -> str:
    digest = hashlib.sha256(script.encode('utf-8')).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def _template_text(name: str) -> str:
    return files(__package__).joinpath(name).read_text('utf-8')
