"""StepClock: how long a run has taken, and how fast its steps are."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class StepClock:
    """Measures steps per second, without the pauses for samples, measurements and checkpoints."""

    def __init__(self, step: int, elapsed_s: float) -> None:
        """Start.

        Args:
            step: Number of steps taken earlier.
            elapsed_s: Time that they took.
        """
        self._step, self._before_s = step, elapsed_s
        self._started = self._last = time.monotonic()

    @property
    def elapsed_s(self) -> float:
        """Time of the whole run until now, earlier parts included."""
        return self._before_s + time.monotonic() - self._started

    def steps_per_s(self, step: int) -> float:
        """Return the rate since this was last asked.

        Args:
            step: Number of steps taken.
        """
        now = time.monotonic()
        rate = (step - self._step) / max(now - self._last, 1e-6)
        self._last, self._step = now, step
        return rate

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Do not count the time that is spent inside."""
        before = time.monotonic()
        try:
            yield
        finally:
            self._last += time.monotonic() - before
