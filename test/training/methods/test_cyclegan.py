import copy
import math

import pytest
import torch
from plain_loop import WatchedStepper, random_batch, weights_of
from torch.nn import functional

from sim2real_ros.config import from_mapping
from sim2real_ros.errors import ConfigError, DataError
from sim2real_ros.training.losses.gradient_consistency import gradient_consistency
from sim2real_ros.training.methods import cyclegan
from sim2real_ros.training.methods.cyclegan import CycleGan, CycleGanConfig
from sim2real_ros.training.options import (
    DiscriminatorOptions,
    ExtraLossOptions,
    GeneratorOptions,
    OptimiserOptions,
)

SMALL = {
    'generator': GeneratorOptions(filters=4, blocks=1),
    'discriminator': DiscriminatorOptions(filters=4, layers=1),
}
GENERATORS, JUDGES = {'sim_to_real', 'real_to_sim'}, {'discriminator_real', 'discriminator_sim'}


def small(dtype=torch.float64, seed=0, **options):
    torch.manual_seed(seed)
    method = CycleGan(CycleGanConfig(**{**SMALL, **options}))
    method.networks.to(dtype)
    return method


def naive_adversarial(kind, x, real, for_generator):
    if kind == 'lsgan':
        return functional.mse_loss(x, torch.full_like(x, real))
    if kind == 'vanilla':
        return functional.binary_cross_entropy_with_logits(x, torch.full_like(x, real))
    if kind == 'wgan' or for_generator:
        return -x.mean() if real else x.mean()
    return functional.relu(1 - x if real else 1 + x).mean()


def naive_step(method, batch):
    """CycleGAN's equations 1 to 3 and its identity loss, pass by pass, with nothing shared."""
    to_real, to_sim, judge_real, judge_sim = copy.deepcopy(method.networks).values()
    config, kind = method.config, method.config.adversarial
    fake_real, fake_sim = to_real(batch.sim), to_sim(batch.real)
    sim_weight = config.cycle_weight
    real_weight = sim_weight if config.cycle_weight_real is None else config.cycle_weight_real
    losses = {
        'adversarial_real': naive_adversarial(kind, judge_real(fake_real), True, True),
        'adversarial_sim': naive_adversarial(kind, judge_sim(fake_sim), True, True),
        'cycle_sim': sim_weight * functional.l1_loss(to_sim(fake_real), batch.sim),
        'cycle_real': real_weight * functional.l1_loss(to_real(fake_sim), batch.real),
    }
    if factor := config.identity_weight:
        real, sim = batch.real, batch.sim
        losses['identity_real'] = factor * real_weight * functional.l1_loss(to_real(real), real)
        losses['identity_sim'] = factor * sim_weight * functional.l1_loss(to_sim(sim), sim)
    generators = [*to_real.parameters(), *to_sim.parameters()]
    gradients = torch.autograd.grad(sum(losses.values()), generators)
    for name, judge, real, fake in (
        ('discriminator_real', judge_real, batch.real, fake_real),
        ('discriminator_sim', judge_sim, batch.sim, fake_sim),
    ):
        losses[name] = 0.5 * (
            naive_adversarial(kind, judge(real), True, False)
            + naive_adversarial(kind, judge(fake.detach()), False, False)
        )
    judges = [*judge_real.parameters(), *judge_sim.parameters()]
    judged = losses['discriminator_real'] + losses['discriminator_sim']
    return losses, list(gradients), list(torch.autograd.grad(judged, judges))


@pytest.mark.parametrize(
    'options',
    [
        {},
        {'identity_weight': 0.0},
        {'cycle_weight': 3.0, 'cycle_weight_real': 5.0, 'identity_weight': 0.25},
        {'cycle_weight_real': 0.0},
        {'adversarial': 'vanilla'},
        {'adversarial': 'hinge'},
        {'adversarial': 'wgan', 'gradient_penalty_weight': 0.0},
        {'generator': GeneratorOptions(filters=4, blocks=1, norm='batch')},
        {'discriminator': DiscriminatorOptions(filters=4, layers=1, norm='batch')},
    ],
    ids=str,
)
def test_a_step_equals_the_equations_pass_by_pass(options):
    method, batch = small(**options), random_batch(0)
    wanted, generator_gradients, judge_gradients = naive_step(method, batch)
    stepper = WatchedStepper(method)
    losses = method.step(batch, stepper)
    assert set(losses) == set(wanted)
    torch.testing.assert_close(losses, {name: loss.detach() for name, loss in wanted.items()})
    (_, _, _, first, _), (_, _, _, second, _) = stepper.log
    torch.testing.assert_close(first['sim_to_real'] + first['real_to_sim'], generator_gradients)
    found = second['discriminator_real'] + second['discriminator_sim']
    torch.testing.assert_close(found, judge_gradients)


def test_a_step_moves_generators_then_discriminators_and_nothing_else():
    method = small()
    stepper = WatchedStepper(method)
    method.step(random_batch(0), stepper)
    assert [(name, moved, reached) for name, moved, reached, _, _ in stepper.log] == [
        # Nothing is computed for networks that are frozen.
        ('generator', GENERATORS, GENERATORS),
        ('discriminator', JUDGES, JUDGES),
    ]
    assert all(each.requires_grad for each in method.networks.parameters())


def test_losses_are_detached_scalars_that_add_up_to_what_is_minimised():
    method = small()
    stepper = WatchedStepper(method)
    losses = method.step(random_batch(0), stepper)
    assert all(loss.shape == () and not loss.requires_grad for loss in losses.values())
    parts = [loss for name, loss in losses.items() if not name.startswith('discriminator')]
    torch.testing.assert_close(sum(parts), stepper.log[0][-1])


def test_discriminators_are_shown_what_the_pools_return():
    method, batch = small(), random_batch(0)
    old = random_batch(9)
    seen = []

    class OtherPool:
        def __init__(self, answer):
            self.answer = answer

        def query(self, images):
            seen.append(images.detach())
            return self.answer

    method._real_pool, method._sim_pool = OtherPool(old.real), OtherPool(old.sim)
    judge = copy.deepcopy(method.networks['discriminator_real'])
    to_real, to_sim = method.networks['sim_to_real'], method.networks['real_to_sim']
    with torch.no_grad():
        fakes = [to_real(batch.sim), to_sim(batch.real)]
        wanted = 0.5 * ((judge(batch.real) - 1).square().mean() + judge(old.real).square().mean())
    losses = method.step(batch, WatchedStepper(method))
    torch.testing.assert_close(seen, fakes)
    torch.testing.assert_close(losses['discriminator_real'], wanted)


def test_wgan_adds_the_gradient_penalty(monkeypatch):
    method, batch = small(adversarial='wgan', gradient_penalty_weight=7.0), random_batch(0)
    plain, _, _ = naive_step(method, batch)
    calls = []

    def penalty(judge, real, fake):
        calls.append((judge, real, fake))
        return torch.tensor(100.0, dtype=torch.float64)

    monkeypatch.setattr(cyclegan, 'gradient_penalty', penalty)
    losses = method.step(batch, WatchedStepper(method))
    for name in JUDGES:
        torch.testing.assert_close(losses[name], plain[name].detach() + 700)
    assert [call[0] for call in calls] == [
        method.networks['discriminator_real'],
        method.networks['discriminator_sim'],
    ]
    assert calls[0][1] is batch.real
    assert calls[1][1] is batch.sim


def test_region_and_edges_enter_the_loss():
    options = ExtraLossOptions(gradient_weight=3.0, region_top=0.5)
    method, batch = small(extra_losses=options), random_batch(0)
    to_real, to_sim = method.networks['sim_to_real'], method.networks['real_to_sim']
    with torch.no_grad():
        translated = to_real(batch.sim)
        again = to_sim(translated)
        edges = 3 * gradient_consistency(translated, batch.sim, method.extra.region)
        logits = method.networks['discriminator_real'](translated)
    stepper = WatchedStepper(method)
    losses = method.step(batch, stepper)
    torch.testing.assert_close(losses['gradient'], edges)
    lower = slice(8, None)
    cycle = 10 * (again - batch.sim)[:, :, lower].abs().mean()
    torch.testing.assert_close(losses['cycle_sim'], cycle)
    assert logits.shape[-2:] == (6, 6)
    wanted = (logits - 1).square()[:, :, 3:].mean()
    torch.testing.assert_close(losses['adversarial_real'], wanted)
    parts = [loss for name, loss in losses.items() if not name.startswith('discriminator')]
    torch.testing.assert_close(sum(parts), stepper.log[0][-1])


def test_segmenter_learns_on_its_own_and_judges_the_translation():
    options = ExtraLossOptions(semantic_weight=1.0, semantic_classes=3)
    method = small(torch.float32, extra_losses=options)
    stepper = WatchedStepper(method)
    losses = method.step(random_batch(0, dtype=torch.float32, masks=True), stepper)
    assert {'segmenter', 'semantic'} <= set(losses)
    assert [(name, moved, reached) for name, moved, reached, _, _ in stepper.log] == [
        ('segmenter', {'segmenter'}, {'segmenter'}),
        ('generator', GENERATORS, GENERATORS),
        ('discriminator', JUDGES, JUDGES),
    ]
    with pytest.raises(DataError, match='semantic_weight needs masks'):
        method.step(random_batch(0, dtype=torch.float32), stepper)


def test_a_loaded_state_goes_on_exactly():
    method = small(torch.float32, pool_size=3)
    stepper = WatchedStepper(method)
    for step in range(3):
        torch.manual_seed(step)
        method.step(random_batch(step, dtype=torch.float32), stepper)
    twin = small(torch.float32, seed=99, pool_size=3)
    twin.networks.load_state_dict(method.networks.state_dict())
    for name, optimiser in method.optimisers.items():
        twin.optimisers[name].load_state_dict(copy.deepcopy(optimiser.state_dict()))
    twin.load_state({name: each.clone() for name, each in method.state().items()})
    assert len(method.state()) == 6
    other = WatchedStepper(twin)
    for step in range(3, 6):
        torch.manual_seed(step)
        wanted = method.step(random_batch(step, dtype=torch.float32), stepper)
        torch.manual_seed(step)
        assert twin.step(random_batch(step, dtype=torch.float32), other) == wanted
    assert torch.equal(weights_of(twin.networks), weights_of(method.networks))


def test_pools_of_the_two_domains_are_not_mixed_up():
    method, twin = small(), small()
    method.step(random_batch(0, count=1), WatchedStepper(method))
    twin.load_state(method.state())
    assert sorted(twin.state()) == ['real_pool.image_0', 'sim_pool.image_0']
    for name, image in method.state().items():
        assert torch.equal(twin.state()[name], image)


@pytest.mark.parametrize('adversarial', ['lsgan', 'vanilla', 'wgan', 'hinge'])
def test_a_step_in_mixed_precision_is_finite(adversarial):
    method = small(torch.float32, adversarial=adversarial)
    stepper = WatchedStepper(method, 'bf16-mixed')
    for step in range(2):
        losses = method.step(random_batch(step, dtype=torch.float32), stepper)
        assert all(math.isfinite(loss) and loss.dtype == torch.float32 for loss in losses.values())


def test_one_image_and_several_scales_work():
    discriminator = DiscriminatorOptions(name='multiscale', filters=4, scales=2, norm='none')
    method = small(torch.float32, discriminator=discriminator)
    losses = method.step(
        random_batch(0, count=1, size=64, dtype=torch.float32), WatchedStepper(method)
    )
    assert all(math.isfinite(loss) for loss in losses.values())


def test_discriminators_may_have_a_rate_of_their_own():
    options = OptimiserOptions(learning_rate=5e-5)
    rates = {
        name: each.param_groups[0]['lr']
        for name, each in small(discriminator_optimiser=options).optimisers.items()
    }
    assert rates == {'generator': 2e-4, 'discriminator': 5e-5}


def test_what_is_exported_and_shown():
    method, batch = small(), random_batch(0)
    assert method.generator() is method.networks['sim_to_real']
    with torch.no_grad():
        pictures = method.pictures(batch)
        assert list(pictures) == [
            *('sim', 'translated', 'back to sim'),
            *('real', 'as sim', 'back to real'),
        ]
        to_real, to_sim = method.networks['sim_to_real'], method.networks['real_to_sim']
        torch.testing.assert_close(pictures['translated'], to_real(batch.sim))
        torch.testing.assert_close(pictures['back to sim'], to_sim(to_real(batch.sim)))
        torch.testing.assert_close(pictures['as sim'], to_sim(batch.real))
        torch.testing.assert_close(pictures['back to real'], to_real(to_sim(batch.real)))


def test_defaults_are_those_of_the_authors():
    method = CycleGan(CycleGanConfig())
    count = {
        name: sum(p.numel() for p in each.parameters()) for name, each in method.networks.items()
    }
    assert count == dict.fromkeys(GENERATORS, 11_378_179) | dict.fromkeys(JUDGES, 2_764_737)
    config = method.config
    assert (config.adversarial, config.pool_size, config.batch_size) == ('lsgan', 50, 1)
    assert (config.cycle_weight, config.cycle_weight_real, config.identity_weight) == (
        10,
        None,
        0.5,
    )
    for optimiser in method.optimisers.values():
        assert optimiser.param_groups[0]['lr'] == 2e-4
        assert optimiser.param_groups[0]['betas'] == (0.5, 0.999)


@pytest.mark.parametrize(
    'values',
    [
        {'cycle_weight': -1.0},
        {'cycle_weight_real': -1.0},
        {'identity_weight': -0.5},
        {'gradient_penalty_weight': -1.0},
        {'pool_size': -1},
    ],
    ids=str,
)
def test_negative_weights_are_refused(values):
    with pytest.raises(ConfigError, match='weights and pool_size must not be negative'):
        from_mapping(CycleGanConfig, values, 'test')


def test_unknown_kind_of_loss_is_refused():
    with pytest.raises(ConfigError, match=r"adversarial: expected one of .*'lsgan'.*'wgangp'"):
        from_mapping(CycleGanConfig, {'adversarial': 'wgangp'}, 'test')
