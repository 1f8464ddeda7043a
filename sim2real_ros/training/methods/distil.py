"""Distillation: a small generator learns to do what a slow teacher did.

The pairs are sim images and what the teacher made of them, so any teacher will do: a large
generator, a method that optimises one picture at a time, a program of somebody else. The losses
are those of HyPER-GAN (arXiv 2603.10604), L1 and a least-squares discriminator, and a term for
edges, which L1 alone lets small networks soften.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch
from torch import nn

from sim2real_ros.training.batches.batch import Batch
from sim2real_ros.training.losses.adversarial import AdversarialKind, adversarial_loss
from sim2real_ros.training.losses.extra import ExtraLosses
from sim2real_ros.training.losses.gradient_consistency import gradient_consistency
from sim2real_ros.training.losses.region import l1
from sim2real_ros.training.methods.freezing import frozen
from sim2real_ros.training.methods.method import Losses, Method
from sim2real_ros.training.methods.one_pass import logits_in_one_pass
from sim2real_ros.training.networks import build_discriminator, build_generator
from sim2real_ros.training.options import GeneratorOptions, ReportOptions, TrainingConfig
from sim2real_ros.training.stepper import Stepper


@dataclass(frozen=True)
class DistilConfig(TrainingConfig):
    """Defaults for a student that runs in real time.

    Batch norm, because it costs nothing once it is exported; so batches need several images.

    Attributes:
        adversarial: Kind of adversarial loss.
        adversarial_weight: 0 = no discriminator, which is faster and cannot diverge, but softer.
        l1_weight: L1 between the student's and the teacher's image.
        edge_weight: L1 between the edges of the two, in luminance; 0 = off.
    """

    method: str = 'distil'
    batch_size: int = 8
    generator: GeneratorOptions = field(
        default_factory=lambda: GeneratorOptions(name='mobile_unet', norm='batch')
    )
    report: ReportOptions = field(default_factory=lambda: ReportOptions(best_by='psnr'))
    adversarial: Literal['lsgan', 'vanilla', 'hinge'] = 'lsgan'
    adversarial_weight: float = 1.0
    l1_weight: float = 10.0
    edge_weight: float = 10.0

    def __post_init__(self) -> None:
        """Check what types alone cannot."""
        super().__post_init__()
        weights = (self.adversarial_weight, self.l1_weight, self.edge_weight)
        if min(weights) < 0 or not max(weights):
            raise ValueError('weights must not be negative, and one of them positive')


class Distil(Method):
    """A student, and a discriminator that tells its images from the teacher's.

    A step translates once, moves the discriminator if there is one, then the student.

    Networks: ``generator``, ``discriminator``. Optimisers: the same names.
    """

    Config = DistilConfig
    batch_kind: ClassVar[Literal['unpaired', 'paired']] = 'paired'
    config: DistilConfig

    def __init__(self, config: DistilConfig) -> None:
        """Build everything on the CPU."""
        self.config = config
        self.extra = ExtraLosses(config.extra_losses)
        self._student = build_generator(config.generator)
        networks: dict[str, nn.Module] = {'generator': self._student}
        self.optimisers = {'generator': self._adam([self._student])}
        self._judge: nn.Module | None = None
        if config.adversarial_weight:
            self._judge = networks['discriminator'] = build_discriminator(config.discriminator)
            self.optimisers['discriminator'] = self._adam(
                [self._judge], config.discriminator_optimiser
            )
        self.networks = nn.ModuleDict(networks | self.extra.networks)
        self.optimisers |= self.extra.optimisers(config)

    def step(self, batch: Batch, stepper: Stepper) -> Losses:
        """Take one training step: discriminator, then student."""
        losses = self.extra.learn(batch, stepper)
        with stepper.autocast():
            translated = self._student(batch.sim)
        if self._judge is not None:
            with stepper.autocast():
                judged = self._judge_loss(self._judge, batch.real, translated.detach())
            stepper.update('discriminator', judged)
            losses['discriminator'] = judged.detach()
        with stepper.autocast():
            wanted = self._student_losses(batch, translated)
            total = torch.stack(list(wanted.values())).sum()
        stepper.update('generator', total)
        return losses | {name: loss.detach() for name, loss in wanted.items()}

    def _judge_loss(
        self, judge: nn.Module, teacher: torch.Tensor, translated: torch.Tensor
    ) -> torch.Tensor:
        kind: AdversarialKind = self.config.adversarial
        region = self.extra.region
        on_teacher, on_student = logits_in_one_pass(judge, teacher, translated)
        on_both = adversarial_loss(on_teacher, True, kind, region=region) + adversarial_loss(
            on_student, False, kind, region=region
        )
        return 0.5 * on_both

    def _student_losses(self, batch: Batch, translated: torch.Tensor) -> Losses:
        config, region = self.config, self.extra.region
        losses = self.extra.generator_losses(batch.sim, translated, batch.sim_mask)
        if config.l1_weight:
            losses['l1'] = config.l1_weight * l1(translated, batch.real, region)
        if config.edge_weight:
            edges = gradient_consistency(translated, batch.real, region)
            losses['edges'] = config.edge_weight * edges
        if self._judge is not None:
            with frozen(self._judge):
                logits = self._judge(translated)
            losses['adversarial'] = config.adversarial_weight * adversarial_loss(
                logits, True, config.adversarial, for_generator=True, region=region
            )
        return losses

    def generator(self) -> nn.Module:
        """Return the student."""
        return self._student

    def pictures(self, batch: Batch) -> dict[str, torch.Tensor]:
        """Return the student's image between its input and the teacher's."""
        return {'sim': batch.sim, 'translated': self._student(batch.sim), 'teacher': batch.real}
