import copy

import cv2
import numpy as np
import pytest
import torch
from plain_loop import WatchedStepper, random_batch
from small_cut import MIRRORED_EDGES, NORMAL, check_edges_of_what_was_not_mirrored, small_cut
from torch.nn import functional

from sim2real_ros.config import from_mapping
from sim2real_ros.errors import ConfigError
from sim2real_ros.training.methods.cut import Cut, CutConfig
from sim2real_ros.training.options import (
    DiscriminatorOptions,
    ExtraLossOptions,
    GeneratorOptions,
)

GENERATOR = GeneratorOptions(
    'resnet', 4, 1, downsampling='blur', upsampling='blur', initialisation=NORMAL
)
SMALL = {
    'generator': GENERATOR,
    'discriminator': DiscriminatorOptions(filters=4, layers=1, downsampling='blur'),
    # Every place of every layer, so that the order in which they are drawn does not matter.
    'nce_patches': 10_000,
    # So wide that no vector is 0, where the direction of a vector has no gradient.
    'nce_width': 48,
}
TRANSLATORS, JUDGE = {'generator', 'sampler'}, {'discriminator'}


def small(dtype=torch.float64, **options):
    return small_cut(dtype, **{**SMALL, **options})


def naive_nce(method, networks, source, made, mirrored=False):
    """PatchNCE of one image after the other, at all places, with the right key in front."""
    generator, sampler, _ = networks.values()
    layers = list(method.config.nce_layers or generator.feature_layers)
    queries = generator.encode(made, layers)
    keys = generator.encode(source, layers)
    by_layer = []
    for head, query, key in zip(sampler.heads, queries, keys, strict=True):
        if mirrored:
            query = query.flip(3)
        query, key = (
            functional.normalize(head(x[0].flatten(1).T), dim=1, eps=1e-7) for x in (query, key)
        )
        # The product's vectors are rounded to float32.
        key = key.detach()
        similar = query @ key.T
        positive = similar.diagonal()[:, None]
        negative = similar.masked_fill(torch.eye(len(similar), dtype=torch.bool), -10.0)
        scores = torch.cat([positive, negative], 1) / method.config.nce_temperature
        by_layer.append(-functional.log_softmax(scores, 1)[:, 0].mean())
    return sum(by_layer) / len(by_layer)


def mean(values):
    return sum(values) / len(values)


def naive_step(method, batch, mirrored=False):
    networks = copy.deepcopy(method.networks)
    generator, sampler, judge = networks.values()

    def translate(image):
        return generator(image.flip(3) if mirrored else image)

    fake = translate(batch.sim)
    judged = 0.5 * ((judge(batch.real) - 1).square().mean() + judge(fake.detach()).square().mean())
    judge_gradients = torch.autograd.grad(judged, list(judge.parameters()))
    # Those that have moved are the method's own by the time this is compared.
    judge = method.networks['discriminator']

    def wanted():
        config, count = method.config, len(batch.sim)
        of_sim = mean([
            naive_nce(method, networks, batch.sim[i : i + 1], fake[i : i + 1], mirrored)
            for i in range(count)
        ])  # fmt: skip
        losses = {'adversarial': config.adversarial_weight * (judge(fake) - 1).square().mean()}
        share = 0.5 if config.nce_identity else 1.0
        losses['patch_nce'] = share * config.nce_weight * of_sim
        if config.nce_identity:
            same = translate(batch.real)
            of_real = mean([
                naive_nce(method, networks, batch.real[i : i + 1], same[i : i + 1], mirrored)
                for i in range(count)
            ])  # fmt: skip
            losses['patch_nce_identity'] = 0.5 * config.nce_weight * of_real
        parameters = [*generator.parameters(), *sampler.parameters()]
        return losses, torch.autograd.grad(sum(losses.values()), parameters)

    return judged, list(judge_gradients), wanted


CASES = [
    ({}, False),
    ({'nce_identity': False, 'nce_weight': 10.0, 'adversarial_weight': 2.0}, False),
    ({'nce_identity': False, 'flip_equivariance': True}, True),
    ({'flip_equivariance': True}, True),
    ({'generator': GeneratorOptions('refiner', 4, 1, initialisation=NORMAL)}, False),
    ({'nce_layers': (1, 5), 'nce_temperature': 0.3}, False),
]


@pytest.mark.parametrize(('options', 'mirrored'), CASES, ids=str)
def test_cut_step_equals_the_equations_pass_by_pass(options, mirrored, monkeypatch):
    method, batch = small(**options), random_batch(0)
    monkeypatch.setattr(torch, 'rand', lambda *shape: torch.zeros(*shape))
    judged, judge_gradients, wanted = naive_step(method, batch, mirrored)
    stepper = WatchedStepper(method)
    losses = method.step(batch, stepper)
    generator_losses, generator_gradients = wanted()
    (_, _, _, first, _), (_, _, _, second, _) = stepper.log
    torch.testing.assert_close(first['discriminator'], judge_gradients)
    expected = {'discriminator': judged.detach()}
    expected |= {name: loss.detach() for name, loss in generator_losses.items()}
    # The product compares float32 vectors.
    near = {'rtol': 1e-4, 'atol': 1e-5, 'check_dtype': False}
    torch.testing.assert_close(losses, expected, **near)
    found = second['generator'] + second['sampler']
    torch.testing.assert_close(found, list(generator_gradients), **near)


def test_cut_moves_the_discriminator_then_the_others_and_nothing_else():
    method = small()
    stepper = WatchedStepper(method)
    losses = method.step(random_batch(0), stepper)
    assert [entry[:3] for entry in stepper.log] == [
        ('discriminator', JUDGE, JUDGE),
        ('generator', TRANSLATORS, TRANSLATORS),
    ]
    assert all(each.requires_grad for each in method.networks.parameters())
    assert all(loss.shape == () and not loss.requires_grad for loss in losses.values())
    parts = [loss for name, loss in losses.items() if name != 'discriminator']
    torch.testing.assert_close(sum(parts), stepper.log[1][-1], check_dtype=False)


def test_cut_reuses_the_features_of_the_translation_where_that_is_exact(monkeypatch):
    batch, counts = random_batch(0), []
    for options in ({}, {'generator': GeneratorOptions('resnet', 4, 1, dropout=True)}):
        method = small(**options)
        passes = []
        encode = method._generator.encode
        monkeypatch.setattr(
            method._generator, 'encode', lambda *a, e=encode, p=passes: p.append(1) or e(*a)
        )
        method._generator.register_forward_hook(lambda *a, p=passes: p.append(2))
        method.step(batch, WatchedStepper(method))
        counts.append(sorted(passes))
    assert counts == [[1, 1], [1, 1, 2]]


def test_cut_compares_the_translation_itself_where_that_is_asked_for(monkeypatch):
    last = len(small()._generator.module_channels) - 1
    method, batch = small(nce_layers=(4, last)), random_batch(0)
    monkeypatch.setattr(torch, 'rand', lambda *shape: torch.zeros(*shape))
    _, _, wanted = naive_step(method, batch)
    losses = method.step(batch, WatchedStepper(method))
    near = {'rtol': 1e-4, 'atol': 1e-5, 'check_dtype': False}
    torch.testing.assert_close(losses['patch_nce'], wanted()[0]['patch_nce'].detach(), **near)


def test_cut_mirrors_every_other_batch():
    method, batch = small(flip_equivariance=True), random_batch(0)
    mirrored = []
    for seed in range(60):
        torch.manual_seed(seed)
        translation = method._translate(batch)
        mirrored.append(translation.mirrored)
        if translation.mirrored:
            with torch.no_grad():
                straight = method._generator(torch.cat([batch.sim, batch.real]).flip(3))
            torch.testing.assert_close(translation.made, straight)
    assert 18 < sum(mirrored) < 42
    method = small()
    assert not any(method._translate(batch).mirrored for _ in range(10))


def test_cut_defaults_are_those_of_the_authors():
    config = CutConfig()
    method = Cut(config)
    assert method._layers == [0, 4, 8, 12, 16]
    assert (config.nce_patches, config.nce_temperature) == (256, 0.07)
    assert (config.nce_weight, config.adversarial_weight) == (1, 1)
    assert config.nce_identity
    assert not config.flip_equivariance
    sizes = {k: sum(p.numel() for p in net.parameters()) for k, net in method.networks.items()}
    assert sizes['sampler'] == 560_384
    assert sizes['generator'] == 11_378_179
    deviation = method.networks['sampler'].heads[1][0].weight.detach().std()
    assert deviation == pytest.approx(0.02 * (2 / (128 + 256)) ** 0.5, rel=0.05)


def test_cut_looks_at_the_region_only():
    options = ExtraLossOptions(region_top=0.5, gradient_weight=2.0)
    method = small(extra_losses=options, nce_layers=(4,), nce_patches=128, nce_identity=False)
    batch, seen = random_batch(0), []
    sampler = method.networks['sampler']
    sampler.register_forward_hook(lambda _, inputs, output: seen.append((inputs, output)))
    losses = method.step(batch, WatchedStepper(method))
    (features, _, places), (queries, _) = seen[0]
    assert features[0].shape == (2, 8, 16, 16)
    # Half of 16x16 places are in the region: exactly these were drawn.
    assert sorted(places[0].tolist()) == list(range(128, 256))
    keys = seen[1][1][0][0]
    similar = queries[0].detach() @ keys.transpose(1, 2) / 0.07
    expected = -torch.stack([torch.log_softmax(each, 1).diagonal().mean() for each in similar])
    torch.testing.assert_close(losses['patch_nce'], expected.mean(), check_dtype=False)
    assert losses['gradient'] > 0


def test_cut_compares_edges_with_what_was_not_mirrored(monkeypatch):
    check_edges_of_what_was_not_mirrored(small(**MIRRORED_EDGES), monkeypatch)


def test_cut_judges_what_was_mirrored_where_the_mask_is(tmp_path, monkeypatch):
    left = np.zeros((16, 16), np.uint8)
    left[:, :8] = 255
    path = str(tmp_path / 'left.png')
    assert cv2.imwrite(path, left)
    method = small(extra_losses=ExtraLossOptions(region_mask=path), flip_equivariance=True)
    batch, judge = random_batch(0), copy.deepcopy(method.networks['discriminator'])
    monkeypatch.setattr(torch, 'rand', lambda *shape, **_: torch.zeros(*shape))
    with torch.no_grad():
        fake = method._generator(batch.sim.flip(3)).flip(3)
        weights = method.extra.region.weights(6, 6, fake)
        on_real, on_fake = (judge(batch.real) - 1).square(), judge(fake).square()
    assert weights[0, 0, 0].tolist() == [1, 1, 1, 0, 0, 0]
    losses = method.step(batch, WatchedStepper(method))
    wanted = 0.5 * (on_real + on_fake)[..., :3].mean()
    torch.testing.assert_close(losses['discriminator'], wanted)
    with torch.no_grad():
        fooled = (method.networks['discriminator'](fake) - 1).square()[..., :3].mean()
    torch.testing.assert_close(losses['adversarial'], fooled)


@pytest.mark.parametrize(
    'generator',
    [
        GeneratorOptions('hyper_unet', 4, 1),
        GeneratorOptions('separable_resnet', 4, 1),
        GeneratorOptions('resnet', 4, 1, norm='batch'),
    ],
    ids=str,
)
def test_cut_trains_other_generators_in_bf16(generator):
    method = small(torch.float32, generator=generator, nce_patches=16)
    stepper = WatchedStepper(method, 'bf16-mixed')
    losses = method.step(random_batch(0, size=32, dtype=torch.float32), stepper)
    assert all(torch.isfinite(loss) for loss in losses.values())
    assert [entry[1] for entry in stepper.log] == [JUDGE, TRANSLATORS]


def test_cut_shows_what_it_trains():
    assert list(small().pictures(random_batch(0))) == ['sim', 'translated', 'real', 'real as real']
    assert list(small(nce_identity=False).pictures(random_batch(0))) == [
        'sim',
        'translated',
        'real',
    ]


def test_cut_refuses_what_it_cannot_use():
    for name in ('unet', 'unit'):
        with pytest.raises(ConfigError, match=f"cut cannot use the generator '{name}'.*'resnet'"):
            Cut(CutConfig(generator=GeneratorOptions(name, 2)))
    with pytest.raises(ConfigError, match='feature layers'):
        small(nce_layers=(0, 99))
    with pytest.raises(ConfigError, match='nce_temperature must be positive'):
        from_mapping(CutConfig, {'nce_temperature': 0}, 'test')
    with pytest.raises(ConfigError, match='nce_patches must be 2 or more'):
        from_mapping(CutConfig, {'nce_patches': 1}, 'test')
