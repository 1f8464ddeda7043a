"""UNIT: Liu et al. 2017, Unsupervised Image-to-Image Translation Networks (arXiv 1703.00848)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from torch import nn

from sim2real_ros.errors import ConfigError
from sim2real_ros.training.batches.batch import Batch
from sim2real_ros.training.losses.adversarial import adversarial_loss
from sim2real_ros.training.losses.extra import ExtraLosses
from sim2real_ros.training.losses.kl import kl_loss
from sim2real_ros.training.losses.perceptual import (
    VggFeatures,
    VggInput,
    load_vgg,
    perceptual_loss,
)
from sim2real_ros.training.losses.region import l1
from sim2real_ros.training.methods.freezing import frozen
from sim2real_ros.training.methods.method import Losses, Method
from sim2real_ros.training.methods.one_pass import in_one_pass, logits_in_one_pass
from sim2real_ros.training.networks import build_discriminator, build_generator
from sim2real_ros.training.networks.borrowed import Borrowed
from sim2real_ros.training.networks.unit import UnitTranslator, UnitVae
from sim2real_ros.training.options import (
    DiscriminatorOptions,
    GeneratorOptions,
    Initialisation,
    OptimiserOptions,
    ScheduleOptions,
    TrainingConfig,
)
from sim2real_ros.training.stepper import Stepper


@dataclass(frozen=True)
class UnitConfig(TrainingConfig):
    """The defaults of the authors' code for street scenes, but for the perceptual loss.

    Attributes:
        adversarial: Kind of adversarial loss.
        adversarial_weight: Of it, for the generators.
        reconstruction_weight: L1 between an image and what its own autoencoder makes of it.
        kl_weight: Mean square of the latent means.
        cycle_weight: L1 between an image and its translation translated back.
        cycle_kl_weight: Mean square of the latent means of translated images.
        perceptual_weight: Of the distance between an image and its translation in deep features;
            off while ``vgg_weights`` is ''.
        vgg_weights: File of VGG16's weights, a state dict of torchvision's; nothing is
            downloaded.
        vgg_input: What the file's network was trained on: ``torchvision``, or ``caffe`` as in the
            authors' code.
        share_layers: Whether both domains have one last block of the encoder and one first block
            of the decoder in common, as in the paper (the authors' later code has not).
    """

    method: str = 'unit'
    generator: GeneratorOptions = field(
        default_factory=lambda: GeneratorOptions(
            name='unit', initialisation=Initialisation(kind='kaiming', gain=1.0)
        )
    )
    discriminator: DiscriminatorOptions = field(
        default_factory=lambda: DiscriminatorOptions(name='multiscale', norm='none')
    )
    optimiser: OptimiserOptions = field(
        default_factory=lambda: OptimiserOptions(learning_rate=1e-4, weight_decay=1e-4)
    )
    schedule: ScheduleOptions = field(
        default_factory=lambda: ScheduleOptions(
            *('steps', 0, 1_000_000, 'step'), decay_interval=100_000, decay_factor=0.5
        )
    )
    adversarial: Literal['lsgan', 'vanilla', 'hinge'] = 'lsgan'
    adversarial_weight: float = 1.0
    reconstruction_weight: float = 10.0
    kl_weight: float = 0.01
    cycle_weight: float = 10.0
    cycle_kl_weight: float = 0.01
    perceptual_weight: float = 1.0
    vgg_weights: str = ''
    vgg_input: VggInput = 'torchvision'
    share_layers: bool = False

    def __post_init__(self) -> None:
        """Check what types alone cannot."""
        super().__post_init__()
        weights = (
            *(self.adversarial_weight, self.reconstruction_weight, self.kl_weight),
            *(self.cycle_weight, self.cycle_kl_weight, self.perceptual_weight),
        )
        if min(weights) < 0:
            raise ValueError('weights must not be negative')

    def without_files(self) -> TrainingConfig:
        """Return what builds the same networks without ``vgg_weights`` and other files."""
        return TrainingConfig.without_files(replace(self, vgg_weights=''))


@dataclass(frozen=True)
class _Pictures:
    """What the autoencoders make of one batch: images (N, 3, H, W) and latent means."""

    sim_again: torch.Tensor
    real_again: torch.Tensor
    as_real: torch.Tensor
    as_sim: torch.Tensor
    sim_cycled: torch.Tensor
    real_cycled: torch.Tensor
    as_real_mean: torch.Tensor
    as_sim_mean: torch.Tensor


class Unit(Method):
    """Two variational autoencoders with one latent space: what one encodes, the other decodes.

    A step encodes both domains, moves the discriminators on translations with fresh noise, then
    moves the autoencoders, with other noise, against the discriminators that have just moved. The
    autoencoders stay as they are in between, so the latent means serve both halves.

    The perceptual loss needs the weights of a VGG16, which are not part of this package: without
    ``vgg_weights`` it is off, and layout is kept by the cycle alone.

    Networks: ``sim_autoencoder``, ``real_autoencoder``, ``discriminator_real``,
    ``discriminator_sim``. Optimisers: ``generator``, ``discriminator``.
    """

    Config = UnitConfig
    config: UnitConfig

    def __init__(self, config: UnitConfig) -> None:
        """Build everything on the CPU.

        Raises:
            ConfigError: The generator is no autoencoder.
            ModelError: ``vgg_weights`` names a file that is no VGG16.
        """
        self.config = config
        self.extra = ExtraLosses(config.extra_losses)
        self._sim, self._real = _autoencoder(config), _autoencoder(config)
        if config.share_layers:
            share_deep_layers(self._sim, self._real)
        self._judge_real = build_discriminator(config.discriminator)
        self._judge_sim = build_discriminator(config.discriminator)
        self.networks = nn.ModuleDict(
            {
                'sim_autoencoder': self._sim,
                'real_autoencoder': self._real,
                'discriminator_real': self._judge_real,
                'discriminator_sim': self._judge_sim,
                **self.extra.networks,
            }
        )
        judges = [self._judge_real, self._judge_sim]
        self.optimisers = {
            'generator': self._adam([self._sim, self._real]),
            'discriminator': self._adam(judges, config.discriminator_optimiser),
            **self.extra.optimisers(config),
        }
        self._to_real = UnitTranslator(self._sim.encoder, self._real.decoder)
        self._to_sim = UnitTranslator(self._real.encoder, self._sim.decoder)
        self._vgg: VggFeatures | None = None
        if config.vgg_weights and config.perceptual_weight:
            self._vgg = load_vgg(config.vgg_weights, config.vgg_input)

    def generator(self) -> nn.Module:
        """Return the simulated domain's encoder before the real one's decoder, without noise."""
        return self._to_real

    def step(self, batch: Batch, stepper: Stepper) -> Losses:
        """Take one training step: discriminators, then autoencoders."""
        losses = self.extra.learn(batch, stepper)
        with stepper.autocast():
            sim_mean, real_mean = self._sim.encode(batch.sim), self._real.encode(batch.real)
        with stepper.autocast():
            judged = self._judge_losses(batch, sim_mean, real_mean)
            total = torch.stack(list(judged.values())).sum()
        stepper.update('discriminator', total)
        with stepper.autocast(), frozen(self._judge_real, self._judge_sim):
            pictures = self._translate(sim_mean, real_mean)
            wanted = {
                **self._image_losses(batch, pictures),
                **self._latent_losses(sim_mean, real_mean, pictures),
                **self.extra.generator_losses(batch.sim, pictures.as_real, batch.sim_mask),
            }
            total = torch.stack(list(wanted.values())).sum()
        stepper.update('generator', total)
        return {**losses, **{name: loss.detach() for name, loss in (judged | wanted).items()}}

    def _judge_losses(
        self, batch: Batch, sim_mean: torch.Tensor, real_mean: torch.Tensor
    ) -> Losses:
        with torch.no_grad():
            as_real = self._real.decode(_sample(sim_mean))
            as_sim = self._sim.decode(_sample(real_mean))
        return {
            'discriminator_real': self._judge_loss(self._judge_real, batch.real, as_real),
            'discriminator_sim': self._judge_loss(self._judge_sim, batch.sim, as_sim),
        }

    def _judge_loss(
        self, judge: nn.Module, own: torch.Tensor, translated: torch.Tensor
    ) -> torch.Tensor:
        """Return the losses on the domain's own and on translated images, not halved."""
        kind, region = self.config.adversarial, self.extra.region
        on_own, on_translated = logits_in_one_pass(judge, own, translated)
        loss = adversarial_loss(on_own, True, kind, region=region)
        return loss + adversarial_loss(on_translated, False, kind, region=region)

    def _translate(self, sim_mean: torch.Tensor, real_mean: torch.Tensor) -> _Pictures:
        """Decode both codes in both domains, and translate back."""
        codes = _sample(sim_mean), _sample(real_mean)
        sim_again, as_sim = in_one_pass(self._sim.decoder, *codes)
        as_real, real_again = in_one_pass(self._real.decoder, *codes)
        as_real_mean, as_sim_mean = self._real.encode(as_real), self._sim.encode(as_sim)
        return _Pictures(
            *(sim_again, real_again, as_real, as_sim),
            sim_cycled=self._sim.decode(_sample(as_real_mean)),
            real_cycled=self._real.decode(_sample(as_sim_mean)),
            as_real_mean=as_real_mean,
            as_sim_mean=as_sim_mean,
        )

    def _image_losses(self, batch: Batch, pictures: _Pictures) -> Losses:
        config, region = self.config, self.extra.region
        again, cycle = config.reconstruction_weight, config.cycle_weight
        losses = {
            'adversarial_real': self._fooled(self._judge_real, pictures.as_real),
            'adversarial_sim': self._fooled(self._judge_sim, pictures.as_sim),
            'reconstruction_sim': again * l1(pictures.sim_again, batch.sim, region),
            'reconstruction_real': again * l1(pictures.real_again, batch.real, region),
            'cycle_sim': cycle * l1(pictures.sim_cycled, batch.sim, region),
            'cycle_real': cycle * l1(pictures.real_cycled, batch.real, region),
        }
        if self._vgg is not None:
            # One pass: the mean over both domains is half of the sum of their means.
            translated = torch.cat([pictures.as_real, pictures.as_sim])
            content = torch.cat([batch.sim, batch.real])
            vgg = self._vgg.to(content.device)
            distance = perceptual_loss(vgg, translated, content, region)
            losses['perceptual'] = 2 * config.perceptual_weight * distance
        return losses

    def _fooled(self, judge: nn.Module, translated: torch.Tensor) -> torch.Tensor:
        loss = adversarial_loss(
            *(judge(translated), True, self.config.adversarial),
            for_generator=True,
            region=self.extra.region,
        )
        return self.config.adversarial_weight * loss

    def _latent_losses(
        self, sim_mean: torch.Tensor, real_mean: torch.Tensor, pictures: _Pictures
    ) -> Losses:
        own, cycle = self.config.kl_weight, self.config.cycle_kl_weight
        return {
            'kl_sim': own * kl_loss(sim_mean),
            'kl_real': own * kl_loss(real_mean),
            'cycle_kl_sim': cycle * kl_loss(pictures.as_real_mean),
            'cycle_kl_real': cycle * kl_loss(pictures.as_sim_mean),
        }

    def pictures(self, batch: Batch) -> dict[str, torch.Tensor]:
        """Return both domains, translated and translated back."""
        as_real, as_sim = self._to_real(batch.sim), self._to_sim(batch.real)
        return {
            **{'sim': batch.sim, 'translated': as_real, 'back to sim': self._to_sim(as_real)},
            **{'real': batch.real, 'as sim': as_sim, 'back to real': self._to_real(as_sim)},
        }


def share_deep_layers(sim: UnitVae, real: UnitVae) -> None:
    """Let two domains have the encoders' last and the decoders' first block in common.

    What the translation from sim to real passes through owns the blocks, so that the exported
    generator is complete; the other two networks borrow them.
    """
    real.encoder.blocks[-1] = Borrowed(sim.encoder.blocks[-1])
    sim.decoder.blocks[0] = Borrowed(real.decoder.blocks[0])


def _autoencoder(config: UnitConfig) -> UnitVae:
    network = build_generator(config.generator)
    if isinstance(network, UnitVae):
        return network
    raise ConfigError(
        f'unit cannot use the generator {config.generator.name!r}: it needs an autoencoder per '
        "domain, whose codes the other domain can decode; set generator.name to 'unit'."
    )


def _sample(mean: torch.Tensor) -> torch.Tensor:
    """Draw from the normal distribution of deviation 1 around the latent means."""
    return mean + torch.randn_like(mean)
