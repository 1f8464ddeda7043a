"""McapOutput: write an mcap file record by record, keeping what rosbags' writer would drop.

That writer sets publish time and sequence numbers itself, knows no attachments, and compresses
with zstd or not at all. Here records are copied, and only chunks and summary are made anew.
"""

import struct
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import BinaryIO
from zlib import crc32

from sim2real_ros.bags import mcap_format as fmt
from sim2real_ros.bags.compression import compress
from sim2real_ros.bags.damage import DamageError

MAX_CHUNK_BYTES = 256 << 20

U16, U32, U64 = struct.Struct('<H'), struct.Struct('<I'), struct.Struct('<Q')


class _Chunk:
    """A chunk that is being filled."""

    def __init__(self, compression: str) -> None:
        self.compression = compression
        self.pieces: list[bytes] = []
        self.size = 0
        self.indexes: dict[int, list[tuple[int, int]]] = {}
        self.times: list[int] = []

    def add(self, *pieces: bytes) -> None:
        self.pieces += pieces
        self.size += sum(map(len, pieces))

    def note(self, channel: int, time_ns: int) -> None:
        self.indexes.setdefault(channel, []).append((time_ns, self.size))
        self.times = [min((time_ns, *self.times)), max((time_ns, *self.times))]


class McapOutput:
    """An mcap file that is being written.

    Args:
        file: Opened for writing in binary mode, empty.
    """

    def __init__(self, file: BinaryIO) -> None:
        """Write the magic bytes."""
        self._file = file
        self._offset = 0
        self._crc = 0
        self._chunk: _Chunk | None = None
        self._descriptions: dict[tuple[int, int], bytes] = {}
        self._introduced: set[tuple[int, int]] = set()
        self._chunk_indexes: list[bytes] = []
        self._attachment_indexes: list[bytes] = []
        self._metadata_indexes: list[bytes] = []
        self._counts: Counter[int] = Counter()
        self._times: list[int] = []
        self._write(fmt.MAGIC)

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._offset += len(data)
        self._crc = crc32(data, self._crc)

    def record(self, kind: int, content: bytes) -> None:
        """Copy a record that is no message, into the open chunk if there is one.

        Args:
            kind: Its code.
            content: Its bytes without code and length.
        """
        prefix = fmt.PREFIX.pack(kind, len(content))
        self.describe(kind, content)
        if kind in (fmt.SCHEMA, fmt.CHANNEL) and len(content) >= U16.size:
            self._introduced.add((kind, U16.unpack_from(content)[0]))
        if self._chunk:
            self._chunk.add(prefix, content)
            return
        if kind == fmt.METADATA:
            place = U64.pack(self._offset) + U64.pack(len(prefix) + len(content))
            # What is malformed is copied, but not put into the index.
            with suppress(DamageError):
                self._metadata_indexes.append(place + _sized(fmt.Fields(content).sized()))
        self._write(prefix + content)

    def describe(self, kind: int, content: bytes) -> None:
        """Note a schema or channel for the summary; the first with its number counts."""
        if kind in (fmt.SCHEMA, fmt.CHANNEL) and len(content) >= U16.size:
            self._descriptions.setdefault((kind, U16.unpack_from(content)[0]), content)

    def _introduce(self, kind: int, number: int) -> None:
        """Write the description of a channel or schema that was lost with a damaged chunk."""
        content = self._descriptions.get((kind, number))
        if content is None or (kind, number) in self._introduced:
            return
        if kind == fmt.CHANNEL and len(content) >= 2 * U16.size:
            self._introduce(fmt.SCHEMA, U16.unpack_from(content, U16.size)[0])
        self.record(kind, content)

    def attachment(self, length: int, blocks: Callable[[], bytes]) -> None:
        """Copy an attachment, which may be larger than memory.

        Args:
            length: Of its content.
            blocks: Gives the next bytes of it, b'' at the end.
        """
        begin = self._offset
        self._write(fmt.PREFIX.pack(fmt.ATTACHMENT, length))
        head = b''
        while block := blocks():
            if not head:
                head = block
            self._write(block)
        place = U64.pack(begin) + U64.pack(self._offset - begin)
        with suppress(DamageError):
            self._attachment_indexes.append(place + _attachment_index(head))

    def begin_chunk(self, compression: str) -> None:
        """Put the following records into a chunk."""
        self._chunk = _Chunk(compression)

    def message(self, channel: int, time_ns: int, head: bytes, raw: bytes) -> None:
        """Write a message.

        Args:
            channel: Its channel.
            time_ns: Its log time.
            head: The fields before its bytes, as in the source.
            raw: Its bytes.
        """
        self._introduce(fmt.CHANNEL, channel)
        self._counts[channel] += 1
        self._times = [min((time_ns, *self._times)), max((time_ns, *self._times))]
        prefix = fmt.PREFIX.pack(fmt.MESSAGE, len(head) + len(raw))
        if not self._chunk:
            self._write(prefix + head + raw)
            return
        self._chunk.note(channel, time_ns)
        self._chunk.add(prefix, head, raw)
        if self._chunk.size > MAX_CHUNK_BYTES:
            compression = self._chunk.compression
            self.end_chunk()
            self.begin_chunk(compression)

    def end_chunk(self) -> None:
        """Write the open chunk and its indexes."""
        chunk, self._chunk = self._chunk, None
        if not chunk or not chunk.size:
            return
        plain = b''.join(chunk.pieces)
        data = compress(chunk.compression, plain)
        start_ns, end_ns = chunk.times or (0, 0)
        compression = _sized(chunk.compression.encode())
        head = fmt.CHUNK_HEADER.pack(start_ns, end_ns, len(plain), crc32(plain))
        head += compression + U64.pack(len(data))
        begin = self._offset
        self._write(fmt.PREFIX.pack(fmt.CHUNK, len(head) + len(data)) + head)
        self._write(data)
        end = self._offset
        places = b''
        for channel, entries in chunk.indexes.items():
            places += struct.pack('<HQ', channel, self._offset)
            packed = b''.join(struct.pack('<QQ', *entry) for entry in entries)
            self.record(fmt.MESSAGE_INDEX, U16.pack(channel) + _sized(packed))
        self._chunk_indexes.append(
            struct.pack('<QQQQ', start_ns, end_ns, begin, end - begin)
            + _sized(places)
            + U64.pack(self._offset - end)
            + compression
            + struct.pack('<QQ', len(data), len(plain))
        )

    def finish(self) -> None:
        """Write what belongs at the end: summary, offsets and footer."""
        self.end_chunk()
        self.record(fmt.DATA_END, U32.pack(self._crc))
        groups = {
            fmt.SCHEMA: [c for (kind, _), c in self._descriptions.items() if kind == fmt.SCHEMA],
            fmt.CHANNEL: [c for (kind, _), c in self._descriptions.items() if kind == fmt.CHANNEL],
            fmt.STATISTICS: [self._statistics()],
            fmt.CHUNK_INDEX: self._chunk_indexes,
            fmt.ATTACHMENT_INDEX: self._attachment_indexes,
            fmt.METADATA_INDEX: self._metadata_indexes,
        }
        begin, self._crc = self._offset, 0
        offsets: list[bytes] = []
        for kind, contents in groups.items():
            place = self._offset
            for content in contents:
                self._write(fmt.PREFIX.pack(kind, len(content)) + content)
            if contents:
                offsets.append(struct.pack('<BQQ', kind, place, self._offset - place))
        offsets_begin = self._offset
        for content in offsets:
            self._write(fmt.PREFIX.pack(fmt.SUMMARY_OFFSET, len(content)) + content)
        self._write(fmt.PREFIX.pack(fmt.FOOTER, fmt.FOOTER_BODY.size))
        self._write(struct.pack('<QQ', begin, offsets_begin))
        self._write(U32.pack(self._crc) + fmt.MAGIC)

    def _statistics(self) -> bytes:
        kinds = Counter(kind for kind, _ in self._descriptions)
        counts = b''.join(struct.pack('<HQ', *item) for item in sorted(self._counts.items()))
        return struct.pack(
            '<QHIIIIQQ',
            sum(self._counts.values()),
            kinds[fmt.SCHEMA],
            kinds[fmt.CHANNEL],
            len(self._attachment_indexes),
            len(self._metadata_indexes),
            len(self._chunk_indexes),
            *(self._times or (0, 0)),
        ) + _sized(counts)


def _attachment_index(head: bytes) -> bytes:
    fields = fmt.Fields(head)
    times = fields.bytes_of(16)
    name, media_type = fields.sized(), fields.sized()
    (size,) = fields.take(U64)
    return times + U64.pack(size) + _sized(name) + _sized(media_type)


def _sized(content: bytes) -> bytes:
    return U32.pack(len(content)) + content
