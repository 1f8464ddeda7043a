"""Quantity and Value: what a number of an evaluation means, and the number itself."""

from dataclasses import dataclass
from typing import Literal

Better = Literal['higher', 'lower', 'neither']


@dataclass(frozen=True)
class Quantity:
    """What a number means; the same text goes into the report, the table and the docs.

    Attributes:
        key: Name in files, unique over all measures, with its unit: ``warp_error_levels``.
        title: Short name for people.
        better: Which way is good; ``neither`` where a number only informs.
        description: One to three sentences: what it is, what a good and a bad value look like.
        unit: For people: ``px``, ``dB``, ``levels``; '' for shares and other pure numbers.
        limits: Smallest and largest possible value; None where there is none.
        source: Paper, standard or program that defines it; '' where it is this project's own.
        decimals: Digits behind the point that are worth showing.
        is_detail: Whether it only explains another one, so that short tables leave it out.
    """

    key: str
    title: str
    better: Better
    description: str
    unit: str = ''
    limits: tuple[float | None, float | None] = (None, None)
    source: str = ''
    decimals: int = 3
    is_detail: bool = False


@dataclass(frozen=True)
class Value:
    """One number with what it rests on.

    Attributes:
        value: The number; never NaN. What cannot be computed has no Value.
        count: How many frames, pairs or images went in.
        low: Lower end of the 95 % interval, None where none was computed.
        high: Its upper end.
        std_error: Standard error, where the measure gives one instead of an interval.
    """

    value: float
    count: int
    low: float | None = None
    high: float | None = None
    std_error: float | None = None
