"""Processes: the device of a run, and the processes that train together, one per device."""

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from lightning_fabric import Fabric
from torch import distributed

from sim2real_ros.errors import TrainingError
from sim2real_ros.training.engine.checkpoint import Tensors
from sim2real_ros.training.engine.interruption import Reason

Precision = Literal['fp32', 'bf16-mixed', 'fp16-mixed']

_FABRIC_PRECISIONS = {'fp32': '32-true', 'bf16-mixed': 'bf16-mixed', 'fp16-mixed': '16-mixed'}
_REASONS: tuple[Reason, ...] = ('', 'time', 'signal')
"""By urgency."""

_FIRST_WITH_BF16 = 8
"""Major number of the compute capability from which GPUs have bf16 in hardware."""

_CPU_BF16 = ('_is_avx512_bf16_supported', '_is_amx_tile_supported')
"""Names of torch's questions about what a processor has."""


@dataclass(frozen=True)
class Machine:
    """On what to train; results depend on it only by rounding, and by the number of processes.

    Attributes:
        device: ``auto`` = a GPU where there is one.
        devices: Processes on this machine, each with a device of its own. Under ``torchrun`` its
            own numbers count.
        nodes: Machines that train together; each of them starts the same command.
        threads: Of each process that compute on the CPU; 0 = as many as torch wants. Where
            others use the same cores, fewer are often faster by far: in each operation, all
            threads wait for the one that has no core.
    """

    device: Literal['auto', 'cpu', 'cuda'] = 'auto'
    devices: int = 1
    nodes: int = 1
    threads: int = 0


def make_fabric(machine: Machine, precision: str) -> tuple[Fabric, Precision]:
    """Choose device and precision; nothing is started yet.

    Args:
        machine: Where to train.
        precision: Of the configuration; ``auto`` is resolved.

    Raises:
        TrainingError: The machine does not have what is asked for.
    """
    logging.getLogger('lightning_fabric').setLevel(logging.WARNING)
    has_gpu = torch.cuda.is_available()
    device = ('cuda' if has_gpu else 'cpu') if machine.device == 'auto' else machine.device
    if device == 'cuda' and not has_gpu:
        raise TrainingError(
            'Device cuda is asked for, but torch finds no GPU that it can use: install its driver '
            'and a build of torch for it, or train on the CPU (--device cpu).'
        )
    devices, nodes = _processes_of_torchrun() or (machine.devices, machine.nodes)
    if device == 'cuda' and devices > torch.cuda.device_count():
        raise TrainingError(
            f'{devices} devices are asked for, but torch finds {torch.cuda.device_count()} GPU(s).'
        )
    resolved = _resolved(precision, device)
    fabric = Fabric(
        accelerator=device,
        devices=devices,
        num_nodes=nodes,
        strategy='ddp' if devices * nodes > 1 else 'auto',
        precision=_FABRIC_PRECISIONS[resolved],  # type: ignore[arg-type]
    )
    return fabric, resolved


def _processes_of_torchrun() -> tuple[int, int] | None:
    """Return (processes per machine, machines) of the torchrun that has started this process."""
    if 'TORCHELASTIC_RUN_ID' not in os.environ:
        return None
    return int(os.environ['LOCAL_WORLD_SIZE']), int(os.environ['GROUP_WORLD_SIZE'])


def _resolved(precision: str, device: str) -> Precision:
    if precision == 'auto':
        has_bf16 = _gpu_has_bf16() if device == 'cuda' else _cpu_has_bf16()
        return 'bf16-mixed' if has_bf16 else 'fp32'
    if precision == 'fp16-mixed' and device != 'cuda':
        raise TrainingError(
            f'precision fp16-mixed needs a GPU, here is {device!r}: set bf16-mixed or fp32.'
        )
    assert precision in ('fp32', 'bf16-mixed', 'fp16-mixed')
    return precision  # type: ignore[return-value]


def _gpu_has_bf16() -> bool:
    return torch.cuda.get_device_capability()[0] >= _FIRST_WITH_BF16


def _cpu_has_bf16() -> bool:
    """Tell whether the processor multiplies bf16; others emulate it and take longer than fp32."""
    # Private functions of torch, so they may be gone one day.
    questions = (getattr(torch.cpu, name, None) for name in _CPU_BF16)
    return any(bool(ask()) for ask in questions if ask is not None)


class Processes:
    """All processes of a run, seen from one of them.

    Attributes:
        fabric: Device, precision and processes.
        is_main: Whether this one writes files and reports.
    """

    def __init__(self, fabric: Fabric) -> None:
        """Take over launched processes."""
        self.fabric = fabric
        self.is_main = bool(fabric.is_global_zero)
        self._group: Any = None
        if fabric.world_size > 1 and distributed.get_backend() != 'gloo':
            # Small news between the CPUs, for which no GPU has to finish its work.
            self._group = distributed.new_group(backend='gloo')

    def agree(self, reason: Reason) -> Reason:
        """Return the most urgent reason to stop that any process has; all of them must ask."""
        return _REASONS[self._highest(_REASONS.index(reason))]

    def any(self, flag: bool) -> bool:
        """Tell whether the flag is set in any process; all of them must ask."""
        return bool(self._highest(int(flag)))

    def from_main(self, number: int) -> int:
        """Return a number, 0 or more, that the main process knows; all of them must ask."""
        return self._highest(number if self.is_main else 0)

    def _highest(self, number: int) -> int:
        if self.fabric.world_size == 1:
            return number
        value = torch.tensor([number])
        distributed.all_reduce(value, distributed.ReduceOp.MAX, group=self._group)
        return int(value)

    def gather(self, tensors: Mapping[str, torch.Tensor]) -> Tensors:
        """Return the tensors of all processes, in the main one; all of them must ask.

        Args:
            tensors: Of this process; names differ from process to process.
        """
        if self.fabric.world_size == 1:
            return dict(tensors)
        own = {name: tensor.cpu() for name, tensor in tensors.items()}
        # Pickled, but by ourselves, and never on a disk.
        gathered: list[Any] = [None] * self.fabric.world_size
        distributed.gather_object(own, gathered if self.is_main else None, group=self._group)
        return {name: each[name] for each in gathered if each for name in each}


@contextmanager
def launched(fabric: Fabric) -> Iterator[Processes]:
    """Start the other processes, and take them along when this one fails.

    Fabric starts them as further runs of this very program, unless torchrun did so already.

    Raises:
        TrainingError: Processes cannot find each other, or another one has ended.
    """
    ours = not distributed.is_initialized()
    try:
        fabric.launch()
    except BaseException as error:
        _end_others(fabric)
        if isinstance(error, RuntimeError | ValueError | OSError):
            raise TrainingError(f'The processes cannot be started: {error}.') from error
        raise
    try:
        yield Processes(fabric)
        fabric.barrier()
    except BaseException as error:
        _end_others(fabric)
        if _is_about_another_process(error):
            raise TrainingError(
                'Another process of this run has ended: what it has said tells why. Go on with '
                '--resume afterwards.'
            ) from error
        raise
    finally:
        if ours and distributed.is_initialized():
            distributed.destroy_process_group()


def _end_others(fabric: Fabric) -> None:
    """End the processes that Fabric has started: they would wait for this one for ever."""
    for process in getattr(fabric.strategy.launcher, 'procs', ()):
        process.kill()


def _is_about_another_process(error: BaseException) -> bool:
    """Recognise that a connection has broken; gloo has no class of errors for that."""
    if isinstance(error, distributed.DistBackendError):
        return True
    return isinstance(error, RuntimeError) and 'gloo/transport' in str(error)
