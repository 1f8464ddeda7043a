"""Open a database of somebody else for reading, without writing a byte beside it."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from sim2real_ros.errors import DataError

MAGIC = b'SQLite format 3\0'
JOURNALS = ('-wal', '-journal')

Row = tuple[object, ...]


class Database:
    """A read-only connection to an SQLite file that nobody vouches for.

    A killed recorder may leave a journal beside the file, without which the file is half a
    transaction. SQLite would repair the file itself, which is not ours: so file and journal are
    copied, and the copy is read. A file that was cut off is copied too, without the rest of its
    last page: SQLite would take what is missing for zeros.

    Args:
        path: The file.

    Raises:
        DataError: It is no database, or there is no room for the copy.
    """

    def __init__(self, path: Path) -> None:
        """Open it."""
        self._copies: TemporaryDirectory[str] | None = None
        with path.open('rb') as file:
            header = file.read(18)
        if not header.startswith(MAGIC) or len(header) < 18:
            raise DataError('it does not begin like an SQLite database')
        self.size = path.stat().st_size
        rest = self.size % (int.from_bytes(header[16:18], 'big') or 1)
        query = '?immutable=1'
        journals = [each for end in JOURNALS if _has_content(each := Path(f'{path}{end}'))]
        if journals or rest:
            path, query = self._copy(path, journals, self.size - rest), ''
        try:
            self._connection = sqlite3.connect(
                f'{path.absolute().as_uri()}{query}',
                uri=True,
                isolation_level=None,
                check_same_thread=False,
            )
            self._connection.text_factory = _text
            # Views, triggers and defaults of the file may not call functions with side effects.
            self._connection.execute('PRAGMA trusted_schema = OFF')
            self._connection.execute('PRAGMA query_only = ON')
        except sqlite3.Error as error:
            self.close()
            raise DataError(f'SQLite refuses it ({error})') from error

    def _copy(self, path: Path, journals: list[Path], size: int) -> Path:
        self._copies = TemporaryDirectory(prefix='sim2real-bag-')
        folder = Path(self._copies.name)
        try:
            for each in (path, *journals):
                shutil.copyfile(each, folder / each.name)
            os.truncate(folder / path.name, size)
        except OSError as error:
            self._copies.cleanup()
            raise DataError(
                f'it was not closed and must be copied to be read, but {folder.parent} refuses: '
                f'{error.strerror}. Set TMPDIR to a place with more room'
            ) from error
        return folder / path.name

    def close(self) -> None:
        """Close the database and remove copies."""
        connection: sqlite3.Connection | None = getattr(self, '_connection', None)
        if connection:
            connection.close()
        if self._copies:
            self._copies.cleanup()

    def tolerate_damage(self) -> None:
        """Let queries run on a file that is shorter than it says, or has a damaged schema.

        SQLite refuses such a file as a whole unless it may be repaired; it is not, being opened
        for reading only.
        """
        self._connection.execute('PRAGMA writable_schema = ON')

    def rows(self, query: str, values: tuple[object, ...] = ()) -> Iterator[Row]:
        """Yield the rows of a query.

        Raises:
            sqlite3.Error: The file is damaged where the query leads.
        """
        try:
            # Not `yield from`: that would close the cursor, perhaps after its database.
            for row in self._connection.execute(query, values):  # noqa: UP028
                yield row
        except (UnicodeError, OverflowError, MemoryError) as error:
            # The messages of SQLite's errors quote the file's own, undecodable text.
            raise sqlite3.DatabaseError(str(error)) from error

    def columns(self, table: str) -> set[str]:
        """List the plain columns of a plain table; nothing for a view or virtual table.

        Computed columns would run expressions of the file, so a table with such counts as none.

        Args:
            table: A name of ours.
        """
        kinds = list(
            self.rows(
                'SELECT type, sql FROM sqlite_master WHERE name = ? COLLATE NOCASE', (table,)
            )
        )
        if len(kinds) != 1 or kinds[0][0] != 'table':
            return set()
        if not str(kinds[0][1]).upper().startswith('CREATE TABLE'):
            return set()
        columns = list(self.rows(f'PRAGMA table_xinfo({table})'))
        if any(each[6] for each in columns):
            return set()
        return {str(each[1]) for each in columns}

    @contextmanager
    def patience(self) -> Iterator[None]:
        """Interrupt queries that take far more steps than the size of the file explains.

        A damaged tree of pages may lead in circles.
        """
        left = [10 + self.size // 1000]

        def is_over() -> int:
            left[0] -= 1
            return int(left[0] < 0)

        self._connection.set_progress_handler(is_over, 10_000)
        try:
            yield
        finally:
            self._connection.set_progress_handler(None, 0)


def _has_content(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False


def _text(content: bytes) -> str:
    return content.decode('utf-8', 'replace')
