"""CUT: Park et al. 2020, Contrastive Learning for Unpaired Translation (arXiv 2007.15651)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import nn

from sim2real_ros.errors import ConfigError
from sim2real_ros.training.batches.batch import Batch
from sim2real_ros.training.losses.adversarial import adversarial_loss
from sim2real_ros.training.losses.extra import ExtraLosses
from sim2real_ros.training.losses.patch_nce import patch_nce_over_layers
from sim2real_ros.training.losses.region import Region
from sim2real_ros.training.methods.freezing import frozen
from sim2real_ros.training.methods.method import Losses, Method
from sim2real_ros.training.methods.one_pass import logits_in_one_pass, mixes_images
from sim2real_ros.training.networks import build_discriminator, build_generator
from sim2real_ros.training.networks.initialisation import initialise
from sim2real_ros.training.networks.patch_sampler import PatchSampler
from sim2real_ros.training.networks.resnet import ResnetGenerator
from sim2real_ros.training.networks.tapped_generator import TappedGenerator
from sim2real_ros.training.options import (
    DiscriminatorOptions,
    GeneratorOptions,
    Initialisation,
    ScheduleOptions,
    TrainingConfig,
)
from sim2real_ros.training.stepper import Stepper

_XAVIER = Initialisation(kind='xavier', gain=0.02)


@dataclass(frozen=True)
class CutConfig(TrainingConfig):
    """The defaults of the authors' CUT; config/train/fastcut.yaml has those of FastCUT.

    Attributes:
        adversarial: Kind of adversarial loss.
        adversarial_weight: Of it, for the generator.
        nce_weight: Of PatchNCE; higher keeps more of the source. 0 = a plain GAN, which saves
            the time of it: for generators that cannot move an edge anyway.
        nce_identity: Whether real images, too, are "translated" and must keep their patches; half
            of ``nce_weight`` goes there.
        nce_layers: Modules of the generator whose features are compared; () = its usual ones.
        nce_patches: Places per layer, at most as many as it has.
        nce_temperature: Divides similarities; lower punishes near misses more.
        nce_width: Length of the vectors that are compared.
        flip_equivariance: Whether every other batch is translated mirrored, and its features
            mirrored back before they are compared (FastCUT).
    """

    method: str = 'cut'
    generator: GeneratorOptions = field(
        default_factory=lambda: GeneratorOptions(
            downsampling='blur', upsampling='blur', initialisation=_XAVIER
        )
    )
    discriminator: DiscriminatorOptions = field(
        default_factory=lambda: DiscriminatorOptions(downsampling='blur', initialisation=_XAVIER)
    )
    schedule: ScheduleOptions = field(
        default_factory=lambda: ScheduleOptions(constant=200, decay=200)
    )
    adversarial: Literal['lsgan', 'vanilla', 'hinge'] = 'lsgan'
    adversarial_weight: float = 1.0
    nce_weight: float = 1.0
    nce_identity: bool = True
    nce_layers: tuple[int, ...] = ()
    nce_patches: int = 256
    nce_temperature: float = 0.07
    nce_width: int = 256
    flip_equivariance: bool = False

    def __post_init__(self) -> None:
        """Check what types alone cannot."""
        super().__post_init__()
        if min(self.adversarial_weight, self.nce_weight) < 0 or self.nce_temperature <= 0:
            raise ValueError('weights must not be negative, nce_temperature must be positive')
        if self.nce_patches < 2 or self.nce_width < 1:
            raise ValueError('nce_patches must be 2 or more, nce_width positive')


@dataclass(frozen=True)
class _Translation:
    """One batch on its way through the generator.

    Attributes:
        made: Translations of the N sim images, then of N real ones if they are wanted; mirrored
            if ``mirrored``.
        keys: Features of what they were made from, by layer, never mirrored, without graph.
        mirrored: Whether the generator saw the images mirrored.
    """

    made: torch.Tensor
    keys: list[torch.Tensor]
    mirrored: bool


class Cut(Method):
    """One generator, whose own encoder compares patches before and after; one discriminator.

    A step translates, moves the discriminator, then moves generator and projection heads against
    the discriminator that has just moved. Where nothing in the generator is random and no batch
    norm mixes images, the features of the source come from the same pass as the translation.

    Any generator that shows its inner features (``TappedGenerator``) will do. With ``nce_weight``
    0 nothing is compared and real images are not translated: any generator will do, there are no
    projection heads, and the other options of PatchNCE have no effect.

    Networks: ``generator``, ``sampler`` (projection heads), ``discriminator``.
    Optimisers: ``generator`` (heads included), ``discriminator``.
    """

    Config = CutConfig
    config: CutConfig

    def __init__(self, config: CutConfig) -> None:
        """Build everything on the CPU.

        Raises:
            ConfigError: The generator shows no inner features, or not those layers.
        """
        self.config = config
        self.extra = ExtraLosses(config.extra_losses)
        self._generator = build_generator(config.generator)
        self._encoder = _encoder(self._generator, config) if config.nce_weight else None
        translators = {'generator': self._generator}
        if self._encoder is not None:
            self._layers = list(config.nce_layers or self._encoder.feature_layers)
            channels = self._encoder.feature_channels(self._layers)
            self._sampler = translators['sampler'] = PatchSampler(channels, config.nce_width)
            initialise(self._sampler, config.generator.initialisation)
            self._output_layer = _output_layer(self._encoder, self._layers)
        self._judge = build_discriminator(config.discriminator)
        self.networks = nn.ModuleDict(
            {**translators, 'discriminator': self._judge, **self.extra.networks}
        )
        self.optimisers = {
            'generator': self._adam(list(translators.values())),
            'discriminator': self._adam([self._judge], config.discriminator_optimiser),
            **self.extra.optimisers(config),
        }

    def generator(self) -> nn.Module:
        """Return the network from sim to real."""
        return self._generator

    def step(self, batch: Batch, stepper: Stepper) -> Losses:
        """Take one training step: discriminator, then generator and projection heads."""
        losses = self.extra.learn(batch, stepper)
        count = len(batch.sim)
        with stepper.autocast():
            translation = self._translate(batch)
        with stepper.autocast():
            judged = self._judge_loss(batch.real, self._as_judged(translation, count).detach())
        stepper.update('discriminator', judged)
        with stepper.autocast(), frozen(self._judge):
            wanted = {
                'adversarial': self._fooled(self._as_judged(translation, count)),
                **self._nce_losses(translation, count),
                **self._extra_losses(batch, translation),
            }
            total = torch.stack(list(wanted.values())).sum()
        stepper.update('generator', total)
        detached = {name: loss.detach() for name, loss in wanted.items()}
        return {**losses, 'discriminator': judged.detach(), **detached}

    @property
    def _translates_real(self) -> bool:
        return self.config.nce_identity and self._encoder is not None

    def _translate(self, batch: Batch) -> _Translation:
        source, encoder = batch.sim, self._encoder
        if self._translates_real:
            source = torch.cat([batch.sim, batch.real])
        mirrored = self.config.flip_equivariance and bool(torch.rand(()) < 0.5)
        if encoder is None:
            made = self._generator(source.flip(3) if mirrored else source)
            return _Translation(made, [], mirrored)
        if mirrored or self._output_layer is None:
            made = self._generator(source.flip(3) if mirrored else source)
            with torch.no_grad():
                keys = encoder.encode(source, self._layers)
        else:
            *keys, made = encoder.encode(source, [*self._layers, self._output_layer])
        return _Translation(made, [key.detach() for key in keys], mirrored)

    def _as_judged(self, translation: _Translation, count: int) -> torch.Tensor:
        """Return the translated sim images as the discriminator sees them.

        Mirrored ones stay so, as in the authors' code, unless a mask says where to look.
        """
        made = translation.made[:count]
        masked = bool(self.config.extra_losses.region_mask)
        return made.flip(3) if translation.mirrored and masked else made

    def _judge_loss(self, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
        kind, region = self.config.adversarial, self.extra.region
        on_real, on_fake = logits_in_one_pass(self._judge, real, fake)
        return 0.5 * (
            adversarial_loss(on_real, True, kind, region=region)
            + adversarial_loss(on_fake, False, kind, region=region)
        )

    def _fooled(self, fake: torch.Tensor) -> torch.Tensor:
        kind, region = self.config.adversarial, self.extra.region
        loss = adversarial_loss(self._judge(fake), True, kind, for_generator=True, region=region)
        return self.config.adversarial_weight * loss

    def _nce_losses(self, translation: _Translation, count: int) -> Losses:
        """Compare each translation's patches with its source's, at the same places."""
        if self._encoder is None:
            return {}
        config, region = self.config, self.extra.region
        features = self._encoder.encode(translation.made, self._layers)
        if translation.mirrored:
            features = [each.flip(3) for each in features]
        places = _places_inside(region, translation.keys, config.nce_patches)
        queries, places = self._sampler(features, config.nce_patches, places)
        with torch.no_grad():
            keys, _ = self._sampler(translation.keys, config.nce_patches, places)
        weights = _weights_at(region, translation.keys, places)

        def of(part: slice) -> torch.Tensor:
            return patch_nce_over_layers(
                *([each[part] for each in queries], [each[part] for each in keys]),
                config.nce_temperature,
                weights,
            )

        if not config.nce_identity:
            return {'patch_nce': config.nce_weight * of(slice(count))}
        half = 0.5 * config.nce_weight
        return {
            'patch_nce': half * of(slice(count)),
            'patch_nce_identity': half * of(slice(count, None)),
        }

    def _extra_losses(self, batch: Batch, translation: _Translation) -> Losses:
        translated = translation.made[: len(batch.sim)]
        if translation.mirrored:
            translated = translated.flip(3)
        return self.extra.generator_losses(batch.sim, translated, batch.sim_mask)

    def pictures(self, batch: Batch) -> dict[str, torch.Tensor]:
        """Return sim and its translation, and real with its own, if that is trained."""
        columns = {'sim': batch.sim, 'translated': self._generator(batch.sim), 'real': batch.real}
        if self._translates_real:
            columns['real as real'] = self._generator(batch.real)
        return columns


def _places_inside(
    region: Region, features: Sequence[torch.Tensor], patches: int
) -> list[torch.Tensor] | None:
    """Draw places of the region first, then others; None = anywhere, there is no region."""
    by_layer = []
    for feature in features:
        weights = region.weights(feature.shape[-2], feature.shape[-1], feature)
        if weights is None:
            return None
        order = torch.rand(weights.numel(), device=feature.device) + weights.flatten().gt(0)
        by_layer.append(order.topk(min(patches, len(order))).indices)
    return by_layer


def _weights_at(
    region: Region, features: Sequence[torch.Tensor], places: Sequence[torch.Tensor]
) -> list[torch.Tensor | None]:
    by_layer: list[torch.Tensor | None] = []
    for feature, where in zip(features, places, strict=True):
        weights = region.weights(feature.shape[-2], feature.shape[-1], feature)
        by_layer.append(None if weights is None else weights.flatten()[where])
    return by_layer


def _output_layer(generator: TappedGenerator, layers: Sequence[int]) -> int | None:
    """Return the module that gives the translation itself, if one pass can tell all features."""
    last = len(generator.module_channels) - 1
    random = any(isinstance(module, nn.Dropout) for module in generator.modules())
    if random or mixes_images(generator) or not isinstance(generator, ResnetGenerator):
        return None
    return None if last in layers else last


def _encoder(generator: nn.Module, config: CutConfig) -> TappedGenerator:
    if isinstance(generator, TappedGenerator):
        return generator
    raise ConfigError(
        f'cut cannot use the generator {config.generator.name!r}: PatchNCE compares features '
        "inside the generator, and it shows none; set generator.name to 'resnet' or another one "
        "with feature layers, train this generator with the method 'cyclegan', or set nce_weight "
        'to 0, which leaves a plain GAN.'
    )
