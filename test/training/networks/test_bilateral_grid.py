"""What the bilateral grid promises: it starts as the identity, and cannot redraw."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_networks import with_all_layers_at_work
from torch import nn

from sim2real_ros.errors import ConfigError
from sim2real_ros.training.networks import build_generator
from sim2real_ros.training.networks.bilateral_grid import limited
from sim2real_ros.training.options import GeneratorOptions, Initialisation

NAMES = ('bilateral_grid', 'bilateral_grid_detail')
SMALL = {'filters': 4, 'blocks': 1, 'depth': 2, 'grid_size': (4, 3), 'grid_bins': 4}


def fresh(name='bilateral_grid', **options):
    torch.manual_seed(0)
    return build_generator(GeneratorOptions(name, **{**SMALL, **options})).eval()


def at_work(name='bilateral_grid', seed=0, **options):
    """A network with large random weights, but for the matrices, which stay moderate."""
    torch.manual_seed(seed)
    strong = Initialisation('kaiming', 1.0)
    generator = with_all_layers_at_work(fresh(name, initialisation=strong, **options)).eval()
    nn.init.normal_(generator.head.weight, 0, 0.05)
    return generator


def noise(*shape, seed=1):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.mark.parametrize('name', NAMES)
@pytest.mark.parametrize('kind', ['normal', 'xavier', 'kaiming', 'orthogonal'])
def test_it_starts_as_the_identity_whatever_the_initialisation(name, kind):
    image = noise(2, 3, 30, 44)
    image[0, :, :4] = torch.tensor([-1.0, 1.0, 0.0, 0.5]).reshape(4, 1)
    assert torch.equal(fresh(name, initialisation=Initialisation(kind, 1.0))(image), image)


@pytest.mark.parametrize('name', NAMES)
def test_every_weight_is_learned_from_the_second_step_on(name):
    generator, image = fresh(name).train(), noise(2, 3, 24, 32)
    before = {key: value.clone() for key, value in generator.state_dict().items()}
    optimiser = torch.optim.Adam(generator.parameters(), 1e-3)
    for _ in range(2):
        optimiser.zero_grad()
        (generator(image) - 0.5 * image.flip(1)).square().mean().backward()
        optimiser.step()
    still = [
        key for key, value in generator.state_dict().items() if torch.equal(value, before[key])
    ]
    # A bias before instance norm changes nothing.
    assert all(key.startswith(('encoder', 'detail')) for key in still), still
    assert all(key.endswith(('bias', 'kernel')) for key in still), still


@pytest.mark.parametrize('size', [(16, 16), (17, 31), (48, 16), (24, 32), (100, 37)])
def test_any_size_above_the_smallest_will_do(size):
    image = noise(1, 3, *size)
    translated = at_work()(image)
    assert translated.shape == image.shape
    assert (translated - image).abs().mean() > 0.01


def test_sizes_that_do_not_suit_are_refused():
    with pytest.raises(ConfigError, match=r'32x15 pixels .* at least 16;'):
        fresh()(noise(1, 3, 15, 32))
    with pytest.raises(ConfigError, match=r'31x32 pixels .* multiples of 2, at least 16;'):
        fresh('bilateral_grid_detail')(noise(1, 3, 32, 31))


def test_the_copy_has_the_size_of_the_grid_times_its_halvings():
    generator = fresh(depth=3, grid_size=(5, 2))
    assert generator.encoder[0](noise(2, 3, 50, 70)).shape == (2, 3, 16, 40)
    assert generator.matrices(noise(2, 3, 50, 70)).shape == (2, 3, 4, 4, 3, 6)


def test_the_copy_of_twice_its_size_is_the_mean_of_four_pixels():
    image = noise(1, 3, 24, 32)
    copy = fresh().encoder[0](image)
    torch.testing.assert_close(copy, nn.functional.avg_pool2d(image, 2))


# What it cannot do, with its matrices held: the small copy always sees all of the image.


def changed_by(generator, image, matrices):
    """Translate with matrices of another image, before the range is cut off."""
    generator.grid_of = lambda _: matrices
    try:
        return image + generator.change(image)
    finally:
        del generator.grid_of


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**16),
    place=st.tuples(st.integers(0, 39), st.integers(0, 49)),
    size=st.sampled_from([(40, 50), (48, 64)]),
)
def test_a_pixel_depends_on_no_other_pixel_but_through_the_matrices(seed, place, size):
    generator, image = at_work(seed=seed), noise(1, 3, *size, seed=seed)
    other = image.clone()
    other[..., place[0], place[1]] = noise(3, seed=seed + 1)
    with torch.no_grad():
        matrices = generator.matrices(image)
        difference = changed_by(generator, other, matrices) - changed_by(
            generator, image, matrices
        )
    moved = difference.abs().sum((0, 1)).nonzero().tolist()
    assert moved == [list(place)]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**16), colours=st.tuples(*[st.floats(-1, 1)] * 3))
def test_a_single_colour_stays_free_of_edges(seed, colours):
    """Within a tile it is bilinear: neither rows nor columns have a second difference."""
    generator = at_work(seed=seed)
    image = torch.tensor(colours).reshape(1, 3, 1, 1).expand(1, 3, 48, 64).double()
    with torch.no_grad():
        matrices = generator.matrices(noise(1, 3, 48, 64, seed=seed)).double()
        translated = changed_by(generator.double(), image, matrices)
    tiles = translated.reshape(1, 3, 3, 16, 4, 16)
    assert tiles.diff(n=2, dim=3).abs().max() < 1e-12
    assert tiles.diff(n=2, dim=5).abs().max() < 1e-12
    # Nor is there a step between tiles: no neighbours differ by more than matrices can.
    largest = matrices.abs().sum(2).max() * 2
    assert translated.diff(dim=2).abs().max() <= largest / 16
    assert translated.diff(dim=3).abs().max() <= largest / 16


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**16), column=st.integers(1, 63))
def test_an_edge_stays_at_its_pixel(seed, column):
    generator = at_work(seed=seed)
    image = torch.full((1, 3, 48, 64), -0.6)
    image[..., column:] = 0.5
    with torch.no_grad():
        matrices = 0.3 * generator.matrices(image)
        rows = changed_by(generator, image, matrices).mean(1)[0]
    assert rows.diff(dim=1).abs().argmax(1).eq(column - 1).all()


def test_same_brightness_at_one_place_means_an_affine_map_of_colour():
    generator = at_work()
    # A guide that sees nothing leaves one matrix per place.
    for parameter in generator.guide.parameters():
        nn.init.zeros_(parameter)
    a, b = noise(1, 3, 24, 32), noise(1, 3, 24, 32, seed=2)
    with torch.no_grad():
        matrices = generator.matrices(a)
        of_a, of_b, of_mean = (
            changed_by(generator, each, matrices) for each in (a, b, 0.3 * a + 0.7 * b)
        )
    torch.testing.assert_close(of_mean, 0.3 * of_a + 0.7 * of_b, atol=1e-5, rtol=1e-5)


# The detail branch.


@pytest.mark.parametrize('levels', [1.0, 16.0, 255.0])
def test_details_change_a_pixel_by_no_more_than_they_may(levels):
    generator = at_work('bilateral_grid_detail', detail_levels=levels)
    nn.init.normal_(generator.detail.layers[-2].weight, 0, 100.0)
    detail = generator.detail(noise(2, 3, 48, 64)) * 127.5
    assert detail.abs().max() <= levels * 1.00001
    assert detail.abs().max() > 0.4 * levels


def test_details_are_added_to_what_the_grid_makes():
    detailed, plain = at_work('bilateral_grid_detail'), at_work()
    weights = detailed.state_dict()
    plain.load_state_dict({k: v for k, v in weights.items() if not k.startswith('detail.')})
    image = 0.5 * noise(1, 3, 24, 32)
    expected = (plain.change(image) + image + detailed.detail(image)).clamp(-1, 1)
    torch.testing.assert_close(detailed(image), expected)
    assert detailed.detail(image).abs().max() > 0.01


def test_details_have_no_checkerboard():
    """A constant inside gives each of the four positions a value of its own, which is blurred."""
    generator = at_work('bilateral_grid_detail')
    nn.init.zeros_(generator.detail.layers[-2].weight)
    nn.init.normal_(generator.detail.layers[-2].bias)
    detail = generator.detail(noise(1, 3, 24, 32))
    torch.testing.assert_close(detail, detail.mean((2, 3), keepdim=True).expand_as(detail))
    assert generator.detail.layers(noise(1, 3, 24, 32)).std((2, 3)).min() > 0.1


# Numbers.


def test_gradients_of_the_whole_network_are_right():
    generator = at_work(filters=2, grid_bins=3, guide_filters=2).double()
    image = (0.2 * noise(1, 3, 16, 16)).double().requires_grad_()
    weights = [generator.head.weight, generator.guide.slopes, generator.guide.inner.weight]
    assert torch.autograd.gradcheck(
        lambda image, *_: generator(image)[..., 4:7, 4:7], (image, *weights), fast_mode=True
    )


@pytest.mark.parametrize('name', NAMES)
def test_bfloat16_is_close_and_keeps_the_identity(name):
    image = noise(1, 3, 24, 32)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        assert torch.equal(fresh(name)(image), image)
        found = at_work(name)(image)
    deviation = (found.float() - at_work(name)(image)).square().mean().sqrt()
    assert deviation < 4 / 127.5


@pytest.mark.parametrize(
    ('value', 'gradient', 'expected'),
    [
        (0.5, 1, 1),
        (0.5, -1, -1),
        (1.0, -1, -1),
        (1.5, 1, 1),
        (1.5, -1, 0),
        (-1.5, -1, -1),
        (-1.5, 1, 0),
    ],
)
def test_what_is_out_of_range_is_pulled_back_and_not_pushed_further(value, gradient, expected):
    values = torch.tensor([value], requires_grad=True)
    result = limited(values)
    assert result.item() == min(max(value, -1), 1)
    result.backward(torch.tensor([float(gradient)]))
    assert values.grad.item() == expected


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'dropout': True}, "'bilateral_grid' has no use for dropout"),
        ({'upsampling': 'blur'}, "'bilateral_grid' has no use for upsampling"),
        ({'detail_levels': 4.0}, "'bilateral_grid' has no use for detail_levels: found 4.0"),
        ({'name': 'mobile_unet', 'grid_size': (8, 6)}, r"'mobile_unet' has no use for grid_size"),
        ({'name': 'resnet', 'grid_bins': 4}, "'resnet' has no use for grid_bins: found 4"),
        ({'name': 'unet', 'guide_filters': 4}, "'unet' has no use for guide_filters"),
    ],
)
def test_options_without_effect_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        build_generator(GeneratorOptions(**{'name': 'bilateral_grid', **options}))


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'grid_size': (1, 4)}, 'at least 2 by 2 cells'),
        ({'grid_bins': 0}, 'grid_bins and guide_filters positive'),
        ({'guide_filters': 0}, 'grid_bins and guide_filters positive'),
        ({'detail_levels': 0.0}, 'above 0 and up to 255, not 0.0'),
        ({'detail_levels': 256.0}, 'above 0 and up to 255, not 256.0'),
        ({'detail_levels': float('nan')}, 'above 0 and up to 255, not nan'),
    ],
)
def test_impossible_sizes_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        GeneratorOptions('bilateral_grid', **options)
