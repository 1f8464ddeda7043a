import pytest
import torch

from sim2real_ros.training.networks import build_discriminator, build_generator
from sim2real_ros.training.networks.borrowed import Borrowed
from sim2real_ros.training.networks.local_discriminator import LocalDiscriminator
from sim2real_ros.training.networks.patch_sampler import PatchSampler
from sim2real_ros.training.networks.refiner import Refiner
from sim2real_ros.training.networks.unit import UnitVae
from sim2real_ros.training.options import DiscriminatorOptions, GeneratorOptions

RESIDUAL_BLOCK_OF_256 = 2 * (256 * 256 * 9 + 256)


def count(*modules):
    return sum({id(p): p.numel() for m in modules for p in m.parameters()}.values())


@pytest.fixture(autouse=True)
def _no_memory():
    with torch.device('meta'):
        yield


@pytest.mark.parametrize(
    ('options', 'parameters'),
    [
        ({}, 11_378_179),
        ({'dropout': True}, 11_378_179),
        ({'downsampling': 'blur', 'upsampling': 'blur'}, 11_378_179),
        ({'upsampling': 'resize'}, 11_378_179),
        ({'blocks': 6}, 7_837_699),
        ({'filters': 32}, 2_850_563),
        ({'name': 'unet', 'norm': 'batch'}, 54_413_955),
        ({'name': 'unet', 'norm': 'batch', 'depth': 7}, 41_828_995),
        ({'name': 'unit'}, 11_140_483),
        ({'name': 'refiner'}, 297_411),
        ({'name': 'hyper_unet'}, 6_172_291),
        ({'name': 'hyper_unet', 'filters': 32}, 1_546_051),
        ({'name': 'mobile_unet', 'norm': 'batch'}, 154_892),
        ({'name': 'separable_resnet'}, 107_779),
        ({'name': 'bilateral_grid', 'norm': 'batch'}, 124_956),
        ({'name': 'bilateral_grid_detail', 'norm': 'batch'}, 126_552),
    ],
)
def test_generators_have_the_parameters_of_the_papers(options, parameters):
    assert count(build_generator(GeneratorOptions(**options))) == parameters


@pytest.mark.parametrize(
    ('options', 'channels', 'parameters'),
    [
        ({}, 3, 2_764_737),
        ({'downsampling': 'blur'}, 3, 2_764_737),
        ({'norm': 'batch'}, 6, 2_768_705),
        ({'name': 'multiscale', 'norm': 'none'}, 3, 8_271_171),
        ({'name': 'local'}, 3, 77_634),
        ({'name': 'pixel'}, 3, 64 * 3 + 64 + 128 * 64 + 128 + 128 + 1),
    ],
)
def test_discriminators_have_the_parameters_of_the_papers(options, channels, parameters):
    network = build_discriminator(DiscriminatorOptions(**options), channels)
    assert count(network) == parameters


def test_the_grey_networks_of_simgan_have_the_parameters_of_the_paper():
    assert count(Refiner(GeneratorOptions('refiner'), channels=1)) == 296_129
    assert count(LocalDiscriminator(DiscriminatorOptions('local'), channels=1)) == 75_906


def test_the_parts_of_unit_have_the_parameters_of_the_paper():
    vae = UnitVae(GeneratorOptions('unit'))
    assert (count(vae.encoder), count(vae.decoder)) == (5_385_856, 5_754_627)


def test_the_head_of_cut_has_the_parameters_of_the_original():
    generator = build_generator(GeneratorOptions(downsampling='blur', upsampling='blur'))
    channels = generator.feature_channels(generator.feature_layers)
    assert generator.feature_layers == (0, 4, 8, 12, 16)
    assert channels == [3, 128, 256, 256, 256]
    assert count(PatchSampler(channels)) == 560_384


def test_a_block_that_is_borrowed_belongs_to_its_owner_alone():
    sim, real = UnitVae(GeneratorOptions('unit')), UnitVae(GeneratorOptions('unit'))
    real.encoder.blocks[-1] = Borrowed(sim.encoder.blocks[-1])
    assert count(sim) == 11_140_483
    assert count(real) == 11_140_483 - RESIDUAL_BLOCK_OF_256
    assert set(real.state_dict()) < set(sim.state_dict())
    assert real.encoder(image(16, 16)).shape == (1, 256, 4, 4)


def weights(network):
    return [name for name in network.state_dict() if name.endswith('.weight')]


def test_weights_of_the_resnet_are_named_as_in_the_original():
    names = weights(build_generator(GeneratorOptions()))
    blocks = [f'model.{i}.conv_block.{j}.weight' for i in range(10, 19) for j in (1, 5)]
    ends = [f'model.{i}.weight' for i in (19, 22, 26)]
    assert names == ['model.1.weight', 'model.4.weight', 'model.7.weight', *blocks, *ends]


def test_weights_of_the_resnet_with_dropout_are_named_as_in_the_original():
    names = weights(build_generator(GeneratorOptions(blocks=6, dropout=True)))
    blocks = [f'model.{i}.conv_block.{j}.weight' for i in range(10, 16) for j in (1, 6)]
    ends = [f'model.{i}.weight' for i in (16, 19, 23)]
    assert names == ['model.1.weight', 'model.4.weight', 'model.7.weight', *blocks, *ends]


def test_weights_of_the_anti_aliased_resnet_are_named_as_in_cut():
    network = build_generator(GeneratorOptions(downsampling='blur', upsampling='blur'))
    blocks = [f'model.{i}.conv_block.{j}.weight' for i in range(12, 21) for j in (1, 5)]
    ends = [f'model.{i}.weight' for i in (22, 26, 30)]
    assert weights(network) == [
        *('model.1.weight', 'model.4.weight', 'model.8.weight'),
        *blocks,
        *ends,
    ]
    assert set(network.state_dict()) == {
        name.replace('weight', part) for name in weights(network) for part in ('weight', 'bias')
    }


def test_weights_of_the_unet_are_named_as_in_the_original():
    names = weights(build_generator(GeneratorOptions('unet', norm='batch', dropout=True)))
    inner = 'model.model' + '.1.model' + '.3.model' * 6
    assert names[0] == 'model.model.0.weight'
    assert names[1:3] == ['model.model.1.model.1.weight', 'model.model.1.model.2.weight']
    assert f'{inner}.1.weight' in names
    assert f'{inner}.3.weight' in names
    assert f'{inner}.4.weight' in names
    assert names[-3:] == [
        'model.model.1.model.5.weight',
        'model.model.1.model.6.weight',
        'model.model.3.weight',
    ]
    assert len(names) == 16 + 6 + 7


def test_weights_of_discriminators_are_named_as_in_the_original():
    patch = build_discriminator(DiscriminatorOptions(norm='batch'))
    assert weights(patch) == [f'model.{i}.weight' for i in (0, 2, 3, 5, 6, 8, 9, 11)]
    assert 'model.0.bias' in patch.state_dict()
    assert 'model.2.bias' not in patch.state_dict()
    anti_aliased = build_discriminator(DiscriminatorOptions(downsampling='blur'))
    assert weights(anti_aliased) == [f'model.{i}.weight' for i in (0, 3, 7, 11, 14)]
    pixel = build_discriminator(DiscriminatorOptions('pixel', norm='none'))
    assert weights(pixel) == ['net.0.weight', 'net.2.weight', 'net.5.weight']


def image(height, width, channels=3):
    return torch.empty(1, channels, height, width)


@pytest.mark.parametrize(
    ('options', 'shape', 'maps'),
    [
        ({}, (256, 256), [(1, 1, 30, 30)]),
        ({}, (384, 512), [(1, 1, 46, 62)]),
        ({'downsampling': 'blur'}, (256, 256), [(1, 1, 30, 30)]),
        ({'name': 'pixel'}, (33, 20), [(1, 1, 33, 20)]),
        ({'name': 'multiscale', 'norm': 'none'}, (256, 256), [(1, 1, n, n) for n in (16, 8, 4)]),
        ({'name': 'multiscale', 'norm': 'none', 'scales': 1}, (16, 16), [(1, 1, 1, 1)]),
        ({'name': 'local'}, (35, 55), [(1, 2, 9, 14)]),
    ],
)
def test_logit_maps_have_the_size_of_the_papers(options, shape, maps):
    logits = build_discriminator(DiscriminatorOptions(**options))(image(*shape))
    logits = logits if isinstance(logits, list) else [logits]
    assert [tuple(each.shape) for each in logits] == maps
