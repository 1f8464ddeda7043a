"""A CycleGAN step as one writes it down from the paper: what the package's own is measured by.

Plain does not mean bad: discriminators are frozen while the generators learn, gradients are set
to None, nothing waits for the device. It has no tricks either: float32, every forward pass by
itself, a backward pass for each discriminator, and Adam as torch makes it unless told otherwise.
"""

from typing import Any

import torch
from torch import nn
from torch.optim import Adam

CYCLE_WEIGHT, IDENTITY_WEIGHT = 10.0, 5.0
POOL_SIZE = 50


class PlainPool:
    """Up to 50 earlier fakes; each new one takes the place of an old one, or of none."""

    def __init__(self) -> None:
        """Start empty."""
        self.images: list[torch.Tensor] = []

    def query(self, batch: torch.Tensor) -> torch.Tensor:
        """Exchange the images of a batch."""
        chosen = []
        for image in batch.detach():
            if len(self.images) < POOL_SIZE:
                self.images.append(image.clone())
                chosen.append(image)
            elif torch.rand(()) > 0.5:
                place = int(torch.randint(POOL_SIZE, ()))
                chosen.append(self.images[place])
                self.images[place] = image.clone()
            else:
                chosen.append(image)
        return torch.stack(chosen)


class PlainCycleGan:
    """Two generators, two discriminators, least squares, cycle and identity losses.

    Args:
        networks: ``sim_to_real``, ``real_to_sim``, ``discriminator_real``,
            ``discriminator_sim``, on their device.
        fused: Whether to use the fused Adam, the first of the tricks.
        bf16: Whether to compute in bf16 under autocast, the second.
    """

    def __init__(
        self, networks: nn.ModuleDict, *, fused: bool = False, bf16: bool = False
    ) -> None:
        """Make the optimisers."""
        self.to_real, self.to_sim = networks['sim_to_real'], networks['real_to_sim']
        self.judge_real = networks['discriminator_real']
        self.judge_sim = networks['discriminator_sim']
        options: dict[str, Any] = {'lr': 2e-4, 'betas': (0.5, 0.999)}
        if fused:
            options['fused'] = True
        self.generators = Adam([*self.to_real.parameters(), *self.to_sim.parameters()], **options)
        self.judge_parameters = [*self.judge_real.parameters(), *self.judge_sim.parameters()]
        self.judges = Adam(self.judge_parameters, **options)
        self.real_pool, self.sim_pool = PlainPool(), PlainPool()
        self.l1, self.mse = nn.L1Loss(), nn.MSELoss()
        self.device_type = self.judge_parameters[0].device.type
        self.bf16 = bf16

    def step(self, sim: torch.Tensor, real: torch.Tensor) -> None:
        """Take one step.

        Args:
            sim: float32 (N, 3, H, W) in -1..1.
            real: Likewise.
        """
        with self._autocast():
            as_real, as_sim = self.to_real(sim), self.to_sim(real)
            sim_again, real_again = self.to_sim(as_real), self.to_real(as_sim)
        for parameter in self.judge_parameters:
            parameter.requires_grad_(False)
        self.generators.zero_grad(set_to_none=True)
        with self._autocast():
            loss = (
                self._judged(self.judge_real(as_real), 1.0)
                + self._judged(self.judge_sim(as_sim), 1.0)
                + CYCLE_WEIGHT * self.l1(sim_again, sim)
                + CYCLE_WEIGHT * self.l1(real_again, real)
                + IDENTITY_WEIGHT * self.l1(self.to_real(real), real)
                + IDENTITY_WEIGHT * self.l1(self.to_sim(sim), sim)
            )
        torch.autograd.backward(loss)
        self.generators.step()
        for parameter in self.judge_parameters:
            parameter.requires_grad_(True)
        self.judges.zero_grad(set_to_none=True)
        self._learn_to_judge(self.judge_real, real, self.real_pool.query(as_real))
        self._learn_to_judge(self.judge_sim, sim, self.sim_pool.query(as_sim))
        self.judges.step()

    def _learn_to_judge(self, judge: nn.Module, own: torch.Tensor, fake: torch.Tensor) -> None:
        with self._autocast():
            on_own, on_fake = self._judged(judge(own), 1.0), self._judged(judge(fake), 0.0)
            loss = 0.5 * (on_own + on_fake)
        torch.autograd.backward(loss)

    def _judged(self, logits: torch.Tensor, wanted: float) -> torch.Tensor:
        loss: torch.Tensor = self.mse(logits, torch.full_like(logits, wanted))
        return loss

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device_type, torch.bfloat16, enabled=self.bf16)
