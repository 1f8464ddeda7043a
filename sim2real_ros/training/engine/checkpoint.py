"""Checkpoints: everything that a run needs to go on, in one safetensors file each.

A file is trusted no further than its bytes can be checked: safetensors holds nothing but
tensors, the header says what they are, and a checksum tells whether they are what was written.
"""

import json
import os
import re
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from sim2real_ros.config import from_mapping
from sim2real_ros.errors import ConfigError, TrainingError
from sim2real_ros.files import atomic_path
from sim2real_ros.training.engine.checkpoint_mark import METADATA_KEY

Tensors = dict[str, torch.Tensor]

VERSION = 1
_NAME = re.compile(r'step_(\d{8,12})\.safetensors')


@dataclass(frozen=True)
class Best:
    """The best measurement of a run so far.

    Attributes:
        step: Number of steps taken when it was measured.
        metric: Its name.
        value: What was measured.
    """

    step: int
    metric: str
    value: float


@dataclass(frozen=True)
class WatchMemory:
    """What the watch over a run has counted, and said, so far.

    Attributes:
        collapse_looks: Steps of the latest looks in a row that found all outputs alike.
        won_looks: Looks in a row that found a discriminator to have won, by its loss.
        warned: What holds and was said, so that it is not said again.
    """

    collapse_looks: tuple[int, ...] = ()
    won_looks: dict[str, int] = field(default_factory=dict)
    warned: tuple[str, ...] = ()


@dataclass(frozen=True)
class CheckpointFacts:
    """What a checkpoint says about itself, besides its tensors.

    Attributes:
        step: Number of steps taken.
        config_sha256: Of the configuration, as ``config_sha256`` computes it.
        processes: That trained together; each has a batch and image pools of its own.
        metrics: Measured at this very step.
        best: The best measurement until then; None = none yet.
        elapsed_s: Time spent training until then, earlier parts of the run included.
        loss_counts: Steps that went into the loss sums since the last line of the log.
        scaler: State of the scaler of fp16; {} for other precisions.
        watch: What the watch has counted until then.
    """

    step: int
    config_sha256: str = ''
    processes: int = 1
    metrics: dict[str, float] = field(default_factory=dict)
    best: Best | None = None
    elapsed_s: float = 0.0
    loss_counts: dict[str, int] = field(default_factory=dict)
    scaler: dict[str, float] = field(default_factory=dict)
    watch: WatchMemory = WatchMemory()


@dataclass(frozen=True)
class Checkpoint:
    """A file that was written as a checkpoint; its tensors have not been read yet.

    Attributes:
        path: The file.
        facts: What its header says.
    """

    path: Path
    facts: CheckpointFacts

    @property
    def step(self) -> int:
        """Number of steps taken."""
        return self.facts.step


def checkpoint_path(folder: Path, step: int) -> Path:
    """Return the file of a step: ``step_00001000.safetensors``."""
    return folder / f'step_{step:08}.safetensors'


def checkpoint_steps(folder: Path) -> list[int]:
    """List the steps of all checkpoint files by their names, ascending; nothing is opened."""
    matches = (_NAME.fullmatch(path.name) for path in folder.glob('step_*.safetensors'))
    return sorted(int(match[1]) for match in matches if match)


def save_checkpoint(folder: Path, facts: CheckpointFacts, tensors: Mapping[str, Any]) -> Path:
    """Write a checkpoint, whole or not at all.

    Args:
        folder: Where checkpoints lie; it is made where it is missing.
        facts: Goes into the header.
        tensors: By name, on any device, in any memory format; some may share memory.

    Returns:
        The file.

    Raises:
        DataError: The disk refuses; what was there before is intact.
    """
    path = checkpoint_path(folder, facts.step)
    copies = {name: _detached_copy(tensor) for name, tensor in sorted(tensors.items())}
    content = {
        **{'version': VERSION, 'tensors_crc32': _checksum(copies)},
        **{'facts': asdict(facts), 'facts_crc32': _checksum_of_facts(asdict(facts))},
    }
    with atomic_path(path) as partial:
        try:
            save_file(copies, partial, {METADATA_KEY: json.dumps(content)})
        except SafetensorError as error:
            # Its errors of the disk are no OSErrors.
            raise OSError(0, str(error)) from error
        _flush_to_disk(partial)
    return path


def read_facts(path: Path) -> Checkpoint:
    """Read the header of a checkpoint.

    Raises:
        TrainingError: It cannot be read or is none.
    """
    with _opened(path) as file:
        return Checkpoint(path, _facts(file.metadata(), path)[0])


def load_tensors(path: Path, *, prefixes: tuple[str, ...] = ('',)) -> Tensors:
    """Read tensors of a checkpoint onto the CPU.

    Args:
        path: The file.
        prefixes: Only tensors whose names begin with one of these; the checksum is compared only
            where all are read.

    Raises:
        TrainingError: It cannot be read, is no checkpoint, or its bytes have changed.
    """
    with _opened(path) as file:
        _, checksum = _facts(file.metadata(), path)
        names = sorted(file.keys())
        wanted = [name for name in names if name.startswith(prefixes)]
        # Copies: what safetensors gives may be the memory of the file itself.
        tensors = {name: file.get_tensor(name).clone() for name in wanted}
    if len(tensors) == len(names) and _checksum(tensors) != checksum:
        raise TrainingError(_damaged(path, 'its content is not what was written'))
    return tensors


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a file of which nothing is believed but that safetensors accepts its header."""
    try:
        with safe_open(path, framework='pt', device='cpu') as file:
            yield file
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise TrainingError(_damaged(path, str(error))) from error


def _facts(metadata: Mapping[str, str] | None, path: Path) -> tuple[CheckpointFacts, int]:
    """Read the facts and the checksum of the tensors."""
    try:
        content = json.loads((metadata or {})[METADATA_KEY])
        if content['version'] != VERSION:
            raise TrainingError(
                f'The checkpoint {str(path)!r} has version {content["version"]!r}, expected '
                f'{VERSION}: another version of sim2real_ros wrote it.'
            )
        if content['facts_crc32'] != _checksum_of_facts(content['facts']):
            raise ValueError('they have changed')
        facts = from_mapping(CheckpointFacts, content['facts'], 'facts')
        checksum = int(content['tensors_crc32'])
    except (LookupError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise TrainingError(_damaged(path, f'the facts in its header: {error}')) from error
    except ConfigError as error:
        raise TrainingError(_damaged(path, str(error))) from error
    match = _NAME.fullmatch(path.name)
    if match and int(match[1]) != facts.step:
        raise TrainingError(_damaged(path, f'it holds step {facts.step}'))
    return facts, checksum


def _damaged(path: Path, reason: str) -> str:
    return (
        f'The checkpoint {str(path)!r} is damaged or no checkpoint: {reason}. Take another one, '
        'or continue from the one before it (--resume looks for it).'
    )


def _detached_copy(tensor: torch.Tensor) -> torch.Tensor:
    """Return a copy on the CPU, in the usual order of axes, that shares no memory."""
    copy = torch.empty(tensor.shape, dtype=tensor.dtype)
    return copy.copy_(tensor.detach())


def _checksum_of_facts(facts: Mapping[str, Any]) -> int:
    return zlib.crc32(json.dumps(facts, sort_keys=True).encode())


def _checksum(tensors: Mapping[str, torch.Tensor]) -> int:
    """Return the CRC-32 of names, types, shapes and bytes, in the order of the names."""
    result = 0
    for name, tensor in sorted(tensors.items()):
        result = zlib.crc32(f'{name} {tensor.dtype} {tuple(tensor.shape)}'.encode(), result)
        result = zlib.crc32(tensor.reshape(-1).view(torch.uint8).numpy().data, result)
    return result


def _flush_to_disk(path: Path) -> None:
    """Have the bytes on the disk before the name points to them, for the sake of power cuts."""
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
