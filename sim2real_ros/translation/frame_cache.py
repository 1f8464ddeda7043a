"""FrameCache: the finished messages of a bag that is being translated.

A bag is written anew from its beginning when its translation is taken up again; what a model has
worked out already is read from this file beside it. It only ever grows at its end, every entry
carries its checksum, and an entry is used only for the very message that it was made from. It goes
when the bag is complete.
"""

import contextlib
import json
import os
import struct
import zlib
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple

from sim2real_ros.errors import DataError
from sim2real_ros.files import safe_name
from sim2real_ros.files.atomic_write import refusal

try:
    import fcntl
except ImportError:  # Windows: two runs for one bag are not kept apart there.
    fcntl = None  # type: ignore[assignment]

UNCHANGED, CHANGED, FAILED = range(3)

_MAX_HEADER_BYTES = 2**16
_ENTRY = struct.Struct('<BIQI')  # kind, checksum of the source, length, checksum of all this


class Entry(NamedTuple):
    """What became of one message.

    Attributes:
        kind: UNCHANGED, CHANGED or FAILED.
        source_crc: CRC-32 of the message as it was.
        content: The new message, where it has changed; the reason as text, where that failed.
    """

    kind: int
    source_crc: int
    content: bytes = b''


class FrameCache:
    """The file, from its first line to its end: first ``take`` what is there, then ``append``.

    Attributes:
        path: The file.
        replaces: Whether the bag existed already when the work began.
    """

    def __init__(self, target: Path, fingerprint: str) -> None:
        """Look for the file; nothing is written.

        Args:
            target: The bag that is written.
            fingerprint: Checksum of all that the result depends on.
        """
        self.path = target.parent / f'.sim2real_{safe_name(target.name)[:150]}.cache'
        self._fingerprint = fingerprint
        self._file: BinaryIO | None = None
        self._exhausted = self._has_entries = False
        header = self._header()
        self.is_ours = header.get('fingerprint') == fingerprint
        self.replaces = bool(header.get('replaces')) if self.is_ours else target.exists()

    def _header(self) -> dict[str, Any]:
        try:
            with self.path.open('rb') as file:
                header = json.loads(file.readline(_MAX_HEADER_BYTES))
        except (OSError, ValueError):
            return {}
        return header if isinstance(header, dict) else {}

    def __enter__(self) -> 'FrameCache':
        """Open the file behind its header; begin anew where it belongs to other work.

        Raises:
            DataError: The disk refuses, or another process writes the same bag.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open('r+b' if self.path.exists() else 'w+b')
            self._lock(self._file)
            self._file.readline(_MAX_HEADER_BYTES)
            if not self.is_ours:
                header = {'fingerprint': self._fingerprint, 'replaces': self.replaces}
                self._file.seek(0)
                self._file.truncate()
                self._file.write(json.dumps(header).encode() + b'\n')
                self._file.flush()
        except OSError as error:
            raise DataError(refusal(self.path, error)) from error
        return self

    def _lock(self, file: BinaryIO) -> None:
        if fcntl is None:
            return
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.close()
            raise DataError(
                f'Another process is writing the bag that {str(self.path)!r} belongs to: wait for '
                'it, or choose another output.'
            ) from error

    def take(self, source: bytes) -> Entry | None:
        """Return the next entry, or None from where there are no more.

        Args:
            source: The message that the entry must have been made from.
        """
        if self._exhausted or self._file is None:
            return None
        start = self._file.tell()
        entry = _read_entry(self._file)
        if entry is None or entry.source_crc != zlib.crc32(source):
            self._exhausted = True
            self._file.seek(start)
            self._file.truncate()
            return None
        return entry

    def append(self, entry: Entry) -> None:
        """Add an entry at the end.

        Raises:
            DataError: The disk refuses.
        """
        if self._file is None:
            raise RuntimeError('a FrameCache writes only inside its `with` block')
        try:
            head = _ENTRY.pack(entry.kind, entry.source_crc, len(entry.content), 0)
            checksum = zlib.crc32(entry.content, zlib.crc32(head))
            self._file.write(head[:-4] + checksum.to_bytes(4, 'little'))
            self._file.write(entry.content)
            self._file.flush()
            self._has_entries = True
        except OSError as error:
            raise DataError(refusal(self.path, error)) from error

    def remove(self) -> None:
        """Remove the file, when the bag is complete."""
        self.path.unlink(missing_ok=True)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file, which stays for the next run where there is something in it."""
        if self._file is not None:
            # What a full disk did not take has been complained about; it is tried once more here.
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None
            if not self._has_entries and not self.is_ours:
                self.remove()


def _read_entry(file: BinaryIO) -> Entry | None:
    head = file.read(_ENTRY.size)
    if len(head) < _ENTRY.size:
        return None
    kind, source_crc, length, checksum = _ENTRY.unpack(head)
    left = os.fstat(file.fileno()).st_size - file.tell()
    if kind not in (UNCHANGED, CHANGED, FAILED) or length > left:
        return None
    content = file.read(length)
    if zlib.crc32(content, zlib.crc32(head[:-4] + bytes(4))) != checksum:
        return None
    return Entry(kind, source_crc, content)
