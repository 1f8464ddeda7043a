import numpy as np
import pytest
import torch
from small_networks import small_discriminator, small_generator
from torch import nn
from torch.nn import functional

from sim2real_ros.training.networks import build_discriminator, build_generator
from sim2real_ros.training.networks.image_layer_norm import ImageLayerNorm
from sim2real_ros.training.networks.initialisation import initialise
from sim2real_ros.training.networks.patch_discriminator import receptive_field
from sim2real_ros.training.networks.patch_sampler import PatchSampler
from sim2real_ros.training.networks.resampling import BlurPool, BlurUpsample
from sim2real_ros.training.networks.residual import ResidualBlock
from sim2real_ros.training.options import (
    DiscriminatorOptions,
    GeneratorOptions,
    Initialisation,
)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def test_the_image_layer_norm_uses_the_unbiased_deviation_and_adds_eps_to_it():
    norm = ImageLayerNorm(3, eps=0.25)
    assert ((norm.weight >= 0) & (norm.weight <= 1)).all()
    norm.bias.data = torch.tensor([1.0, 2, 3])
    x = torch.randn(2, 3, 4, 5) * 3 + 7
    found = norm(x).detach().numpy()
    for n, image in enumerate(x.numpy().astype(np.float64)):
        values = image.ravel()
        deviation = np.sqrt(((values - values.mean()) ** 2).sum() / (values.size - 1))
        for c in range(3):
            scaled = (image[c] - values.mean()) / (deviation + 0.25)
            expected = norm.weight[c].item() * scaled + (c + 1)
            np.testing.assert_allclose(found[n, c], expected, rtol=1e-5, atol=1e-5)


def test_the_image_layer_norm_survives_an_even_image_and_keeps_the_precision():
    norm = ImageLayerNorm(2)
    assert torch.equal(norm(torch.full((1, 2, 3, 3), 5.0)), torch.zeros(1, 2, 3, 3))
    assert norm(torch.randn(1, 2, 3, 3).bfloat16()).dtype == torch.bfloat16


def blurred_at(image, taps, row, column):
    """One value of a filtered image, the slow way."""
    total = 0.0
    for i, a in enumerate(taps):
        for j, b in enumerate(taps):
            total += a * b * image[row + i, column + j]
    return total


@pytest.mark.parametrize('shape', [(6, 8), (5, 7)])
def test_blur_pool_is_a_reflected_binomial_filter(shape):
    x = torch.randn(1, 2, *shape)
    found = BlurPool()(x)
    assert found.shape[2:] == (-(-shape[0] // 2), -(-shape[1] // 2))
    for c in range(2):
        image = np.pad(x[0, c].numpy(), 1, mode='reflect')
        for i, j in np.ndindex(*found.shape[2:]):
            expected = blurred_at(image, (0.25, 0.5, 0.25), 2 * i, 2 * j)
            assert found[0, c, i, j].item() == pytest.approx(expected, abs=1e-6)


def test_blur_pool_is_not_degraded_by_bfloat16():
    x = torch.randn(1, 2, 8, 8).bfloat16()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        found = BlurPool()(x)
    assert torch.equal(found, BlurPool()(x.float()).bfloat16())


def test_blur_upsample_is_the_interpolating_filter_of_cut():
    x = torch.randn(1, 1, 3, 4)
    found = BlurUpsample()(x)
    # Zeros between the values, whose border is repeated, and the kernel over all of it.
    padded = np.pad(x[0, 0].numpy(), 1, mode='edge')
    sparse = np.zeros((2 * padded.shape[0], 2 * padded.shape[1]))
    sparse[::2, ::2] = padded
    for i, j in np.ndindex(6, 8):
        expected = blurred_at(np.pad(sparse, 1), (0.25, 0.75, 0.75, 0.25), i + 1, j + 1)
        assert found[0, 0, i, j].item() == pytest.approx(expected, abs=1e-6)


def kernels(*taps):
    line = torch.tensor(taps)
    return (line[:, None] * line / 16).repeat(32, 1, 1, 1)


def test_kernels_in_the_checkpoints_of_cut_are_accepted():
    network = small_generator('resnet', downsampling='blur', upsampling='blur')
    state = network.state_dict()
    state['model.7.filt'] = kernels(1.0, 2, 1)[:16]
    state['model.11.filt'] = kernels(1.0, 2, 1)
    state['model.13.filt'] = kernels(1.0, 3, 3, 1)
    state['model.17.filt'] = kernels(1.0, 3, 3, 1)[:16]
    network.load_state_dict(state)
    state['model.7.filt'] = kernels(1.0, 1, 1)
    with pytest.raises(RuntimeError, match=r'Unexpected key.* "model\.7\.filt"'):
        network.load_state_dict(state)


@pytest.mark.parametrize(('name', 'pad'), [('resnet', 3), ('unit', 3)])
def test_the_first_padding_reflects(name, pad):
    ramp = torch.arange(32.0).expand(1, 3, 32, 32)
    network = small_generator(name)
    first = network.model[0] if name == 'resnet' else network.encoder.layers[0]
    row = first(ramp)[0, 0, 0]
    assert row[:pad].tolist() == [3, 2, 1]
    assert row[-pad:].tolist() == [30, 29, 28]


def test_a_residual_block_is_what_the_paper_says():
    block = ResidualBlock(4, 'instance')
    x = torch.randn(1, 4, 6, 5)
    value = x
    for index, activation in ((1, torch.relu), (5, lambda v: v)):
        weight, bias = block.conv_block[index].weight, block.conv_block[index].bias
        padded = torch.from_numpy(
            np.pad(value.detach().numpy(), ((0, 0), (0, 0), (1, 1), (1, 1)), mode='reflect')
        )
        value = functional.conv2d(padded, weight, bias)
        mean = value.mean(dim=(2, 3), keepdim=True)
        variance = value.var(dim=(2, 3), keepdim=True, correction=0)
        value = activation((value - mean) / torch.sqrt(variance + 1e-5))
    torch.testing.assert_close(block(x), x + value)


def test_the_unet_hands_every_level_across():
    network = build_generator(
        GeneratorOptions('unet', filters=4, depth=3, initialisation=Initialisation(gain=0.3))
    )
    state = network.state_dict()

    def norm(value):
        mean = value.mean(dim=(2, 3), keepdim=True)
        return (value - mean) / torch.sqrt(
            value.var(dim=(2, 3), keepdim=True, correction=0) + 1e-5
        )

    def down(value, name):
        weights = state[f'{name}.weight'], state[f'{name}.bias']
        return functional.conv2d(value, *weights, stride=2, padding=1)

    def up(value, name):
        weights = state[f'{name}.weight'], state[f'{name}.bias']
        return functional.conv_transpose2d(value.relu(), *weights, stride=2, padding=1)

    outer, inner = 'model.model.1.model', 'model.model.1.model.3.model'
    image = torch.rand(1, 3, 16, 24) * 2 - 1
    half = down(image, 'model.model.0')
    quarter = norm(down(functional.leaky_relu(half, 0.2), f'{outer}.1'))
    eighth = down(functional.leaky_relu(quarter, 0.2), f'{inner}.1')
    back = torch.cat([quarter, norm(up(eighth, f'{inner}.3'))], dim=1)
    back = torch.cat([half, norm(up(back, f'{outer}.5'))], dim=1)
    expected = torch.tanh(up(back, 'model.model.3'))
    torch.testing.assert_close(network(image), expected, atol=1e-5, rtol=1e-4)


def test_only_the_middle_of_the_unet_drops_out():
    with torch.device('meta'):
        network = build_generator(GeneratorOptions('unet', dropout=True))
    names = [n for n, m in network.named_modules() if isinstance(m, nn.Dropout)]
    prefix = 'model.model.1.model'
    levels = [prefix + '.3.model' * depth + '.7' for depth in (3, 4, 5)]
    assert sorted(names) == sorted(levels)


def test_the_refiner_is_what_the_paper_says():
    network = small_generator('refiner')
    state = network.state_dict()

    def conv(value, name, padding):
        return functional.conv2d(
            value, state[f'{name}.weight'], state[f'{name}.bias'], padding=padding
        )

    image = torch.rand(1, 3, 7, 9) * 2 - 1
    value = conv(image, 'model.0.0', 1).relu()
    change = conv(conv(value, 'model.1.layers.0', 1).relu(), 'model.1.layers.2', 1)
    expected = torch.tanh(conv((value + change).relu(), 'model.2.0', 0))
    torch.testing.assert_close(network(image), expected)


def test_mobile_unet_goes_a_share_of_the_way_to_white_or_black():
    network = small_generator('mobile_unet')
    nn.init.zeros_(network.last[0].weight)
    image = torch.rand(1, 3, 16, 16) * 2 - 1
    assert torch.equal(network(image), image)
    for logit, target in ((0.5, 1.0), (-0.5, -1.0)):
        nn.init.constant_(network.last[0].bias, logit)
        expected = torch.lerp(image, torch.tensor(target), np.tanh(0.5))
        torch.testing.assert_close(network(image), expected)


def seen_by(network, side):
    """Width of the input that the middle of a map depends on."""
    image = torch.rand(1, 3, side, side, requires_grad=True)
    logits = network(image)
    logits[0, :, logits.shape[2] // 2, logits.shape[3] // 2].sum().backward()
    columns = image.grad[0].abs().sum(dim=(0, 1)).nonzero().flatten()
    return (columns[-1] - columns[0] + 1).item()


@pytest.mark.parametrize(('layers', 'side'), [(1, 16), (2, 34), (3, 70), (4, 142)])
def test_the_receptive_field_is_the_one_that_is_told(layers, side):
    options = DiscriminatorOptions(filters=2, layers=layers, norm='none')
    assert receptive_field(layers) == side
    assert seen_by(build_discriminator(options), 2 * side) == side


def test_the_networks_of_simgan_see_what_they_say():
    network = build_generator(GeneratorOptions('refiner', filters=16))
    assert seen_by(network, 33) == 19
    # Which pixels a maximum depends on varies, so it is replaced by a mean.
    local = small_discriminator('local')
    local.model[4] = nn.AvgPool2d(3, 1, padding=1)
    for parameter in local.parameters():
        nn.init.constant_(parameter, 0.1)
    assert seen_by(local, 48) == 23


def test_the_multiscale_discriminator_sees_no_border_in_an_even_image():
    network = small_discriminator('multiscale', norm='none')
    for scale in network.scales[1:]:
        scale.load_state_dict(network.scales[0].state_dict())
    maps = network(torch.full((1, 3, 64, 64), 0.7))
    first = maps[0][0, 0, 0, 0]
    for each in maps:
        torch.testing.assert_close(each, first.expand_as(each))


def test_the_multiscale_discriminator_halves_between_its_networks():
    network = small_discriminator('multiscale', norm='none')
    image = torch.rand(1, 3, 64, 64)
    half = torch.zeros(1, 3, 32, 32)
    for i, j in np.ndindex(32, 32):
        window = image[:, :, max(2 * i - 1, 0) : 2 * i + 2, max(2 * j - 1, 0) : 2 * j + 2]
        half[:, :, i, j] = window.mean(dim=(2, 3))
    torch.testing.assert_close(network(image)[1], network.scales[1](half))
    torch.testing.assert_close(network(image)[0], network.scales[0](image))


def test_the_patch_sampler_projects_the_same_places_of_all_images():
    sampler = PatchSampler([3, 5], width=4)
    features = [torch.randn(2, 3, 4, 6), torch.randn(2, 5, 2, 3)]
    vectors, places = sampler(features, patches=10)
    assert [tuple(each.shape) for each in vectors] == [(2, 10, 4), (2, 6, 4)]
    assert [len(set(each.tolist())) for each in places] == [10, 6]
    first, second = sampler.heads[0][0], sampler.heads[0][2]
    for n, k in np.ndindex(2, 10):
        row, column = divmod(places[0][k].item(), 6)
        value = second(first(features[0][n, :, row, column]).relu())
        torch.testing.assert_close(vectors[0][n, k], value / value.norm())
    again, same = sampler([2 * each for each in features], places=places)
    assert all(torch.equal(a, b) for a, b in zip(places, same, strict=True))
    assert not torch.equal(again[0], vectors[0])


def test_the_patch_sampler_draws_anew_each_time():
    sampler = PatchSampler([1], width=2)
    drawn = [sampler([torch.zeros(1, 1, 8, 8)], patches=4)[1][0].tolist() for _ in range(3)]
    assert drawn[0] != drawn[1] != drawn[2]


@pytest.mark.parametrize(
    ('kind', 'gain', 'deviation'),
    [
        ('normal', 0.02, 0.02),
        ('xavier', 0.5, 0.5 * np.sqrt(2 / (64 * 9 + 32 * 9))),
        ('kaiming', 1.0, np.sqrt(2 / (64 * 9))),
        ('kaiming', 0.1, 0.1 * np.sqrt(2 / (64 * 9))),
        ('orthogonal', 3.0, 3 / np.sqrt(64 * 9)),
    ],
)
def test_weights_start_with_the_deviation_of_their_kind(kind, gain, deviation):
    network = nn.Sequential(nn.Conv2d(64, 32, 3))
    initialise(network, Initialisation(kind, gain))
    assert network[0].weight.std().item() == pytest.approx(deviation, rel=0.03)
    assert abs(network[0].weight.mean().item()) < deviation / 10
    assert network[0].bias.abs().max() == 0


def test_orthogonal_weights_are_orthogonal():
    network = nn.Linear(12, 5)
    initialise(network, Initialisation('orthogonal', 2.0))
    torch.testing.assert_close(network.weight @ network.weight.T, 4 * torch.eye(5))


def test_batch_norm_starts_near_one_and_other_modules_keep_their_weights():
    network = nn.Sequential(nn.BatchNorm2d(4096), ImageLayerNorm(8), nn.ConvTranspose2d(32, 32, 3))
    nn.init.constant_(network[0].bias, 1.0)
    before = network[1].weight.clone()
    initialise(network, Initialisation('normal', 0.5))
    assert network[0].weight.mean().item() == pytest.approx(1, abs=0.003)
    assert network[0].weight.std().item() == pytest.approx(0.02, rel=0.1)
    assert network[0].bias.abs().max() == 0
    assert torch.equal(network[1].weight, before)
    assert network[2].weight.std().item() == pytest.approx(0.5, rel=0.05)


def test_the_answer_of_mobile_unet_has_no_checkerboard():
    network = small_generator('mobile_unet')
    image = torch.zeros(1, 3, 16, 24)
    with torch.no_grad():
        network.last[0].weight.zero_()
        # Four positions of each colour, as the shuffle deals them out.
        network.last[0].bias.copy_(torch.linspace(-2, 2, 12))
        translated = network(image)
    mean = torch.linspace(-2, 2, 12).tanh().reshape(3, 4).mean(1)
    expected = mean[None, :, None, None].expand_as(image)
    torch.testing.assert_close(translated, expected, atol=1e-6, rtol=0)
    assert not [name for name in network.state_dict() if name.startswith('smooth')]


@pytest.mark.parametrize(
    ('size', 'advice'),
    [
        ((256, 192), 'generator.depth=6 for multiples of 64'),
        ((252, 512), 'generator.depth=2 for multiples of 4'),
        ((250, 256), ''),
    ],
)
def test_the_unet_advises_a_depth_that_fits(size, advice):
    assert small_generator('unet').size_advice(size) == advice
