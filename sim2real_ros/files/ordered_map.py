"""Run a function over a stream in several threads, with results in order and memory bounded."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar('T')
R = TypeVar('R')


def default_workers() -> int:
    """Return the number of CPUs that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        return os.cpu_count() or 1


def ordered_map(
    function: Callable[[T], R], items: Iterable[T], *, workers: int, ahead: int | None = None
) -> Generator[R, None, None]:
    """Yield ``function(item)`` for every item, in the order of the items.

    Threads pay off where ``function`` spends its time in OpenCV, zlib or hashlib, which run
    without Python's lock. Items are taken from their iterator in the caller's thread, so a reader
    that is not thread-safe will do.

    Args:
        function: Called in another thread; its exception is raised at its item's turn.
        items: The stream; never more than ``ahead`` items beyond the result in hand are taken.
        workers: Number of threads; 1 calls ``function`` in the caller's thread.
        ahead: Bound of what is under way; None = two per worker.
    """
    if workers <= 1:
        yield from map(function, items)
        return
    pending: deque[Future[R]] = deque()
    limit = ahead or 2 * workers
    with worker_threads(workers) as pool:
        for item in items:
            pending.append(pool.submit(function, item))
            if len(pending) >= limit:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


@contextmanager
def worker_threads(count: int) -> Iterator[ThreadPoolExecutor]:
    """Give a pool of threads to a generator; what has not begun at its end is cancelled.

    What has begun is not waited for: a generator that its reader has left may be closed by the
    garbage collector, in the middle of anything, where waiting for a thread can last for ever.
    """
    pool = ThreadPoolExecutor(count)
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
