import copy

import pytest
import torch
from plain_loop import WatchedStepper, random_batch
from torch.nn import functional

from sim2real_ros.config import from_mapping
from sim2real_ros.errors import ConfigError
from sim2real_ros.training.methods.simgan import Simgan, SimganConfig
from sim2real_ros.training.options import (
    DiscriminatorOptions,
    ExtraLossOptions,
    GeneratorOptions,
    Initialisation,
)

XAVIER = Initialisation('xavier', 1.0)
SMALL = {
    'generator': GeneratorOptions('refiner', 4, 1, initialisation=XAVIER),
    'discriminator': DiscriminatorOptions('local', 6, initialisation=XAVIER),
    'pretrain_refiner': 3,
    'pretrain_discriminator': 2,
}
REFINER, JUDGE = {'refiner'}, {'discriminator'}


def small(dtype=torch.float64, step=10, **options):
    torch.manual_seed(0)
    method = Simgan(SimganConfig(**{**SMALL, **options}))
    method.networks.to(dtype)
    method.step_count = step
    return method


def entropy(logits, channel):
    return -functional.log_softmax(logits, 1)[:, channel]


@pytest.mark.parametrize('normalisation', ['mean', 'sum'])
def test_simgan_step_equals_the_equations(normalisation):
    options = {'normalisation': normalisation, 'max_gradient_norm': 0.0, 'adversarial_weight': 2.0}
    method = small(refiner_updates=1, self_regularisation_weight=0.5, **options)
    batch = random_batch(0, size=12)
    refiner, judge = copy.deepcopy(method.networks).values()

    def reduced(values):
        return values.mean() if normalisation == 'mean' else values.sum() / len(values)

    refined = refiner(batch.sim)
    wanted = {
        'self_regularisation': 0.5 * reduced((refined - batch.sim).abs()),
        'adversarial': 2 * reduced(entropy(judge(refined), 1)),
    }
    refiner_gradients = torch.autograd.grad(sum(wanted.values()), list(refiner.parameters()))
    stepper = WatchedStepper(method)
    losses = method.step(batch, stepper)
    # The discriminator sees what the refiner makes after its update.
    with torch.no_grad():
        refined = method.generator()(batch.sim)
    judged = reduced(entropy(judge(batch.real), 1)) + reduced(entropy(judge(refined), 0))
    judge_gradients = torch.autograd.grad(judged, list(judge.parameters()))
    (_, _, _, first, _), (_, _, _, second, _) = stepper.log
    torch.testing.assert_close(first['refiner'], list(refiner_gradients))
    torch.testing.assert_close(second['discriminator'], list(judge_gradients))
    wanted['discriminator'] = judged
    torch.testing.assert_close(losses, {name: loss.detach() for name, loss in wanted.items()})


def test_simgan_phases_follow_from_the_number_of_the_step():
    """K_g = 2 and K_d = 1 by default; a resumed run is in the phase where it stopped."""
    method = small()
    orders = []
    for step in (0, 2, 3, 4, 5, 50):
        method.step_count = step
        stepper = WatchedStepper(method)
        method.step(random_batch(step), stepper)
        orders.append([entry[:3] for entry in stepper.log])
    refiner, judge = ('refiner', REFINER, REFINER), ('discriminator', JUDGE, JUDGE)
    together = [refiner, refiner, judge]
    assert orders == [[refiner], [refiner], [judge], [judge], together, together]
    assert all(each.requires_grad for each in method.networks.parameters())


def test_simgan_tells_its_phases():
    method, told = small(), []
    for method.step_count in range(7):
        told.append(method.warm_up)
    assert all('refiner' in text and 'until step 3' in text for text in told[:3])
    assert all('discriminator' in text and 'until step 5' in text for text in told[3:5])
    assert told[5:] == ['', '']
    assert small(pretrain_refiner=0, pretrain_discriminator=0, step=0).warm_up == ''


def test_simgan_defaults_are_the_papers_phases():
    config = SimganConfig()
    assert (config.pretrain_refiner, config.pretrain_discriminator) == (1000, 200)
    assert (config.refiner_updates, config.discriminator_updates) == (2, 1)
    assert config.max_gradient_norm == 50
    method = small(refiner_updates=3, discriminator_updates=2)
    stepper = WatchedStepper(method)
    method.step(random_batch(0), stepper)
    assert [entry[0] for entry in stepper.log] == ['refiner'] * 3 + ['discriminator'] * 2


def test_simgan_pretrains_the_refiner_by_self_regularisation_alone():
    method = small(step=0)
    losses = method.step(random_batch(0), WatchedStepper(method))
    assert list(losses) == ['self_regularisation']


def test_simgan_without_change_has_no_self_regularisation():
    """A refiner that does nothing: a first layer and a last that cancel, no residuals."""
    method = small(step=0)

    class Nothing(torch.nn.Module):
        def __init__(self, refiner):
            super().__init__()
            self.refiner = refiner

        def forward(self, image):
            return image + 0 * self.refiner(image)

    method.refiner = Nothing(method.refiner)
    losses = method.step(random_batch(0), WatchedStepper(method))
    assert losses['self_regularisation'] == 0


def test_simgan_shows_the_discriminator_half_a_batch_of_the_past():
    method = small(max_gradient_norm=0.0)
    shown = []
    method.discriminator.register_forward_hook(lambda _, inputs, __: shown.append(inputs[0]))
    batches = [random_batch(seed, count=4) for seed in range(3)]
    for batch in batches:
        method.step(batch, WatchedStepper(method))
    # Each step: twice for the refiner, then real and refined together.
    first, last = shown[2], shown[8]
    torch.testing.assert_close(first[:4], batches[0].real)
    with torch.no_grad():
        torch.testing.assert_close(last[6:], method.refiner(batches[2].sim)[2:])
    past = [image for name, image in method.state().items() if name.startswith('history.')]
    assert len(past) == 6
    for image in last[4:6].float():
        assert any(torch.equal(image, each) for each in past)


def test_simgan_history_fills_to_its_size():
    method = small(torch.float32, history_size=5)
    for seed in range(4):
        method.step(random_batch(seed, count=4, dtype=torch.float32), WatchedStepper(method))
    assert len(method.history) == 5


def test_simgan_goes_on_exactly_from_its_state():
    method = small(torch.float32)
    for seed in range(4):
        method.step(random_batch(seed, dtype=torch.float32), WatchedStepper(method))
    other = small(torch.float32)
    other.networks.load_state_dict(method.networks.state_dict())
    for name, optimiser in other.optimisers.items():
        optimiser.load_state_dict(copy.deepcopy(method.optimisers[name].state_dict()))
    other.load_state(method.state())
    for each in (method, other):
        torch.manual_seed(3)
        each.step(random_batch(9, dtype=torch.float32), WatchedStepper(each))
    expected = {**method.networks.state_dict(), **method.state()}
    torch.testing.assert_close(
        {**other.networks.state_dict(), **other.state()}, expected, rtol=0, atol=0
    )


def test_simgan_limits_the_gradient_of_each_parameter():
    method = small(max_gradient_norm=1e-3)
    stepper = WatchedStepper(method)
    method.step(random_batch(0), stepper)
    for name, _, _, gradients, _ in stepper.log:
        norms = [gradient.norm() for gradient in gradients[name]]
        assert max(norms) <= 1.001e-3
        assert min(norms) > 0.99e-3


def test_simgan_region_and_edges_enter_the_loss():
    options = ExtraLossOptions(region_top=0.5, gradient_weight=2.0)
    method, batch = small(extra_losses=options, refiner_updates=1), random_batch(0)
    refiner, judge = copy.deepcopy(method.networks).values()
    stepper = WatchedStepper(method)
    losses = method.step(batch, stepper)
    with torch.no_grad():
        refined = refiner(batch.sim)
        adversarial = entropy(judge(refined), 1)[:, 2:].mean()
    distance = (refined - batch.sim)[:, :, 8:].abs().mean()
    torch.testing.assert_close(losses['self_regularisation'], distance)
    torch.testing.assert_close(losses['adversarial'], adversarial)
    assert losses['gradient'] > 0
    parts = [loss for name, loss in losses.items() if name != 'discriminator']
    torch.testing.assert_close(sum(parts), stepper.log[0][-1])


def test_simgan_trains_on_single_images_in_bf16():
    method = small(torch.float32)
    for seed in range(3):
        stepper = WatchedStepper(method, 'bf16-mixed')
        batch = random_batch(seed, count=1, dtype=torch.float32)
        losses = method.step(batch, stepper)
    assert all(torch.isfinite(loss) for loss in losses.values())
    assert [entry[1] for entry in stepper.log] == [REFINER, REFINER, JUDGE]


def test_simgan_refuses_what_it_cannot_use():
    with pytest.raises(ConfigError, match=r"simgan cannot use the discriminator 'patch'.*'local'"):
        Simgan(SimganConfig(discriminator=DiscriminatorOptions()))
    with pytest.raises(ConfigError, match='refiner_updates and discriminator_updates positive'):
        from_mapping(SimganConfig, {'refiner_updates': 0}, 'test')
    short = {'schedule': {'unit': 'steps', 'constant': 1100, 'decay': 100}}
    with pytest.raises(ConfigError, match='ends after 1200 steps, before the refiner learns'):
        from_mapping(SimganConfig, short, 'test')
    assert from_mapping(SimganConfig, {**short, 'pretrain_refiner': 999}, 'test')
    with pytest.raises(ConfigError, match='weights and max_gradient_norm must not be negative'):
        from_mapping(SimganConfig, {'self_regularisation_weight': -1}, 'test')
