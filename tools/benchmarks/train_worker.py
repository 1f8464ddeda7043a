"""One contender of the training benchmark, in a process of its own; see train_contenders.py.

Reads a contender as JSON from the command line. Then, for every line with a number on its
standard input, takes so many iterations and answers with a line of JSON.
"""

import json
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from train_baseline import PlainCycleGan

from sim2real_ros.training.batches import Batch, open_training_data
from sim2real_ros.training.engine.configuration import changed_config, load_config
from sim2real_ros.training.engine.loop import train
from sim2real_ros.training.engine.numerics import settings_for
from sim2real_ros.training.engine.processes import Machine, make_fabric
from sim2real_ros.training.engine.training_state import TrainingState
from sim2real_ros.training.methods import METHODS
from sim2real_ros.training.methods.method import Losses, Method
from sim2real_ros.training.options import TrainingConfig
from sim2real_ros.training.stepper import Stepper

Outcome = dict[str, float]
Work = Callable[[int], Outcome]

WARM_UP = 2
BATCHES = 4
"""Different batches that a bare step is given in turn, made beforehand."""


@dataclass(frozen=True)
class Span:
    """A step: when it began and ended, and the time of all CPUs until then."""

    start: float
    end: float
    cpu: float


class Clock:
    """Measures some iterations: time that passed, and time of this process's CPUs.

    The latter tells more where others use the machine, too.
    """

    def __init__(self, iterations: int) -> None:
        """Start."""
        self.iterations = iterations
        self.start, self.cpu = time.perf_counter(), time.process_time()

    def read(self) -> Outcome:
        """Return what has passed."""
        return {
            'seconds': time.perf_counter() - self.start,
            'cpu_seconds': time.process_time() - self.cpu,
            'iterations': self.iterations,
        }


def main() -> None:
    """Serve one contender until standard input ends."""
    spec = json.loads(sys.argv[1])
    torch.set_num_threads(spec['threads'])
    start_mib = _peak_mib()
    config = load_config(spec['method'], overrides=spec['overrides'])
    with ExitStack() as stack:
        work = WORKS[spec['kind']](spec, config, stack)
        for line in sys.stdin:
            outcome = work(int(line))
            memory = {'peak_mib': _peak_mib(), 'start_mib': start_mib}
            if spec['device'] == 'cuda':
                memory['cuda_mib'] = torch.cuda.max_memory_allocated() / 2**20
            print(json.dumps({**outcome, **memory}), flush=True)


def plain_steps(spec: dict[str, Any], config: TrainingConfig, _: ExitStack) -> Work:
    """Return the plain implementation's step, on networks like the package's own."""
    device = torch.device(spec['device'])
    torch.backends.cudnn.benchmark = True
    torch.manual_seed(0)
    networks = new_method(config).networks.to(device)
    plain = PlainCycleGan(networks, fused=spec['fused'], bf16=config.precision == 'bf16-mixed')
    batches = random_batches(config, device)
    return timed(lambda number: plain.step(batches[number].sim, batches[number].real), device)


def method_steps(spec: dict[str, Any], config: TrainingConfig, stack: ExitStack) -> Work:
    """Return the step of one of the package's methods, set up as in a run, without the loop."""
    fabric, _ = make_fabric(Machine(device=spec['device']), config.precision)
    stack.enter_context(settings_for(fabric.device))
    torch.manual_seed(0)
    method = new_method(config)
    state = TrainingState(method, fabric)
    method.networks.train()
    # Beyond all phases of pre-training.
    method.step_count = 10**6
    batches = random_batches(config, fabric.device)
    return timed(lambda number: method.step(batches[number], state.stepper), fabric.device)


def whole_loop(spec: dict[str, Any], config: TrainingConfig, stack: ExitStack) -> Work:
    """Return whole runs, timed between the ends of two of their steps.

    So the start of a run and its end (samples, measurement, checkpoint) are left out, and what
    is done after every step is not: batches, seeds, the watch, sums and lines of the log.
    """
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    spans: list[Span] = []
    METHODS[config.method] = with_clock(METHODS[config.method], spec['device'], spans)

    def work(count: int) -> Outcome:
        spans.clear()
        steps = (f'schedule.constant={count + WARM_UP}', 'schedule.decay=0', 'schedule.unit=steps')
        run = changed_config(config, [*steps, 'schedule.policy=constant'])
        train(run, folder / 'run', machine=Machine(device=spec['device']))
        shutil.rmtree(folder / 'run')
        first, last, counted = spans[WARM_UP - 1], spans[-1], spans[WARM_UP:]
        return {
            'seconds': last.end - first.end,
            'cpu_seconds': last.cpu - first.cpu,
            'iterations': count,
            'inside_seconds': sum(each.end - each.start for each in counted),
        }

    return work


def with_clock(method: type[Method], device: str, spans: list[Span]) -> type[Method]:
    """Return a method that notes when each of its steps begins and ends.

    Waiting for the device at the end of every step keeps the host from working ahead, so on a
    GPU the share outside of the steps is an upper limit.
    """

    class Clocked(method):  # type: ignore[misc, valid-type]
        def step(self, batch: Batch, stepper: Stepper) -> Losses:
            start = time.perf_counter()
            losses: Losses = super().step(batch, stepper)
            if device == 'cuda':
                torch.cuda.synchronize()
            spans.append(Span(start, time.perf_counter(), time.process_time()))
            return losses

    return Clocked


def data_alone(spec: dict[str, Any], config: TrainingConfig, _: ExitStack) -> Work:
    """Return the reading of batches, as the loop reads them, with nothing else to do."""
    kind = METHODS[config.method].batch_kind
    data = open_training_data(config.data, kind, config.batch_size, config.seed)
    position = 0

    def work(count: int) -> Outcome:
        nonlocal position
        clock = Clock(count)
        for _ in data.prefetched(position, position + count, device=spec['device']):
            pass
        position += count
        return clock.read()

    return work


def new_method(config: TrainingConfig) -> Method:
    """Build the method that a configuration is for."""
    make: Any = METHODS[config.method]
    method: Method = make(config)
    return method


def random_batches(config: TrainingConfig, device: torch.device) -> list[Batch]:
    """Make batches of noise, on the device."""
    width, height = config.data.crop_size
    shape = (config.batch_size, 3, height, width)
    random = torch.Generator().manual_seed(1)
    images = [(torch.rand(shape, generator=random) * 2 - 1).to(device) for _ in range(2 * BATCHES)]
    return [Batch(*images[2 * number : 2 * number + 2]) for number in range(BATCHES)]


def timed(step: Callable[[int], Any], device: torch.device) -> Work:
    """Warm a step up, and return the timing of many of it."""

    def work(count: int) -> Outcome:
        clock = Clock(count)
        for number in range(count):
            step(number % BATCHES)
        if device.type == 'cuda':
            torch.cuda.synchronize()
        return clock.read()

    work(WARM_UP)
    return work


def _peak_mib() -> float:
    # On Linux in KiB.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


WORKS: dict[str, Callable[[dict[str, Any], TrainingConfig, ExitStack], Work]] = {
    'plain': plain_steps,
    'method': method_steps,
    'loop': whole_loop,
    'data': data_alone,
}


if __name__ == '__main__':
    main()
