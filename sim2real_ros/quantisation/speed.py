"""How much faster one program is than another, on a machine where others run, too."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

ROUNDS = 15
BLOCK_S = 0.05
MAX_CALLS = 100


@dataclass(frozen=True)
class Speed:
    """Median times of one call of either program.

    Attributes:
        float_ms: Of the float model.
        int8_ms: Of the quantised model.
    """

    float_ms: float
    int8_ms: float

    @property
    def ratio(self) -> float:
        """How many times as fast the quantised model is."""
        return self.float_ms / self.int8_ms


class SpeedMeter(Protocol):
    """Measures two programs against each other."""

    def __call__(self, run_float: Callable[[], object], run_int8: Callable[[], object]) -> Speed:
        """Run both and return their times."""


def measure_speed(
    run_float: Callable[[], object],
    run_int8: Callable[[], object],
    *,
    rounds: int = ROUNDS,
    clock: Callable[[], float] = time.perf_counter,
) -> Speed:
    """Run two programs in turn, in blocks, and take the medians of the blocks.

    The order changes from round to round, so that whatever else runs disturbs both alike. A block
    has so many calls that it takes about 50 ms, as the first measured call tells.

    Args:
        run_float: One call of the float model.
        run_int8: One call of the quantised model.
        rounds: Number of blocks of either.
        clock: Seconds that only grow.
    """
    contenders = (run_float, run_int8)
    for run in contenders:
        run()
    calls = [_calls_of_a_block(_seconds(run, 1, clock)) for run in contenders]
    seconds: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        for which in (0, 1) if number % 2 == 0 else (1, 0):
            seconds[which].append(_seconds(contenders[which], calls[which], clock))
    float_s, int8_s = (statistics.median(each) for each in seconds)
    return Speed(1000 * float_s, 1000 * int8_s)


def _calls_of_a_block(seconds: float) -> int:
    return MAX_CALLS if seconds <= 0 else min(MAX_CALLS, max(1, round(BLOCK_S / seconds)))


def _seconds(run: Callable[[], object], calls: int, clock: Callable[[], float]) -> float:
    """Return the mean seconds of some calls."""
    started = clock()
    for _ in range(calls):
        run()
    return (clock() - started) / calls
