"""Share the rows of an image between threads."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

MAX_OWN_CHOICE = 4
"""Of threads: a frame takes a millisecond, and more of them wait for each other longer."""

MIN_ROWS = 16
"""Fewer are not worth the waking of a thread."""

RowWork = Callable[[int, int, int], None]
"""Called with the number of the thread, the first row and the row after the last."""


class RowWorkers:
    """Threads that wait for rows, one of them the caller's. Use it from one thread at a time.

    Each owner has threads of its own, unlike numba's parallel loops, of which only one thread of
    a process may run one at a time. The work has to release the GIL to be shared.
    """

    def __init__(self, threads: int) -> None:
        """Start nothing yet.

        Args:
            threads: How many work; 0 = as many as there are cores, but few.
        """
        self.threads = threads or min(usable_cores(), MAX_OWN_CHOICE)
        self._pool = None
        if self.threads > 1:
            # Its threads end when nobody holds it any more.
            self._pool = ThreadPoolExecutor(self.threads - 1, thread_name_prefix='rows')

    def run(self, work: RowWork, rows: int) -> None:
        """Do the work for all rows, and return when all of it is done.

        Args:
            work: Called once by each thread that takes part.
            rows: How many there are.
        """
        parts = max(1, min(self.threads, rows // MIN_ROWS))
        bounds = [rows * part // parts for part in range(parts + 1)]
        if self._pool is None or parts == 1:
            work(0, 0, rows)
            return
        waiting = [
            self._pool.submit(work, part, bounds[part], bounds[part + 1])
            for part in range(1, parts)
        ]
        try:
            work(0, 0, bounds[1])
        finally:
            # The others write into the caller's image: none may be left behind.
            for each in waiting:
                each.exception()
        for each in waiting:
            each.result()


def usable_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, 'sched_getaffinity'):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
