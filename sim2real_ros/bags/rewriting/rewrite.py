"""rewrite_bag: the same bag again, with other messages, complete or not at all."""

import sqlite3
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

from sim2real_ros.bags.compression import ZSTD_MAGIC, compress, compress_file
from sim2real_ros.bags.connection import BagMessage
from sim2real_ros.bags.damage import DamageError
from sim2real_ros.bags.mcap_file import McapFile
from sim2real_ros.bags.reader import BagReader, open_bag, plain_message
from sim2real_ros.bags.rewriting.mcap_rewriter import McapRewriter
from sim2real_ros.bags.rewriting.metadata import FileTotals, write_metadata
from sim2real_ros.bags.rewriting.paired import MessageOrStep, Offered, written_in_order
from sim2real_ros.bags.rewriting.ros1_rewriter import Ros1Rewriter
from sim2real_ros.bags.rewriting.sqlite_rewriter import SqliteRewriter
from sim2real_ros.bags.rewriting.step import Offer, Rewriter
from sim2real_ros.bags.rewriting.target import complete_or_not
from sim2real_ros.bags.ros1_file import Ros1File
from sim2real_ros.bags.sqlite_file import SqliteFile
from sim2real_ros.bags.storage import Storage
from sim2real_ros.errors import DataError

Change = Callable[[Iterator[BagMessage]], Iterator[BagMessage]]


def rewrite_bag(
    source: str | Path, target: str | Path, change: Change, *, force: bool = False
) -> tuple[str, ...]:
    """Write a bag again, with some of its messages changed.

    Kept are the storage, its compression (of chunks, messages and files), the split into files
    with their names, connections, QoS profiles, message definitions, the order of the messages in
    the file and their times, sequence numbers, and what metadata.yaml says besides counts. Of a
    damaged bag all that can be read is written, into a bag that is whole again.

    Args:
        source: The bag to read; a file or a folder.
        target: The bag to write; of the same kind.
        change: Gets the messages in the order of the file, and yields them in the same order,
            with other ``raw``. It may read ahead, and leave messages out.
        force: Whether to replace a target that exists.

    Returns:
        What was damaged in the source, one sentence each.

    Raises:
        DataError: The source cannot be read, the target exists or cannot be written, or ``change``
            yields messages that it was not given.
    """
    source, target = Path(source), Path(target)
    with open_bag(source) as reader, complete_or_not(source, target, force=force) as draft:
        if source.is_dir():
            draft.mkdir()
            outputs = [draft / file.name for file in reader.files]
        else:
            outputs = [draft]
        totals = [FileTotals() for _ in outputs]
        try:
            with closing(_steps(reader, outputs, totals)) as steps:
                written_in_order(steps, change)
        except sqlite3.Error as error:
            raise DataError(f'Cannot write {str(target)!r}: {error}.') from error
        if source.is_dir():
            write_metadata(reader, draft, totals)
        return tuple(reader.problems)


def _steps(
    reader: BagReader, outputs: list[Path], totals: list[FileTotals]
) -> Generator[MessageOrStep, None, None]:
    """Yield the steps of all files, one after the other."""
    files = zip(reader.files, reader.storages, reader.channels, outputs, totals, strict=True)
    for file, storage, channels, output, total in files:
        compressed = _is_compressed(file)
        plain = output.with_name(f'{output.name}.plain') if compressed else output
        for step in _rewriter(storage, plain).steps():
            if not isinstance(step, Offer):
                yield step
                continue
            index = channels[step.channel]
            offer = step._replace(write=partial(_counted, total, index, step))
            found = _opened(reader, index, offer)
            if found:
                yield found
        if compressed:
            yield partial(compress_file, plain, output)


def _is_compressed(file: Path) -> bool:
    with file.open('rb') as opened:
        return opened.read(len(ZSTD_MAGIC)) == ZSTD_MAGIC


def _rewriter(storage: Storage, target: Path) -> Rewriter:
    if isinstance(storage, McapFile):
        return McapRewriter(storage, target)
    if isinstance(storage, Ros1File):
        return Ros1Rewriter(storage, target)
    if isinstance(storage, SqliteFile):
        return SqliteRewriter(storage, target)
    raise DataError(f'There is no way to write a {type(storage).__name__}.')


def _counted(total: FileTotals, index: int, step: Offer, raw: bytes) -> None:
    total.count(index, step.recorded_ns)
    step.write(raw)


def _opened(reader: BagReader, index: int, offer: Offer) -> Offered | None:
    """Undo the compression of a single message, and see to it that it is compressed again."""
    connection = reader.connections[index]
    try:
        plain = plain_message(connection, offer.raw)
    except DamageError as damage:
        reader.tell(f'A message on {connection.topic!r} {damage}; it is left out.')
        return None
    message = BagMessage(connection, offer.recorded_ns, plain)
    if plain is offer.raw:
        return Offered(message, offer.write)

    def write(raw: bytes) -> None:
        offer.write(offer.raw if raw == plain else compress('zstd', raw))

    return Offered(message, write)
