"""Write a calibration: thresholds as YAML; the matrix as JSON, Markdown and a page to look at."""

import base64
import html
import json
from collections.abc import Iterator
from typing import Any

from sim2real_ros.errors import DataError
from sim2real_ros.evaluation.colours.box_picture import DomainDensity, box_picture
from sim2real_ros.evaluation.colours.calibrate import (
    Calibrating,
    Calibration,
    DomainResult,
    Report,
)
from sim2real_ros.evaluation.colours.fitting import thresholds_yaml
from sim2real_ros.evaluation.colours.transfer import Cell, TransferMatrix
from sim2real_ros.evaluation.colours.transfer_picture import transfer_picture
from sim2real_ros.evaluation.quantity import Value
from sim2real_ros.files import safe_name
from sim2real_ros.image.encode_file import encode_file

MEAN = 'mean of colours'

_STYLE = (
    'body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:1200px;padding:0 1rem;'
    'color:#26262e}img{max-width:100%;height:auto}table{border-collapse:collapse;margin:1rem 0}'
    'td,th{border:1px solid #ccc;padding:.25rem .6rem;text-align:left}th{background:#f4f4f7}'
)


def calibration_files(calibration: Calibration) -> dict[str, bytes]:
    """Make all files of a calibration, by name.

    Args:
        calibration: What was found.

    Returns:
        ``thresholds/<domain>.yaml`` of each fitted domain, ``transfer.json``, ``transfer.md``,
        ``transfer.png``, ``hue_saturation.png`` and ``transfer.html``, which needs none of the
        others.
    """
    matrix = calibration.matrix
    files = {}
    for each in calibration.results:
        if each.fitted:
            name = f'thresholds/{safe_name(each.domain.name)}.yaml'
            files[name] = thresholds_yaml(each.fitted, _description(each, matrix)).encode()
    densities = [
        DomainDensity(each.domain.name, each.histogram, each.fitted)
        for each in calibration.results
        if each.fitted
    ]
    files['transfer.png'] = encode_file(transfer_picture(matrix), 'png')
    files['hue_saturation.png'] = encode_file(box_picture(densities, calibration.start), 'png')
    content = json.dumps(to_json(calibration), indent=2, allow_nan=False, ensure_ascii=False)
    files['transfer.json'] = f'{content}\n'.encode()
    files['transfer.md'] = '\n'.join(_markdown(calibration)).encode()
    pictures = [files['transfer.png'], files['hue_saturation.png']]
    files['transfer.html'] = '\n'.join(_page(calibration, pictures)).encode()
    return files


def write_calibration(work: Calibrating, progress: Report | None = None) -> list[list[str]]:
    """Do the work, and fill its folder; where the result is there already, read it.

    Args:
        work: What to do.
        progress: Called after every frame.

    Returns:
        Findings and problems, in sentences.

    Raises:
        DataError: The frames cannot be used, or the disk refuses.
    """
    # Nothing is written before everything is known, so that a failure leaves no folder behind.
    files = {} if work.job.complete else calibration_files(work.run(progress))
    with work.job as job:
        for name, content in files.items():
            job.save_extra(name, content)
        job.finish()
    path = job.folder / 'transfer.json'
    try:
        found = json.loads(path.read_text('utf-8'))
        return [[str(line) for line in found[key]] for key in ('findings', 'problems')]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f'Cannot read {str(path)!r}: {error}. Make it anew (--force).') from error


def findings(calibration: Calibration) -> list[str]:
    """Say in sentences how well each given thresholds do in each domain."""
    matrix = calibration.matrix
    lines = []
    for given in calibration.given:
        for domain in matrix.domains:
            cell = matrix.cell(given.name, domain, None)
            if cell is None:
                continue
            line = f'{given.name} on {domain}: mean {matrix.score_name} {_text(cell.score)}'
            if cell.ratio:
                line += f', {_text(cell.ratio)} of what thresholds fitted there reach'
            lines.append(line)
    return lines


def to_json(calibration: Calibration) -> dict[str, Any]:
    """Return all numbers as JSON values; ``colour`` is null in cells of the mean."""
    matrix, options = calibration.matrix, calibration.options
    return {
        'score': matrix.score_name,
        'test_fraction': options.test_fraction,
        'skip_top': options.skip_top,
        'colours': list(matrix.colours),
        'thresholds': list(matrix.thresholds),
        'domains': [
            {
                'name': each.domain.name,
                'source': each.domain.description,
                'frames_fitted': each.frames_fitted,
                'frames_scored': each.frames_scored,
                'frames_left_out': len(each.domain.skipped),
                'colours_absent': list(each.absent),
            }
            for each in calibration.results
        ],
        'cells': [
            {
                'thresholds': row,
                'domain': domain,
                'colour': colour,
                'score': _value_json(cell.score),
                'ratio': _value_json(cell.ratio),
            }
            for colour in (None, *matrix.colours)
            for row in matrix.thresholds
            for domain in matrix.domains
            if (cell := matrix.cell(row, domain, colour))
        ],
        'findings': findings(calibration),
        'problems': calibration.problems,
    }


def _value_json(value: Value | None) -> dict[str, float] | None:
    if value is None:
        return None
    return {name: each for name, each in vars(value).items() if each is not None}


def _description(result: DomainResult, matrix: TransferMatrix) -> str:
    parts = []
    name = result.domain.name
    for colour in matrix.colours:
        cell = matrix.cell(name, name, colour)
        if cell:
            parts.append(f'{colour} {_text(cell.score)}')
    scores = ', '.join(parts) or 'none'
    return (
        f'fitted on {result.frames_fitted} frames of {result.domain.description}; '
        f'{matrix.score_name} on {result.frames_scored} held-out frames: {scores}'
    )


def _text(value: Value) -> str:
    text = f'{value.value:.2f}'
    if value.low is None or value.high is None or value.low == value.high:
        return text
    return f'{text} [{value.low:.2f}, {value.high:.2f}]'


def _tables(matrix: TransferMatrix) -> Iterator[tuple[str, list[list[str]]]]:
    """Yield title and rows of texts of each table; the first row names the columns."""
    for what in ('score', 'ratio'):
        for colour in (None, *matrix.colours):
            shown = matrix.score_name if what == 'score' else 'Transfer ratio'
            rows = [['thresholds', *matrix.domains]]
            for row in matrix.thresholds:
                cells = (matrix.cell(row, domain, colour) for domain in matrix.domains)
                rows.append([row, *(_cell_text(cell, what) for cell in cells)])
            yield f'{shown}, {colour or MEAN}', rows


def _cell_text(cell: Cell | None, what: str) -> str:
    value = None if cell is None else (cell.score if what == 'score' else cell.ratio)
    return '-' if value is None else _text(value)


def _explanation(calibration: Calibration) -> list[str]:
    name = calibration.matrix.score_name
    return [
        f'Rows are thresholds, columns the domains that they are applied to. {name} is computed '
        'over the pixels of all held-out frames, below the upper '
        f'{calibration.options.skip_top:.0%} of the image.',
        'The transfer ratio divides it by that of thresholds fitted on the domain itself: 1 means '
        'that nothing is lost by keeping the thresholds.',
        'Brackets are 95 % intervals over resampled frames. Neighbours in a drive are alike, so '
        'the true intervals are wider.',
    ]


def _ranges(calibration: Calibration) -> list[list[str]]:
    rows = [['thresholds', 'colour', 'hue', 'saturation', 'value']]
    fitted = [each.fitted for each in calibration.results if each.fitted]
    for each in (*calibration.given, *fitted):
        for name, colour in each.colours.items():
            hues = ' and '.join(f'{r.low[0]}-{r.high[0]}' for r in colour.ranges)
            first = colour.ranges[0] if colour.ranges else None
            others = [f'{first.low[i]}-{first.high[i]}' for i in (1, 2)] if first else ['-', '-']
            rows.append([each.name, name, hues or '-', *others])
    return rows


def _markdown(calibration: Calibration) -> Iterator[str]:
    yield '# Colour thresholds: transfer between domains\n'
    yield from (f'- {_plain(line)}' for line in findings(calibration))
    yield ''
    yield from (f'{line}\n' for line in _explanation(calibration))
    for title, rows in (*_tables(calibration.matrix), ('Ranges', _ranges(calibration))):
        yield f'## {_plain(title)}\n'
        for number, row in enumerate(rows):
            yield f'| {" | ".join(map(_plain, row))} |'
            if not number:
                yield '|' + '---|' * len(row)
        yield ''
    if calibration.problems:
        yield '## Left out\n'
        yield from (f'- {_plain(line)}' for line in calibration.problems)
        yield ''


def _plain(text: str) -> str:
    """Return text without the signs that would end a cell or a line of a table."""
    return ' '.join(text.replace('|', '/').split())


def _page(calibration: Calibration, pictures: list[bytes]) -> Iterator[str]:
    yield '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
    yield f'<title>Colour thresholds</title><style>{_STYLE}</style></head><body>'
    yield '<h1>Colour thresholds: transfer between domains</h1><ul>'
    yield from (f'<li>{html.escape(line)}</li>' for line in findings(calibration))
    yield '</ul>'
    yield from (f'<p>{html.escape(line)}</p>' for line in _explanation(calibration))
    for picture, alt in zip(pictures, ('scores and ratios', 'boxes'), strict=True):
        data = base64.b64encode(picture).decode()
        yield f'<img alt="{alt}" src="data:image/png;base64,{data}">'
    tables = [('Ranges', _ranges(calibration)), *_tables(calibration.matrix)]
    for title, rows in tables:
        yield f'<h2>{html.escape(title)}</h2><table>'
        for number, row in enumerate(rows):
            tag = 'td' if number else 'th'
            yield '<tr>' + ''.join(f'<{tag}>{html.escape(c)}</{tag}>' for c in row) + '</tr>'
        yield '</table>'
    if calibration.problems:
        yield '<h2>Left out</h2><ul>'
        yield from (f'<li>{html.escape(line)}</li>' for line in calibration.problems)
        yield '</ul>'
    yield '</body></html>\n'
