"""Pages to look through results in a browser: no scripts, no network."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from urllib.parse import quote

IMAGE_WIDTH_PX = 256


@dataclass(frozen=True)
class PageRow:
    """Pictures that belong together.

    Attributes:
        title: Shown above them.
        pictures: Caption and path relative to the page, with forward slashes, of each.
    """

    title: str
    pictures: tuple[tuple[str, str], ...]


def page(title: str, rows: Sequence[PageRow], width_px: int | None = IMAGE_WIDTH_PX) -> bytes:
    """Write a page as the original programs do: one table of pictures per frame.

    Args:
        title: Of the page.
        rows: In order.
        width_px: At which pictures are shown; None = their own.
    """
    width = f' style="width:{width_px}px"' if width_px else ''
    parts = [
        '<!DOCTYPE html>\n<html>\n<head>\n<meta charset="utf-8">',
        f'<title>{escape(title)}</title>\n</head>\n<body>\n<h1>{escape(title)}</h1>',
    ]
    for row in rows:
        parts.append(f'<h3>{escape(row.title)}</h3>\n<table border="1"><tr>')
        for caption, path in row.pictures:
            link = quote(path)
            parts.append(
                f'<td style="text-align:center"><a href="{link}"><img{width} src="{link}"></a>'
                f'<br>{escape(caption)}</td>'
            )
        parts.append('</tr></table>')
    return '\n'.join([*parts, '</body>\n</html>\n']).encode('utf-8', 'backslashreplace')
