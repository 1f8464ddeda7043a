"""Report: what the verbs on labels have in common when they are done."""

from typing import Protocol


class Report(Protocol):
    """The result of converting, checking or drawing."""

    @property
    def is_complete(self) -> bool:
        """Whether nothing was wrong or left out."""

    def describe(self) -> list[str]:
        """Return lines for people."""
