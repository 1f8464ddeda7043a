"""What label formats give to be written: files by name, and how they are wanted."""

from dataclasses import dataclass

SHAPES = ('auto', 'boxes')


@dataclass(frozen=True)
class OutputFile:
    """A file of a data set.

    Attributes:
        name: Path relative to the data set, with forward slashes.
        content: All of its bytes.
        image: Index of the image that it belongs to alone, None for the files of the whole set.
    """

    name: str
    content: bytes
    image: int | None = None


@dataclass(frozen=True)
class WriteOptions:
    """How labels are to be written.

    Attributes:
        shapes: ``auto`` writes polygons where there are any, ``boxes`` only boxes.
        scores: Write confidences where there are any. Training tools take no labels with them.
        background: Masks: id of pixels without a label, 0..255; the classes take the others.
    """

    shapes: str = 'auto'
    scores: bool = False
    background: int = 0
