"""pix2pix: Isola et al. 2017, Image-to-Image Translation with Conditional Adversarial Networks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

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
from sim2real_ros.training.methods.one_pass import logits_in_one_pass
from sim2real_ros.training.networks import build_discriminator, build_generator
from sim2real_ros.training.options import (
    DiscriminatorOptions,
    GeneratorOptions,
    ReportOptions,
    TrainingConfig,
)
from sim2real_ros.training.stepper import Stepper


@dataclass(frozen=True)
class Pix2PixConfig(TrainingConfig):
    """The defaults of the authors' code.

    Attributes:
        adversarial: Kind of adversarial loss.
        l1_weight: L1 between the translated image and the real one of the same scene.
        gradient_penalty_weight: With ``wgan``.
    """

    method: str = 'pix2pix'
    generator: GeneratorOptions = field(
        default_factory=lambda: GeneratorOptions(name='unet', norm='batch', dropout=True)
    )
    discriminator: DiscriminatorOptions = field(
        default_factory=lambda: DiscriminatorOptions(norm='batch')
    )
    report: ReportOptions = field(default_factory=lambda: ReportOptions(best_by='psnr'))
    adversarial: AdversarialKind = 'vanilla'
    l1_weight: float = 100.0
    gradient_penalty_weight: float = 10.0

    def __post_init__(self) -> None:
        """Check what types alone cannot."""
        super().__post_init__()
        if min(self.l1_weight, self.gradient_penalty_weight) < 0:
            raise ValueError('weights must not be negative')


class Pix2Pix(Method):
    """One generator, and a discriminator that judges pairs: the sim image and what became of it.

    A step translates once, moves the discriminator, then moves the generator against the
    discriminator that has just moved.

    Networks: ``generator``, ``discriminator``. Optimisers: the same names.
    """

    Config = Pix2PixConfig
    batch_kind: ClassVar[Literal['unpaired', 'paired']] = 'paired'
    config: Pix2PixConfig

    def __init__(self, config: Pix2PixConfig) -> None:
        """Build everything on the CPU."""
        self.config = config
        self.extra = ExtraLosses(config.extra_losses)
        self._generator = build_generator(config.generator)
        self._judge = build_discriminator(config.discriminator, channels=6)
        self.networks = nn.ModuleDict(
            {
                'generator': self._generator,
                'discriminator': self._judge,
                **self.extra.networks,
            }
        )
        self.optimisers = {
            'generator': self._adam([self._generator]),
            'discriminator': self._adam([self._judge], config.discriminator_optimiser),
            **self.extra.optimisers(config),
        }

    def step(self, batch: Batch, stepper: Stepper) -> Losses:
        """Take one training step: discriminator, then generator."""
        losses = self.extra.learn(batch, stepper)
        with stepper.autocast():
            translated = self._generator(batch.sim)
            judged = self._judge_loss(batch, translated.detach())
        stepper.update('discriminator', judged)
        with stepper.autocast(), frozen(self._judge):
            wanted = self._generator_losses(batch, translated)
            total = torch.stack(list(wanted.values())).sum()
        stepper.update('generator', total)
        losses |= {name: loss.detach() for name, loss in wanted.items()}
        return losses | {'discriminator': judged.detach()}

    def _judge_loss(self, batch: Batch, translated: torch.Tensor) -> torch.Tensor:
        """Return half of the losses on the pair as it is and on the translated one."""
        kind, region = self.config.adversarial, self.extra.region
        fake = torch.cat([batch.sim, translated], 1)
        real = torch.cat([batch.sim, batch.real], 1)
        on_fake, on_real = logits_in_one_pass(self._judge, fake, real)
        loss = 0.5 * (
            adversarial_loss(on_fake, False, kind, region=region)
            + adversarial_loss(on_real, True, kind, region=region)
        )
        if kind == 'wgan':
            weight = self.config.gradient_penalty_weight
            loss = loss + weight * gradient_penalty(self._judge, real, fake)
        return loss

    def _generator_losses(self, batch: Batch, translated: torch.Tensor) -> Losses:
        config, region = self.config, self.extra.region
        logits = self._judge(torch.cat([batch.sim, translated], 1))
        return {
            'adversarial': adversarial_loss(
                logits, True, config.adversarial, for_generator=True, region=region
            ),
            'l1': config.l1_weight * l1(translated, batch.real, region),
            **self.extra.generator_losses(batch.sim, translated, batch.sim_mask),
        }

    def generator(self) -> nn.Module:
        """Return the network from sim to real."""
        return self._generator

    def pictures(self, batch: Batch) -> dict[str, torch.Tensor]:
        """Return the translated image between the two that it should join."""
        translated = self._generator(batch.sim)
        return {'sim': batch.sim, 'translated': translated, 'real': batch.real}
