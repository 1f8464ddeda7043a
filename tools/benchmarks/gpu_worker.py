"""Time one generator in torch on a device, in every mode and precision.

Reads {"name", "size", "batches", "device", "seconds", "until_s", "quick"} as JSON from the command
line and prints a line of JSON for each row, so that what was measured outlives what fails later.
``until_s`` is a moment of CLOCK_MONOTONIC after which nothing is begun.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from generator_variants import random_generator
from peak_worker import tf32
from torch import nn

MODES = ('eager', 'graph', 'compiled', 'compiled graph')
DTYPES = {
    'float16': torch.float16,
    'bfloat16': torch.bfloat16,
    'tf32': torch.float32,
    'float32': torch.float32,
}
WARM_UP = 3

Step = Callable[[], None]


class Uint8Network(nn.Module):
    """A generator from uint8 (N, H, W, 3) RGB to the same, as exported models are.

    It is written anew, as the package's own stands beside things that need more packages than
    torch alone.
    """

    def __init__(self, generator: nn.Module, dtype: torch.dtype) -> None:
        """Wrap a generator of a dtype, (N, 3, H, W) in -1..1 to the same."""
        super().__init__()
        self.generator, self.dtype = generator.to(dtype), dtype

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Translate images; rounds to the nearest level."""
        # A view of NHWC bytes as NCHW already has the memory format that tensor cores want.
        scaled = image.permute(0, 3, 1, 2).to(self.dtype) / 127.5 - 1
        translated: torch.Tensor = self.generator(scaled).float()
        levels = ((translated + 1) * 127.5).round().clamp(0, 255)
        return levels.permute(0, 2, 3, 1).to(torch.uint8)


@dataclass(frozen=True)
class Task:
    """One row to be measured."""

    mode: str
    precision: str
    batch: int


def main() -> None:
    """Measure all rows of one generator."""
    spec = json.loads(sys.argv[1])
    for task in tasks(spec['batches'], spec['device']):
        row = {'mode': task.mode, 'precision': task.precision, 'batch': task.batch}
        if time.monotonic() > spec['until_s']:
            row['reason'] = 'no time was left'
        else:
            try:
                row.update(measure(spec, task))
            except Exception as error:
                # Whatever a compiler or driver does, the other rows go on.
                row['reason'] = ' '.join(f'{type(error).__name__}: {error}'.split())[:300]
        print(json.dumps({'name': spec['name'], **row}), flush=True)


def tasks(batches: list[int], device: str) -> Iterator[Task]:
    """Yield all rows, those that take the longest to prepare last."""
    for mode in MODES:
        if device == 'cpu' and 'graph' in mode:
            continue
        for batch in batches:
            for precision in DTYPES if device == 'cuda' else ('bfloat16', 'float32'):
                yield Task(mode, precision, batch)


def measure(spec: dict[str, Any], task: Task) -> dict[str, Any]:
    """Return the numbers of a row.

    Returns:
        ``device_ms``: of a batch that lies on the device already (median, 10 %, 90 %);
        ``total_ms``: from the host's memory and back, likewise; ``prepare_s``: compiling and
        capturing; ``memory_mib``: peak on the device; ``levels_off``: mean difference from eager
        float32, in levels of 255.
    """
    device, (width, height) = spec['device'], spec['size']
    generator = random_generator(spec['name'])
    torch.manual_seed(1)
    frame = torch.randint(0, 256, (task.batch, height, width, 3), dtype=torch.uint8)
    with torch.inference_mode(), tf32(task.precision == 'tf32'):
        expected = Uint8Network(generator, torch.float32).to(device)(frame[:1].to(device)).cpu()
        if device == 'cuda':
            torch.cuda.reset_peak_memory_stats()
        network = Uint8Network(generator, DTYPES[task.precision]).to(device)
        if DTYPES[task.precision] != torch.float32:
            network = network.to(memory_format=torch.channels_last)
        start = time.monotonic()
        image, out, step = prepare(network, frame.to(device), task, quick=spec['quick'])
        prepare_s = time.monotonic() - start
        device_ms = device_times(step, device, spec['seconds'])
        total_ms = total_times(step, (frame, image, out), device, spec['seconds'])
    off = (out()[:1].cpu().float() - expected.float()).abs().mean()
    memory = torch.cuda.max_memory_allocated() / 2**20 if device == 'cuda' else 0.0
    return {
        'device_ms': spread(device_ms),
        'total_ms': spread(total_ms),
        'prepare_s': prepare_s,
        'memory_mib': memory,
        'levels_off': float(off),
    }


def prepare(
    network: nn.Module, image: torch.Tensor, task: Task, *, quick: bool
) -> tuple[torch.Tensor, Callable[[], torch.Tensor], Step]:
    """Return the network's input, which may be overwritten, how to get its output, and a run."""
    results: list[torch.Tensor] = []
    call: Callable[[torch.Tensor], torch.Tensor] = network
    if 'compiled' in task.mode:
        torch._dynamo.reset()
        # For tests without a compiler of C++.
        call = torch.compile(network, dynamic=False, backend='eager' if quick else 'inductor')

    def step() -> None:
        results[:] = [call(image)]

    for _ in range(WARM_UP):
        step()
    if 'graph' in task.mode:
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            step()
        return image, lambda: results[0], graph.replay
    return image, lambda: results[0], step


def device_times(step: Step, device: str, seconds: float) -> list[float]:
    """Return the milliseconds of runs on data that lies on the device, until the time is up."""
    if device == 'cpu':
        return wall_times(step, seconds)
    step()
    torch.cuda.synchronize()
    events: list[list[Any]] = []
    end = time.monotonic() + seconds
    while not events or time.monotonic() < end:
        pair = [
            torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
            for _ in range(2)
        ]
        pair[0].record()
        step()
        pair[1].record()
        events.append(pair)
        if len(events) % 64 == 0:
            # Otherwise the host would queue work for minutes.
            torch.cuda.synchronize()
    torch.cuda.synchronize()
    return [first.elapsed_time(last) for first, last in events]


def total_times(
    step: Step,
    ends: tuple[torch.Tensor, torch.Tensor, Callable[[], torch.Tensor]],
    device: str,
    seconds: float,
) -> list[float]:
    """Return the milliseconds of runs from the host's memory and back to it."""
    frame, image, out = ends
    if device == 'cpu':
        target = torch.empty_like(frame)
    else:
        frame, target = frame.pin_memory(), torch.empty_like(frame).pin_memory()

    def whole() -> None:
        image.copy_(frame, non_blocking=True)
        step()
        target.copy_(out(), non_blocking=True)
        if device == 'cuda':
            torch.cuda.synchronize()

    return wall_times(whole, seconds)


def wall_times(step: Step, seconds: float) -> list[float]:
    """Return the milliseconds of runs until the time is up, three at least."""
    step()
    times_ms: list[float] = []
    end = time.monotonic() + seconds
    while len(times_ms) < 3 or time.monotonic() < end:
        start = time.perf_counter()
        step()
        times_ms.append(1000 * (time.perf_counter() - start))
    return times_ms


def spread(times_ms: list[float]) -> list[float]:
    """Return the median, and the limits of the fastest and the slowest tenth."""
    tenths = statistics.quantiles(times_ms, n=10, method='inclusive')
    return [statistics.median(times_ms), tenths[0], tenths[-1]]


if __name__ == '__main__':
    main()
