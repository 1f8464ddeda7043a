"""Storage: one file of a bag, whatever its format."""

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from typing import NamedTuple, Protocol


@dataclass(frozen=True)
class StoredConnection:
    """A connection as one file describes it; the fields are those of ``BagConnection``."""

    topic: str
    msgtype: str
    qos: str = ''
    serialization: str = 'cdr'
    definition: str = ''
    definition_format: str = ''
    latching: bool = False


class StoredMessage(NamedTuple):
    """A message as one file holds it: the file's number of its connection, time and bytes."""

    channel: int
    recorded_ns: int
    raw: bytes


class Storage(Protocol):
    """One open file."""

    @property
    def ros_version(self) -> int:
        """1 or 2."""

    @property
    def connections(self) -> Mapping[int, StoredConnection]:
        """The connections, by the file's own numbers."""

    @property
    def counts(self) -> Mapping[int, int] | None:
        """Messages by the same numbers; None where it is unknown."""

    @property
    def start_ns(self) -> int | None:
        """Time of the first message, None where there is none or it is unknown."""

    @property
    def end_ns(self) -> int | None:
        """Time of the last message, itself included."""

    def messages(
        self, channels: Set[int], start_ns: int | None, stop_ns: int | None
    ) -> Iterator[StoredMessage]:
        """Yield the readable messages of some connections in the order of time."""

    def close(self) -> None:
        """Close the file and remove temporary ones."""
