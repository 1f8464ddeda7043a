"""The records of ROS 1 bags, version 2.0, after http://wiki.ros.org/Bags/Format/2.0."""

import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from sim2real_ros.bags.damage import DamageError
from sim2real_ros.bags.records import Record

MAGIC = b'#ROSBAG V2.0\n'
MESSAGE, BAG_HEADER, INDEX_DATA, CHUNK, CHUNK_INFO, CONNECTION = range(2, 8)
GAP = -1

MAX_HEADER_BYTES = 1 << 20
MAX_DESCRIPTION_BYTES = 16 << 20

LENGTH = struct.Struct('<L')
OFFSET = struct.Struct('<Q')
TIME = struct.Struct('<LL')

Header = dict[bytes, bytes]


class Part(NamedTuple):
    """A record of the file, found by walking; ``end`` may lie behind the end of the file."""

    kind: int
    begin: int
    body: int
    end: int
    header: Header


def parse_header(content: bytes) -> Header:
    """Parse ``name=value`` fields, each preceded by its length.

    Raises:
        DamageError: They are none.
    """
    header: Header = {}
    position, total = 0, len(content)
    while position < total:
        if position + 4 > total:
            raise DamageError('a header ends within a field')
        (length,) = LENGTH.unpack_from(content, position)
        position += 4
        name, equals, value = content[position : position + length].partition(b'=')
        if position + length > total or not equals:
            raise DamageError('there is no header')
        header[name] = value
        position += length
    return header


def number(header: Header, name: bytes, form: struct.Struct = LENGTH) -> int:
    """Return the number in a field of a header.

    Raises:
        DamageError: There is none.
    """
    value = header.get(name, b'')
    if len(value) != form.size:
        raise DamageError(f'a header without {name.decode()!r}')
    return int(form.unpack(value)[0])


def time_of(header: Header) -> int:
    """Return the time in a header, in nanoseconds.

    Raises:
        DamageError: There is none.
    """
    value = header.get(b'time', b'')
    if len(value) != TIME.size:
        raise DamageError('a message without time')
    seconds, nanoseconds = TIME.unpack(value)
    return int(seconds) * 10**9 + int(nanoseconds)


def kind_of(header: Header) -> int:
    """Return the code of a record.

    Raises:
        DamageError: There is none.
    """
    value = header.get(b'op', b'')
    if len(value) != 1:
        raise DamageError('there is no record')
    return value[0]


def records(buffer: bytes) -> Iterator[Record]:
    """Yield the records of a chunk, or of a part of the file outside chunks.

    Raises:
        DamageError: They end in the middle of one, or are none.
    """
    position, total = 0, len(buffer)
    while position < total:
        if position + 4 > total:
            raise DamageError('it ends within a record')
        (length,) = LENGTH.unpack_from(buffer, position)
        body = position + 4 + length + 4
        if body > total:
            raise DamageError('it ends within a record')
        header = parse_header(buffer[position + 4 : body - 4])
        end = body + LENGTH.unpack_from(buffer, body - 4)[0]
        if end > total:
            raise DamageError('it ends within a record')
        kind = kind_of(header)
        if kind == MESSAGE:
            channel = number(header, b'conn')
            yield Record(kind, position, body, end, channel, time_of(header))
        elif kind == CHUNK:
            raise DamageError('a chunk within a chunk')
        else:
            yield Record(kind, position, body, end)
        position = end


def next_part(file: BinaryIO, begin: int) -> Part:
    """Read the header of the record at an offset of the file.

    Args:
        file: The file.
        begin: The offset.

    Raises:
        DamageError: There is no record.
    """
    file.seek(begin)
    (length,) = LENGTH.unpack(_exactly(file, 4))
    if length > MAX_HEADER_BYTES:
        raise DamageError('there is no record')
    header = parse_header(_exactly(file, length))
    (data_length,) = LENGTH.unpack(_exactly(file, 4))
    body = begin + 4 + length + 4
    return Part(kind_of(header), begin, body, body + data_length, header)


def _exactly(file: BinaryIO, length: int) -> bytes:
    found = file.read(length)
    if len(found) < length:
        raise DamageError('it ends within a record')
    return found
