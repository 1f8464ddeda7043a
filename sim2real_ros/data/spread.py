"""Spread: a limited number of a source's frames, evenly spread over all of it."""

from collections.abc import Iterator

from sim2real_ros.data.frame import Frame, Source
from sim2real_ros.errors import DataError


class Spread:
    """At most ``limit`` frames of a source, evenly spread where its length is known.

    Attributes:
        expected: Number of frames to expect, None where it is unknown.
    """

    def __init__(self, source: Source, limit: int = 0) -> None:
        """Take ``limit`` frames; 0 takes all.

        Raises:
            DataError: The limit is negative.
        """
        if limit < 0:
            raise DataError(f'The number of frames must be 0 (all) or more, not {limit}.')
        count = source.info().frame_count
        self._source = source
        self._limit = limit
        self._count = count
        self.expected = (limit or None) if count is None else min(count, limit or count)

    def __iter__(self) -> Iterator[Frame]:
        """Read the frames from the beginning."""
        taken = 0
        for index, frame in enumerate(self._source):
            if self._limit and taken >= self._limit:
                return
            if self._is_due(index, taken):
                taken += 1
                yield frame

    def _is_due(self, index: int, taken: int) -> bool:
        if not self._limit or self._count is None:
            return True
        return index * self._limit >= taken * self._count
