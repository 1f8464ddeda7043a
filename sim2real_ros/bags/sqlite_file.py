"""SqliteFile: read a .db3 file of rosbag2, also where its pages are damaged."""

import sqlite3
from collections import Counter
from collections.abc import Iterator, Set
from pathlib import Path

from sim2real_ros.bags.compression import MAX_CHUNK_BYTES
from sim2real_ros.bags.damage import DamageError, Problems, reason_of
from sim2real_ros.bags.sqlite_database import Database
from sim2real_ros.bags.storage import StoredConnection, StoredMessage
from sim2real_ros.errors import DataError

FORMATS = {'ros2msg': 'msg', 'ros2idl': 'idl'}
MAX_PROBES = 64

Key = tuple[int, int]


class SqliteFile:
    """A .db3 file, open for reading; implements ``Storage``.

    First the small (time, id) pairs are listed, then each message is fetched on its own: so one
    damaged page costs the messages on it and no others.

    Args:
        path: The file; journals beside it are taken into account.
        problems: Where damage is told.

    Raises:
        DataError: It is no database of rosbag2.
    """

    ros_version = 2

    def __init__(self, path: Path, problems: Problems) -> None:
        """Open it and read the topics."""
        self.path = path
        self.problems = problems
        self.database = Database(path)
        self.counts: Counter[int] | None = None
        self.start_ns: int | None = None
        self.end_ns: int | None = None
        self._lost: list[str] = []
        self._lost_count = 0
        try:
            with self.database.patience():
                try:
                    self.connections = self._connections()
                except sqlite3.Error as error:
                    self.database.tolerate_damage()
                    self.connections = self._connections()
                    self.problems.add(f'it is damaged or cut off ({reason_of(error)})')
                self._look_over()
        except sqlite3.Error as error:
            self.close()
            raise DataError(f'SQLite cannot read its topics ({error})') from error
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file and remove temporary ones."""
        self.database.close()

    def _connections(self) -> dict[int, StoredConnection]:
        columns = self.database.columns('topics')
        if not {'id', 'name', 'type', 'serialization_format'} <= columns:
            raise DataError('it is no rosbag2: the table "topics" is missing or another one')
        if not {'id', 'topic_id', 'timestamp', 'data'} <= self.database.columns('messages'):
            raise DataError('it is no rosbag2: the table "messages" is missing or another one')
        definitions = self._definitions()
        qos = 'offered_qos_profiles' if 'offered_qos_profiles' in columns else "''"
        found: dict[int, StoredConnection] = {}
        for number, name, msgtype, form, profiles in self.database.rows(
            f'SELECT id, name, type, serialization_format, {qos} FROM topics ORDER BY id'
        ):
            if not isinstance(number, int):
                continue
            definition, encoding = definitions.get(str(msgtype), ('', ''))
            found[number] = StoredConnection(
                str(name), str(msgtype), str(profiles or ''), str(form), definition, encoding
            )
        return found

    def _definitions(self) -> dict[str, tuple[str, str]]:
        needed = {'topic_type', 'encoded_message_definition', 'encoding'}
        if not needed <= self.database.columns('message_definitions'):
            return {}
        rows = self.database.rows(
            'SELECT topic_type, encoded_message_definition, encoding FROM message_definitions'
        )
        try:
            return {str(a): (str(b), FORMATS.get(str(c), '')) for a, b, c in rows}
        except sqlite3.Error as error:
            self.problems.add(f'the message definitions are damaged ({error})')
            return {}

    def _look_over(self) -> None:
        """Count the messages and find the first and last time, if the pages allow it."""
        try:
            counts: Counter[int] = Counter()
            for number, count in self.database.rows(
                'SELECT topic_id, COUNT(*) FROM messages GROUP BY topic_id'
            ):
                if isinstance(number, int) and isinstance(count, int):
                    counts[number] = count
            ((first, last),) = self.database.rows(
                'SELECT MIN(timestamp), MAX(timestamp) FROM messages'
            )
        except sqlite3.Error:
            # Reading tells what exactly is damaged.
            return
        self.counts = counts
        if isinstance(first, int) and isinstance(last, int):
            self.start_ns, self.end_ns = first, last

    def messages(
        self, channels: Set[int], start_ns: int | None, stop_ns: int | None
    ) -> Iterator[StoredMessage]:
        """Yield the readable messages of some connections in the order of time.

        Where the order cannot be read any more, the rest comes in the order of the file.
        """
        try:
            for time_ns, number in self._keys():
                if start_ns is not None and time_ns < start_ns:
                    continue
                if stop_ns is not None and time_ns >= stop_ns:
                    continue
                message = self.fetch(number, time_ns)
                if message and message.channel in channels:
                    yield message
        finally:
            self.tell_lost()

    def fetch(self, number: int, time_ns: int) -> StoredMessage | None:
        """Read one message; None where it is damaged, which ``tell_lost`` tells later.

        Args:
            number: Its id.
            time_ns: Its time.
        """
        try:
            found = self._fetch(number, time_ns)
        except (sqlite3.Error, DamageError) as error:
            self._lost.append(f'number {number}: {reason_of(error)}')
            # The first ones say enough.
            self._lost_count += 1
            del self._lost[3:]
            return None
        return found

    def _fetch(self, number: int, time_ns: int) -> StoredMessage:
        values = (number,)
        head = list(
            self.database.rows('SELECT topic_id, length(data) FROM messages WHERE id = ?', values)
        )
        if len(head) != 1:
            raise DamageError('it is in the index only')
        channel, length = head[0]
        if not isinstance(channel, int) or channel not in self.connections:
            raise DamageError(f'it belongs to the unknown topic {channel!r}')
        if not isinstance(length, int) or length > MAX_CHUNK_BYTES:
            raise DamageError(f'it has {length} bytes')
        ((raw,),) = self.database.rows('SELECT data FROM messages WHERE id = ?', values)
        if not isinstance(raw, bytes):
            raise DamageError(f'it is {type(raw).__name__} instead of bytes')
        return StoredMessage(channel, time_ns, raw)

    def tell_lost(self) -> None:
        """Tell how many messages could not be read since the last time."""
        if self._lost_count:
            self.problems.add(
                f'{self._lost_count} messages are damaged ({"; ".join(self._lost)} ...)'
            )
        self._lost, self._lost_count = [], 0

    def _keys(self) -> Iterator[Key]:
        """Yield time and id of every message in the order of time."""
        last: Key = (-(1 << 63), -(1 << 63))
        query = 'SELECT timestamp, id FROM messages ORDER BY timestamp, id'
        try:
            for key in self._checked(query, ()):
                if key <= last:
                    raise sqlite3.DatabaseError('the index leads in circles')
                yield key
                last = key
        except sqlite3.Error as error:
            self.problems.add(f'the order of the messages is damaged ({reason_of(error)})')
            yield from (key for key in self.keys_by_id() if key > last)

    def keys_by_id(self, after: int = -(1 << 63)) -> Iterator[Key]:
        """Yield time and id in the order of the ids, leaping over what is damaged."""
        step = 0
        while step < MAX_PROBES:
            query = 'SELECT timestamp, id FROM messages WHERE id > ? ORDER BY id'
            try:
                for key in self._checked(query, (after,)):
                    if key[1] <= after:
                        raise sqlite3.DatabaseError('the pages lead in circles')
                    after, step = key[1], 0
                    yield key
            except sqlite3.Error as error:
                self.problems.add(f'messages after number {after} are damaged ({error})')
                after = max(after, 0) + (1 << step)
                step += 1
                if after >= 1 << 63:
                    return
            else:
                return

    def _checked(self, query: str, values: tuple[object, ...]) -> Iterator[Key]:
        for time_ns, number in self.database.rows(query, values):
            if isinstance(time_ns, int) and isinstance(number, int):
                yield time_ns, number
            else:
                self.problems.add(f'a message has the time {time_ns!r}')
