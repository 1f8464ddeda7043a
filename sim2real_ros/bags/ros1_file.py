"""Ros1File: read a ROS 1 bag by walking over its records, whether or not it was closed."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from sim2real_ros.bags import ros1_format as fmt
from sim2real_ros.bags.chunked_file import EVER, ChunkedFile
from sim2real_ros.bags.damage import DamageError, Problems
from sim2real_ros.bags.records import Record, Run, Span
from sim2real_ros.bags.storage import StoredConnection
from sim2real_ros.errors import DataError


class Ros1File(ChunkedFile):
    """A ROS 1 bag (``.bag``, or ``.bag.active`` of a killed recorder), open for reading.

    The index at the end is used only to find the next chunk behind a damaged place, and for the
    connections that it repeats.
    """

    ros_version = 1
    message_kind = fmt.MESSAGE

    def __init__(self, path: Path, problems: Problems) -> None:
        """Walk over the records and learn the connections."""
        self._index_begin = 0
        super().__init__(path, problems)

    def walk(self) -> Iterator[Span]:
        """Yield chunks, and runs of messages outside chunks."""
        run = Run()
        chunk: Span | None = None
        for part in self.parts():
            if part.kind == fmt.INDEX_DATA and chunk:
                chunk = self._counted(chunk, part)
                continue
            if chunk:
                # Of a chunk whose indexes break off, not all connections are known.
                yield replace(chunk, counts=None) if part.kind == fmt.GAP else chunk
                chunk = None
            if run.counts and (part.kind != fmt.MESSAGE or run.is_full()):
                yield run.span()
                run = Run()
            if part.kind == fmt.MESSAGE:
                run.extend(
                    part.begin,
                    part.end,
                    fmt.number(part.header, b'conn'),
                    fmt.time_of(part.header),
                )
            elif part.kind == fmt.CHUNK:
                chunk = self.chunk_of(part)
            elif part.kind == fmt.CONNECTION:
                self._learn_part(part)
        if chunk:
            yield chunk

    def parts(self) -> Iterator[fmt.Part]:
        """Yield the records of the file; tell where there are none.

        A chunk at the end may be cut off, everything else is whole. Where bytes are left out comes
        a part of the kind ``GAP``.
        """
        self._check_magic()
        position = len(fmt.MAGIC)
        while 0 <= position < self.size:
            begin, reason = position, ''
            try:
                part = self._checked(fmt.next_part(self.file, position))
            except DamageError as damage:
                reason = str(damage)
            else:
                if part.kind == fmt.BAG_HEADER:
                    self._learn_bag_header(part)
                if part.end > self.size:
                    reason = 'it ends within a record'
                if not reason or part.kind == fmt.CHUNK:
                    yield part
                position = part.end
            if reason:
                position = -1
                if not self.is_in_index(begin):
                    position = self.next_chunk(begin, self._chunk_offsets(), reason)
                yield fmt.Part(fmt.GAP, begin, begin, begin, {})
        if position == self.size and not self.is_in_index(position):
            self.problems.add(
                'it has no index at its end: the recorder was killed or the copy cut off'
            )
            yield fmt.Part(fmt.GAP, position, position, position, {})

    def _checked(self, part: fmt.Part) -> fmt.Part:
        """Refuse messages without their fields; extend a chunk that was still being written."""
        if part.kind == fmt.MESSAGE:
            fmt.number(part.header, b'conn')
            fmt.time_of(part.header)
        # The recorder fills in both sizes only when a chunk is finished. What is not compressed
        # is read as records outside chunks.
        unfinished = part.kind == fmt.CHUNK and part.end == part.body
        if unfinished and part.header.get(b'compression', b'none') != b'none':
            return part._replace(end=self.size + 1)
        return part

    def is_in_index(self, position: int) -> bool:
        """Tell whether a place lies in the index at the end of a bag that was closed."""
        return 0 < self._index_begin <= position

    def _check_magic(self) -> None:
        magic = self.read_at(0, len(fmt.MAGIC))
        if magic == fmt.MAGIC:
            return
        if magic.startswith(b'#ROSBAG V'):
            raise DataError('it is a bag of another version than 2.0: convert with `rosbag fix`')
        raise DataError('it does not begin like a ROS 1 bag')

    def _learn_bag_header(self, part: fmt.Part) -> None:
        try:
            self._index_begin = fmt.number(part.header, b'index_pos', fmt.OFFSET)
        except DamageError as damage:
            self.problems.add(str(damage))
        if part.header.get(b'encryptor'):
            raise DataError('it is encrypted, which only `rosbag decrypt` can undo')

    def _chunk_offsets(self) -> list[int]:
        """Read from the index where chunks begin; as far as there is an index."""
        offsets: list[int] = []
        position = self._index_begin
        while 0 < position < self.size:
            try:
                part = fmt.next_part(self.file, position)
                if part.kind == fmt.CHUNK_INFO:
                    offsets.append(fmt.number(part.header, b'chunk_pos', fmt.OFFSET))
            except DamageError:
                break
            position = part.end
        return sorted(offsets)

    def chunk_of(self, part: fmt.Part) -> Span:
        """Describe a chunk by its header."""
        length = max(min(part.end, self.size) - part.body, 0)
        compression = part.header.get(b'compression', b'none').decode('ascii', 'replace')
        try:
            size: int | None = fmt.number(part.header, b'size') or None
        except DamageError:
            size = None
        return Span(
            part.body, length, compression, size,
            start_ns=EVER, end_ns=-1, complete=part.end <= self.size,
        )  # fmt: skip

    def _counted(self, chunk: Span, part: fmt.Part) -> Span:
        entries = self.read_at(part.body, part.end - part.body)
        times = np.frombuffer(entries[: len(entries) // 12 * 12], '<u4').reshape(-1, 3)
        counts = Counter(chunk.counts or {})
        try:
            connection = fmt.number(part.header, b'conn')
        except DamageError:
            return chunk
        if not len(times):
            return replace(chunk, counts=counts)
        counts[connection] += len(times)
        stamps = times[:, 0].astype(np.int64) * 10**9 + times[:, 1]
        return replace(
            chunk,
            counts=counts,
            start_ns=min(chunk.start_ns, int(stamps.min())),
            end_ns=max(chunk.end_ns, int(stamps.max())),
        )

    def _learn_part(self, part: fmt.Part) -> None:
        length = part.end - part.begin
        if length > fmt.MAX_DESCRIPTION_BYTES:
            self.problems.add(f'the connection at byte {part.begin} has {length} bytes')
            return
        buffer = self.read_at(part.begin, length)
        self.learn_safely(Record(part.kind, 0, part.body - part.begin, length), buffer)

    def records(self, buffer: bytes) -> Iterator[Record]:
        """Yield the records of a span."""
        return fmt.records(buffer)

    def learn(self, record: Record, buffer: bytes) -> None:
        """Note connections."""
        if record.kind != fmt.CONNECTION:
            return
        header = fmt.parse_header(buffer[record.begin + 4 : record.body - 4])
        details = fmt.parse_header(buffer[record.body : record.end])
        name = details.get(b'type', b'').decode('utf-8', 'replace')
        definition = details.get(b'message_definition', b'').decode('utf-8', 'replace')
        connection = StoredConnection(
            header.get(b'topic', b'').decode('utf-8', 'replace'),
            name.replace('/', '/msg/') if name.count('/') == 1 else name,
            '',
            'ros1',
            definition,
            'msg' if definition else '',
            details.get(b'latching') == b'1',
        )
        self.connections.setdefault(fmt.number(header, b'conn'), connection)
