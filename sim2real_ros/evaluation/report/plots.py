"""Figures of a report, as the JSON that plotly.js draws.

Colours of ink and grid are left to the page, which has a light and a dark scheme.
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go  # type: ignore[import-untyped]
import plotly.io  # type: ignore[import-untyped]
from plotly.offline import get_plotlyjs  # type: ignore[import-untyped]

from sim2real_ros.evaluation.quantity import Quantity
from sim2real_ros.evaluation.report.comparison import Cell, interval_of
from sim2real_ros.evaluation.report.number_text import number_text, spread_text, titled
from sim2real_ros.evaluation.report.shown_text import shortened, shown_text
from sim2real_ros.evaluation.report.thinning import MAX_POINTS, thin_out
from sim2real_ros.evaluation.results import CandidateResults

# Middle tones: each has a contrast of 3 to 1 at least against white and against the dark scheme.
CANDIDATE_COLOURS = (
    *('#2f7fe0', '#d9661f', '#27945a', '#9566d6', '#d64562', '#14909a'),
    *('#8a831c', '#cf58a0', '#a46e48', '#6673d8', '#5f9226', '#4d8f86'),
)
SIM_COLOUR, REAL_COLOUR = '#7f8794', '#b8860b'

_NAME_COLUMNS = 22
# More markers than pixels would hide the line.
_MOST_MARKED = 80
_SIGNIFICANT = 6


@dataclass(frozen=True)
class Column:
    """One candidate as the plots show it.

    Attributes:
        candidate: What was found.
        colour: ``#rrggbb``.
    """

    candidate: CandidateResults
    colour: str

    @property
    def label(self) -> str:
        """Short name, safe in the texts of plotly.js, which understands some HTML."""
        return html.escape(shortened(shown_text(self.candidate.name), _NAME_COLUMNS))


def coloured(candidates: Sequence[CandidateResults]) -> tuple[Column, ...]:
    """Give every candidate its colour; from the thirteenth on they start again."""
    columns, used = [], 0
    for candidate in candidates:
        if candidate.role == 'candidate':
            colour = CANDIDATE_COLOURS[used % len(CANDIDATE_COLOURS)]
            used += 1
        else:
            colour = SIM_COLOUR if candidate.role == 'sim' else REAL_COLOUR
        columns.append(Column(candidate, colour))
    return tuple(columns)


def plotly_script() -> str:
    """Return the source of plotly.js, for an inline script.

    Some megabytes; it draws without the network.
    """
    source: str = get_plotlyjs()
    # A line end that browsers change would spoil the hash in the page's security policy.
    return source.replace('\r\n', '\n').replace('\r', '\n')


def estimate_figure(quantity: Quantity, columns: Sequence[Column], cells: Sequence[Cell]) -> str:
    """Draw each candidate's number as a dot with its 95 % interval, one below the other.

    Args:
        quantity: What is drawn.
        columns: The candidates; those without a value get no line.
        cells: Theirs, in the same order.
    """
    shown = [(c, cell.value) for c, cell in zip(columns, cells, strict=True) if cell.value]
    figure = go.Figure(layout={'template': 'none'})
    for line, (column, value) in enumerate(shown):
        ends = interval_of(value) or (value.value, value.value)
        text = f'<b>{column.label}</b><br>{number_text(value.value, quantity.decimals)} '
        figure.add_scatter(
            x=[value.value],
            y=[line],
            mode='markers',
            marker={'color': column.colour, 'size': 10, 'symbol': _symbol(column)},
            error_x={
                'type': 'data',
                'symmetric': False,
                'array': [max(ends[1] - value.value, 0)],
                'arrayminus': [max(value.value - ends[0], 0)],
                'color': column.colour,
                'thickness': 3,
                'width': 0,
            },
            hovertext=f'{text}{spread_text(value, quantity)}<br>n = {value.count}',
            hoverinfo='text',
        )
        if column.candidate.role == 'sim':
            figure.add_vline(x=value.value, line={'color': SIM_COLOUR, 'width': 1, 'dash': 'dot'})
    figure.update_layout(
        height=26 * len(shown) + 44,
        margin={'l': 8, 'r': 14, 't': 6, 'b': 30},
        showlegend=False,
        hovermode='closest',
        xaxis={'nticks': 5, 'automargin': False, 'zeroline': False},
        yaxis=_named_lines([column.label for column, _ in shown]),
    )
    return _to_json(figure)


def timeline_figure(quantity: Quantity, columns: Sequence[Column]) -> str | None:
    """Draw the numbers of single frames in their order.

    The rows of all candidates must belong to the same frames; real frames are none of them. Long
    series keep their peaks (``thin_out``). The page adds the names of the frames.

    Returns:
        None where no candidate has a number.
    """
    figure = go.Figure(layout={'template': 'none'})
    for column in columns:
        series = column.candidate.per_frame.get(quantity.key)
        if series is None or column.candidate.role == 'real' or not np.isfinite(series).any():
            continue
        rows = thin_out(series, MAX_POINTS)
        chosen = series[rows]
        lone = not np.isfinite(chosen).all() or len(rows) <= _MOST_MARKED
        figure.add_scatter(
            x=rows.tolist(),
            y=_rounded(chosen),
            name=column.label,
            mode='lines+markers' if lone else 'lines',
            line={'color': column.colour, 'width': 1.4},
            opacity=0.85,
            marker={'size': 4},
            connectgaps=False,
            hovertemplate=f'%{{text}}<br><b>%{{y:.{max(quantity.decimals, 0)}f}}</b>'
            '<extra>%{fullData.name}</extra>',
        )
    if not figure.data:
        return None
    figure.update_layout(
        height=_height(len(figure.data)),
        margin={'l': 8, 'r': 8, 't': 8, 'b': 40},
        showlegend=True,
        legend={'orientation': 'h', 'y': 1.02, 'yanchor': 'bottom', 'x': 0},
        hovermode='closest',
        xaxis={'title': {'text': 'frame'}, 'zeroline': False, 'automargin': True},
        yaxis={'title': {'text': _axis_title(quantity)}, 'zeroline': False, 'automargin': True},
    )
    return _to_json(figure)


def spread_figure(quantity: Quantity, columns: Sequence[Column]) -> str | None:
    """Draw how the numbers of single frames are spread, for each candidate.

    A box from the 25th to the 75th percentile with the median, lines to the 5th and the 95th, and
    the mean dashed; computed here, so that the page stays small.

    Returns:
        None where no candidate has a number.
    """
    figure = go.Figure(layout={'template': 'none'})
    labels: list[str] = []
    for column in columns:
        numbers = column.candidate.per_frame.get(quantity.key, np.zeros(0))
        numbers = numbers[np.isfinite(numbers)]
        if not len(numbers):
            continue
        p5, p25, p50, p75, p95 = np.percentile(numbers, [5, 25, 50, 75, 95]).tolist()
        figure.add_box(
            y=[len(labels)],
            lowerfence=[p5],
            q1=[p25],
            median=[p50],
            q3=[p75],
            upperfence=[p95],
            mean=[float(numbers.mean())],
            orientation='h',
            width=0.62,
            name=column.label,
            boxmean=True,
            line={'color': column.colour, 'width': 1.8},
            fillcolor=f'{column.colour}33',
            hoverinfo='x+name',
        )
        labels.append(column.label)
    if not labels:
        return None
    figure.update_layout(
        height=_height(len(labels)),
        margin={'l': 8, 'r': 14, 't': 8, 'b': 40},
        showlegend=False,
        xaxis={'title': {'text': _axis_title(quantity)}, 'zeroline': False, 'automargin': True},
        yaxis=_named_lines(labels),
    )
    return _to_json(figure)


def _height(candidates: int) -> int:
    """Return a height in pixels: the same for figures that stand side by side."""
    return max(300, 30 * candidates + 60)


def _symbol(column: Column) -> str:
    return {'sim': 'diamond', 'real': 'square'}.get(column.candidate.role, 'circle')


def _named_lines(labels: Sequence[str]) -> dict[str, object]:
    """Describe an axis with one line for each candidate, the first one on top."""
    return {
        'tickmode': 'array',
        'tickvals': list(range(len(labels))),
        'ticktext': list(labels),
        'range': [len(labels) - 0.4, -0.6],
        'zeroline': False,
        'showgrid': False,
        'automargin': True,
        'fixedrange': True,
    }


def _axis_title(quantity: Quantity) -> str:
    return html.escape(shown_text(titled(quantity)))


def _rounded(series: npt.NDArray[np.float64]) -> list[float | None]:
    """Round to the digits that a plot can show; None, which is a gap, for what is not finite."""
    return [
        float(f'{number:.{_SIGNIFICANT}g}') if np.isfinite(number) else None for number in series
    ]


def _to_json(figure: go.Figure) -> str:
    text: str = plotly.io.to_json(figure, validate=False)
    return text
