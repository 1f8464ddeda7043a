"""Names of the images of a stream."""

from sim2real_ros.data.extraction.candidate import Stream
from sim2real_ros.errors import DataError


class UniqueNames:
    """Hands out each name once, with a number where it is taken; cases count as equal."""

    def __init__(self) -> None:
        """Start with no name taken."""
        self._taken: set[str] = set()

    def take(self, wanted: str) -> str:
        """Return the name, or the name with the first free number, and mark it as taken."""
        number, name = 2, wanted
        while name.casefold() in self._taken:
            name, number = f'{wanted}-{number}', number + 1
        self._taken.add(name.casefold())
        return name


class ImageNames:
    """Names the images of one stream; ask for each in order."""

    def __init__(self, stream: Stream, naming: str) -> None:
        """Choose a way to name.

        Args:
            stream: The images' stream.
            naming: One of ``NAMINGS``.
        """
        self._stream = stream
        self._naming = naming
        self._stamps: dict[int, int] = {}
        self._count = 0

    def next(self, index: int, stamp_ns: int | None) -> str:
        """Return the name of the next image that is kept, without a suffix.

        Args:
            index: Its number in the stream.
            stamp_ns: Its time, needed for names by stamp.

        Raises:
            DataError: It has no time although it is to be named by it.
        """
        self._count += 1
        if self._naming == 'frame':
            # CVAT numbers the frames of a task without gaps.
            return f'frame_{self._count - 1:08d}'
        if self._naming == 'topic':
            return f'{self._stream.name}_{index:06d}'
        if self._naming == 'index':
            return f'{index:06d}'
        if stamp_ns is None:
            raise DataError(f'A frame of {str(self._stream.path)!r} has no stamp to be named by.')
        times = self._stamps[stamp_ns] = self._stamps.get(stamp_ns, 0) + 1
        return f'{stamp_ns:019d}' if times == 1 else f'{stamp_ns:019d}-{times}'
