"""SqliteRewriter: a .db3 file again, with other messages."""

import sqlite3
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from sim2real_ros.bags.rewriting.step import Offer, Step
from sim2real_ros.bags.sqlite_file import SqliteFile

COLUMNS = {
    'schema': {'schema_version': 'INTEGER PRIMARY KEY', 'ros_distro': 'TEXT NOT NULL'},
    'metadata': {
        'id': 'INTEGER PRIMARY KEY',
        'metadata_version': 'INTEGER NOT NULL',
        'metadata': 'TEXT NOT NULL',
    },
    'topics': {
        'id': 'INTEGER PRIMARY KEY',
        'name': 'TEXT NOT NULL',
        'type': 'TEXT NOT NULL',
        'serialization_format': 'TEXT NOT NULL',
        'offered_qos_profiles': 'TEXT NOT NULL',
        'type_description_hash': 'TEXT NOT NULL',
    },
    'message_definitions': {
        'id': 'INTEGER PRIMARY KEY',
        'topic_type': 'TEXT NOT NULL',
        'encoding': 'TEXT NOT NULL',
        'encoded_message_definition': 'TEXT NOT NULL',
        'type_description_hash': 'TEXT NOT NULL',
    },
    'messages': {
        'id': 'INTEGER PRIMARY KEY',
        'topic_id': 'INTEGER NOT NULL',
        'timestamp': 'INTEGER NOT NULL',
        'data': 'BLOB NOT NULL',
    },
}
"""The tables of rosbag2, versions 1 to 4 of its schema; older ones lack some."""


class SqliteRewriter:
    """Copies a .db3 file row by row; implements ``Rewriter``.

    The new file has the tables of rosbag2 with the columns that the source has, and nothing else:
    SQL of the source is never executed. Ids stay.

    Args:
        source: The file to read.
        target: The file to write.
    """

    def __init__(self, source: SqliteFile, target: Path) -> None:
        """Note source and target."""
        self._source = source
        self._target = target

    def steps(self) -> Iterator[Step]:
        """Yield what is to be written."""
        # The steps are taken by another generator, possibly in another thread.
        output = sqlite3.connect(str(self._target), isolation_level=None, check_same_thread=False)
        try:
            yield partial(self._begin, output)
            for time_ns, number in self._source.keys_by_id():
                message = self._source.fetch(number, time_ns)
                if message:
                    write = partial(_insert, output, number, message.channel, time_ns)
                    yield Offer(message.channel, time_ns, message.raw, write)
            self._source.tell_lost()
            yield partial(_finish, output)
        except BaseException:
            output.close()
            raise

    def _begin(self, output: sqlite3.Connection) -> None:
        # Nobody reads the file before it is complete, and half of it is thrown away.
        output.execute('PRAGMA journal_mode = OFF')
        output.execute('PRAGMA synchronous = OFF')
        output.execute('BEGIN')
        for table, columns in COLUMNS.items():
            present = self._source.database.columns(table)
            names = [name for name in columns if name in present]
            if not names:
                continue
            body = ', '.join(f'{name} {columns[name]}' for name in names)
            output.execute(f'CREATE TABLE {table}({body})')
            if table != 'messages':
                self._copy(output, table, names)
        output.execute('CREATE INDEX timestamp_idx ON messages (timestamp ASC)')

    def _copy(self, output: sqlite3.Connection, table: str, names: list[str]) -> None:
        marks = ', '.join('?' * len(names))
        query = f'SELECT {", ".join(names)} FROM {table} ORDER BY {names[0]}'
        try:
            for row in self._source.database.rows(query):
                output.execute(f'INSERT INTO {table}({", ".join(names)}) VALUES ({marks})', row)
        except sqlite3.DatabaseError as error:
            self._source.problems.add(f'the table {table!r} is damaged ({error})')


def _insert(
    output: sqlite3.Connection, number: int, channel: int, time_ns: int, raw: bytes
) -> None:
    output.execute('INSERT INTO messages VALUES (?, ?, ?, ?)', (number, channel, time_ns, raw))


def _finish(output: sqlite3.Connection) -> None:
    output.execute('COMMIT')
    output.close()
