"""Ros1Rewriter: a ROS 1 bag again, with other messages."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from sim2real_ros.bags import ros1_format as fmt
from sim2real_ros.bags.damage import DamageError
from sim2real_ros.bags.records import Record
from sim2real_ros.bags.rewriting.ros1_output import Ros1Output
from sim2real_ros.bags.rewriting.step import Offer, Step
from sim2real_ros.bags.ros1_file import Ros1File


class Ros1Rewriter:
    """Copies a ROS 1 bag record by record; implements ``Rewriter``.

    Chunks keep their borders and compression. Connection records are copied with everything in
    them (callerid, latching ...), messages with their headers. Made anew is the index.

    Args:
        source: The file to read.
        target: The file to write.
    """

    def __init__(self, source: Ros1File, target: Path) -> None:
        """Note source and target."""
        self._source = source
        self._target = target

    def steps(self) -> Iterator[Step]:
        """Yield what is to be written."""
        file = self._target.open('xb')
        try:
            output = Ros1Output(file, list(self._source.connections))
            for part in self._source.parts():
                if part.kind == fmt.CHUNK:
                    yield output.end_chunk
                    yield from self._of_chunk(part, output)
                elif part.kind in (fmt.MESSAGE, fmt.CONNECTION):
                    # Outside chunks: the index, or the chunk that a killed recorder left open.
                    buffer = self._source.read_at(part.begin, part.end - part.begin)
                    yield from self._of_records(
                        buffer, output, self._source.is_in_index(part.begin)
                    )
            yield output.finish
            # Steps are taken later than they are yielded, so this is one of them.
            yield file.close
        except BaseException:
            file.close()
            raise

    def _of_chunk(self, part: fmt.Part, output: Ros1Output) -> Iterator[Step]:
        span = self._source.chunk_of(part)
        buffer = self._source.content(span)
        if not buffer:
            return
        yield partial(output.begin_chunk, span.compression)
        for record in self._source.records_of(span, buffer):
            yield from self._of_record(record, buffer, output, in_index=False)
        yield output.end_chunk

    def _of_records(self, buffer: bytes, output: Ros1Output, in_index: bool) -> Iterator[Step]:
        try:
            for record in self._source.records(buffer):
                yield from self._of_record(record, buffer, output, in_index=in_index)
        except DamageError as damage:
            self._source.problems.add(str(damage))

    def _of_record(
        self, record: Record, buffer: bytes, output: Ros1Output, *, in_index: bool
    ) -> Iterator[Step]:
        if record.kind == fmt.CONNECTION:
            try:
                header = fmt.parse_header(buffer[record.begin + 4 : record.body - 4])
                number = fmt.number(header, b'conn')
                fmt.parse_header(buffer[record.body : record.end])
            except DamageError as damage:
                self._source.problems.add(f'a description of a connection is damaged: {damage}')
                return
            whole = buffer[record.begin : record.end]
            yield partial(output.connection, number, whole, into_chunk=not in_index)
        elif record.kind == fmt.MESSAGE and record.channel in self._source.connections:
            head = buffer[record.begin : record.body - 4]
            write = partial(output.message, record.channel, record.time_ns, head)
            raw = buffer[record.body : record.end]
            yield Offer(record.channel, record.time_ns, raw, write)
