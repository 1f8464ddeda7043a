"""ChunkedFile: what mcap and ROS 1 bags share, both being files of chunks of records."""

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence, Set
from dataclasses import replace
from pathlib import Path
from zlib import crc32

from sim2real_ros.bags.compression import MAX_CHUNK_BYTES, decompress
from sim2real_ros.bags.damage import DamageError, Problems
from sim2real_ros.bags.records import LoadedSpan, Record, Span, in_time_order
from sim2real_ros.bags.storage import StoredConnection, StoredMessage

EVER = 1 << 65


class ChunkedFile(ABC):
    """A file of chunks of records, open for reading.

    Nothing at the end of the file is needed: chunks are found by walking over the records, so a
    file that was cut off is read like any other, up to the cut.

    Args:
        path: The file.
        problems: Where damage is told.

    Raises:
        DataError: Its beginning is not that of the format.
    """

    ros_version = 2
    message_kind = 0

    def __init__(self, path: Path, problems: Problems) -> None:
        """Walk over the records and learn the connections."""
        self.path = path
        self.problems = problems
        self.connections: dict[int, StoredConnection] = {}
        self.file = path.open('rb')
        try:
            self.size = path.stat().st_size
            self.spans = self._learned(list(self.walk()))
        except BaseException:
            self.file.close()
            raise
        self.counts: Counter[int] = Counter()
        for span in self.spans:
            self.counts.update(span.counts or {})
        filled = [span for span in self.spans if span.counts]
        self.start_ns = min((span.start_ns for span in filled), default=None)
        self.end_ns = max((span.end_ns for span in filled), default=None)

    @abstractmethod
    def walk(self) -> Iterator[Span]:
        """Yield the spans of the file in its order; tell where the file is damaged."""

    @abstractmethod
    def records(self, buffer: bytes) -> Iterator[Record]:
        """Yield the records of a span.

        Raises:
            DamageError: The records end in the middle, or are none.
        """

    @abstractmethod
    def learn(self, record: Record, buffer: bytes) -> None:
        """Note what a record says about connections.

        Raises:
            DamageError: The record cannot be understood.
        """

    def close(self) -> None:
        """Close the file."""
        self.file.close()

    def next_chunk(self, position: int, offsets: Sequence[int], reason: str) -> int:
        """Tell of a damaged place, and where it can be gone on behind it.

        Args:
            position: The place.
            offsets: Where chunks begin, from an index; ascending, not trusted.
            reason: What is wrong at the place.

        Returns:
            Offset of the next chunk; -1 for none.
        """
        following = offsets[bisect_right(offsets, position) :]
        if following and following[0] < self.size:
            self.problems.add(f'bytes {position} to {following[0]} are damaged: {reason}')
            return following[0]
        self.problems.add(
            f'it breaks off at byte {position} of {self.size}: {reason}. What was recorded '
            'later is lost'
        )
        return -1

    def read_at(self, offset: int, length: int) -> bytes:
        """Read bytes of the file; fewer than asked for at its end.

        Raises:
            DamageError: The disk fails.
        """
        try:
            self.file.seek(offset)
            return self.file.read(length)
        except OSError as error:
            raise DamageError(f'the disk fails ({error})') from error

    def content(self, span: Span) -> bytes:
        """Return the decompressed bytes of a span; empty where it is damaged.

        What remains of a span that was cut off cannot be verified, but was written by the
        recorder; a whole one that fails its checksum was altered, and nothing of it is believed.
        """
        if span.size is not None and span.size > MAX_CHUNK_BYTES:
            self._tell(span, f'claims to hold {span.size} bytes, more than any recorder writes')
            return b''
        try:
            data = self.read_at(span.offset, span.length)
            found, whole = decompress(
                span.compression, data, MAX_CHUNK_BYTES if span.size is None else span.size
            )
        except DamageError as damage:
            self._tell(span, str(damage))
            return b''
        if not span.complete:
            return found
        if not whole or (span.size is not None and len(found) != span.size):
            self._tell(span, f'has {len(found)} bytes instead of {span.size}')
            return b''
        if span.crc and crc32(found) != span.crc:
            self._tell(span, 'does not match its checksum')
            return b''
        return found

    def records_of(self, span: Span, buffer: bytes) -> Iterator[Record]:
        """Yield the records of a span's content as far as they can be read."""
        try:
            yield from self.records(buffer)
        except DamageError as damage:
            if span.complete:
                self._tell(span, f'breaks off: {damage}')

    def messages(
        self, channels: Set[int], start_ns: int | None, stop_ns: int | None
    ) -> Iterator[StoredMessage]:
        """Yield the readable messages of some connections in the order of time."""
        start = 0 if start_ns is None else start_ns
        stop = EVER if stop_ns is None else stop_ns

        def load(span: Span) -> LoadedSpan:
            buffer = self.content(span)
            found = [
                record
                for record in self.records_of(span, buffer)
                if record.channel in channels and start <= record.time_ns < stop
            ]
            found.sort(key=lambda record: record.time_ns)
            return LoadedSpan(buffer, found)

        spans = [
            span
            for span in self.spans
            if span.start_ns < stop
            and span.end_ns >= start
            and not channels.isdisjoint(span.counts or ())
        ]
        for buffer, record in in_time_order(spans, load):
            yield StoredMessage(record.channel, record.time_ns, buffer[record.body : record.end])

    def _learned(self, spans: list[Span]) -> list[Span]:
        """Read as much as it takes to know the connections and what the spans hold."""
        spans = [self._read_through(s) if s.counts is None else s for s in spans]
        if all((s.counts or {}).keys() <= self.connections.keys() for s in spans):
            return spans
        # A connection may be described in a chunk that has none of its messages.
        for span in spans:
            self._read_through(span)
        return [self._read_through(span, final=True) for span in spans]

    def _read_through(self, span: Span, *, final: bool = False) -> Span:
        """Learn from a span, and complete its description."""
        buffer = self.content(span)
        counts: Counter[int] = Counter()
        times: list[int] = []
        for record in self.records_of(span, buffer):
            if record.kind == self.message_kind:
                counts[record.channel] += 1
                times = [min((record.time_ns, *times)), max((record.time_ns, *times))]
            else:
                self.learn_safely(record, buffer)
        for channel in counts.keys() - self.connections.keys():
            if final:
                self._tell(span, f'has messages of the unknown connection {channel}')
        start_ns, end_ns = times or (0, 0)
        return replace(span, counts=counts, start_ns=start_ns, end_ns=end_ns)

    def learn_safely(self, record: Record, buffer: bytes) -> None:
        """Learn from a record, or tell why not."""
        try:
            self.learn(record, buffer)
        except DamageError as damage:
            self.problems.add(f'a description of a connection is damaged: {damage}')

    def _tell(self, span: Span, text: str) -> None:
        self.problems.add(f'the part at byte {span.offset} {text}; it is left out')
