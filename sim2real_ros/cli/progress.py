"""Progress of a long run on standard error: rate and time left."""

import sys
import time
from collections.abc import Sequence
from typing import TextIO

from sim2real_ros.data import Skipped
from sim2real_ros.files import Omission

INTERVAL_S = {True: 0.2, False: 5.0}
"""Time between reports: short on a terminal, where they overwrite each other."""


class Progress:
    """Prints ``sim 120/500 frames, 85 frames/s, 4 s left``; with ``60 kept`` where it is told.

    Args:
        totals: Expected number of frames by domain, None where it is unknown.
        stream: Where to print; None = standard error.
    """

    def __init__(self, totals: dict[str, int | None], stream: TextIO | None = None) -> None:
        """Start the clock."""
        self._totals = totals
        self._stream = sys.stderr if stream is None else stream
        self._started = self._printed = time.monotonic()
        self._domain = ''
        self._line_open = False

    def __call__(
        self, domain: str, done: int, total: int | None = None, kept: int | None = None
    ) -> None:
        """Take note of one more frame, and print now and then.

        Args:
            domain: What is being done.
            done: Number of frames that are done.
            total: Expected number, where it was not known at the start.
            kept: How many of them gave an image, where that is not all.
        """
        now = time.monotonic()
        if total is not None:
            self._totals[domain] = total
        if domain != self._domain:
            self._domain, self._started = domain, now
        total = self._totals.get(domain)
        terminal = self._stream.isatty()
        if now - self._printed >= INTERVAL_S[terminal] or done == total:
            self._printed = now
            line = progress_line(domain, done, total, now - self._started, kept)
            self._line_open = terminal and done != total
            end = '\r' if self._line_open else '\n'
            print(f'{line:<60}' if terminal else line, file=self._stream, end=end, flush=True)

    def __enter__(self) -> 'Progress':
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the cursor on a line of its own, whatever was printed last."""
        if self._line_open:
            print(file=self._stream)


def progress_line(
    domain: str, done: int, total: int | None, elapsed_s: float, kept: int | None = None
) -> str:
    """Describe how far a run has come."""
    count = f'{done}/{total}' if total else f'{done}'
    rate = done / elapsed_s if elapsed_s > 0 else 0.0
    line = f'{domain} {count} frames' + ('' if kept is None else f', {kept} kept')
    if rate > 0:
        line += f', {rate:.0f} frames/s'
        if total and total > done:
            line += f', {(total - done) / rate:.0f} s left'
    return line


def report_skipped(domain: str, skipped: Sequence[Skipped], *, shown: int = 5) -> None:
    """Say on standard error how many frames were left out, and why the first few were."""
    if skipped:
        print(f'warning: {len(skipped)} frames of {domain} could not be read:', file=sys.stderr)
    for each in skipped[:shown]:
        print(f'  {each.where}: {each.reason}', file=sys.stderr)
    if len(skipped) > shown:
        print(f'  ... and {len(skipped) - shown} more', file=sys.stderr)


def report_omissions(omissions: Sequence[Omission], *, shown: int = 5) -> None:
    """Say on standard error what was left out, and why the first few were."""
    for each in omissions[:shown]:
        print(f'warning: left out {each.where}: {each.reason}', file=sys.stderr)
    if len(omissions) > shown:
        print(f'warning: ... and {len(omissions) - shown} more', file=sys.stderr)
