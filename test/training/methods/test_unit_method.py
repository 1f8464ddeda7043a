import copy

import pytest
import torch
from plain_loop import WatchedStepper, random_batch
from torch import nn
from torch.nn import functional

from sim2real_ros.config import from_mapping
from sim2real_ros.errors import ConfigError, ModelError
from sim2real_ros.training.losses.perceptual import perceptual_loss
from sim2real_ros.training.methods.unit import Unit, UnitConfig
from sim2real_ros.training.options import (
    DiscriminatorOptions,
    ExtraLossOptions,
    GeneratorOptions,
    Initialisation,
)

SMALL = {
    'generator': GeneratorOptions('unit', 2, 2, initialisation=Initialisation('kaiming', 1.0)),
    'discriminator': DiscriminatorOptions('multiscale', 4, scales=2, norm='none'),
}
AUTOENCODERS = {'sim_autoencoder', 'real_autoencoder'}
JUDGES = {'discriminator_real', 'discriminator_sim'}


def small(dtype=torch.float64, **options):
    torch.manual_seed(0)
    method = Unit(UnitConfig(**{**SMALL, **options}))
    method.networks.to(dtype)
    return method


def batch_of(seed=0, dtype=torch.float64):
    return random_batch(seed, size=32, dtype=dtype)


def squares(maps, wanted):
    return sum(functional.mse_loss(each, torch.full_like(each, wanted)) for each in maps)


def noisy(mean):
    return mean + torch.randn_like(mean)


def naive_generator_losses(config, batch, sim, real, judge_sim, judge_real):
    sim_mean, real_mean = sim.encoder(batch.sim), real.encoder(batch.real)
    sim_code, real_code = noisy(sim_mean), noisy(real_mean)
    as_real, as_sim = real.decoder(sim_code), sim.decoder(real_code)
    as_real_mean, as_sim_mean = real.encoder(as_real), sim.encoder(as_sim)
    sim_cycled, real_cycled = sim.decoder(noisy(as_real_mean)), real.decoder(noisy(as_sim_mean))
    adversarial, reconstruction = config.adversarial_weight, config.reconstruction_weight
    cycle, cycle_kl = config.cycle_weight, config.cycle_kl_weight
    sim_again, real_again = sim.decoder(sim_code), real.decoder(real_code)
    return {
        'adversarial_real': adversarial * squares(judge_real(as_real), 1.0),
        'adversarial_sim': adversarial * squares(judge_sim(as_sim), 1.0),
        'reconstruction_sim': reconstruction * (sim_again - batch.sim).abs().mean(),
        'reconstruction_real': reconstruction * (real_again - batch.real).abs().mean(),
        'cycle_sim': cycle * (sim_cycled - batch.sim).abs().mean(),
        'cycle_real': cycle * (real_cycled - batch.real).abs().mean(),
        'kl_sim': config.kl_weight * (sim_mean**2).mean(),
        'kl_real': config.kl_weight * (real_mean**2).mean(),
        'cycle_kl_sim': cycle_kl * (as_real_mean**2).mean(),
        'cycle_kl_real': cycle_kl * (as_sim_mean**2).mean(),
    }


def naive_step(method, batch):
    """The equations of UNIT one image and one pass at a time, as its two updates do them."""
    networks = copy.deepcopy(method.networks)
    sim, real = networks['sim_autoencoder'], networks['real_autoencoder']
    judge_real, judge_sim = networks['discriminator_real'], networks['discriminator_sim']

    sim_code, real_code = noisy(sim.encoder(batch.sim)), noisy(real.encoder(batch.real))
    as_real, as_sim = real.decoder(sim_code).detach(), sim.decoder(real_code).detach()
    judged = {
        'discriminator_real': squares(judge_real(batch.real), 1.0)
        + squares(judge_real(as_real), 0.0),
        'discriminator_sim': squares(judge_sim(batch.sim), 1.0) + squares(judge_sim(as_sim), 0.0),
    }
    judges = [*judge_real.parameters(), *judge_sim.parameters()]
    judge_gradients = torch.autograd.grad(sum(judged.values()), judges)
    # The discriminators that have moved are the method's own by the time this is compared.
    judge_real, judge_sim = (
        method.networks['discriminator_real'],
        method.networks['discriminator_sim'],
    )

    def wanted():
        losses = naive_generator_losses(method.config, batch, sim, real, judge_sim, judge_real)
        generators = [each for name in AUTOENCODERS for each in networks[name].parameters()]
        gradients = torch.autograd.grad(sum(losses.values()), list(dict.fromkeys(generators)))
        by_parameter = dict(zip(map(id, dict.fromkeys(generators)), gradients, strict=True))
        return losses, {
            name: [by_parameter[id(each)] for each in networks[name].parameters()]
            for name in AUTOENCODERS
        }

    return judged, list(judge_gradients), wanted


@pytest.mark.parametrize(
    'options',
    [
        {},
        {
            **{'adversarial_weight': 2.0, 'reconstruction_weight': 3.0, 'kl_weight': 0.5},
            **{'cycle_weight': 5.0, 'cycle_kl_weight': 0.7},
        },
        {'share_layers': True},
    ],
    ids=str,
)
def test_unit_step_equals_the_equations_pass_by_pass(options):
    method, batch = small(**options), batch_of()
    torch.manual_seed(7)
    judged, judge_gradients, wanted = naive_step(method, batch)
    drawn = torch.get_rng_state()
    stepper = WatchedStepper(method)
    torch.manual_seed(7)
    losses = method.step(batch, stepper)
    torch.set_rng_state(drawn)
    generator_losses, generator_gradients = wanted()
    (_, _, _, first, _), (_, _, _, second, _) = stepper.log
    torch.testing.assert_close(
        first['discriminator_real'] + first['discriminator_sim'], judge_gradients
    )
    expected = {name: loss.detach() for name, loss in (judged | generator_losses).items()}
    torch.testing.assert_close(losses, expected)
    for name in AUTOENCODERS:
        torch.testing.assert_close(second[name], generator_gradients[name])


def test_unit_moves_discriminators_then_autoencoders_and_nothing_else():
    method = small()
    stepper = WatchedStepper(method)
    losses = method.step(batch_of(), stepper)
    assert [entry[:3] for entry in stepper.log] == [
        ('discriminator', JUDGES, JUDGES),
        ('generator', AUTOENCODERS, AUTOENCODERS),
    ]
    assert all(each.requires_grad for each in method.networks.parameters())
    assert all(loss.shape == () and not loss.requires_grad for loss in losses.values())
    parts = [loss for name, loss in losses.items() if not name.startswith('discriminator')]
    torch.testing.assert_close(sum(parts), stepper.log[1][-1])


def test_unit_defaults_are_those_of_the_authors():
    config = UnitConfig()
    assert (config.adversarial_weight, config.reconstruction_weight, config.kl_weight) == (
        1,
        10,
        0.01,
    )
    assert (config.cycle_weight, config.cycle_kl_weight, config.perceptual_weight) == (10, 0.01, 1)
    assert (config.optimiser.learning_rate, config.optimiser.weight_decay) == (1e-4, 1e-4)
    assert config.optimiser.betas == (0.5, 0.999)
    method = Unit(config)
    sizes = {k: sum(p.numel() for p in net.parameters()) for k, net in method.networks.items()}
    assert sizes['sim_autoencoder'] == sizes['real_autoencoder'] == 11_140_483
    assert sizes['discriminator_real'] == sizes['discriminator_sim'] == 8_271_171


def test_unit_translates_by_means_from_sims_encoder_to_reals_decoder():
    method, image = small(), batch_of().sim
    generator = method.generator()
    sim, real = method.networks['sim_autoencoder'], method.networks['real_autoencoder']
    expected = real.decode(sim.encode(image))
    torch.testing.assert_close(generator(image), expected, rtol=0, atol=0)
    torch.testing.assert_close(generator(image), expected, rtol=0, atol=0)
    assert generator.size_multiple == 4


def test_unit_shares_one_block_of_each_kind_once():
    method, apart = small(share_layers=True), small()
    sim, real = method.networks['sim_autoencoder'], method.networks['real_autoencoder']
    assert real.encoder.blocks[-1].module is sim.encoder.blocks[-1]
    assert sim.decoder.blocks[0].module is real.decoder.blocks[0]
    block = sum(each.numel() for each in sim.encoder.blocks[-1].parameters())

    def count(parameters):
        return sum(each.numel() for each in parameters)

    (group,) = method.optimisers['generator'].param_groups
    (group_apart,) = apart.optimisers['generator'].param_groups
    assert count(group_apart['params']) - count(group['params']) == 2 * block
    assert len(set(map(id, group['params']))) == len(group['params'])
    saved = method.networks.state_dict()
    assert len({each.data_ptr() for each in saved.values()}) == len(saved)
    assert count(apart.networks.parameters()) - count(saved.values()) == 2 * block


def test_unit_with_shared_blocks_is_exported_and_copied_complete():
    method, image = small(share_layers=True), batch_of().sim
    alone = small()
    alone.generator().load_state_dict(method.generator().state_dict())
    torch.testing.assert_close(alone.generator()(image), method.generator()(image))
    copied = copy.deepcopy(method.networks)
    for parameter in method.networks.parameters():
        parameter.data.zero_()
    sim, real = copied['sim_autoencoder'], copied['real_autoencoder']
    assert real.encoder.blocks[-1].module is sim.encoder.blocks[-1]
    assert real.encode(image).abs().sum() > 0


def test_unit_state_of_shared_blocks_comes_back():
    method, other = small(share_layers=True), small(share_layers=True)
    method.step(batch_of(), WatchedStepper(method))
    other.networks.load_state_dict(method.networks.state_dict())
    batch = batch_of(3)
    for name, picture in method.pictures(batch).items():
        torch.testing.assert_close(other.pictures(batch)[name], picture)


class _Edges(nn.Module):
    def forward(self, image):
        return image[:, :, 1:] - image[:, :, :-1]


def test_unit_adds_the_perceptual_loss_of_both_directions():
    method, batch = small(perceptual_weight=3.0), batch_of()
    torch.manual_seed(1)
    without = method.step(batch, WatchedStepper(method))
    assert 'perceptual' not in without
    method = small(perceptual_weight=3.0)
    method._vgg = _Edges()
    seen = []
    translate = method._translate
    method._translate = lambda *means: seen.append(translate(*means)) or seen[-1]
    stepper = WatchedStepper(method)
    torch.manual_seed(1)
    losses = method.step(batch, stepper)
    (pictures,) = seen
    expected = 3 * (
        perceptual_loss(_Edges(), pictures.as_real, batch.sim)
        + perceptual_loss(_Edges(), pictures.as_sim, batch.real)
    )
    torch.testing.assert_close(losses['perceptual'], expected.detach())
    torch.testing.assert_close({**losses, 'perceptual': None}, {**without, 'perceptual': None})
    parts = [loss for name, loss in losses.items() if not name.startswith('discriminator')]
    torch.testing.assert_close(sum(parts), stepper.log[1][-1])


def test_unit_refuses_what_it_cannot_use(tmp_path):
    with pytest.raises(ConfigError, match=r"unit cannot use the generator 'resnet'.*'unit'"):
        Unit(UnitConfig(generator=GeneratorOptions(filters=4, blocks=1)))
    with pytest.raises(ModelError, match=r'Cannot read VGG16 from .*none\.pth'):
        Unit(UnitConfig(**SMALL, vgg_weights=str(tmp_path / 'none.pth')))
    with pytest.raises(ConfigError, match='weights must not be negative'):
        from_mapping(UnitConfig, {'kl_weight': -1.0}, 'test')
    # It has no gradient penalty, without which a critic's slope has no bound.
    with pytest.raises(ConfigError, match=r"adversarial: expected one of .*'hinge'.*'wgan'"):
        from_mapping(UnitConfig, {'adversarial': 'wgan'}, 'test')


def test_unit_is_built_without_the_files_of_training():
    semantic = {'semantic_weight': 1.0, 'semantic_classes': 3}
    gone = ExtraLossOptions(**semantic, region_mask='gone.png', region_top=0.5)
    config = UnitConfig(**SMALL, vgg_weights='gone.pth', extra_losses=gone)
    networks = Unit(config.without_files()).networks
    expected = small(extra_losses=ExtraLossOptions(**semantic)).networks
    assert list(networks.state_dict()) == list(expected.state_dict())


def test_unit_looks_at_the_region_only():
    options = ExtraLossOptions(region_top=0.5, gradient_weight=2.0)
    method, batch = small(extra_losses=options), batch_of()
    seen = []
    translate = method._translate
    method._translate = lambda *means: seen.append(translate(*means)) or seen[-1]
    losses = method.step(batch, WatchedStepper(method))
    (pictures,) = seen
    for name, found, image in (
        ('cycle_real', pictures.real_cycled, batch.real),
        ('reconstruction_sim', pictures.sim_again, batch.sim),
    ):
        torch.testing.assert_close(
            losses[name], 10 * (found - image)[:, :, 16:].abs().mean().detach()
        )
    assert losses['gradient'] > 0


def test_unit_trains_in_bf16():
    method = small(torch.float32, share_layers=True)
    stepper = WatchedStepper(method, 'bf16-mixed')
    losses = method.step(batch_of(dtype=torch.float32), stepper)
    assert all(torch.isfinite(loss) for loss in losses.values())
    assert [entry[1] for entry in stepper.log] == [JUDGES, AUTOENCODERS]
