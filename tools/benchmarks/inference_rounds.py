"""Contenders take turns, so that a busy machine slows all of them alike."""

import json
import os
import statistics
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inference_contenders import Contender
from turn_progress import TurnProgress

WORKER = Path(__file__).resolve().parent / 'inference_worker.py'
START_LIMIT_S, TURN_LIMIT_S = 400.0, 120.0
"""After which a process is ended; TensorRT builds an engine for minutes."""


@dataclass
class Outcome:
    """What is known of a contender.

    Attributes:
        contender: Which one.
        facts: Runtime with its version; milliseconds of import, load and first frame.
        rounds_ms: Milliseconds of all frames, by round.
        cpu_ms: Time of all CPUs for a frame, by round.
        peak_mib: Largest resident memory of its process.
        reason: Why it was not measured, or not to the end; '' where it was.
    """

    contender: Contender
    facts: dict[str, Any] = field(default_factory=dict)
    rounds_ms: dict[int, list[float]] = field(default_factory=dict)
    cpu_ms: list[float] = field(default_factory=list)
    peak_mib: float = 0.0
    reason: str = ''

    def median_ms(self, number: int) -> float:
        """Return the median time of a frame in a round."""
        return statistics.median(self.rounds_ms[number])

    def add(self, number: int, answer: dict[str, Any]) -> None:
        """Take note of a turn."""
        self.rounds_ms.setdefault(number, []).extend(answer['frames_ms'])
        self.cpu_ms.append(answer['cpu_ms'])
        self.peak_mib = max(self.peak_mib, answer['peak_mib'])


class Worker:
    """The process of a contender."""

    def __init__(self, outcome: Outcome, process: 'subprocess.Popen[str]') -> None:
        """Take over the process, and wait until it has loaded its model."""
        self.outcome, self._process = outcome, process
        answer = self._answer(START_LIMIT_S)
        if answer is not None:
            outcome.reason = answer.pop('failed', '')
            outcome.facts = answer

    def turn(self, number: int, seconds: float) -> None:
        """Let it translate in round ``number`` for some seconds; nothing once it has failed."""
        if self.outcome.reason:
            return
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f'{seconds}\n')
            self._process.stdin.flush()
        except BrokenPipeError:
            pass
        answer = self._answer(TURN_LIMIT_S)
        if answer is not None:
            self.outcome.add(number, answer)

    def _answer(self, limit_s: float) -> dict[str, Any] | None:
        assert self._process.stdout is not None
        timer = threading.Timer(limit_s, self._process.kill)
        timer.start()
        try:
            line = self._process.stdout.readline()
        finally:
            timer.cancel()
        try:
            answer: dict[str, Any] = json.loads(line)
        except ValueError:
            code = self._process.wait(TURN_LIMIT_S) if not line else 'an answer of no meaning'
            self.outcome.reason = f'the process ended with {code}'
            return None
        return answer


def measure(
    references: Sequence[Contender],
    others: Sequence[Contender],
    *,
    rounds: int,
    seconds: float,
    together: int,
) -> tuple[list[Outcome], list[Outcome]]:
    """Let contenders take turns.

    Args:
        references: Those that others are compared with; they take turns in every group.
        others: All others.
        rounds: How often each has its turn; the order is reversed every other time.
        seconds: How long a turn takes; one frame, where that takes longer.
        together: How many of the others stay in memory at a time. Groups of so many follow each
            other, and rounds go on counting, so that no two groups share one.

    Returns:
        What was found of the references and of the others, in their order.
    """
    groups = [others[n : n + together] for n in range(0, len(others), together)] or [[]]
    progress = TurnProgress(
        'inference', (rounds + 1) * (len(others) + len(references) * len(groups))
    )
    measured: list[Outcome] = []
    with ExitStack() as stack:
        anchors = [stack.enter_context(_running(each)) for each in references]
        for place, group in enumerate(groups):
            with ExitStack() as inner:
                workers = list(anchors)
                for each in group:
                    workers.append(inner.enter_context(_running(each)))
                    progress.step(f'loaded {each.title}')
                for number in range(place * rounds, (place + 1) * rounds):
                    for worker in workers if number % 2 == 0 else reversed(workers):
                        worker.turn(number, seconds)
                        progress.step(worker.outcome.contender.title)
                measured += [worker.outcome for worker in workers[len(anchors) :]]
            progress.step('', len(references))
    progress.close()
    return [each.outcome for each in anchors], measured


@contextmanager
def _running(contender: Contender) -> Iterator[Worker]:
    command = [sys.executable, str(WORKER), json.dumps(contender.spec())]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=worker_environment(),
    ) as process:
        try:
            yield Worker(Outcome(contender), process)
        finally:
            assert process.stdin is not None
            try:
                process.stdin.close()
                process.wait(30)
            except (BrokenPipeError, subprocess.TimeoutExpired):
                process.kill()


def worker_environment() -> dict[str, str]:
    """Return the environment without what would set the number of threads over our heads."""
    return {k: v for k, v in os.environ.items() if k not in ('OMP_NUM_THREADS', 'MKL_NUM_THREADS')}
