"""Publishes beside the translation of the next frame, when there is a next frame already."""

import threading
from collections.abc import Callable


class PublishingThread:
    """Runs one job at a time in a thread of its own, in the order given."""

    def __init__(self) -> None:
        """Start the thread."""
        self._changed = threading.Condition()
        self._job: Callable[[], None] | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._run, name='publishing', daemon=True)
        self._thread.start()

    def hand_over(self, job: Callable[[], None]) -> None:
        """Give a job, waiting until the previous one is done.

        Args:
            job: Must not raise.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._job is None)
            self._job = job
            self._changed.notify_all()

    def wait_until_idle(self) -> None:
        """Wait until the last job is done."""
        with self._changed:
            self._changed.wait_for(lambda: self._job is None)

    def close(self) -> None:
        """Finish the last job and end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._job is not None or self._closed)
                job = self._job
            if job is None:
                return
            job()
            with self._changed:
                self._job = None
                self._changed.notify_all()
