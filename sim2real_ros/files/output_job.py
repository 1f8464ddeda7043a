"""OutputJob: work that fills a folder and can be killed at any moment and taken up again.

Every file is written atomically, then noted in a journal beside it. A repeated command finds the
journal, checks that it belongs to the same work, and goes on behind the last note. The manifest
takes the journal's place only when everything is there.
"""

import contextlib
import json
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from sim2real_ros.errors import DataError
from sim2real_ros.files.atomic_write import PARTIAL_PREFIX, refusal, write_atomically
from sim2real_ros.files.checksum import sha256_of_bytes
from sim2real_ros.files.finished import Finished
from sim2real_ros.files.manifest import (
    MANIFEST_NAME,
    Manifest,
    ManifestRecord,
    Omission,
    json_line,
    read_json_lines,
    read_manifest,
)
from sim2real_ros.files.safe_name import path_inside, safe_relative_path
from sim2real_ros.files.source_stamp import describe_source, fingerprint_source

JOURNAL_NAME = '.sim2real_journal.jsonl'
MAX_OMISSIONS = 1000

try:
    import fcntl
except ImportError:  # Windows: two runs into one folder are not kept apart there.
    fcntl = None  # type: ignore[assignment]


class OutputJob:
    """A folder being filled. Constructing only looks; entering it as a context begins to write.

    Go through all items in a fixed order, in one thread: ask ``finished(key)`` for each, do what
    is not finished, and ``commit`` it. ``save`` may be called from any thread.

    Attributes:
        folder: The output folder.
        complete: Whether everything was there already; then there is nothing to do.
    """

    def __init__(
        self,
        folder: Path,
        verb: str,
        options: Mapping[str, Any],
        sources: Sequence[Path],
        *,
        force: bool = False,
    ) -> None:
        """Look at the folder and at what an earlier run has left there.

        Args:
            folder: Where the result goes: a new or empty folder, or one to be continued.
            verb: Name of the tool.
            options: All that the result depends on besides the sources; JSON values.
            sources: Files and folders that are read. Where one changes, the work starts anew.
            force: Replace the result of other work, and write among files of somebody else.

        Raises:
            DataError: The folder holds something else and ``force`` was not given, or what is
                to be replaced is input.
        """
        self.folder = folder
        self._place = folder.resolve()
        inputs = [path.resolve() for path in sources]
        self._check_folder(inputs)
        self._inputs = [each for each in inputs if each.is_relative_to(self._place)]
        self._verb = verb
        self._options = json.loads(json.dumps(options))
        self._sources = tuple(describe_source(path) for path in sources)
        stamps = [fingerprint_source(path) for path in sources]
        self._fingerprint = sha256_of_bytes(
            json_line({'verb': verb, 'options': self._options, 'sources': stamps}).encode()
        )
        self._finished: dict[str, Finished] = {}
        self._order: dict[str, Finished] = {}
        self._files: dict[str, str] = {}
        self._checked_folders: set[str] = set()
        self._named: list[str] = []
        self._stale: list[str] = []
        self._journal: TextIO | None = None
        self._journal_lock = threading.Lock()
        self.complete = False
        self._look(force=force)
        for name in self._stale:
            self._check_no_input(name)

    @property
    def journal_path(self) -> Path:
        """The journal's file, which exists while the work is unfinished."""
        return self.folder / JOURNAL_NAME

    def _check_folder(self, inputs: Iterable[Path]) -> None:
        if self.folder.exists() and not self.folder.is_dir():
            raise DataError(f'{str(self.folder)!r} is a file; expected a folder to write to.')
        for each in inputs:
            if self._place.is_relative_to(each):
                raise DataError(
                    f'The output {str(self.folder)!r} lies in the input {str(each)!r}, and would '
                    'become input of the next run: choose a folder elsewhere.'
                )

    def _look(self, *, force: bool) -> None:
        if (self.folder / MANIFEST_NAME).is_file():
            self._look_at_manifest(read_manifest(self.folder), force=force)
        elif self.journal_path.is_file():
            self._look_at_journal(force=force)
        elif self.folder.is_dir() and not force and _has_content(self.folder):
            raise DataError(
                f'The folder {str(self.folder)!r} is not empty: choose a new one, or write among '
                'its files and replace those of the same name (--force).'
            )

    def _look_at_manifest(self, manifest: Manifest, *, force: bool) -> None:
        names = [r.file for r in manifest.records] + list(manifest.files)
        names += [label for record in manifest.records for label in record.labels]
        if force:
            self._stale = names
        elif manifest.fingerprint != self._fingerprint:
            self._refuse('the finished result', manifest.verb)
        elif all(self._is_intact(record) for record in manifest.records) and all(
            (self.folder / name).is_file() for name in names
        ):
            self.complete = True
        else:
            raise DataError(
                f'Files of the finished result in {str(self.folder)!r} are missing or changed: '
                'choose another folder, or make them anew (--force).'
            )

    def _look_at_journal(self, *, force: bool) -> None:
        lines = read_json_lines(self.journal_path, tolerate_torn_end=True)
        header = lines[0] if lines else {}
        if lines and header.get('fingerprint') != self._fingerprint:
            if not force:
                self._refuse('unfinished work', str(header.get('verb')))
            self._stale = [str(name) for line in lines[1:] for name in line.get('files', ())]
            return
        for number, line in enumerate(lines[1:], 2):
            where = f'{str(self.journal_path)!r}, line {number}'
            if 'key' not in line:
                self._named += [str(name) for name in line.get('files', ())]
                continue
            finished = Finished.from_entry(line, where)
            if all(self._is_intact(record) for record in finished.records):
                self._finished[line['key']] = finished

    def _refuse(self, what: str, verb: str) -> None:
        raise DataError(
            f'The folder {str(self.folder)!r} holds {what} of `sim2real {verb}` with other '
            'options or other input: choose another folder, or replace it (--force).'
        )

    def _is_intact(self, record: ManifestRecord) -> bool:
        try:
            return (self.folder / record.file).stat().st_size == record.bytes
        except OSError:
            return False

    def __enter__(self) -> 'OutputJob':
        """Begin to write: remove what is replaced, and open the journal.

        Raises:
            DataError: The disk refuses, or another process fills the same folder.
        """
        if self.complete:
            # A run that was killed at its very last step has left its journal.
            self.journal_path.unlink(missing_ok=True)
            return self
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock()
            for name in self._stale:
                path_inside(self.folder, name).unlink(missing_ok=True)
            for leftover in self.folder.rglob(f'{PARTIAL_PREFIX}*'):
                if not leftover.is_dir():
                    leftover.unlink()
            (self.folder / MANIFEST_NAME).unlink(missing_ok=True)
            self._start_journal()
        except OSError as error:
            raise DataError(refusal(self.folder, error)) from error
        return self

    def _lock(self) -> None:
        self._journal = self.journal_path.open('a', encoding='utf-8')
        if fcntl is None:
            return
        try:
            fcntl.flock(self._journal, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._journal.close()
            raise DataError(
                f'Another process is writing to {str(self.folder)!r}: wait for it, or choose '
                'another folder.'
            ) from error

    def _start_journal(self) -> None:
        """Write the journal anew without its torn end; whoever is killed here loses nothing."""
        header = {'verb': self._verb, 'fingerprint': self._fingerprint}
        lines: list[Mapping[str, Any]] = [header, {'files': self._named}]
        lines += [each.to_entry(key) for key, each in self._finished.items()]
        # In place, because the lock is on this file; what is cut off is done again.
        assert self._journal is not None
        self._journal.truncate(0)
        self._journal.write(''.join(map(json_line, lines)))
        self._journal.flush()

    def finished(self, key: str) -> Finished | None:
        """Return what an earlier run has made of an item, or None where it is still to be done.

        The last call decides about the item's place among the others.
        """
        found = self._finished.get(key)
        if found is not None:
            self._order.pop(key, None)
            self._order[key] = found
        return found

    def is_finished(self, key: str) -> bool:
        """Tell whether ``finished`` would find an item; may be asked ahead of its turn."""
        return key in self._finished

    def path_of(self, name: str) -> Path:
        """Return where a file of the folder is to be written.

        Raises:
            DataError: The name is unsafe, or the file would become one of the input's.
        """
        folder, _, _ = name.rpartition('/')
        if folder not in self._checked_folders:
            path_inside(self.folder, name)
            self._checked_folders.add(folder)
        self._check_no_input(name)
        # A link in place of the file itself is replaced, not followed.
        return self.folder / safe_relative_path(name)

    def _check_no_input(self, name: str) -> None:
        for each in self._inputs:
            if (self._place / name).is_relative_to(each):
                raise DataError(
                    f'{str(self.folder / name)!r} would be replaced or removed, but it is '
                    f'input: {str(each)!r} is read. Choose another folder for the result.'
                )

    def save(self, name: str, content: bytes) -> dict[str, Any]:
        """Write one file of the folder; call ``commit`` with its record afterwards.

        Args:
            name: Path relative to the folder; checked to stay inside.
            content: All of its bytes.

        Returns:
            The fields ``file``, ``sha256`` and ``bytes`` of a ManifestRecord.

        Raises:
            DataError: The name is unsafe or the disk refuses.
        """
        path = self.path_of(name)
        # Before the file is there: whoever replaces unfinished work must find all of it.
        self._append({'files': [name]})
        write_atomically(path, content)
        return {'file': name, 'sha256': sha256_of_bytes(content), 'bytes': len(content)}

    def commit(
        self,
        key: str,
        records: Iterable[ManifestRecord] = (),
        omission: Omission | None = None,
        state: Any = None,
    ) -> None:
        """Note that an item is finished and its files are written.

        Args:
            key: Of the item; unique within the work.
            records: Its images.
            omission: Why there is none.
            state: As in ``Finished``.

        Raises:
            DataError: The disk refuses.
        """
        finished = Finished(tuple(records), omission, state)
        self._order[key] = finished
        self._append(finished.to_entry(key))

    def save_extra(self, name: str, content: bytes) -> None:
        """Write a file that is no image of the set: classes, camera_info, a sheet, a mask ...

        Raises:
            DataError: The name is unsafe or the disk refuses.
        """
        saved = self.save(name, content)
        self._files[name] = saved['sha256']

    def note_extra(self, name: str, sha256: str) -> None:
        """Add a file that was written by other means to those of ``save_extra``."""
        safe_relative_path(name)
        self._append({'files': [name]})
        self._files[name] = sha256

    def finish(self) -> Manifest:
        """Write the manifest and remove the journal.

        Returns:
            The manifest, its records in the order of the items.

        Raises:
            DataError: The disk refuses.
        """
        if self.complete:
            return read_manifest(self.folder)
        omissions = [each.omission for each in self._order.values() if each.omission]
        if len(omissions) > MAX_OMISSIONS:
            more = len(omissions) - MAX_OMISSIONS
            omissions = [*omissions[:MAX_OMISSIONS], Omission('...', f'and {more} more')]
        manifest = Manifest(
            self._verb,
            self._fingerprint,
            self._options,
            self._sources,
            dict(sorted(self._files.items())),
            tuple(omissions),
            tuple(record for each in self._order.values() for record in each.records),
        )
        manifest.write(self.folder)
        self._close()
        self.journal_path.unlink(missing_ok=True)
        self.complete = True
        return manifest

    def _append(self, line: Mapping[str, Any]) -> None:
        if self._journal is None:
            raise RuntimeError('an OutputJob writes only inside its `with` block')
        try:
            with self._journal_lock:
                self._journal.write(json_line(line))
                self._journal.flush()
        except OSError as error:
            raise DataError(refusal(self.journal_path, error)) from error

    def _close(self) -> None:
        if self._journal is not None:
            # What a full disk did not take has been complained about; it is tried once more here.
            with contextlib.suppress(OSError):
                self._journal.close()
            self._journal = None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the journal; unfinished work stays to be continued."""
        self._close()


def _has_content(folder: Path) -> bool:
    return any(not each.name.startswith(PARTIAL_PREFIX) for each in folder.iterdir())
