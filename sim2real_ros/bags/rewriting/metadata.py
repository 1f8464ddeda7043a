"""metadata.yaml of a rewritten bag: as it was, with numbers that are true."""

import copy
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from sim2real_ros.bags.connection import BagConnection
from sim2real_ros.bags.reader import BagReader
from sim2real_ros.bags.rosbag2_folder import METADATA_NAME, read_metadata
from sim2real_ros.errors import DataError

NEW_VERSION = 5
"""Of a metadata.yaml that was missing: with totals by file, and read by every ROS 2 in use."""

ROOT = 'rosbag2_bagfile_information'


class FileTotals:
    """What was written into one file.

    Attributes:
        counts: Messages by index of connection.
        start_ns: Time of the first message; None without messages.
        end_ns: Time of the last message.
    """

    def __init__(self) -> None:
        """Start with nothing."""
        self.counts: Counter[int] = Counter()
        self.start_ns: int | None = None
        self.end_ns: int | None = None

    def count(self, index: int, recorded_ns: int) -> None:
        """Count a message."""
        self.counts[index] += 1
        if self.start_ns is None or self.end_ns is None:
            self.start_ns = self.end_ns = recorded_ns
        self.start_ns = min(self.start_ns, recorded_ns)
        self.end_ns = max(self.end_ns, recorded_ns)

    def described(self, empty_start_ns: int) -> dict[str, Any]:
        """Return the totals as metadata.yaml puts them.

        Args:
            empty_start_ns: What stands for the time of the first message where there is none.
        """
        start_ns = empty_start_ns if self.start_ns is None else self.start_ns
        return {
            'starting_time': {'nanoseconds_since_epoch': start_ns},
            'duration': {'nanoseconds': (self.end_ns or 0) - (self.start_ns or 0)},
            'message_count': self.counts.total(),
        }


def write_metadata(reader: BagReader, folder: Path, totals: list[FileTotals]) -> None:
    """Write the metadata.yaml of a rewritten bag.

    Where the numbers of the original are true for the new bag too, it is copied byte for byte.

    Args:
        reader: The original.
        folder: The new bag.
        totals: What was written into each of its files.
    """
    try:
        old = dict(read_metadata(reader.path))
    except DataError:
        old = _from_scratch(reader)
    new = _with_numbers(old, reader, totals)
    path = folder / METADATA_NAME
    if new == old and (reader.path / METADATA_NAME).is_file():
        shutil.copyfile(reader.path / METADATA_NAME, path)
    else:
        text = yaml.safe_dump({ROOT: new}, sort_keys=False, allow_unicode=True)
        path.write_text(text, 'utf-8')


def _with_numbers(
    old: dict[str, Any], reader: BagReader, totals: list[FileTotals]
) -> dict[str, Any]:
    new = copy.deepcopy(old)
    whole = FileTotals()
    for total in totals:
        whole.counts.update(total.counts)
        for stamp in (total.start_ns, total.end_ns):
            if stamp is not None:
                whole.start_ns = stamp if whole.start_ns is None else min(whole.start_ns, stamp)
                whole.end_ns = stamp if whole.end_ns is None else max(whole.end_ns, stamp)
    new.update(whole.described(_start_of(old)))
    names = [file.name for file in reader.files]
    if [Path(str(each)).name for each in _list(old, 'relative_file_paths')] != names:
        new['relative_file_paths'] = names
    if 'files' in old or old.get('version') == NEW_VERSION:
        starts = [_start_of(each) for each in _list(old, 'files')]
        starts += [_start_of(old)] * len(names)
        new['files'] = [
            {'path': name, **total.described(start)}
            for name, total, start in zip(names, totals, starts, strict=False)
        ]
    new['topics_with_message_count'] = _topics(old, reader, whole)
    return new


def _list(old: dict[str, Any], key: str) -> list[Any]:
    found = old.get(key)
    return found if isinstance(found, list) else []


def _start_of(entry: Any) -> int:
    found = entry.get('starting_time') if isinstance(entry, dict) else None
    value = found.get('nanoseconds_since_epoch') if isinstance(found, dict) else None
    return value if isinstance(value, int) else 0


def _topics(old: dict[str, Any], reader: BagReader, whole: FileTotals) -> list[Any]:
    """Return the list of topics with true counts, and with those that were not listed."""
    counts: Counter[tuple[str, str]] = Counter()
    for each in reader.connections:
        counts[each.topic, each.msgtype] += whole.counts[each.id]
    listed: list[Any] = []
    for entry in _list(old, 'topics_with_message_count'):
        topic = entry.get('topic_metadata') if isinstance(entry, dict) else None
        if isinstance(topic, dict):
            key = (str(topic.get('name')), str(topic.get('type')))
            listed.append({**entry, 'message_count': counts.pop(key, 0)})
    for each in reader.connections:
        count = counts.pop((each.topic, each.msgtype), None)
        if count is not None:
            listed.append({'topic_metadata': _described(each), 'message_count': count})
    return listed


def _described(connection: BagConnection) -> dict[str, str]:
    return {
        'name': connection.topic,
        'type': connection.msgtype,
        'serialization_format': connection.serialization,
        'offered_qos_profiles': connection.qos,
    }


def _from_scratch(reader: BagReader) -> dict[str, Any]:
    name = reader.files[0].name
    return {
        'version': NEW_VERSION,
        'storage_identifier': 'mcap' if '.mcap' in name else 'sqlite3',
        'compression_format': 'zstd' if name.endswith('.zstd') else '',
        'compression_mode': 'FILE' if name.endswith('.zstd') else '',
    }
