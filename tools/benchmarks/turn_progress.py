"""How far a benchmark has come, and about how long it will still take, on standard error."""

import sys
import time
from typing import TextIO


class TurnProgress:
    """Overwrites a line on a terminal; elsewhere prints one now and then."""

    def __init__(self, title: str, total: int, stream: TextIO | None = None) -> None:
        """Start the clock.

        Args:
            title: What is being done.
            total: Number of steps to come.
            stream: Where to print; None = standard error.
        """
        self._title, self._total, self._done = title, max(total, 1), 0
        self._stream = sys.stderr if stream is None else stream
        self._start = self._printed = time.monotonic()

    def step(self, what: str, count: int = 1) -> None:
        """Take note of steps that are done."""
        self._done = min(self._done + count, self._total)
        now = time.monotonic()
        terminal = self._stream.isatty()
        if terminal or now - self._printed >= 10 or self._done == self._total:
            self._printed = now
            line = f'{self._title}: {self._done}/{self._total}, {self.left(now)}, {what}'
            end = '' if terminal else '\n'
            shown = f'\r{line[:98]:<98}' if terminal else line
            print(shown, end=end, file=self._stream, flush=True)

    def left(self, now: float) -> str:
        """Say how long it will take if the rest is as slow as what is done."""
        seconds = (now - self._start) / max(self._done, 1) * (self._total - self._done)
        return f'{seconds:.0f} s left'

    def close(self) -> None:
        """Leave the line."""
        if self._stream.isatty():
            print(file=self._stream)
