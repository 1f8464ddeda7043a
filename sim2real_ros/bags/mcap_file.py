"""McapFile: read an mcap file by walking over its records, whether or not it was finished."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from sim2real_ros.bags import mcap_format as fmt
from sim2real_ros.bags.chunked_file import ChunkedFile
from sim2real_ros.bags.damage import DamageError, Problems
from sim2real_ros.bags.mcap_summary import McapSummary, read_summary
from sim2real_ros.bags.records import Record, Run, Span
from sim2real_ros.bags.storage import StoredConnection
from sim2real_ros.errors import DataError

DEFINITION_FORMATS = {'ros2msg': 'msg', 'ros1msg': 'msg', 'ros2idl': 'idl', 'omgidl': 'idl'}


class McapFile(ChunkedFile):
    """An mcap file, open for reading.

    The summary is used for two things only: to know the connections before the chunks are read,
    and to find the next chunk behind a damaged place.
    """

    message_kind = fmt.MESSAGE

    def __init__(self, path: Path, problems: Problems) -> None:
        """Walk over the records and learn the connections."""
        self.summary = McapSummary([], [])
        self._schemas: dict[int, fmt.Schema] = {}
        super().__init__(path, problems)
        encodings = {each.serialization for each in self.connections.values()}
        self.ros_version = 1 if encodings == {'ros1'} else 2

    def walk(self) -> Iterator[Span]:
        """Yield chunks, and runs of messages outside chunks."""
        run = Run()
        chunk: Span | None = None
        for part in self.parts():
            if part.kind == fmt.MESSAGE_INDEX and chunk:
                chunk = self._counted(chunk, part)
                continue
            if chunk:
                # Of a chunk whose indexes break off, not all channels are known.
                yield replace(chunk, counts=None) if part.kind == fmt.GAP else chunk
                chunk = None
            if run.counts and (part.kind != fmt.MESSAGE or run.is_full()):
                yield run.span()
                run = Run()
            if part.kind == fmt.MESSAGE:
                self._extend(run, part)
            elif part.kind == fmt.CHUNK:
                chunk = self.chunk_of(part)
            elif part.kind in (fmt.SCHEMA, fmt.CHANNEL):
                self._learn_part(part)

    def parts(self) -> Iterator[fmt.Part]:
        """Yield the records of the data section; tell where there are none.

        A chunk at the end may be cut off, everything else is whole. Where bytes are left out, and
        at the end, comes a part of the kind ``GAP`` or ``DATA_END``.
        """
        if self.read_at(0, len(fmt.MAGIC)) != fmt.MAGIC:
            raise DataError('it does not begin like an mcap file')
        self.summary = read_summary(self.file, self.size)
        for kind, content in self.summary.descriptions:
            self.learn_safely(Record(kind, 0, 0, len(content)), content)
        position = len(fmt.MAGIC)
        while position >= 0:
            begin, reason = position, ''
            try:
                part = fmt.next_part(self.file, position, self.size)
            except DamageError as damage:
                reason = str(damage)
            else:
                if part.end > self.size:
                    reason = 'it ends within a record'
                if not reason or part.kind == fmt.CHUNK:
                    yield part
                if part.kind in (fmt.DATA_END, fmt.FOOTER):
                    return
                position = part.end
            if reason:
                position = self.next_chunk(begin, self.summary.chunk_offsets, reason)
                yield fmt.Part(fmt.GAP, begin, begin, begin)

    def chunk_of(self, part: fmt.Part) -> Span:
        """Describe a chunk by its own beginning."""
        end = min(part.end, self.size)
        try:
            head = fmt.parse_chunk_head(self.read_at(part.body, min(end - part.body, 256)))
        except DamageError:
            # Cut off before its first record.
            return Span(end, 0, counts={}, complete=False)
        offset = part.body + head.head_bytes
        complete = offset + head.data_bytes <= end
        length = max(min(head.data_bytes, end - offset), 0)
        if not complete and part.end <= self.size:
            self.problems.add(f'the chunk at byte {part.begin} is shorter than it claims')
        if not head.data_bytes and offset < end:
            # Zeros in its head look like an empty chunk without a checksum.
            self.problems.add(f'the chunk at byte {part.begin} claims to be empty and is not')
        return Span(
            offset, length, head.compression, head.size, head.crc, head.start_ns, head.end_ns,
            complete=complete,
        )  # fmt: skip

    def _counted(self, chunk: Span, part: fmt.Part) -> Span:
        head = self.read_at(part.body, fmt.MESSAGE_INDEX_HEADER.size)
        if len(head) < fmt.MESSAGE_INDEX_HEADER.size:
            return chunk
        channel, length = fmt.MESSAGE_INDEX_HEADER.unpack(head)
        counts = Counter(chunk.counts or {})
        if length:
            counts[channel] += length // 16
        return replace(chunk, counts=counts)

    def _extend(self, run: Run, part: fmt.Part) -> None:
        head = self.read_at(part.body, fmt.MESSAGE_HEADER.size)
        if len(head) == fmt.MESSAGE_HEADER.size:
            channel, _, time_ns, _ = fmt.MESSAGE_HEADER.unpack(head)
            run.extend(part.begin, part.end, channel, time_ns)

    def _learn_part(self, part: fmt.Part) -> None:
        length = part.end - part.body
        if length > fmt.MAX_DESCRIPTION_BYTES:
            self.problems.add(f'the description at byte {part.begin} has {length} bytes')
            return
        content = self.read_at(part.body, length)
        self.learn_safely(Record(part.kind, 0, 0, len(content)), content)

    def records(self, buffer: bytes) -> Iterator[Record]:
        """Yield the records of a span."""
        return fmt.records(buffer)

    def learn(self, record: Record, buffer: bytes) -> None:
        """Note schemas and channels."""
        content = buffer[record.body : record.end]
        if record.kind == fmt.SCHEMA:
            schema = fmt.parse_schema(content)
            self._schemas[schema.id] = schema
        elif record.kind == fmt.CHANNEL:
            channel = fmt.parse_channel(content)
            self.connections.setdefault(channel.id, self._connection(channel))

    def _connection(self, channel: fmt.Channel) -> StoredConnection:
        nothing = fmt.Schema(0, '', '', b'')
        schema = self._schemas.get(channel.schema_id, nothing)
        msgtype = schema.name
        if schema.encoding == 'ros1msg' and msgtype.count('/') == 1:
            msgtype = msgtype.replace('/', '/msg/')
        return StoredConnection(
            channel.topic,
            msgtype,
            channel.metadata.get('offered_qos_profiles', ''),
            channel.message_encoding,
            schema.data.decode('utf-8', 'replace'),
            DEFINITION_FORMATS.get(schema.encoding, ''),
            channel.metadata.get('latching') == '1',
        )
