"""Tables in Markdown: printed, or put between two markers of a file."""

from collections.abc import Sequence
from pathlib import Path

from sim2real_ros.errors import ConfigError
from sim2real_ros.files import write_atomically


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a table; a cell's bars are escaped, and its line breaks become spaces.

    Raises:
        ValueError: A row has more or fewer cells than there are columns.
    """
    lines = [_line(columns), '|' + '---|' * len(columns)]
    for row in rows:
        if len(row) != len(columns):
            raise ValueError(f'a row of {len(row)} cells for {len(columns)} columns: {row}')
        lines.append(_line(row))
    return '\n'.join(lines)


def _line(cells: Sequence[object]) -> str:
    texts = (' '.join(str(cell).split()).replace('|', '\\|') for cell in cells)
    return f'| {" | ".join(texts)} |'


def markers(name: str) -> tuple[str, str]:
    """Return the lines between which the table of a benchmark stands."""
    return f'<!-- benchmark {name} -->', f'<!-- end of benchmark {name} -->'


def put_between_markers(text: str, name: str, table: str) -> str:
    """Return a text with the table in place of what stood between the markers.

    Raises:
        ConfigError: A marker is missing, stands there twice, or they are in the wrong order.
    """
    start, end = markers(name)
    lines = text.split('\n')
    places = [[n for n, line in enumerate(lines) if line.strip() == each] for each in (start, end)]
    if [len(each) for each in places] != [1, 1] or places[0] > places[1]:
        raise ConfigError(
            f'Found the line {start!r} {len(places[0])} times and {end!r} {len(places[1])} times; '
            'expected each once, in this order. Add them where the table shall stand.'
        )
    (first,), (last,) = places
    return '\n'.join([*lines[: first + 1], '', table.strip('\n'), '', *lines[last:]])


def show_table(table: str, name: str, path: Path | None) -> None:
    """Print a table, or put it between the markers of a file.

    Raises:
        ConfigError: The file cannot be read, or has not both markers once.
        DataError: The file cannot be written.
    """
    if path is None:
        print(f'\n{table}\n', flush=True)
        return
    try:
        text = path.read_text('utf-8')
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f'Cannot read {str(path)!r}: {error}.') from error
    write_atomically(path, put_between_markers(text, name, table).encode())
    print(f'The table stands in {path}.', flush=True)
