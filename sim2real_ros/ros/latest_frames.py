"""A mailbox that keeps only the newest frame of every camera."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar('Key', bound=Hashable)
Item = TypeVar('Item')


class LatestFrames(Generic[Key, Item]):
    """One slot per camera between the thread that receives and the thread that translates.

    A slow model thus never works through a backlog: latency stays at one frame. The camera that
    has waited longest is served first, so that a fast camera cannot starve a slow one.
    """

    def __init__(self) -> None:
        """Start open and empty."""
        self._slots: OrderedDict[Key, Item] = OrderedDict()
        self._changed = threading.Condition()
        self._closed = False
        self._woken = False

    def put(self, key: Key, item: Item) -> bool:
        """Leave the newest frame of one camera.

        Returns:
            Whether an older frame of that camera, never taken, was replaced: a drop.
        """
        with self._changed:
            # Assigning to an existing key keeps its place in the queue.
            replaced = key in self._slots
            self._slots[key] = item
            self._changed.notify()
            return replaced

    def take(self, timeout_s: float | None = None) -> tuple[Key, Item] | None:
        """Wait for a frame and take it; None when closed, woken or after ``timeout_s`` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._slots or self._woken or self._closed, timeout_s)
            woken, self._woken = self._woken, False
            if woken or self._closed or not self._slots:
                return None
            return self._slots.popitem(last=False)

    def take_more(self, wanted: Callable[[Key, Item], bool], limit: int) -> list[tuple[Key, Item]]:
        """Take what waits and is wanted, the longest waiting first; never wait for any.

        Args:
            wanted: Tells by camera and frame; called with the mailbox locked.
            limit: How many at most.
        """
        with self._changed:
            keys = [key for key, item in self._slots.items() if wanted(key, item)][: max(0, limit)]
            return [(key, self._slots.pop(key)) for key in keys]

    def has_frames(self) -> bool:
        """Tell whether ``take`` would return at once."""
        return bool(self._slots)

    def wake(self) -> None:
        """Make ``take`` return None once, now or when it is called next."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    @property
    def is_closed(self) -> bool:
        """Whether ``close`` was called."""
        return self._closed

    def close(self) -> None:
        """Wake the taker for good and forget all frames."""
        with self._changed:
            self._closed = True
            self._slots.clear()
            self._changed.notify_all()
