"""A comparison as Markdown, and both its files."""

import json
from collections.abc import Sequence
from pathlib import Path

from sim2real_ros.errors import DataError
from sim2real_ros.evaluation.gap.comparison import ComparedScore, Comparison, percent
from sim2real_ros.evaluation.quantity import Value
from sim2real_ros.files import write_atomically

JSON_NAME, MARKDOWN_NAME = 'comparison.json', 'comparison.md'

_SHOWN = 20
_HEADS = ('', 'sim', 'translated', 'real', 'translated − sim', 'gap closed')


def comparison_markdown(comparison: Comparison) -> str:
    """Write a comparison for people."""
    lines = [f'# {_plain(comparison.title)}', '']
    lines += [f'**{_plain(each)}**  ' for each in comparison.sentences()] + ['']
    lines += [f'Tested on {comparison.images} images: {_plain(comparison.test)}', '']
    for name, facts in comparison.compared.items():
        shown = ', '.join(f'{key} {value}' for key, value in facts.items())
        lines.append(f'- {name}: {_plain(shown)}')
    lines += ['', _row(_HEADS), _row(['---'] + ['---:'] * (len(_HEADS) - 1))]
    lines += [_row(_cells(score)) for score in comparison.scores]
    lines += ['', *(f'- {_plain(note)}' for note in comparison.notes)]
    if comparison.left_out:
        lines += ['', f'Left out: {len(comparison.left_out)} images.', '']
        lines += [f'- {_plain(each)}' for each in comparison.left_out[:_SHOWN]]
    return '\n'.join(lines) + '\n'


def check_comparison_output(folder: Path, inputs: Sequence[Path], *, force: bool = False) -> None:
    """Refuse a folder that cannot take a comparison, before the work is done.

    Args:
        folder: Where the files shall lie.
        inputs: What is read; the folder must not lie in it.
        force: Replace an earlier comparison.

    Raises:
        DataError: It may not be written there.
    """
    if folder.exists() and not folder.is_dir():
        raise DataError(f'{str(folder)!r} is a file; expected a folder for the comparison.')
    for each in inputs:
        if each.is_dir() and folder.resolve().is_relative_to(each.resolve()):
            raise DataError(f'{str(folder)!r} lies in the input {str(each)!r}; choose another.')
    for name in (JSON_NAME, MARKDOWN_NAME):
        if (folder / name).exists() and not force:
            raise DataError(f'{str(folder / name)!r} exists; --force replaces it.')


def write_comparison(comparison: Comparison, folder: Path) -> None:
    """Write ``comparison.json`` and ``comparison.md``, each at once.

    Raises:
        DataError: The disk refuses.
    """
    text = json.dumps(comparison.to_json(), indent=2, ensure_ascii=False, allow_nan=False)
    write_atomically(folder / JSON_NAME, f'{text}\n'.encode())
    write_atomically(folder / MARKDOWN_NAME, comparison_markdown(comparison).encode())


def _cells(score: ComparedScore) -> list[str]:
    gap = score.gap
    title = f'{score.title} ({score.unit})' if score.unit else score.title
    values = [_number(each) for each in (gap.sim, gap.translated, gap.real)]
    closed = 'cannot be said' if gap.share is None else percent(gap.share)
    return [title, *values, _number(gap.gained, '+'), closed]


def _number(value: Value, sign: str = '') -> str:
    text = f'{value.value:{sign}.3f}'
    if value.low is None or value.high is None:
        return text
    return f'{text} ({value.low:{sign}.3f}..{value.high:{sign}.3f})'


def _row(cells: Sequence[str]) -> str:
    return f'| {" | ".join(_plain(cell).replace("|", "&#124;") for cell in cells)} |'


def _plain(text: str) -> str:
    """Names come from files of others: no line breaks, and no HTML."""
    return ' '.join(text.split()).replace('&', '&amp;').replace('<', '&lt;')
