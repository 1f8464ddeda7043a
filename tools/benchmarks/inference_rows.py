"""From turns to rows: times, ratios within rounds, distance from the floor; and their table."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from floors import Floor
from inference_contenders import Contender, Size
from inference_rounds import Outcome
from result_table import markdown_table

COLUMNS = (
    *('generator', 'back end', 'threads', 'ms (10..90 %)', 'fps', 'times ResNet-9'),
    *('floor ms', 'over floor', 'peak MiB', 'start ms'),
)


@dataclass(frozen=True)
class Row:
    """What was found of a contender; numbers are 0 or None where it was not measured.

    Attributes:
        model: Name of the model.
        size: (width, height) of the frames.
        runtime: Back end, provider and precision.
        version: Of the back end.
        threads: Of the CPU.
        frames: How many were timed.
        median_ms: Of a frame, uint8 RGB to uint8 RGB.
        low_ms: 10 % of the frames took less.
        high_ms: 10 % of the frames took more.
        fps: Frames per second, by the median.
        cpu_ms: Time of all CPUs for a frame, median of the rounds.
        ratio: How many times faster than the reference with as many threads: median of rounds.
        ratio_range: Lowest and highest of these.
        peak_mib: Largest resident memory of its process.
        start_ms: Import, load and first frame; the interpreter's own start is not in it.
        floor_ms: The least time that the graph could take; None = not known.
        floor_limit: What the floor is made of, 'compute' or 'memory'.
        moved_ms: What operators that are not joined would need to move their tensors.
        over_floor: ``median_ms`` as a multiple of ``floor_ms``.
        reason: Why it was not measured; '' where it was.
    """

    model: str
    size: Size
    runtime: str
    version: str
    threads: int
    frames: int = 0
    median_ms: float = 0.0
    low_ms: float = 0.0
    high_ms: float = 0.0
    fps: float = 0.0
    cpu_ms: float = 0.0
    ratio: float | None = None
    ratio_range: tuple[float, float] | None = None
    peak_mib: float = 0.0
    start_ms: Mapping[str, float] | None = None
    floor_ms: float | None = None
    floor_limit: str = ''
    moved_ms: float | None = None
    over_floor: float | None = None
    reason: str = ''


def row_of(outcome: Outcome, reference: Outcome | None, floor: Floor | None) -> Row:
    """Turn what was measured into a row.

    Args:
        outcome: Of the contender.
        reference: Of ResNet-9 with as many threads, in the same rounds; None = there is none.
        floor: Of the contender's graph; None = not known.
    """
    contender = outcome.contender
    version = str(outcome.facts.get('runtime', ''))
    if not outcome.rounds_ms:
        reason = outcome.reason or 'it had no turn'
        return Row(*_names(contender), version, contender.threads, reason=reason)
    frames_ms = np.concatenate([np.asarray(each) for each in outcome.rounds_ms.values()])
    low, median, high = (float(each) for each in np.percentile(frames_ms, (10, 50, 90)))
    ratios = ratios_of(outcome, reference)
    return Row(
        *_names(contender),
        version,
        contender.threads,
        frames=len(frames_ms),
        median_ms=median,
        low_ms=low,
        high_ms=high,
        fps=1000 * contender.batch / median,
        cpu_ms=statistics.median(outcome.cpu_ms),
        ratio=statistics.median(ratios) if ratios else None,
        ratio_range=(min(ratios), max(ratios)) if ratios else None,
        peak_mib=outcome.peak_mib,
        start_ms={k: v for k, v in outcome.facts.items() if k.endswith('_ms')},
        floor_ms=floor.ms if floor else None,
        floor_limit=floor.limit if floor else '',
        moved_ms=floor.moved_ms if floor else None,
        over_floor=median / floor.ms if floor else None,
        reason=outcome.reason,
    )


def _names(contender: Contender) -> tuple[str, Size, str]:
    return contender.model, contender.size, contender.runtime.title


def ratios_of(outcome: Outcome, reference: Outcome | None) -> list[float]:
    """Return how many times faster than the reference a contender was, by round."""
    if reference is None:
        return []
    both = [number for number in outcome.rounds_ms if number in reference.rounds_ms]
    return [reference.median_ms(number) / outcome.median_ms(number) for number in both]


def inference_table(rows: Sequence[Row]) -> str:
    """Return a table in Markdown for each size, and what could not be measured below it."""
    parts = []
    for size in dict.fromkeys(row.size for row in rows):
        here = [row for row in rows if row.size == size]
        measured = [_cells(row) for row in here if row.frames]
        parts.append(f'### {size[0]}x{size[1]}\n\n{markdown_table(COLUMNS, measured)}')
        missing = [_missing(row) for row in here if row.reason]
        if missing:
            parts.append('Not measured:\n\n' + '\n'.join(dict.fromkeys(missing)))
    return '\n\n'.join(parts)


def _missing(row: Row) -> str:
    return f'* {row.model}, {row.runtime}: {row.reason[:300]}'


def _cells(row: Row) -> tuple[Any, ...]:
    ratio = '' if row.ratio is None else f'{row.ratio:.3g}'
    floor = '' if row.floor_ms is None else f'{row.floor_ms:.3g} ({row.floor_limit})'
    over = '' if row.over_floor is None else f'{row.over_floor:.2g}'
    start_ms = sum(row.start_ms.values()) if row.start_ms else 0.0
    spread = f'{row.median_ms:.3g} ({row.low_ms:.3g}..{row.high_ms:.3g})'
    return (
        *(row.model, row.runtime, row.threads, spread, f'{row.fps:.4g}', ratio),
        *(floor, over, f'{row.peak_mib:.0f}', f'{start_ms:.0f}'),
    )
