"""The records of mcap files, after the specification at https://mcap.dev/spec."""

import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from sim2real_ros.bags.damage import DamageError
from sim2real_ros.bags.records import Record

MAGIC = b'\x89MCAP0\r\n'
HEADER, FOOTER, SCHEMA, CHANNEL, MESSAGE, CHUNK, MESSAGE_INDEX, CHUNK_INDEX = range(1, 9)
ATTACHMENT, ATTACHMENT_INDEX, STATISTICS, METADATA, METADATA_INDEX = range(9, 14)
SUMMARY_OFFSET, DATA_END = 14, 15
GAP = -1

MAX_DESCRIPTION_BYTES = 16 << 20

PREFIX = struct.Struct('<BQ')
MESSAGE_HEADER = struct.Struct('<HIQQ')
CHUNK_HEADER = struct.Struct('<QQQI')
FOOTER_BODY = struct.Struct('<QQI')
MESSAGE_INDEX_HEADER = struct.Struct('<HI')


class Schema(NamedTuple):
    """Record 3: a message type."""

    id: int
    name: str
    encoding: str
    data: bytes


class Channel(NamedTuple):
    """Record 4: a stream of messages of one type on one topic."""

    id: int
    schema_id: int
    topic: str
    message_encoding: str
    metadata: dict[str, str]


class ChunkHead(NamedTuple):
    """The fields of record 6 before its records."""

    start_ns: int
    end_ns: int
    size: int
    crc: int
    compression: str
    head_bytes: int
    data_bytes: int


class Fields:
    """Takes values from the front of a record's content.

    Args:
        content: All of it.
    """

    def __init__(self, content: bytes) -> None:
        """Start at the beginning."""
        self._content = content
        self.position = 0

    def take(self, form: struct.Struct) -> tuple[int, ...]:
        """Take numbers.

        Raises:
            DamageError: The content is too short.
        """
        if self.position + form.size > len(self._content):
            raise DamageError('the record is too short')
        values = form.unpack_from(self._content, self.position)
        self.position += form.size
        return values

    def bytes_of(self, length: int) -> bytes:
        """Take a number of bytes.

        Raises:
            DamageError: The content is too short.
        """
        if self.position + length > len(self._content):
            raise DamageError('the record is too short')
        self.position += length
        return self._content[self.position - length : self.position]

    def sized(self) -> bytes:
        """Take bytes that are preceded by their number."""
        (length,) = self.take(struct.Struct('<I'))
        return self.bytes_of(length)

    def text(self) -> str:
        """Take text; undecodable bytes are replaced."""
        return self.sized().decode('utf-8', 'replace')

    def more(self) -> bool:
        """Tell whether something is left."""
        return self.position < len(self._content)


def records(buffer: bytes) -> Iterator[Record]:
    """Yield the records of a chunk, or of a part of the file outside chunks.

    Raises:
        DamageError: They end in the middle of one, or are none.
    """
    position, total = 0, len(buffer)
    while position < total:
        if total - position < PREFIX.size:
            raise DamageError('it ends within a record')
        kind, length = PREFIX.unpack_from(buffer, position)
        body = position + PREFIX.size
        end = body + length
        if kind in (0, CHUNK):
            raise DamageError(f'there is no record at byte {position}')
        if end > total:
            raise DamageError('it ends within a record')
        if kind == MESSAGE:
            if length < MESSAGE_HEADER.size:
                raise DamageError(f'a message of {length} bytes')
            channel, _, time_ns, _ = MESSAGE_HEADER.unpack_from(buffer, body)
            yield Record(kind, position, body + MESSAGE_HEADER.size, end, channel, time_ns)
        else:
            yield Record(kind, position, body, end)
        position = end


def parse_schema(content: bytes) -> Schema:
    """Parse the content of a schema record.

    Raises:
        DamageError: It is too short.
    """
    fields = Fields(content)
    (number,) = fields.take(struct.Struct('<H'))
    return Schema(number, fields.text(), fields.text(), fields.sized())


def parse_channel(content: bytes) -> Channel:
    """Parse the content of a channel record.

    Raises:
        DamageError: It is too short.
    """
    fields = Fields(content)
    number, schema = fields.take(struct.Struct('<HH'))
    topic, encoding = fields.text(), fields.text()
    pairs = Fields(fields.sized())
    metadata: dict[str, str] = {}
    while pairs.more():
        key = pairs.text()
        metadata[key] = pairs.text()
    return Channel(number, schema, topic, encoding, metadata)


def parse_chunk_head(content: bytes) -> ChunkHead:
    """Parse the beginning of the content of a chunk record.

    Raises:
        DamageError: It is too short.
    """
    fields = Fields(content)
    start_ns, end_ns, size, crc = fields.take(CHUNK_HEADER)
    compression = fields.text()
    (data_bytes,) = fields.take(struct.Struct('<Q'))
    return ChunkHead(start_ns, end_ns, size, crc, compression, fields.position, data_bytes)


class Part(NamedTuple):
    """A record of the file, found by walking; ``end`` may lie behind the end of the file."""

    kind: int
    begin: int
    body: int
    end: int


def next_part(file: BinaryIO, begin: int, size: int) -> Part:
    """Read kind and length of the record at an offset of the file.

    Args:
        file: The file.
        begin: The offset.
        size: Bytes of the file.

    Raises:
        DamageError: There is no record.
    """
    file.seek(begin)
    prefix = file.read(PREFIX.size)
    if len(prefix) < PREFIX.size:
        raise DamageError('it ends within a record')
    kind, length = PREFIX.unpack(prefix)
    body = begin + PREFIX.size
    if kind == 0 or (kind == MESSAGE and length < MESSAGE_HEADER.size):
        raise DamageError('there is no record')
    if body + length > size and kind not in (CHUNK, MESSAGE, ATTACHMENT):
        raise DamageError('it ends within a record')
    return Part(kind, begin, body, body + length)
