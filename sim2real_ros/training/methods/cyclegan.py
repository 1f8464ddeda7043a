"""CycleGAN: Zhu et al. 2017, Unpaired Image-to-Image Translation (arXiv 1703.10593)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from sim2real_ros.training.batches.batch import Batch
from sim2real_ros.training.losses.adversarial import (
    AdversarialKind,
    adversarial_loss,
    gradient_penalty,
)
from sim2real_ros.training.losses.extra import ExtraLosses
from sim2real_ros.training.losses.region import l1
from sim2real_ros.training.methods.freezing import frozen
from sim2real_ros.training.methods.method import Losses, Method
from sim2real_ros.training.methods.one_pass import in_one_pass, logits_in_one_pass
from sim2real_ros.training.networks import build_discriminator, build_generator
from sim2real_ros.training.options import TrainingConfig
from sim2real_ros.training.pools.image_pool import ImagePool
from sim2real_ros.training.stepper import Stepper


@dataclass(frozen=True)
class CycleGanConfig(TrainingConfig):
    """The defaults of the authors' code.

    Attributes:
        adversarial: Kind of adversarial loss.
        cycle_weight: L1 between a sim image and its translation translated back (lambda_A).
        cycle_weight_real: The same of real images (lambda_B); None = as ``cycle_weight``.
        identity_weight: L1 between a real image and its "translation" to real, and likewise for
            sim; a factor on the cycle weight of the same domain. 0 = off, which saves time but
            lets colours invert.
        gradient_penalty_weight: With ``wgan``.
        pool_size: Earlier translations that each discriminator may be shown again; 0 = none.
    """

    method: str = 'cyclegan'
    adversarial: AdversarialKind = 'lsgan'
    cycle_weight: float = 10.0
    cycle_weight_real: float | None = None
    identity_weight: float = 0.5
    gradient_penalty_weight: float = 10.0
    pool_size: int = 50

    def __post_init__(self) -> None:
        """Check what types alone cannot."""
        super().__post_init__()
        weights = (self.cycle_weight, self.cycle_weight_real or 0.0, self.identity_weight)
        if min(*weights, self.gradient_penalty_weight) < 0 or self.pool_size < 0:
            raise ValueError('weights and pool_size must not be negative')


@dataclass(frozen=True)
class _Pictures:
    """What the generators make of one batch, each (N, 3, H, W)."""

    as_real: torch.Tensor
    as_sim: torch.Tensor
    sim_again: torch.Tensor
    real_again: torch.Tensor
    real_as_real: torch.Tensor | None
    sim_as_sim: torch.Tensor | None


class CycleGan(Method):
    """Two generators and two discriminators; what goes there and back must come out as it went.

    A step translates both ways, then moves both generators by one optimiser while the
    discriminators are frozen, then moves both discriminators by another.

    Networks: ``sim_to_real``, ``real_to_sim``, ``discriminator_real``, ``discriminator_sim``.
    Optimisers: ``generator``, ``discriminator``.
    """

    Config = CycleGanConfig
    config: CycleGanConfig

    def __init__(self, config: CycleGanConfig) -> None:
        """Build everything on the CPU."""
        self.config = config
        self.extra = ExtraLosses(config.extra_losses)
        self._to_real = build_generator(config.generator)
        self._to_sim = build_generator(config.generator)
        self._judge_real = build_discriminator(config.discriminator)
        self._judge_sim = build_discriminator(config.discriminator)
        self.networks = nn.ModuleDict(
            {
                'sim_to_real': self._to_real,
                'real_to_sim': self._to_sim,
                'discriminator_real': self._judge_real,
                'discriminator_sim': self._judge_sim,
                **self.extra.networks,
            }
        )
        judges = [self._judge_real, self._judge_sim]
        self.optimisers = {
            'generator': self._adam([self._to_real, self._to_sim]),
            'discriminator': self._adam(judges, config.discriminator_optimiser),
            **self.extra.optimisers(config),
        }
        self._real_pool = ImagePool(config.pool_size)
        self._sim_pool = ImagePool(config.pool_size)

    def step(self, batch: Batch, stepper: Stepper) -> Losses:
        """Take one training step: generators, then discriminators."""
        losses = self.extra.learn(batch, stepper)
        with stepper.autocast(), frozen(self._judge_real, self._judge_sim):
            pictures = self._translate(batch)
            wanted = self._generator_losses(batch, pictures)
            total = torch.stack(list(wanted.values())).sum()
        stepper.update('generator', total)
        fake_real = self._real_pool.query(pictures.as_real)
        fake_sim = self._sim_pool.query(pictures.as_sim)
        with stepper.autocast():
            judged = {
                'discriminator_real': self._judge_loss(self._judge_real, batch.real, fake_real),
                'discriminator_sim': self._judge_loss(self._judge_sim, batch.sim, fake_sim),
            }
            total = torch.stack(list(judged.values())).sum()
        stepper.update('discriminator', total)
        return {**losses, **{name: loss.detach() for name, loss in (wanted | judged).items()}}

    def _translate(self, batch: Batch) -> _Pictures:
        """Translate there and back, and each domain to itself if that is wanted."""
        real_as_real = sim_as_sim = None
        if self.config.identity_weight:
            as_real, real_as_real = in_one_pass(self._to_real, batch.sim, batch.real)
            as_sim, sim_as_sim = in_one_pass(self._to_sim, batch.real, batch.sim)
        else:
            as_real, as_sim = self._to_real(batch.sim), self._to_sim(batch.real)
        return _Pictures(
            *(as_real, as_sim, self._to_sim(as_real), self._to_real(as_sim)),
            *(real_as_real, sim_as_sim),
        )

    def _generator_losses(self, batch: Batch, pictures: _Pictures) -> Losses:
        config, region = self.config, self.extra.region
        sim_weight, real_weight = config.cycle_weight, config.cycle_weight_real
        real_weight = sim_weight if real_weight is None else real_weight
        losses = {
            'adversarial_real': self._fooled(self._judge_real, pictures.as_real),
            'adversarial_sim': self._fooled(self._judge_sim, pictures.as_sim),
            'cycle_sim': sim_weight * l1(pictures.sim_again, batch.sim, region),
            'cycle_real': real_weight * l1(pictures.real_again, batch.real, region),
        }
        if pictures.real_as_real is not None and pictures.sim_as_sim is not None:
            factor = config.identity_weight
            real_distance = l1(pictures.real_as_real, batch.real, region)
            sim_distance = l1(pictures.sim_as_sim, batch.sim, region)
            losses['identity_real'] = factor * real_weight * real_distance
            losses['identity_sim'] = factor * sim_weight * sim_distance
        extra = self.extra.generator_losses(batch.sim, pictures.as_real, batch.sim_mask)
        return losses | extra

    def _fooled(self, judge: nn.Module, fake: torch.Tensor) -> torch.Tensor:
        kind, region = self.config.adversarial, self.extra.region
        return adversarial_loss(judge(fake), True, kind, for_generator=True, region=region)

    def _judge_loss(
        self, judge: nn.Module, real: torch.Tensor, fake: torch.Tensor
    ) -> torch.Tensor:
        """Return half of the losses on the domain's own images and on translated ones."""
        kind, region = self.config.adversarial, self.extra.region
        on_real, on_fake = logits_in_one_pass(judge, real, fake)
        loss = 0.5 * (
            adversarial_loss(on_real, True, kind, region=region)
            + adversarial_loss(on_fake, False, kind, region=region)
        )
        if kind == 'wgan':
            weight = self.config.gradient_penalty_weight
            loss = loss + weight * gradient_penalty(judge, real, fake)
        return loss

    def generator(self) -> nn.Module:
        """Return the network from sim to real."""
        return self._to_real

    def pictures(self, batch: Batch) -> dict[str, torch.Tensor]:
        """Return both domains, translated and translated back."""
        as_real, as_sim = self._to_real(batch.sim), self._to_sim(batch.real)
        return {
            **{'sim': batch.sim, 'translated': as_real, 'back to sim': self._to_sim(as_real)},
            **{'real': batch.real, 'as sim': as_sim, 'back to real': self._to_real(as_sim)},
        }

    def state(self) -> dict[str, torch.Tensor]:
        """Return the image pools."""
        pools = {'real_pool': self._real_pool, 'sim_pool': self._sim_pool}
        return {f'{name}.{key}': x for name, p in pools.items() for key, x in p.state().items()}

    def load_state(self, state: Mapping[str, torch.Tensor]) -> None:
        """Take over the image pools."""
        for name, pool in (('real_pool.', self._real_pool), ('sim_pool.', self._sim_pool)):
            own = {key: x for key, x in state.items() if key.startswith(name)}
            pool.load_state({key.removeprefix(name): x for key, x in own.items()})
