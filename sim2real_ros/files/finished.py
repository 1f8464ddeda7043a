"""Finished: what became of one item of work, and the line of the journal that tells of it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sim2real_ros.files.manifest import ManifestRecord, Omission, record_from_json


@dataclass(frozen=True, slots=True)
class Finished:
    """What became of one item of the work.

    Attributes:
        records: Its images; () where it gave none.
        omission: Why it gave none, where that is worth telling.
        state: Whatever the work needs to know when it is taken up again; JSON.
    """

    records: tuple[ManifestRecord, ...] = ()
    omission: Omission | None = None
    state: Any = None

    def to_entry(self, key: str) -> dict[str, Any]:
        """Return the line of a journal that tells of it."""
        entry: dict[str, Any] = {'key': key}
        if self.records:
            entry['records'] = [record.to_json() for record in self.records]
            # Linked files and such have not been through `OutputJob.save`.
            entry['files'] = [n for r in self.records for n in (r.file, *r.labels)]
        if self.omission:
            entry['omission'] = asdict(self.omission)
        if self.state is not None:
            entry['state'] = self.state
        return entry

    @classmethod
    def from_entry(cls, entry: Mapping[str, Any], where: str) -> 'Finished':
        """Read a line that ``to_entry`` made.

        Raises:
            DataError: A field is unknown or of a wrong type, or a path is unsafe.
        """
        records = tuple(record_from_json(each, where) for each in entry.get('records', ()))
        omission = entry.get('omission')
        return cls(records, Omission(**omission) if omission else None, entry.get('state'))
