"""What became of a translation, and what it is going to be: the words for people."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

ProgressCallback = Callable[[str, int], None]
"""Called with the kind of the source and the number of images done so far."""

MAX_PROBLEMS = 1000


@dataclass(frozen=True)
class TranslationReport:
    """The end of a translation.

    Attributes:
        output: What was written.
        translated: Number of images that went through the model, in this run or before.
        problems: What was left out or kept as it was, and why; one sentence each.
        was_complete: Whether everything was there already.
        notes: What is worth knowing and no problem.
        hints: What the model did to the images without being asked; one sentence each.
    """

    output: Path
    translated: int
    problems: tuple[str, ...] = ()
    was_complete: bool = False
    notes: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()

    def describe(self) -> list[str]:
        """Say in lines of text what was done."""
        done = 'is complete already' if self.was_complete else 'written'
        return [*self.notes, f'{str(self.output)!r} {done}: {self.translated} images translated']

    def remarks(self) -> list[str]:
        """Say in lines of text what somebody should look at."""
        hints = [f'note: {each}' for each in self.hints]
        return hints + [f'warning: {each}' for each in self.problems]


class TranslationPlan(Protocol):
    """A translation that has been looked at and not been started.

    Attributes:
        kind: ``folder``, ``video`` or ``bag``.
        total: Number of images to expect, None where it is unknown.
    """

    kind: str
    total: int | None

    def describe(self) -> list[str]:
        """Say in lines of text what would be done."""

    def run(self, progress: ProgressCallback | None = None) -> TranslationReport:
        """Do it.

        Raises:
            Sim2RealError: It cannot be done; what is finished is kept.
        """


@dataclass
class ProblemList:
    """Collects problems, and only counts them when they become too many."""

    problems: list[str] = field(default_factory=list)
    more: int = 0

    def add(self, text: str) -> None:
        """Add one sentence."""
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(text)
        else:
            self.more += 1

    def sentences(self) -> tuple[str, ...]:
        """Return all of them, the last one telling what is missing here."""
        rest = (f'... and {self.more} more',) if self.more else ()
        return (*self.problems, *rest)


def printable(path: Path) -> str:
    """Write a path as text; its name may hold bytes that are none, and a manifest cannot."""
    return str(path).encode('utf-8', 'backslashreplace').decode('utf-8')
