"""Problem: what is wrong with a label, and where it stands."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

KINDS = {
    'unreadable': 'a line, entry or file that is not what the format says',
    'unknown class': 'a class id without a name',
    'missing image': 'labels without an image, so that its size is unknown',
    'missing labels': 'an image without a label file: a background, or forgotten',
    'unused': 'a label file of an image that is not in the data set, or has another one',
    'out of range': 'coordinates outside the image',
    'degenerate': 'no area, or fewer than 3 different corners',
    'duplicate': 'the same class twice in nearly the same place',
    'self-crossing': 'an outline that crosses itself',
    'mixed': 'boxes among polygons, which training tools misread',
}
"""What can be wrong."""

SHOWN = 20
"""Problems of each kind that a summary names one by one."""

WARNINGS = frozenset({'missing labels', 'unused', 'self-crossing', 'mixed'})
"""Kinds that may be meant, and do not make a data set wrong."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        kind: One of ``KINDS``.
        file: Label file, or image where there is none, relative to the data set.
        line: Line of a text file or position in the file's list, from 1; 0 for the whole file.
        text: What was found, and what was expected.
    """

    kind: str
    file: str
    line: int
    text: str

    @property
    def is_warning(self) -> bool:
        """Whether it may be meant."""
        return self.kind in WARNINGS

    def __str__(self) -> str:
        """Write it as ``labels/a.txt:3: degenerate: ...``."""
        # Names of files may hold what a terminal would obey.
        file = ''.join(each if each.isprintable() else '?' for each in self.file)
        place = f'{file}:{self.line}' if self.line else file
        return f'{place}: {self.kind}: {self.text}'


def summary(problems: Sequence[Problem], shown: int = SHOWN) -> list[str]:
    """Return the first problems of every kind, then how many there are of each."""
    counts: Counter[str] = Counter()
    lines = []
    for each in problems:
        counts[each.kind] += 1
        if counts[each.kind] <= shown:
            lines.append(f'{"warning: " if each.is_warning else ""}{each}')
    more = [f'{count} x {kind}' for kind, count in counts.items()]
    return [*lines, f'problems: {", ".join(more)}'] if more else lines
