"""SimGAN: a refiner adds realism to simulated images and keeps what they show.

Shrivastava et al. 2017, "Learning from Simulated and Unsupervised Images through Adversarial
Training".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import nn

from sim2real_ros.errors import ConfigError
from sim2real_ros.training.batches.batch import Batch
from sim2real_ros.training.losses.extra import ExtraLosses
from sim2real_ros.training.losses.local_adversarial import local_adversarial_loss
from sim2real_ros.training.losses.self_regularisation import self_regularisation_loss
from sim2real_ros.training.methods.freezing import frozen
from sim2real_ros.training.methods.method import Losses, Method
from sim2real_ros.training.networks import build_discriminator, build_generator
from sim2real_ros.training.options import (
    DiscriminatorOptions,
    GeneratorOptions,
    Initialisation,
    OptimiserOptions,
    ScheduleOptions,
    TrainingConfig,
)
from sim2real_ros.training.pools.refined_history import RefinedHistory
from sim2real_ros.training.stepper import Stepper

_XAVIER = Initialisation(kind='xavier', gain=1.0)


@dataclass(frozen=True)
class SimganConfig(TrainingConfig):
    """SimGAN's configuration.

    Attributes:
        adversarial_weight: Of the local adversarial loss, for the refiner.
        self_regularisation_weight: Of the distance between refined and simulated image.
        normalisation: ``sum`` over an image as in the paper, or ``mean``, whose weights do not
            depend on the image's size; losses/local_adversarial.py tells how they correspond.
        pretrain_refiner: Steps of the first phase, the refiner alone: it learns to keep an image.
        pretrain_discriminator: Steps of the second phase, the discriminator alone.
        refiner_updates: Of each step thereafter, K_g in the paper.
        discriminator_updates: Of each step thereafter, K_d in the paper.
        history_size: Images of the past that the discriminator is shown again; 0 = none.
        max_gradient_norm: Of each parameter; 0 = no limit.
    """

    method: str = 'simgan'
    generator: GeneratorOptions = field(
        default_factory=lambda: GeneratorOptions(
            name='refiner', norm='none', initialisation=_XAVIER
        )
    )
    discriminator: DiscriminatorOptions = field(
        default_factory=lambda: DiscriminatorOptions(
            name='local', norm='none', initialisation=_XAVIER
        )
    )
    optimiser: OptimiserOptions = field(
        default_factory=lambda: OptimiserOptions(learning_rate=2e-4, betas=(0.5, 0.999))
    )
    schedule: ScheduleOptions = field(
        default_factory=lambda: ScheduleOptions(
            unit='steps', constant=50_000, decay=0, policy='constant'
        )
    )
    adversarial_weight: float = 1.0
    self_regularisation_weight: float = 1.0
    normalisation: Literal['mean', 'sum'] = 'mean'
    pretrain_refiner: int = 1000
    pretrain_discriminator: int = 200
    refiner_updates: int = 2
    discriminator_updates: int = 1
    history_size: int = 100
    max_gradient_norm: float = 50.0

    def __post_init__(self) -> None:
        """Check what types alone cannot."""
        super().__post_init__()
        lengths = (self.pretrain_refiner, self.pretrain_discriminator, self.history_size)
        if min(lengths) < 0 or min(self.refiner_updates, self.discriminator_updates) < 1:
            raise ValueError(
                'pretrain_refiner, pretrain_discriminator and history_size must be 0 or more, '
                'refiner_updates and discriminator_updates positive'
            )
        steps, pretraining = self.schedule.constant + self.schedule.decay, sum(lengths[:2])
        if self.schedule.unit == 'steps' and steps <= pretraining:
            raise ValueError(
                f'the schedule ends after {steps} steps, before the refiner learns from real '
                f'images: pretraining takes {pretraining}; lower pretrain_refiner and '
                'pretrain_discriminator, or train longer'
            )
        weights = (self.adversarial_weight, self.self_regularisation_weight)
        if min(*weights, self.max_gradient_norm) < 0:
            raise ValueError('weights and max_gradient_norm must not be negative')


class Simgan(Method):
    """Refiner against local discriminator.

    One step is one update of the refiner, or of the discriminator, while these are pre-trained,
    and ``refiner_updates`` of the one followed by ``discriminator_updates`` of the other after
    that. All updates of a step look at the same batch, so that it may be as small as one image;
    the paper draws new images for each. Which phase it is follows from the step's number alone,
    so a resumed run goes on in the right one.
    """

    Config = SimganConfig
    config: SimganConfig

    def __init__(self, config: SimganConfig) -> None:
        """Build everything on the CPU.

        Raises:
            ConfigError: Networks that do not fit the method or their options.
        """
        if config.discriminator.name != 'local':
            raise ConfigError(
                f'simgan cannot use the discriminator {config.discriminator.name!r}: its loss '
                "tells refined from real by two channels; set discriminator.name to 'local'."
            )
        self.config = config
        self.extra = ExtraLosses(config.extra_losses)
        self.refiner = build_generator(config.generator)
        self.discriminator = build_discriminator(config.discriminator)
        self.networks = nn.ModuleDict(
            {
                'refiner': self.refiner,
                'discriminator': self.discriminator,
                **self.extra.networks,
            }
        )
        self.optimisers = {
            'refiner': self._adam([self.refiner]),
            'discriminator': self._adam([self.discriminator], config.discriminator_optimiser),
            **self.extra.optimisers(config),
        }
        self.history = RefinedHistory(config.history_size)

    @property
    def warm_up(self) -> str:
        """Describe the phase of pre-training that ``step_count`` is in."""
        refiner_until = self.config.pretrain_refiner
        adversarial_from = refiner_until + self.config.pretrain_discriminator
        if self.step_count < refiner_until:
            return f'the refiner learns to keep an image, until step {refiner_until}'
        if self.step_count < adversarial_from:
            return f'the discriminator learns alone, until step {adversarial_from}'
        return ''

    def generator(self) -> nn.Module:
        """Return the refiner."""
        return self.refiner

    def step(self, batch: Batch, stepper: Stepper) -> Losses:
        """Take one step of the phase that ``step_count`` is in; see ``Method.step``."""
        losses = dict(self.extra.learn(batch, stepper))
        adversarial_from = self.config.pretrain_refiner + self.config.pretrain_discriminator
        if self.step_count < self.config.pretrain_refiner:
            return losses | self._update_refiner(batch, stepper, adversarial=False)
        if self.step_count < adversarial_from:
            return losses | self._update_discriminator(batch, stepper, RefinedHistory(0))
        for _ in range(self.config.refiner_updates):
            losses |= self._update_refiner(batch, stepper, adversarial=True)
        for _ in range(self.config.discriminator_updates):
            losses |= self._update_discriminator(batch, stepper, self.history)
        return losses

    def state(self) -> dict[str, torch.Tensor]:
        """Return the history of refined images."""
        return {f'history.{name}': image for name, image in self.history.state().items()}

    def load_state(self, state: Mapping[str, torch.Tensor]) -> None:
        """Take over what ``state`` returned."""
        self.history.load_state(
            {name.removeprefix('history.'): image for name, image in state.items()}
        )

    def _update_refiner(self, batch: Batch, stepper: Stepper, *, adversarial: bool) -> Losses:
        config, region = self.config, self.extra.region
        with frozen(self.discriminator), stepper.autocast():
            refined = self.refiner(batch.sim)
            distance = self_regularisation_loss(refined, batch.sim, config.normalisation, region)
            losses = {'self_regularisation': config.self_regularisation_weight * distance}
            if adversarial:
                logits = self.discriminator(refined)
                realism = local_adversarial_loss(logits, True, config.normalisation, region)
                losses['adversarial'] = config.adversarial_weight * realism
                losses |= self.extra.generator_losses(batch.sim, refined, batch.sim_mask)
            total = torch.stack(list(losses.values())).sum()
        stepper.update('refiner', total, max_norm=config.max_gradient_norm)
        return {name: loss.detach() for name, loss in losses.items()}

    def _update_discriminator(
        self, batch: Batch, stepper: Stepper, history: RefinedHistory
    ) -> Losses:
        """Teach the discriminator, on refined images of now and, by the history, of the past."""
        normalisation, region = self.config.normalisation, self.extra.region
        with stepper.autocast():
            with torch.no_grad():
                refined = self.refiner(batch.sim)
            # The network knows no batch statistics, so one pass over both equals two.
            judged = self.discriminator(torch.cat([batch.real, history.mix(refined)]))
            of_real, of_refined = judged.split([len(batch.real), len(refined)])
            loss = local_adversarial_loss(of_real, True, normalisation, region)
            loss = loss + local_adversarial_loss(of_refined, False, normalisation, region)
        stepper.update('discriminator', loss, max_norm=self.config.max_gradient_norm)
        history.add(refined)
        return {'discriminator': loss.detach()}
