"""Interruption: the wish to stop, by signal or by the clock, that is granted between two steps."""

import signal
import threading
import time
from types import FrameType
from typing import Any, Literal

Reason = Literal['', 'signal', 'time']

SIGNALS = (signal.SIGINT, signal.SIGTERM)

ECHO_S = 2.0
"""Within this time, a further signal is an echo of the first."""


class Interruption:
    """Notes SIGINT and SIGTERM while it is entered as a context, and looks at the clock.

    A second SIGINT is a KeyboardInterrupt at once: somebody is in a hurry. One that follows
    closely is not meant so: torchrun hands on what the terminal has sent to all processes already.
    """

    def __init__(self, max_minutes: float = 0.0) -> None:
        """Start the clock.

        Args:
            max_minutes: Time after which to stop; 0 = no limit.
        """
        self._deadline = time.monotonic() + 60 * max_minutes if max_minutes else float('inf')
        self._signalled_at: float | None = None
        self._previous: dict[signal.Signals, Any] = {}

    @property
    def reason(self) -> Reason:
        """Why to stop now; '' = go on."""
        if self._signalled_at is not None:
            return 'signal'
        return 'time' if time.monotonic() >= self._deadline else ''

    def __enter__(self) -> 'Interruption':
        """Take over the signals, which Python allows in its main thread only."""
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                self._previous[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        """Give the signals back."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous = {}

    def _note(self, number: int, _: FrameType | None) -> None:
        now = time.monotonic()
        if self._signalled_at is None:
            self._signalled_at = now
        elif number == signal.SIGINT and now - self._signalled_at > ECHO_S:
            raise KeyboardInterrupt
