"""What the formats made of records have in common: records, spans of them, and their order."""

import heapq
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

WINDOW_BYTES = 256 << 20
"""Spans that overlap in time are held until they are sorted; but never more than this."""

MAX_SPANS_HELD = 1000

RUN_BYTES = 1 << 20
"""Messages outside chunks are read in runs of about this size."""


class Record(NamedTuple):
    """One record inside a buffer.

    Attributes:
        kind: The format's own code.
        begin: Offset of its first byte.
        body: Offset of its content; of a message, the serialised bytes.
        end: Offset after its last byte.
        channel: Of a message, the number of its connection.
        time_ns: Of a message, the time of recording.
    """

    kind: int
    begin: int
    body: int
    end: int
    channel: int = -1
    time_ns: int = 0


@dataclass(frozen=True)
class Span:
    """A stretch of a file that holds messages: a chunk, or a run of messages outside chunks.

    Attributes:
        offset: Of the first byte of its records, compressed or not.
        length: Bytes in the file.
        compression: A name of ``compression.decompress``.
        size: Bytes after decompression, as the file claims; None where it does not.
        crc: CRC-32 of the decompressed bytes, 0 for none.
        start_ns: Time of the first message.
        end_ns: Time of the last message.
        counts: Messages by channel; None where only reading tells.
        complete: Whether the file holds all of it.
    """

    offset: int
    length: int
    compression: str = ''
    size: int | None = None
    crc: int = 0
    start_ns: int = 0
    end_ns: int = 0
    counts: Mapping[int, int] | None = None
    complete: bool = True


class Run:
    """Messages outside chunks, one after the other, to be read together."""

    def __init__(self) -> None:
        """Start without a message."""
        self.counts: Counter[int] = Counter()
        self._begin = self._end = self._start_ns = self._end_ns = 0

    def extend(self, begin: int, end: int, channel: int, time_ns: int) -> None:
        """Add the message whose record lies between two offsets of the file."""
        if not self.counts:
            self._begin, self._start_ns, self._end_ns = begin, time_ns, time_ns
        self._end = end
        self._start_ns = min(self._start_ns, time_ns)
        self._end_ns = max(self._end_ns, time_ns)
        self.counts[channel] += 1

    def is_full(self) -> bool:
        """Tell whether it is large enough to be read."""
        return self._end - self._begin >= RUN_BYTES

    def span(self) -> Span:
        """Describe the run."""
        length = self._end - self._begin
        return Span(self._begin, length, '', length, 0, self._start_ns, self._end_ns, self.counts)


class LoadedSpan(NamedTuple):
    """The bytes of a span and the records in it that were asked for, sorted by time."""

    buffer: bytes
    records: list[Record]


class _Cursor(NamedTuple):
    time_ns: int
    order: int
    position: int
    loaded: LoadedSpan


def in_time_order(
    spans: Iterable[Span], load: Callable[[Span], LoadedSpan]
) -> Iterator[tuple[bytes, Record]]:
    """Yield the messages of many spans in the order of time, with few spans in memory.

    Equal times stay in the order of the file. Should more spans overlap than the memory set aside
    for them holds, messages come as sorted as possible.

    Args:
        spans: In the order of the file.
        load: Reads one span; is called when its time has come.

    Yields:
        Buffer and record of each message.
    """
    waiting = deque(sorted(enumerate(spans), key=lambda each: each[1].start_ns))
    heap: list[_Cursor] = []
    held = 0
    while waiting or heap:
        while waiting and (not heap or _is_due(waiting[0][1], heap, held)):
            order, span = waiting.popleft()
            loaded = load(span)
            if loaded.records:
                held += len(loaded.buffer)
                heapq.heappush(heap, _Cursor(loaded.records[0].time_ns, order, 0, loaded))
        if not heap:
            continue
        _, order, position, loaded = heap[0]
        yield loaded.buffer, loaded.records[position]
        if position + 1 < len(loaded.records):
            time_ns = loaded.records[position + 1].time_ns
            heapq.heapreplace(heap, _Cursor(time_ns, order, position + 1, loaded))
        else:
            heapq.heappop(heap)
            held -= len(loaded.buffer)


def _is_due(span: Span, heap: list[_Cursor], held: int) -> bool:
    fits = held < WINDOW_BYTES and len(heap) < MAX_SPANS_HELD
    return fits and span.start_ns <= heap[0].time_ns
