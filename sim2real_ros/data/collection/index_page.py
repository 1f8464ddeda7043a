"""A page to look through collected frames in a browser: one file, no network, no server."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

INDEX_NAME = 'index.html'

# Inside <script> a browser looks for "</script" and "<!--" before it looks at JSON.
_ESCAPES = {ord(each): f'\\u{ord(each):04x}' for each in '<>&\u2028\u2029'}


@dataclass(frozen=True)
class IndexEntry:
    """One frame of the page.

    Attributes:
        name: Shown as it is, whatever it holds.
        files: Paths relative to the page for each column; None where there is no picture.
    """

    name: str
    files: tuple[str | None, ...]


def index_page(columns: Sequence[str], entries: Sequence[IndexEntry]) -> bytes:
    """Write the page.

    It shows 24 frames at a time, loads their pictures when they come into sight, filters by name
    and compares two pictures of a frame behind a slider.

    Args:
        columns: What the pictures of a frame are: ``sim``, names of models.
        entries: The frames, in order.
    """
    frames = [{'name': entry.name, 'files': list(entry.files)} for entry in entries]
    data = json.dumps({'columns': list(columns), 'frames': frames}, ensure_ascii=False)
    template = files(__package__).joinpath('viewer.html').read_text('utf-8')
    page = template.replace('@DATA@', data.translate(_ESCAPES), 1)
    return page.encode('utf-8', 'replace')
