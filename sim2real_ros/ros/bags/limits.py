"""Decide when a recording ends."""

import math
from dataclasses import dataclass

from sim2real_ros.errors import ConfigError


@dataclass
class Limits:
    """The limits of a recording, and how far it has come.

    Attributes:
        duration_s: Length after the first message; None for no limit.
        max_messages: Number of messages; None for no limit.
        idle_timeout_s: Silence after the last message; None for no limit.
        wait_timeout_s: Patience until the first message; None for no limit.
    """

    duration_s: float | None = None
    max_messages: int | None = None
    idle_timeout_s: float | None = None
    wait_timeout_s: float | None = None

    def __post_init__(self) -> None:
        """Refuse limits that are not positive, and start the count."""
        for name in ('duration_s', 'max_messages', 'idle_timeout_s', 'wait_timeout_s'):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise ConfigError(f'{name} is {value!r}; expected a positive number.')
        self._start_s: float | None = None
        self._first_s: float | None = None
        self._last_s = 0.0
        self._count = 0

    def on_start(self, now_s: float) -> None:
        """Start the clock of the patience."""
        self._start_s = now_s

    def on_message(self, now_s: float) -> None:
        """Count a message."""
        self._first_s = now_s if self._first_s is None else self._first_s
        self._last_s = now_s
        self._count += 1

    def full(self) -> bool:
        """Tell if another message would be one too many."""
        return self.max_messages is not None and self._count >= self.max_messages

    def reached(self, now_s: float) -> str:
        """Return the limit that is reached, in words, or nothing.

        Args:
            now_s: Steady clock in s, as given to the other methods.
        """
        if self.full():
            return f'{self._count} messages'
        if self._first_s is None:
            waited_s = now_s - (now_s if self._start_s is None else self._start_s)
            return over(self.wait_timeout_s, waited_s, 'without any message')
        return over(self.duration_s, now_s - self._first_s, 'recorded') or over(
            self.idle_timeout_s, now_s - self._last_s, 'of silence'
        )


def over(limit_s: float | None, value_s: float, words: str) -> str:
    """Return the words if the value has reached its limit, else nothing."""
    return f'{limit_s:g} s {words}' if limit_s is not None and value_s >= limit_s else ''
