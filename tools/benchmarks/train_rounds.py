"""Contenders take turns, block by block, so that a busy machine slows all of them alike."""

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train_contenders import Contender, Group

WORKER = Path(__file__).resolve().parent / 'train_worker.py'


@dataclass(frozen=True)
class Machine:
    """Where the workers compute: ``cpu`` or ``cuda``, and with how many threads."""

    device: str
    threads: int


@dataclass(frozen=True)
class Row:
    """What was measured of a contender.

    Attributes:
        name: Its name.
        step_ms: Median time of an iteration.
        rate: Iterations per second.
        ratio: How much faster than the group's first one: median over rounds, in each of which
            both are compared.
        ratio_range: Lowest and highest of these.
        cpu_ratio: The same of the time of all CPUs, which others on the machine disturb less.
        peak_mib: Largest resident memory of its process.
        own_mib: The part of that which is not Python, torch and the package.
        cuda_mib: Largest memory of tensors on the GPU; 0 on a CPU.
        outside: Share of the time outside of the method's steps, where that is measured.
        note: What the gain over the row before is due to.
        gain: That gain, median over rounds.
        cpu_gain: That gain in time of CPUs.
    """

    name: str
    step_ms: float
    rate: float
    ratio: float
    ratio_range: tuple[float, float]
    cpu_ratio: float
    peak_mib: float
    own_mib: float
    cuda_mib: float
    outside: float | None
    note: str
    gain: float
    cpu_gain: float


class Worker:
    """The process of a contender."""

    def __init__(self, contender: Contender, process: 'subprocess.Popen[str]') -> None:
        """Take over the process."""
        self.contender, self._process = contender, process
        self.count = 1
        self.outcomes: list[dict[str, float]] = []

    def calibrate(self, seconds: float) -> None:
        """Choose the length of a block."""
        for _ in range(3):
            outcome = self.run()
            self.count = max(self.count, round(seconds / _seconds(outcome)))
            if outcome['seconds'] > seconds / 2:
                break

    def run(self) -> dict[str, float]:
        """Run one block.

        Raises:
            RuntimeError: The process has ended; it has said why on standard error.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(f'{self.count}\n')
            self._process.stdin.flush()
        except BrokenPipeError:
            pass
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f'{self.contender.name!r} ended with {self._process.wait()}')
        outcome: dict[str, float] = json.loads(line)
        return outcome


def measure(group: Group, machine: Machine, *, rounds: int, seconds: float) -> list[Row]:
    """Let the contenders of a group take turns.

    Args:
        group: Who.
        machine: Where.
        rounds: How often each has its turn; the order is reversed every other time.
        seconds: About how long a turn takes.
    """
    with ExitStack() as stack:
        workers = [stack.enter_context(_running(each, machine)) for each in group.contenders]
        for worker in workers:
            worker.calibrate(seconds)
        for number in range(rounds):
            for worker in workers if number % 2 == 0 else reversed(workers):
                worker.outcomes.append(worker.run())
                _show(f'{group.title}: round {number + 1}/{rounds}, {worker.contender.name}')
    _show('')
    return [_row(worker, workers[max(0, place - 1)], workers[0]) for place, worker in
            enumerate(workers)]  # fmt: skip


def _row(worker: Worker, before: Worker, first: Worker) -> Row:
    ratios = _ratios(first, worker)
    step_s = statistics.median(_seconds(each) for each in worker.outcomes)
    last = worker.outcomes[-1]
    shares = [
        1 - each['inside_seconds'] / each['seconds']
        for each in worker.outcomes
        if 'inside_seconds' in each
    ]
    return Row(
        name=worker.contender.name,
        step_ms=1000 * step_s,
        rate=1 / step_s,
        ratio=statistics.median(ratios),
        ratio_range=(min(ratios), max(ratios)),
        cpu_ratio=statistics.median(_ratios(first, worker, 'cpu_seconds')),
        peak_mib=last['peak_mib'],
        own_mib=last['peak_mib'] - last['start_mib'],
        cuda_mib=last.get('cuda_mib', 0.0),
        outside=statistics.median(shares) if shares else None,
        note=worker.contender.note,
        gain=statistics.median(_ratios(before, worker)),
        cpu_gain=statistics.median(_ratios(before, worker, 'cpu_seconds')),
    )


def _ratios(slower: Worker, faster: Worker, what: str = 'seconds') -> list[float]:
    pairs = zip(slower.outcomes, faster.outcomes, strict=True)
    return [_seconds(one, what) / _seconds(other, what) for one, other in pairs]


def _seconds(outcome: dict[str, float], what: str = 'seconds') -> float:
    return outcome[what] / outcome['iterations']


@contextmanager
def _running(contender: Contender, machine: Machine) -> Iterator[Worker]:
    spec: dict[str, Any] = {
        'kind': contender.kind,
        'method': contender.method,
        'overrides': list(contender.overrides),
        'fused': contender.fused,
        'device': machine.device,
        'threads': machine.threads,
    }
    command: Sequence[str] = [sys.executable, str(WORKER), json.dumps(spec)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Worker(contender, process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(30)


def _show(text: str) -> None:
    print(f'\r{text:<78}', end='' if text else '\r', file=sys.stderr, flush=True)
