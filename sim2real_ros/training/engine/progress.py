"""Progress: what a run tells whoever watches it. The loop reports; showing it is up to others."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol


class Progress(Protocol):
    """Gets the news of a run, in its main process only."""

    def prepare(self, what: str, done: int, total: int) -> None:
        """Note how far the preparation of the data has come."""

    def begin(self, step: int, total_steps: int, images_per_step: int) -> None:
        """Begin, after ``step`` steps that were taken earlier."""

    def advance(self, step: int) -> None:
        """Note the end of a step; called after each, so be quick."""

    def paused(self, what: str = '') -> AbstractContextManager[None]:
        """Note that no step is taken meanwhile, and what is done instead, if it may take long."""

    def log(self, kind: str, step: int, values: Mapping[str, Any]) -> None:
        """Note a line of ``metrics.jsonl``."""

    def note(self, text: str) -> None:
        """Note something that the user should read."""


class Silent:
    """Shows nothing."""

    def prepare(self, what: str, done: int, total: int) -> None:
        """Show nothing."""

    def begin(self, step: int, total_steps: int, images_per_step: int) -> None:
        """Show nothing."""

    def advance(self, step: int) -> None:
        """Show nothing."""

    def paused(self, what: str = '') -> AbstractContextManager[None]:
        """Show nothing."""
        return nullcontext()

    def log(self, kind: str, step: int, values: Mapping[str, Any]) -> None:
        """Show nothing."""

    def note(self, text: str) -> None:
        """Show nothing."""
