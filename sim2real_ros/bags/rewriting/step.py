"""Steps: what a rewriter of one file does, one after the other, in the order of the file."""

from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol


class Offer(NamedTuple):
    """A message that may be changed before it is written.

    Attributes:
        channel: The file's own number of its connection.
        recorded_ns: Time of recording.
        raw: The message as the file holds it.
        write: Writes the bytes that take its place.
    """

    channel: int
    recorded_ns: int
    raw: bytes
    write: Callable[[bytes], None]


Step = Offer | Callable[[], None]
"""A message, or something that is written as it is between two messages."""


class Rewriter(Protocol):
    """Writes the content of one open file into another, step by step."""

    def steps(self) -> Iterator[Step]:
        """Read the source and yield what is to be written; the writing is the caller's."""
