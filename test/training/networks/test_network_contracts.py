import io

import pytest
import torch
from small_networks import (
    ALL_GENERATORS,
    TAPPED_GENERATORS,
    small_discriminator,
    small_generator,
    suitable_image,
)
from torch import nn

from sim2real_ros.errors import ConfigError
from sim2real_ros.training.networks import (
    DISCRIMINATORS,
    build_discriminator,
    build_generator,
)
from sim2real_ros.training.options import DiscriminatorOptions, GeneratorOptions

ALL_DISCRIMINATORS = sorted(DISCRIMINATORS)
for_every_generator = pytest.mark.parametrize('name', ALL_GENERATORS)
for_every_discriminator = pytest.mark.parametrize('name', ALL_DISCRIMINATORS)


@for_every_generator
def test_a_generator_returns_an_image_of_the_same_size_and_range(name):
    generator = small_generator(name)
    image = suitable_image(generator, batch=2)
    translated = generator(image)
    assert translated.shape == image.shape
    assert translated.dtype == torch.float32
    assert translated.abs().max() <= 1
    assert translated.std() > 0


@for_every_generator
def test_a_generator_treats_the_images_of_a_batch_apart(name):
    generator = small_generator(name).eval()
    image = suitable_image(generator, batch=2)
    apart = torch.cat([generator(image[:1]), generator(image[1:])])
    torch.testing.assert_close(generator(image), apart, atol=1e-5, rtol=1e-5)


@for_every_generator
def test_a_generator_keeps_sizes_or_says_which_ones_it_takes(name):
    generator = small_generator(name)
    image = suitable_image(generator)
    height, width = image.shape[2:]
    odd = nn.functional.interpolate(image, size=(height, width + 1))
    smallest = max(generator.size_multiple, getattr(generator, 'minimum_size', 1))
    assert generator(image[..., :smallest, :smallest]).shape[2:] == (smallest, smallest)
    if generator.size_multiple == 1:
        assert generator(odd).shape == odd.shape
    else:
        sizes = f'{width + 1}x{height} pixels .* multiples of {generator.size_multiple},'
        with pytest.raises(ConfigError, match=sizes):
            generator(odd)


@for_every_generator
def test_every_weight_of_a_generator_is_learned(name):
    generator = small_generator(name)
    image = suitable_image(generator)
    (generator(image) * torch.rand_like(image)).sum().backward()
    check_gradients(generator)


@for_every_discriminator
def test_every_weight_of_a_discriminator_is_learned(name):
    network = small_discriminator(name)
    maps = as_list(network(torch.rand(1, 3, 128, 136) * 2 - 1))
    sum((each * torch.rand_like(each)).sum() for each in maps).backward()
    check_gradients(network)


def check_gradients(network):
    """A bias before instance norm changes nothing; every other weight must have a gradient."""
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.dim() == 1 or parameter.grad.abs().max() > 0, name


@for_every_generator
def test_a_generator_computes_in_bfloat16(name):
    generator = small_generator(name)
    check_bfloat16(generator, suitable_image(generator))


@for_every_discriminator
def test_a_discriminator_computes_in_bfloat16(name):
    check_bfloat16(small_discriminator(name), torch.rand(1, 3, 128, 136) * 2 - 1)


def check_bfloat16(network, image):
    expected = as_list(network(image))
    with torch.autocast('cpu', dtype=torch.bfloat16):
        found = as_list(network(image))
    sum(each.float().sum() for each in found).backward()
    for a, b in zip(found, expected, strict=True):
        deviation = (a.float() - b).square().mean().sqrt()
        assert deviation < 0.05 * b.square().mean().sqrt()
    gradients = [p.grad for p in network.parameters()]
    assert all(g.dtype == torch.float32 and g.isfinite().all() for g in gradients)


def as_list(logits):
    return logits if isinstance(logits, list) else [logits]


@for_every_generator
def test_a_generator_is_no_other_in_training(name):
    generator = small_generator(name)
    image = suitable_image(generator)
    torch.testing.assert_close(generator.train()(image), generator.eval()(image))


@for_every_generator
def test_a_generator_is_restored_from_its_weights(name):
    generator = small_generator(name)
    image = suitable_image(generator)
    file = io.BytesIO()
    torch.save(generator.state_dict(), file)
    file.seek(0)
    other = small_generator(name)
    for parameter in other.parameters():
        nn.init.zeros_(parameter)
    other.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(other(image), generator(image))


@pytest.mark.parametrize('name', TAPPED_GENERATORS)
def test_features_have_the_channels_that_were_announced(name):
    generator = small_generator(name)
    layers, image = generator.feature_layers, suitable_image(generator)
    features = generator.encode(image, layers)
    assert [each.shape[1] for each in features] == generator.feature_channels(layers)
    (single,) = generator.encode(image, layers[-1:])
    assert torch.equal(single, features[-1])
    generator.feature_modules()[layers[0] + 1].register_forward_pre_hook(_refuse)
    generator.encode(image, layers[:1])
    with pytest.raises(AssertionError, match='ran further'):
        generator.encode(image, layers)
    with pytest.raises(ConfigError, match=r'feature layers \[5, 1\] do not suit'):
        generator.encode(image, [5, 1])
    with pytest.raises(ConfigError, match=r'layers \[1, 999\] do not suit .* 0\.\.'):
        generator.feature_channels([1, 999])


def _refuse(*unused):
    raise AssertionError('ran further than was asked for')


@pytest.mark.parametrize('norm', ['instance', 'none'])
def test_a_feature_is_not_overwritten_by_the_layer_after_it(norm):
    generator = small_generator('resnet', norm=norm)
    image = suitable_image(generator)
    before_relu, after = generator.encode(image, [2, 3])
    assert before_relu.min() < 0
    assert torch.equal(after, before_relu.relu())


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'depth': 3}, "'resnet' has no use for depth: found 3; leave it at 0"),
        ({'name': 'unet', 'blocks': 2}, "'unet' has no use for blocks: found 2"),
        ({'name': 'unet', 'depth': 1}, 'depth must be at least 2, not 1'),
        ({'name': 'unet', 'downsampling': 'blur'}, "downsampling: found 'blur'; leave it at 'str"),
        ({'name': 'unit', 'upsampling': 'resize'}, "'unit' has no use for upsampling"),
        ({'name': 'refiner', 'norm': 'batch'}, "'refiner' has no use for norm: found 'batch'"),
        ({'name': 'hyper_unet', 'depth': 4}, "'hyper_unet' has no use for depth"),
        ({'name': 'mobile_unet', 'dropout': True}, 'no use for dropout: found True'),
        ({'name': 'separable_resnet', 'depth': 4}, "'separable_resnet' has no use for depth"),
        ({'name': 'resnest'}, "no generator 'resnest'; choose one of .*resnet"),
    ],
)
def test_options_that_a_generator_has_no_use_for_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        build_generator(GeneratorOptions(**options))


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'scales': 2}, "'patch' has no use for scales: found 2"),
        ({'name': 'pixel', 'layers': 2}, "'pixel' has no use for layers: found 2"),
        ({'name': 'multiscale', 'downsampling': 'blur'}, 'no use for downsampling'),
        ({'name': 'local', 'norm': 'batch'}, "'local' has no use for norm: found 'batch'"),
        ({'name': 'patches'}, "no discriminator 'patches'; choose one of patch"),
    ],
)
def test_options_that_a_discriminator_has_no_use_for_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        build_discriminator(DiscriminatorOptions(**options))


def test_none_may_be_said_of_a_norm_that_is_not_there():
    assert build_generator(GeneratorOptions('refiner', filters=4, norm='none'))
    assert build_discriminator(DiscriminatorOptions('local', filters=4, norm='none'))


@pytest.mark.parametrize(
    ('options', 'side'),
    [
        ({'layers': 1}, 6),
        ({}, 24),
        ({'downsampling': 'blur'}, 24),
        ({'name': 'multiscale', 'norm': 'none'}, 61),
        ({'name': 'multiscale'}, 125),
        ({'name': 'multiscale', 'scales': 1}, 32),
    ],
)
def test_a_discriminator_says_how_small_an_image_may_be(options, side):
    network = build_discriminator(DiscriminatorOptions(filters=2, **options))
    assert min(each.numel() for each in as_list(network(torch.zeros(1, 3, side, side)))) > 0
    with pytest.raises(ConfigError, match=rf'{side}x{side - 1} pixels .* at least {side}; ch'):
        network(torch.zeros(1, 3, side - 1, side))
