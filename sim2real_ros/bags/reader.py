"""open_bag: one way to read every bag."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sim2real_ros.bags.compression import ZSTD_MAGIC, decompress
from sim2real_ros.bags.connection import IMAGE_TYPES, BagConnection, BagMessage
from sim2real_ros.bags.damage import DamageError, reason_of
from sim2real_ros.bags.open_storage import open_storage
from sim2real_ros.bags.packages import check_packages
from sim2real_ros.bags.rosbag2_folder import data_files, holds_bag
from sim2real_ros.bags.storage import Storage, StoredConnection
from sim2real_ros.errors import DataError

BAG_SUFFIXES = ('.bag', '.bag.active', '.mcap', '.db3', '.mcap.zstd', '.db3.zstd')


class BagReader:
    """A bag that is open for reading; use ``open_bag``.

    Attributes:
        path: What was opened.
        ros_version: 1 or 2.
        connections: What was recorded, in the order of the bag.
        problems: What was damaged or lost, one sentence each; grows while messages are read.
        start_ns: Time of the first message; None where it is unknown or there is none.
        end_ns: Time of the last message, itself included.
        types: Deserialises messages.
        files: The files of the bag, in the order of recording.
        storages: The same, open.
        channels: For each file, indexes of ``connections`` by the file's own numbers.
    """

    def __init__(self, path: Path, files: Mapping[Path, Storage], problems: list[str]) -> None:
        """Take open files, in the order of recording."""
        # rosbags is not needed by those who read no bags.
        from sim2real_ros.bags.message_types import MessageTypes

        storages = list(files.values())
        self.path = path
        self.files = list(files)
        self.problems = problems
        self.types = MessageTypes()
        self.storages = storages
        self.ros_version = storages[0].ros_version
        self.channels, self.connections = _merged(storages)
        starts = [each.start_ns for each in storages if each.start_ns is not None]
        ends = [each.end_ns for each in storages if each.end_ns is not None]
        self.start_ns: int | None = min(starts, default=None)
        self.end_ns: int | None = max(ends, default=None)

    def messages(
        self,
        connections: Collection[BagConnection] | None = None,
        start_ns: int | None = None,
        stop_ns: int | None = None,
    ) -> Iterator[BagMessage]:
        """Yield messages in the order of recording: file after file, and by time within each.

        Args:
            connections: The ones to read; None for all.
            start_ns: Only messages recorded at or after this time.
            stop_ns: Only messages recorded before this time.

        Yields:
            Readable messages; what is lost to damage is told in ``problems``.
        """
        chosen = self.connections if connections is None else connections
        ids = {each.id for each in chosen}
        for storage, channels in zip(self.storages, self.channels, strict=True):
            wanted = {channel for channel, index in channels.items() if index in ids}
            if not wanted:
                continue
            for channel, recorded_ns, raw in storage.messages(wanted, start_ns, stop_ns):
                connection = self.connections[channels[channel]]
                try:
                    plain = plain_message(connection, raw)
                except DamageError as damage:
                    self.tell(f'A message on {connection.topic!r} {damage}; it is left out.')
                    continue
                yield BagMessage(connection, recorded_ns, plain)

    def tell(self, sentence: str) -> None:
        """Add to ``problems``, each sentence once."""
        if sentence not in self.problems:
            self.problems.append(sentence)

    def deserialize(self, message: BagMessage) -> Any:
        """Return a message as an object with the fields of its type, ROS 1 or ROS 2.

        Raises:
            DataError: The bytes are damaged, or the type is unknown or not safe to use.
        """
        return self.types.deserialize(message)

    def serialize(self, connection: BagConnection, message: Any) -> bytes:
        """Return the bytes of a message object of the connection's type.

        Raises:
            DataError: The object has not the fields of that type.
        """
        return self.types.serialize(connection, message)


def plain_message(connection: BagConnection, raw: bytes) -> bytes:
    """Undo rosbag2's compression of single messages.

    Whether a bag has it is said only in metadata.yaml, which may be missing or wrong. But CDR
    begins with a zero byte, and zstd never does.

    Raises:
        DamageError: The compressed bytes are damaged.
    """
    if connection.serialization != 'cdr' or not raw.startswith(ZSTD_MAGIC):
        return raw
    plain, whole = decompress('zstd', raw)
    if not whole:
        raise DamageError('ends within its compressed bytes')
    return plain


def _merged(
    storages: Sequence[Storage],
) -> tuple[list[dict[int, int]], tuple[BagConnection, ...]]:
    """Find the connections that go on from file to file.

    Returns:
        For each file, indexes of connections by the file's own numbers; and the connections.
    """
    found: dict[tuple[StoredConnection, int], int] = {}
    counts: list[int | None] = []
    channels: list[dict[int, int]] = []
    for storage in storages:
        seen: Counter[StoredConnection] = Counter()
        numbers: dict[int, int] = {}
        for channel, connection in storage.connections.items():
            key = (connection, seen[connection])
            seen[connection] += 1
            index = numbers[channel] = found.setdefault(key, len(found))
            counts += [0] * (index + 1 - len(counts))
            known, total = storage.counts, counts[index]
            if known is None or total is None:
                counts[index] = None
            else:
                counts[index] = total + known.get(channel, 0)
        channels.append(numbers)
    return channels, tuple(
        BagConnection(
            index,
            each.topic,
            each.msgtype,
            counts[index],
            each.qos,
            each.serialization,
            each.definition,
            each.definition_format,
            each.latching,
        )
        for (each, _), index in found.items()
    )


def accepts_bag(path: Path) -> bool:
    """Tell from name and kind of file alone whether ``open_bag`` would try.

    Accepted are files by their suffix, folders with a ``metadata.yaml``, and folders with nothing
    but ``.mcap`` or ``.db3`` files in them.
    """
    if path.is_dir():
        return holds_bag(path)
    return path.name.lower().endswith(BAG_SUFFIXES)


@contextmanager
def open_bag(path: str | Path) -> Iterator[BagReader]:
    """Open a ROS 1 ``.bag``, a rosbag2 folder, or a bare ``.mcap`` or ``.db3``.

    A damaged bag is opened too, if anything of it can be read; ``problems`` says what is lost.

    Raises:
        DataError: It cannot be read at all, or a package is missing.
    """
    check_packages()
    path = Path(path)
    problems: list[str] = []
    with ExitStack() as stack:
        yield BagReader(path, _open_files(path, problems, stack), problems)


def _open_files(path: Path, problems: list[str], stack: ExitStack) -> dict[Path, Storage]:
    folder = Path(stack.enter_context(TemporaryDirectory(prefix='sim2real-bag-')))
    refused = ''
    storages: dict[Path, Storage] = {}
    try:
        files = data_files(path, problems) if path.is_dir() else [path]
        for file in files:
            try:
                storage = open_storage(file, problems, folder)
            except DataError as error:
                refused = reason_of(error)
                problems.append(f'{file.name}: {refused}; the whole file is left out.')
                continue
            stack.callback(storage.close)
            storages[file] = storage
    except (DataError, OSError) as error:
        refused = reason_of(error)
    if storages:
        return storages
    raise DataError(
        f'Cannot read the bag {str(path)!r}: {refused}. Expected a ROS 1 .bag, or a ROS 2 .mcap, '
        '.db3 or their folder.'
    )


def image_connections(reader: BagReader) -> tuple[BagConnection, ...]:
    """Pick the connections that carry camera images, raw or compressed.

    ``compressedDepth`` topics are left out: they carry distances behind a private header.
    """
    return tuple(
        each
        for each in reader.connections
        if each.msgtype in IMAGE_TYPES and not each.topic.endswith('compressedDepth')
    )
