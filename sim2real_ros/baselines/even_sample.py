"""Keep a few items of a stream of unknown length, evenly spread."""

from typing import Generic, TypeVar

T = TypeVar('T')


class EvenSample(Generic[T]):
    """Keeps every k-th item, with k doubling whenever twice ``size`` items are held.

    Attributes:
        items: Between ``size`` and ``2 * size - 1`` items once as many were added, oldest first.
    """

    def __init__(self, size: int) -> None:
        """Keep at least ``size`` items of a long stream."""
        self.items: list[T] = []
        self._size = size
        self._stride = 1
        self._seen = 0

    def add(self, item: T) -> None:
        """Offer the next item of the stream."""
        if self._seen % self._stride == 0:
            self.items.append(item)
            if len(self.items) == 2 * self._size:
                self.items = self.items[::2]
                self._stride *= 2
        self._seen += 1
