"""McapRewriter: an mcap file again, with other messages."""

import struct
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from sim2real_ros.bags import mcap_format as fmt
from sim2real_ros.bags.compression import MAX_CHUNK_BYTES
from sim2real_ros.bags.damage import DamageError
from sim2real_ros.bags.mcap_file import McapFile
from sim2real_ros.bags.rewriting.mcap_output import McapOutput
from sim2real_ros.bags.rewriting.step import Offer, Step

BLOCK_BYTES = 1 << 20
DEFAULT_HEADER = struct.pack('<I4sI', 4, b'ros2', 0)


class McapRewriter:
    """Copies an mcap file record by record; implements ``Rewriter``.

    Chunks keep their borders and compression, messages their log and publish times and sequence
    numbers; schemas, channels, metadata, attachments and unknown records are copied. Made anew are
    message indexes, checksums and the summary.

    Args:
        source: The file to read.
        target: The file to write.
    """

    def __init__(self, source: McapFile, target: Path) -> None:
        """Note source and target."""
        self._source = source
        self._target = target

    def steps(self) -> Iterator[Step]:
        """Yield what is to be written."""
        file = self._target.open('xb')
        try:
            output = McapOutput(file)
            # Readers believe the summary, so the new one begins with the old one.
            for kind, content in self._source.summary.descriptions:
                output.describe(kind, content)
            headed = False
            for part in self._source.parts():
                if not headed and part.kind != fmt.HEADER:
                    yield partial(output.record, fmt.HEADER, DEFAULT_HEADER)
                headed = True
                yield from self._of_part(part, output)
            yield output.finish
            # Steps are taken later than they are yielded, so this is one of them.
            yield file.close
        except BaseException:
            file.close()
            raise

    def _of_part(self, part: fmt.Part, output: McapOutput) -> Iterator[Step]:
        length = part.end - part.body
        if part.kind == fmt.CHUNK:
            yield from self._of_chunk(part, output)
        elif part.kind == fmt.ATTACHMENT:
            yield partial(output.attachment, length, self._blocks(part))
        elif part.kind in (fmt.GAP, fmt.MESSAGE_INDEX, fmt.DATA_END, fmt.FOOTER):
            return
        elif length > MAX_CHUNK_BYTES:
            self._source.problems.add(f'the record at byte {part.begin} has {length} bytes')
        else:
            content = self._source.read_at(part.body, length)
            if part.kind == fmt.MESSAGE:
                yield from self._of_message(content, output)
            elif _is_readable(part.kind, content):
                yield partial(output.record, part.kind, content)

    def _of_chunk(self, part: fmt.Part, output: McapOutput) -> Iterator[Step]:
        span = self._source.chunk_of(part)
        buffer = self._source.content(span)
        if not buffer:
            return
        yield partial(output.begin_chunk, span.compression)
        for record in self._source.records_of(span, buffer):
            content = buffer[record.begin + fmt.PREFIX.size : record.end]
            if record.kind == fmt.MESSAGE:
                yield from self._of_message(content, output)
            elif _is_readable(record.kind, content):
                yield partial(output.record, record.kind, content)
        yield output.end_chunk

    def _of_message(self, content: bytes, output: McapOutput) -> Iterator[Step]:
        head, raw = content[: fmt.MESSAGE_HEADER.size], content[fmt.MESSAGE_HEADER.size :]
        channel, _, time_ns, _ = fmt.MESSAGE_HEADER.unpack(head)
        if channel not in self._source.connections:
            self._source.problems.add(f'messages belong to the unknown channel {channel}')
            return
        yield Offer(channel, time_ns, raw, partial(output.message, channel, time_ns, head))

    def _blocks(self, part: fmt.Part) -> Callable[[], bytes]:
        places = iter(range(part.body, part.end, BLOCK_BYTES))

        def block() -> bytes:
            begin = next(places, part.end)
            return self._source.read_at(begin, min(BLOCK_BYTES, part.end - begin))

        return block


def _is_readable(kind: int, content: bytes) -> bool:
    """Tell whether a record can be copied; damaged descriptions have been told of already."""
    try:
        if kind == fmt.SCHEMA:
            fmt.parse_schema(content)
        elif kind == fmt.CHANNEL:
            fmt.parse_channel(content)
    except DamageError:
        return False
    return True
