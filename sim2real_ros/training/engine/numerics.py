"""Numerics: random numbers that belong to a step, and torch's settings for a run."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from sim2real_ros.errors import TrainingError
from sim2real_ros.training.options import TrainingConfig


def seed_step(seed: int, step: int, rank: int) -> None:
    """Seed torch for one step, so that a resumed run draws what an uninterrupted one would.

    Args:
        seed: Of the run.
        step: Counted from 0.
        rank: Of the process.
    """
    # Hashed: torch's generator on the CPU takes 32 bits, and similar seeds give similar numbers.
    digest = hashlib.blake2b(f'{seed} {step} {rank}'.encode(), digest_size=8).digest()
    torch.manual_seed(int.from_bytes(digest, 'little') >> 1)


@contextmanager
def settings_for(device: torch.device, threads: int = 0) -> Iterator[None]:
    """Make a CPU reproducible and a GPU fast; give settings and random numbers back afterwards.

    Args:
        device: That trains.
        threads: That compute on the CPU; 0 = as many as now.
    """
    deterministic = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    # Its attributes are those of a module that torch replaces at run time.
    memory: Any = torch.utils.deterministic
    fill, benchmark = memory.fill_uninitialized_memory, torch.backends.cudnn.benchmark
    on_gpu = device.type == 'cuda'
    threads_before = torch.get_num_threads()
    with torch.random.fork_rng([device] if on_gpu else []):
        try:
            torch.set_num_threads(threads or threads_before)
            torch.use_deterministic_algorithms(not on_gpu, warn_only=True)
            # It would cost time, and only hide a use of memory that was never written.
            memory.fill_uninitialized_memory = False
            # Crops have one size, for which the fastest kernels are looked for once.
            torch.backends.cudnn.benchmark = on_gpu
            yield
        finally:
            torch.set_num_threads(threads_before)
            torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)
            memory.fill_uninitialized_memory = fill
            torch.backends.cudnn.benchmark = benchmark


@contextmanager
def memory_errors(config: TrainingConfig) -> Iterator[None]:
    """Explain what to do when memory runs out.

    Raises:
        TrainingError: In place of torch's and Python's errors about memory.
    """
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not _is_about_memory(error):
            raise
        width, height = config.data.crop_size
        raise TrainingError(
            f'Memory ran out (crop_size {width}x{height}, batch_size {config.batch_size}, '
            f'precision {config.precision}). Lower data.crop_size, batch_size or '
            'generator.filters, or set precision to bf16-mixed; full images can be translated '
            'later all the same. The last checkpoint is intact.'
        ) from error


def _is_about_memory(error: RuntimeError) -> bool:
    """Recognise what torch has no class for: memory of the host."""
    if isinstance(error, torch.OutOfMemoryError):
        return True
    text = str(error)
    return "DefaultCPUAllocator: can't allocate memory" in text or 'not enough memory' in text
