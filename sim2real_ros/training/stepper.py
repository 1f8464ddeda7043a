"""Stepper: how a method's losses change its networks, on any device and any number of them."""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import nn
from torch.optim import Optimizer


class Stepper:
    """Backward pass, averaging over processes, and optimiser step.

    Networks are not wrapped for distributed training: adversarial methods call a network several
    times per step and freeze it in between, which wrappers that overlap communication with the
    backward pass do not survive. Gradients are averaged after it instead, in one message.

    Attributes:
        fabric: Device, precision and processes.
        optimisers: By name, as the method names them.
    """

    def __init__(self, fabric: Fabric, optimisers: Mapping[str, Optimizer]) -> None:
        """Take over the optimisers; the networks must be on the device already."""
        self.fabric = fabric
        self.optimisers = dict(optimisers)
        # One optimiser in gives one out; the type says that several would give a tuple.
        self._wrapped: dict[str, Any] = {
            name: fabric.setup_optimizers(optimiser) for name, optimiser in optimisers.items()
        }

    def autocast(self) -> AbstractContextManager[None]:
        """Compute in the precision of the run; forward passes and losses belong inside."""
        return self.fabric.autocast()

    def update(self, name: str, loss: torch.Tensor, *, max_norm: float = 0.0) -> None:
        """Take one step with one optimiser.

        Args:
            name: Which one.
            loss: Scalar to minimise; call this outside ``autocast``.
            max_norm: Scale the gradient of each parameter to at most this norm; 0 = do not.
        """
        optimiser, parameters = self.optimisers[name], self._parameters(name)
        optimiser.zero_grad(set_to_none=True)
        self.fabric.backward(loss)
        self.average_gradients(parameters)
        if max_norm:
            self._unscale(optimiser)
            for parameter in parameters:
                nn.utils.clip_grad_norm_([parameter], max_norm)
        self._wrapped[name].step()

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace the gradients by their mean over all processes."""
        if self.fabric.world_size == 1:
            return
        gradients = [each.grad for each in parameters if each.grad is not None]
        if not gradients:
            return
        flat = torch.cat([each.reshape(-1) for each in gradients])
        mean_over_processes(flat, self.fabric.world_size)
        parts = torch.split(flat, [each.numel() for each in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    def _parameters(self, name: str) -> list[nn.Parameter]:
        groups = self.optimisers[name].param_groups
        return [parameter for group in groups for parameter in group['params']]

    def _unscale(self, optimiser: Optimizer) -> None:
        """Bring gradients of fp16 back to their own scale before they are compared with a norm."""
        scaler = getattr(self.fabric._precision, 'scaler', None)
        if scaler is not None:
            scaler.unscale_(optimiser)


def mean_over_processes(tensor: torch.Tensor, processes: int) -> None:
    """Replace a tensor by its mean over all processes; each of them must call this.

    Fabric's own call would let the processes wait for each other, and for their GPUs, before it.
    """
    torch.distributed.all_reduce(tensor)
    tensor /= processes
