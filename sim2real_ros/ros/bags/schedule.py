"""When to send which message: bag stamps mapped onto a clock that never jumps."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sim2real_ros.errors import ConfigError
from sim2real_ros.ros.bags.source import CdrMessage

NS_PER_S = 1_000_000_000


@dataclass(frozen=True)
class Schedule:
    """A straight line from bag stamps to a steady clock.

    Every message is timed from the start of the bag, not from the one before it, so no error
    adds up: after an hour the last message is as punctual as the first.

    Attributes:
        start_stamp_ns: Stamp in the bag that is played at `start_ns`.
        start_ns: Steady clock at that moment.
        rate: Bag seconds per second, > 0.
    """

    start_stamp_ns: int
    start_ns: int
    rate: float = 1.0

    def __post_init__(self) -> None:
        """Refuse a rate that no clock can follow."""
        if not 1e-3 <= self.rate <= 1e3:
            raise ConfigError(f'The rate is {self.rate!r}; expected 0.001 to 1000.')

    def due_ns(self, stamp_ns: int) -> int:
        """Return the steady time in ns at which a bag stamp is due."""
        return self.start_ns + round((stamp_ns - self.start_stamp_ns) / self.rate)

    def stamp_ns(self, now_ns: int) -> int:
        """Return the bag stamp in ns that belongs to a steady time."""
        return self.start_stamp_ns + round((now_ns - self.start_ns) * self.rate)


@dataclass(frozen=True)
class Tick:
    """A moment at which to publish the bag's time."""

    stamp_ns: int


class TimedMessages:
    """The events of a bag in their order, each with the steady time at which it is due."""

    def __init__(
        self, read: Callable[[], Iterator[CdrMessage]], rate: float, clock_hz: float = 0.0
    ) -> None:
        """Remember what to time.

        Args:
            read: Starts a new pass through the bag.
            rate: Bag seconds per second.
            clock_hz: Ticks per second of the steady clock, 0 for none.
        """
        self._read = read
        self._rate = rate
        self._clock_hz = clock_hz

    def one_pass(self, start_ns: int) -> Iterator[tuple[int, CdrMessage | Tick]]:
        """Yield the events of one pass.

        Args:
            start_ns: Steady time at which the first message is due.

        Yields:
            Due time in ns and event; ticks lie between the messages, the first at the start.
        """
        schedule: Schedule | None = None
        next_tick_ns = start_ns
        for message in self._read():
            schedule = schedule or Schedule(message.stamp_ns, start_ns, self._rate)
            due_ns = schedule.due_ns(message.stamp_ns)
            while self._clock_hz and next_tick_ns <= due_ns:
                yield next_tick_ns, Tick(schedule.stamp_ns(next_tick_ns))
                next_tick_ns += round(NS_PER_S / self._clock_hz)
            yield due_ns, message


def loop_gap_ns(duration_ns: int, busiest_count: int) -> int:
    """Return the pause between the last message of a pass and the first of the next.

    Args:
        duration_ns: Time from the first to the last message of the pass.
        busiest_count: Number of messages of the topic that has most.

    Returns:
        The mean interval of that topic in ns, so that a loop keeps the beat; 0 for one message.
    """
    return duration_ns // max(busiest_count - 1, 1)
