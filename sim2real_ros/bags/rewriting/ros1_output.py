"""Ros1Output: write a ROS 1 bag record by record, keeping what rosbags' writer would drop.

That writer refuses two equal connections, as a publisher that reconnects leaves them, normalises
topic names and keeps no further fields of connection headers. Here records are copied, and only
chunks and index are made anew.
"""

from collections import Counter
from collections.abc import Sequence
from typing import BinaryIO

from sim2real_ros.bags import ros1_format as fmt
from sim2real_ros.bags.compression import compress

BAG_HEADER_BYTES = 4096
MAX_CHUNK_BYTES = 256 << 20


class _Chunk:
    """A chunk that is being filled."""

    def __init__(self, compression: str) -> None:
        self.compression = compression
        self.pieces: list[bytes] = []
        self.size = 0
        self.indexes: dict[int, list[bytes]] = {}
        self.times: list[int] = []

    def add(self, *pieces: bytes) -> None:
        self.pieces += pieces
        self.size += sum(map(len, pieces))


class Ros1Output:
    """A ROS 1 bag that is being written.

    Args:
        file: Opened for writing in binary mode, empty.
        order: Numbers of connections in the order for the index.
    """

    def __init__(self, file: BinaryIO, order: Sequence[int]) -> None:
        """Write the beginning, with room for the place of the index."""
        self._file = file
        self._order = {number: place for place, number in enumerate(order)}
        self._chunk: _Chunk | None = None
        self._connections: dict[int, bytes] = {}
        self._infos: list[bytes] = []
        self._file.write(fmt.MAGIC)
        self._write_bag_header(0)

    def begin_chunk(self, compression: str) -> None:
        """Put the following records into a chunk."""
        self._chunk = _Chunk(compression)

    def connection(self, number: int, record: bytes, *, into_chunk: bool = True) -> None:
        """Copy a record that describes a connection.

        Args:
            number: The connection.
            record: The whole record.
            into_chunk: Whether it stands in a chunk, too, not only in the index.
        """
        if into_chunk:
            self._connections.setdefault(number, record)
            self._open_chunk().add(record)
        else:
            # Readers believe the index.
            self._connections[number] = record

    def message(self, channel: int, time_ns: int, head: bytes, raw: bytes) -> None:
        """Write a message.

        Args:
            channel: Its connection.
            time_ns: Its time.
            head: Its record's header with the length before it, as in the source.
            raw: Its bytes.
        """
        chunk = self._open_chunk()
        entry = fmt.TIME.pack(*divmod(time_ns, 10**9)) + fmt.LENGTH.pack(chunk.size)
        chunk.indexes.setdefault(channel, []).append(entry)
        chunk.times = [min((time_ns, *chunk.times)), max((time_ns, *chunk.times))]
        chunk.add(head, fmt.LENGTH.pack(len(raw)), raw)
        if chunk.size > MAX_CHUNK_BYTES:
            self.end_chunk()
            self.begin_chunk(chunk.compression)

    def _open_chunk(self) -> _Chunk:
        if not self._chunk:
            self._chunk = _Chunk('none')
        return self._chunk

    def end_chunk(self) -> None:
        """Write the open chunk and its indexes."""
        chunk, self._chunk = self._chunk, None
        if not chunk or not chunk.size:
            return
        position = self._file.tell()
        plain = b''.join(chunk.pieces)
        header = {'compression': chunk.compression.encode(), 'size': fmt.LENGTH.pack(len(plain))}
        self._file.write(_record(fmt.CHUNK, header, compress(chunk.compression, plain)))
        for channel, entries in chunk.indexes.items():
            header = {
                'conn': fmt.LENGTH.pack(channel),
                'count': fmt.LENGTH.pack(len(entries)),
                'ver': fmt.LENGTH.pack(1),
            }
            self._file.write(_record(fmt.INDEX_DATA, header, b''.join(entries)))
        self._infos.append(_chunk_info(position, chunk))

    def finish(self) -> None:
        """Write the index, and its place into the beginning."""
        self.end_chunk()
        position = self._file.tell()
        for number in sorted(self._connections, key=lambda n: self._order.get(n, n)):
            self._file.write(self._connections[number])
        for info in self._infos:
            self._file.write(info)
        self._file.seek(len(fmt.MAGIC))
        self._write_bag_header(position)

    def _write_bag_header(self, position: int) -> None:
        header = {
            'chunk_count': fmt.LENGTH.pack(len(self._infos)),
            'conn_count': fmt.LENGTH.pack(len(self._connections)),
            'index_pos': fmt.OFFSET.pack(position),
        }
        room = BAG_HEADER_BYTES - len(_record(fmt.BAG_HEADER, header, b''))
        self._file.write(_record(fmt.BAG_HEADER, header, b' ' * room))


def _record(kind: int, header: dict[str, bytes], data: bytes) -> bytes:
    fields = sorted({**header, 'op': bytes([kind])}.items())
    packed = b''.join(
        fmt.LENGTH.pack(len(name) + 1 + len(value)) + name.encode() + b'=' + value
        for name, value in fields
    )
    return fmt.LENGTH.pack(len(packed)) + packed + fmt.LENGTH.pack(len(data)) + data


def _chunk_info(position: int, chunk: _Chunk) -> bytes:
    start_ns, end_ns = chunk.times or (0, 0)
    header = {
        'chunk_pos': fmt.OFFSET.pack(position),
        'count': fmt.LENGTH.pack(len(chunk.indexes)),
        'end_time': fmt.TIME.pack(*divmod(end_ns, 10**9)),
        'start_time': fmt.TIME.pack(*divmod(start_ns, 10**9)),
        'ver': fmt.LENGTH.pack(1),
    }
    counts = Counter({channel: len(entries) for channel, entries in chunk.indexes.items()})
    data = b''.join(fmt.LENGTH.pack(c) + fmt.LENGTH.pack(n) for c, n in counts.items())
    return _record(fmt.CHUNK_INFO, header, data)
