"""The summary at the end of an mcap file, where there is one."""

import struct
from typing import BinaryIO, NamedTuple
from zlib import crc32

from sim2real_ros.bags.damage import DamageError
from sim2real_ros.bags.mcap_format import (
    CHANNEL,
    CHUNK_INDEX,
    FOOTER,
    FOOTER_BODY,
    MAGIC,
    PREFIX,
    SCHEMA,
    Fields,
    records,
)

MAX_SUMMARY_BYTES = 1 << 30
FOOTER_BYTES = PREFIX.size + FOOTER_BODY.size + len(MAGIC)


class McapSummary(NamedTuple):
    """What the summary repeats of the file.

    Attributes:
        descriptions: (kind, content) of its schema and channel records.
        chunk_offsets: Where it says that chunks begin, ascending.
    """

    descriptions: list[tuple[int, bytes]]
    chunk_offsets: list[int]


def read_summary(file: BinaryIO, size: int) -> McapSummary:
    """Read the summary; an empty one where there is none that can be trusted.

    Args:
        file: The file.
        size: Its bytes.
    """
    start = size - FOOTER_BYTES
    if start < len(MAGIC):
        return McapSummary([], [])
    file.seek(start)
    footer = file.read(FOOTER_BYTES)
    kind, length = PREFIX.unpack_from(footer)
    if kind != FOOTER or length != FOOTER_BODY.size or footer[-len(MAGIC) :] != MAGIC:
        return McapSummary([], [])
    summary_start, _, crc = FOOTER_BODY.unpack_from(footer, PREFIX.size)
    if not len(MAGIC) <= summary_start <= start or start - summary_start > MAX_SUMMARY_BYTES:
        return McapSummary([], [])
    file.seek(summary_start)
    content = file.read(start - summary_start)
    # The checksum covers the footer too, up to the checksum itself.
    if crc and crc32(footer[: PREFIX.size + 16], crc32(content)) != crc:
        return McapSummary([], [])
    try:
        return _parse(content)
    except DamageError:
        return McapSummary([], [])


def _parse(content: bytes) -> McapSummary:
    descriptions: list[tuple[int, bytes]] = []
    offsets: list[int] = []
    for record in records(content):
        body = content[record.body : record.end]
        if record.kind in (SCHEMA, CHANNEL):
            descriptions.append((record.kind, body))
        elif record.kind == CHUNK_INDEX:
            offsets.append(Fields(body).take(struct.Struct('<QQQ'))[2])
    return McapSummary(descriptions, sorted(offsets))
