"""Write a rosbag2 that is either complete or not there.

Knows the bag format and nothing of a running ROS. The bag grows in a folder beside its final
place and is moved there when it is closed; a killed program leaves the folder `<name>.partial`.
"""

import shutil
from pathlib import Path
from typing import Final

from rosbags.interfaces import Connection
from rosbags.rosbag2 import StoragePlugin, Writer

from sim2real_ros.errors import DataError
from sim2real_ros.ros.bags.offered_qos import OfferedQos
from sim2real_ros.ros.bags.type_definitions import TypeDefinitions

STORAGES = {'mcap': StoragePlugin.MCAP, 'sqlite3': StoragePlugin.SQLITE3}
# The newest metadata that ROS 2 Humble to Jazzy all read.
FORMAT_VERSION: Final = 8


class BagStore:
    """A new rosbag2 folder."""

    def __init__(self, path: Path, storage: str = 'mcap') -> None:
        """Create the unfinished bag.

        Args:
            path: Folder to write; its parent is created.
            storage: `mcap` or `sqlite3`.

        Raises:
            DataError: The path exists, an unfinished bag is in the way, or the disk refuses.
        """
        self.path = path
        self.partial = path.with_name(f'{path.name}.partial')
        self.counts: dict[str, int] = {}
        self._closed = False
        self._types = TypeDefinitions()
        self._connections: dict[str, Connection] = {}
        if storage not in STORAGES:
            raise DataError(f'The storage is {storage!r}; expected one of {list(STORAGES)}.')
        refuse_existing(path, self.partial)
        try:
            self.partial.mkdir(parents=True)
            # Named like the final folder, because the files inside take their names from it.
            self._writer = Writer(
                self.partial / path.name,
                version=FORMAT_VERSION,
                storage_plugin=STORAGES[storage],
            )
            self._writer.open()
        except Exception as error:
            raise DataError(f'Cannot write the bag {str(path)!r}: {error}') from error

    def add_topic(self, name: str, msgtype: str, qos: OfferedQos) -> None:
        """Make a topic known; it is in the bag even if no message follows.

        Args:
            name: Absolute topic name.
            msgtype: Message type.
            qos: What its publishers offer.

        Raises:
            DataError: There is no definition of the type.
        """
        self._types.learn(msgtype)
        try:
            self._connections[name] = self._writer.add_connection(
                name,
                msgtype,
                typestore=self._types.store,
                offered_qos_profiles=[qos.to_recorded()],
            )
        except Exception as error:
            raise DataError(f'Cannot record {name!r} ({msgtype}): {error}') from error
        self.counts[name] = 0

    def write(self, name: str, stamp_ns: int, cdr: bytes) -> None:
        """Add a message.

        Args:
            name: Topic given to `add_topic`.
            stamp_ns: When it was received.
            cdr: Serialized message.

        Raises:
            DataError: The disk refuses.
        """
        try:
            self._writer.write(self._connections[name], stamp_ns, cdr)
        except Exception as error:
            raise DataError(f'Cannot write to the bag {str(self.partial)!r}: {error}') from error
        self.counts[name] += 1

    def close(self) -> bool:
        """Finish the bag and move it to its place; the second call only answers.

        Returns:
            False if there was no message: then nothing is left behind.

        Raises:
            DataError: The disk refuses, or somebody has made the path meanwhile; the unfinished
                bag stays.
        """
        if self._closed:
            return self.path.exists()
        self._closed = True
        if not any(self.counts.values()):
            self._writer.abort()
            shutil.rmtree(self.partial, ignore_errors=True)
            return False
        try:
            self._writer.close()
            refuse_existing(self.path)
            (self.partial / self.path.name).rename(self.path)
            self.partial.rmdir()
        except OSError as error:
            raise DataError(f'Cannot finish {str(self.path)!r}: {error}') from error
        return True

    def __enter__(self) -> 'BagStore':
        """Return itself."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Close the bag, after an error as well: what was recorded until then is worth having."""
        self.close()


def refuse_existing(*paths: Path) -> None:
    """Raise a DataError for the first path that exists."""
    for path in paths:
        if path.exists():
            what = (
                'is what an interrupted recording left; move it away'
                if path.suffix == '.partial'
                else 'exists already and is not overwritten; choose another name'
            )
            raise DataError(f'{str(path)!r} {what}.')
