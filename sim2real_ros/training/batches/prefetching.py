"""Prepare batches ahead, in threads, so that the device never waits for them."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import TypeVar

import torch

from sim2real_ros.files import worker_threads
from sim2real_ros.training.batches.batch import Batch
from sim2real_ros.training.batches.pixel_batch import PixelBatch, to_batch

T = TypeVar('T')

_EXTRA_AHEAD = 2


def prefetched_batches(
    prepare: Callable[[int], PixelBatch],
    steps: Iterable[int],
    *,
    workers: int,
    device: torch.device,
) -> Iterator[Batch]:
    """Yield the batch of each step, in order; what a thread raises is raised at its turn.

    Args:
        prepare: Called in other threads, which spend their time in OpenCV and copying.
        steps: Which batches.
        workers: Number of threads.
        device: Where the batches are wanted.
    """
    if device.type == 'cuda':
        return _copied_ahead(_ahead(prepare, steps, workers), device)
    return _ahead(lambda step: to_batch(prepare(step), device), steps, workers)


def _ahead(prepare: Callable[[int], T], steps: Iterable[int], workers: int) -> Iterator[T]:
    pending: deque[Future[T]] = deque()
    with worker_threads(workers) as pool:
        for step in steps:
            pending.append(pool.submit(prepare, step))
            if len(pending) >= workers + _EXTRA_AHEAD:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def _copied_ahead(batches: Iterator[PixelBatch], device: torch.device) -> Iterator[Batch]:
    """Copy one batch ahead on a stream of its own, while the device computes on the last one."""
    copying = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    waiting: deque[tuple[Batch, torch.cuda.Event]] = deque()
    for pixels in batches:
        with torch.cuda.stream(copying):
            waiting.append((to_batch(pixels, device), copying.record_event()))
        if len(waiting) > 1:
            yield _handed_over(*waiting.popleft(), device)
    while waiting:
        yield _handed_over(*waiting.popleft(), device)


def _handed_over(batch: Batch, copied: torch.cuda.Event, device: torch.device) -> Batch:
    computing = torch.cuda.current_stream(device)
    computing.wait_event(copied)
    for tensor in (batch.sim, batch.real, batch.sim_mask):
        if tensor is not None:
            # Else its memory could be given to the next copy while it is still being used.
            tensor.record_stream(computing)
    return batch
