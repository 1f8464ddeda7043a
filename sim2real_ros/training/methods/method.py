"""Method: what one paper's way of training has to offer to the loop."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from torch import nn
from torch.optim import Adam, Optimizer

from sim2real_ros.training.batches.batch import Batch
from sim2real_ros.training.options import OptimiserOptions, TrainingConfig
from sim2real_ros.training.stepper import Stepper

Losses = dict[str, torch.Tensor]


class Method(ABC):
    """Networks, optimisers, and one step.

    A method seeds nothing and keeps no counters but in ``state``: the loop seeds torch before
    every step from the run's seed and the step's number, so a resumed run continues exactly.

    Attributes:
        Config: Class of its configuration, whose defaults are the method's own.
        batch_kind: Whether ``Batch.real`` shows the same scene as ``Batch.sim``.
        config: The configuration.
        networks: Everything with weights, by name; saved in checkpoints.
        optimisers: By name.
        step_count: Number of steps taken; the loop sets it before each step.
    """

    Config: ClassVar[type[TrainingConfig]]
    batch_kind: ClassVar[Literal['unpaired', 'paired']] = 'unpaired'

    config: TrainingConfig
    networks: nn.ModuleDict
    optimisers: dict[str, Optimizer]
    step_count: int = 0

    @abstractmethod
    def step(self, batch: Batch, stepper: Stepper) -> Losses:
        """Take one training step.

        Returns:
            Detached scalars by the loss's paper name, weighted as they enter the sum; no
            ``.item()``, which would wait for the device.
        """

    @property
    def warm_up(self) -> str:
        """What is done at ``step_count`` before the training proper; '' = that has begun.

        Until then no checkpoint is chosen as the best: a generator that has learned to change
        nothing can measure better than one that learns from real images.
        """
        return ''

    @abstractmethod
    def generator(self) -> nn.Module:
        """Return the network from sim to real that is exported: (N, 3, H, W) in -1..1 to the same.

        It must be exportable as it is: no dependence on training mode but dropout and batch norm.
        """

    def pictures(self, batch: Batch) -> dict[str, torch.Tensor]:
        """Return what a sample sheet shows, by column title, each (N, 3, H, W) in -1..1.

        Called with the networks in evaluation mode and without gradients.
        """
        return {'sim': batch.sim, 'translated': self.generator()(batch.sim)}

    def state(self) -> dict[str, torch.Tensor]:
        """Return what else a resumed run needs, such as image pools, as tensors on the CPU."""
        return {}

    def load_state(self, state: Mapping[str, torch.Tensor]) -> None:  # noqa: B027
        """Take over what ``state`` returned."""

    def _adam(self, networks: list[nn.Module], options: OptimiserOptions | None = None) -> Adam:
        options = options or self.config.optimiser
        parameters: list[Any] = [p for network in networks for p in network.parameters()]
        return Adam(
            parameters,
            lr=options.learning_rate,
            betas=options.betas,
            weight_decay=options.weight_decay,
            fused=True,
        )
