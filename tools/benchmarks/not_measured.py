"""What a benchmark could not measure: noted, while it goes on with the rest."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from bench_processes import NotMeasuredError
from result_table import markdown_table

from sim2real_ros.errors import Sim2RealError


@dataclass(frozen=True)
class NotMeasured:
    """One row that is missing.

    Attributes:
        part: Of the benchmark.
        model: Name of the model.
        threads: Of inference.
        reason: In the words of what failed.
    """

    part: str
    model: str
    threads: int
    reason: str


@dataclass
class MissingRows:
    """Collects them.

    Attributes:
        rows: So far.
    """

    rows: list[NotMeasured] = field(default_factory=list)

    @contextmanager
    def noting(self, part: str, model: str, threads: int) -> Iterator[None]:
        """Note and print it when the ``with`` block fails for a reason that is the model's."""
        try:
            yield
        except (NotMeasuredError, Sim2RealError) as error:
            self.rows.append(NotMeasured(part, model, threads, str(error)))
            print(
                f'{part}: {model}, threads {threads}: not measured. {error}',
                file=sys.stderr,
                flush=True,
            )

    def as_dicts(self) -> list[dict[str, Any]]:
        """Return the rows for JSON."""
        return [asdict(row) for row in self.rows]


def missing_table(rows: Sequence[dict[str, Any]]) -> str:
    """Return the table in Markdown of rows for JSON."""
    columns = ('part', 'model', 'threads', 'reason')
    return markdown_table(columns, [[row[column] for column in columns] for row in rows])
