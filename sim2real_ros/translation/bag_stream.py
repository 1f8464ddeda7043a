"""Some messages of a stream go through threads; all of them come out in their order."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, TypeVar

from sim2real_ros.bags import BagMessage
from sim2real_ros.files import worker_threads

T = TypeVar('T')

MAX_WAITING_MESSAGES = 10_000
MAX_WAITING_BYTES = 64 * 2**20
"""Of what is passed on and waits for a translation in front of it."""


@dataclass(frozen=True)
class Ready(Generic[T]):
    """A result that is there already."""

    value: T

    def __call__(self) -> T:
        """Return it."""
        return self.value


@dataclass(frozen=True)
class Work(Generic[T]):
    """A message, and what has to be worked out for it; None = nothing, it is passed on."""

    message: BagMessage
    task: Callable[[], T] | None = None


def in_order(works: Iterator[Work[T]], workers: int) -> Iterator[tuple[BagMessage, T | None]]:
    """Work out what has to be, in threads, and yield every message with its result.

    ``works`` is read in the caller's thread. Never more than two tasks per worker, and a bounded
    amount of messages between them, are under way.

    Args:
        works: The messages in their order.
        workers: Number of threads; 1 does the work in the caller's thread.
    """
    if workers <= 1:
        yield from ((each.message, each.task and each.task()) for each in works)
        return
    waiting: deque[tuple[BagMessage, Future[T] | Ready[T] | None]] = deque()
    running = waiting_bytes = 0
    with worker_threads(workers) as pool:
        for work in works:
            task = work.task
            if task is not None and not isinstance(task, Ready):
                waiting.append((work.message, pool.submit(task)))
                running += 1
            else:
                waiting.append((work.message, task))
            waiting_bytes += len(work.message.raw)
            while waiting and (
                running >= 2 * workers
                or waiting_bytes > MAX_WAITING_BYTES
                or len(waiting) > MAX_WAITING_MESSAGES
                or _is_done(waiting[0][1])
            ):
                message, future = waiting.popleft()
                running -= isinstance(future, Future)
                waiting_bytes -= len(message.raw)
                yield message, _result(future)
        while waiting:
            message, future = waiting.popleft()
            yield message, _result(future)


def _is_done(future: 'Future[T] | Ready[T] | None') -> bool:
    return not isinstance(future, Future) or future.done()


def _result(future: 'Future[T] | Ready[T] | None') -> T | None:
    if isinstance(future, Future):
        return future.result()
    return None if future is None else future()
