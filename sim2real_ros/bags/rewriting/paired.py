"""Let a stream of messages through a function that may read ahead, and write what comes out."""

from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

from sim2real_ros.bags.connection import BagMessage
from sim2real_ros.errors import DataError


class Offered(NamedTuple):
    """A message and what writes the bytes that take the place of its own."""

    message: BagMessage
    write: Callable[[bytes], None]


MessageOrStep = Offered | Callable[[], None]


def written_in_order(
    steps: Iterator[MessageOrStep],
    change: Callable[[Iterator[BagMessage]], Iterator[BagMessage]],
) -> None:
    """Take all steps in their order, with the messages as ``change`` yields them.

    Args:
        steps: Messages with the way to write them, and what is written between them.
        change: Yields the messages that it is given, in their order, with other bytes; messages
            that it leaves out are left out.

    Raises:
        DataError: It yields others.
    """
    waiting: deque[MessageOrStep] = deque()
    offered = _offered(steps, waiting)
    for message in change(offered):
        while True:
            if not waiting:
                raise DataError(
                    f'A message of {message.connection.topic!r} at {message.recorded_ns} was to '
                    'be written that is not in the bag, or not at this place.'
                )
            step = waiting.popleft()
            if not isinstance(step, Offered):
                step()
            elif _is_same(step.message, message):
                step.write(message.raw)
                break
    # What is left: messages that were left out, and the ends of the files.
    for _ in offered:
        _skip(waiting)
    _skip(waiting)


def _offered(
    steps: Iterator[MessageOrStep], waiting: deque[MessageOrStep]
) -> Iterator[BagMessage]:
    for step in steps:
        waiting.append(step)
        if isinstance(step, Offered):
            yield step.message


def _is_same(one: BagMessage, other: BagMessage) -> bool:
    same_place = one.recorded_ns == other.recorded_ns
    return same_place and one.connection.id == other.connection.id


def _skip(waiting: deque[MessageOrStep]) -> None:
    while waiting:
        step = waiting.popleft()
        if not isinstance(step, Offered):
            step()
