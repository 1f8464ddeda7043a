"""What can be wrong with a bag, and how it is told."""

from sim2real_ros.errors import DataError

MAX_SENTENCES = 40
"""About one file."""


class DamageError(DataError):
    """A part of a bag cannot be read; the message says why, without naming the part."""


class Problems:
    """A growing list of sentences, each only once, and not endlessly many.

    Args:
        sentences: The list to add to.
        name: The file that they are about.
    """

    def __init__(self, sentences: list[str], name: str) -> None:
        """Start with what the list holds."""
        self.sentences = sentences
        self._name = name
        self._count = 0

    def add(self, text: str) -> None:
        """Add a sentence about the file."""
        sentence = f'{self._name}: {text}.'
        if self._count > MAX_SENTENCES or sentence in self.sentences:
            return
        self._count += 1
        if self._count > MAX_SENTENCES:
            sentence = f'{self._name}: there is more damage than is listed here.'
        self.sentences.append(sentence)


def reason_of(error: BaseException) -> str:
    """Put an exception of somebody else's code into half a line."""
    text = str(error) if isinstance(error, DataError) else f'{type(error).__name__}: {error}'
    return ' '.join(text.split())[:300].rstrip('.')
