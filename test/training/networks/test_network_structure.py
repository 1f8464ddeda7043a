"""Layer by layer, as the papers and the original programs list them."""

import pytest
import torch
from small_networks import small_discriminator, small_generator, suitable_image
from torch import nn

from sim2real_ros.training.networks.borrowed import Borrowed
from sim2real_ros.training.networks.image_layer_norm import ImageLayerNorm
from sim2real_ros.training.networks.resampling import BlurPool, BlurUpsample
from sim2real_ros.training.networks.residual import ResidualBlock

NAMES = {
    nn.InstanceNorm2d: 'instance norm',
    nn.BatchNorm2d: 'batch norm',
    nn.Identity: 'nothing',
    nn.ReLU: 'relu',
    nn.Tanh: 'tanh',
    ImageLayerNorm: 'layer norm',
    ResidualBlock: 'block',
    BlurPool: 'blur',
    BlurUpsample: 'smooth',
}


def told(module):
    """Say in few characters what a layer does: ``conv7/2 3>8 pad 1``."""
    if isinstance(module, nn.ReflectionPad2d):
        return f'reflect {module.padding[0]}'
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        kind = 'conv' if isinstance(module, nn.Conv2d) else 'up'
        text = f'{kind}{module.kernel_size[0]}/{module.stride[0]} '
        text += f'{module.in_channels}>{module.out_channels}'
        assert module.padding_mode == 'zeros'
        return text + (f' pad {module.padding[0]}' if module.padding[0] else '')
    if isinstance(module, nn.LeakyReLU):
        return f'leaky {module.negative_slope}'
    if isinstance(module, nn.MaxPool2d):
        return f'max{module.kernel_size}/{module.stride} pad {module.padding}'
    if type(module) is nn.Upsample:
        return f'{module.mode} {module.scale_factor:g}'
    return NAMES[type(module)]


def layers(module):
    """List the layers of nested sequences."""
    if isinstance(module, nn.Sequential):
        return [each for part in module for each in layers(part)]
    return [told(module)]


def normed(convolution):
    return [convolution, 'instance norm', 'relu']


HEAD = ['reflect 3', *normed('conv7/1 3>8')]
TAIL = ['reflect 3', 'conv7/1 8>3', 'tanh']
STRIDED = [*normed('conv3/2 8>16 pad 1'), *normed('conv3/2 16>32 pad 1')]
BLURRED = [*normed('conv3/1 8>16 pad 1'), 'blur', *normed('conv3/1 16>32 pad 1'), 'blur']
UP = {
    'transpose': [*normed('up3/2 32>16 pad 1'), *normed('up3/2 16>8 pad 1')],
    'resize': [
        *('nearest 2', 'reflect 1', *normed('conv3/1 32>16')),
        *('nearest 2', 'reflect 1', *normed('conv3/1 16>8')),
    ],
    'blur': [
        *('smooth', *normed('conv3/1 32>16 pad 1')),
        *('smooth', *normed('conv3/1 16>8 pad 1')),
    ],
}


@pytest.mark.parametrize('up', UP)
@pytest.mark.parametrize(('down', 'halvings'), [('stride', STRIDED), ('blur', BLURRED)])
def test_the_resnet_has_the_layers_of_cyclegan_and_cut(down, halvings, up):
    network = small_generator('resnet', downsampling=down, upsampling=up)
    assert layers(network.model) == [*HEAD, *halvings, 'block', *UP[up], *TAIL]


def test_the_autoencoder_of_unit_has_the_layers_of_the_original():
    network = small_generator('unit')
    assert [*layers(network.encoder.layers), *layers(network.encoder.blocks)] == [
        *('reflect 3', *normed('conv7/1 3>8')),
        *('reflect 1', *normed('conv4/2 8>16')),
        *('reflect 1', *normed('conv4/2 16>32')),
        'block',
    ]
    assert [*layers(network.decoder.blocks), *layers(network.decoder.layers)] == [
        'block',
        *('nearest 2', 'reflect 2', 'conv5/1 32>16', 'layer norm', 'relu'),
        *('nearest 2', 'reflect 2', 'conv5/1 16>8', 'layer norm', 'relu'),
        *TAIL,
    ]
    image = suitable_image(network)
    mean = network.encoder.blocks(network.encoder.layers(image))
    assert torch.equal(network.encode(image), mean)
    assert torch.equal(network(image), network.decoder.layers(network.decoder.blocks(mean)))


def test_hyper_unet_has_the_layers_of_the_paper():
    network = small_generator('hyper_unet')
    assert layers(network.encoder) == [
        *(*normed('conv4/2 3>8 pad 1'), *normed('conv4/2 8>16 pad 1')),
        *(*normed('conv4/2 16>32 pad 1'), 'block'),
    ]
    assert layers(network.up[0]) == normed('up4/2 32>16 pad 1')
    assert layers(network.up[1]) == normed('up4/2 32>8 pad 1')
    assert layers(network.last) == ['up4/2 16>3 pad 1', 'tanh']


LEAKY = 'leaky 0.2'


def test_the_patch_discriminator_has_the_layers_of_the_original():
    assert layers(small_discriminator('patch', layers=2).model) == [
        *('conv4/2 3>6 pad 1', LEAKY),
        *('conv4/2 6>12 pad 1', 'instance norm', LEAKY),
        *('conv4/1 12>24 pad 1', 'instance norm', LEAKY),
        'conv4/1 24>1 pad 1',
    ]
    assert layers(small_discriminator('patch', layers=2, downsampling='blur').model) == [
        *('conv4/1 3>6 pad 1', LEAKY, 'blur'),
        *('conv4/1 6>12 pad 1', 'instance norm', LEAKY, 'blur'),
        *('conv4/1 12>24 pad 1', 'instance norm', LEAKY),
        'conv4/1 24>1 pad 1',
    ]


def test_the_other_discriminators_have_the_layers_of_the_originals():
    assert layers(small_discriminator('pixel').net) == [
        *('conv1/1 3>6', LEAKY, 'conv1/1 6>12', 'instance norm', LEAKY, 'conv1/1 12>1'),
    ]
    for scale in small_discriminator('multiscale', norm='none').scales:
        assert layers(scale) == [
            *('reflect 1', 'conv4/2 3>6', LEAKY, 'reflect 1', 'conv4/2 6>12', LEAKY),
            *('reflect 1', 'conv4/2 12>24', LEAKY, 'reflect 1', 'conv4/2 24>48', LEAKY),
            'conv1/1 48>1',
        ]
    assert layers(small_discriminator('local').model) == [
        *('conv3/2 3>6 pad 1', 'relu', 'conv3/2 6>4 pad 1', 'relu', 'max3/1 pad 1'),
        *('conv3/1 4>2 pad 1', 'relu', 'conv1/1 2>2', 'relu', 'conv1/1 2>2'),
    ]


def without(module):
    """Let a convolution answer 0, so that only what goes past it counts."""
    for parameter in module.parameters():
        nn.init.zeros_(parameter)


@pytest.mark.parametrize('level', [0, 1])
def test_hyper_unet_hands_each_level_across(level):
    network = small_generator('hyper_unet')
    image = suitable_image(network)
    if level:
        without(network.up[1][0])
        features = network.encoder[0](image)
    else:
        without(network.up[0][0])
        quarter = network.encoder[1](network.encoder[0](image))
        deep = torch.cat([torch.zeros_like(quarter), quarter], dim=1)
        features = torch.cat([network.up[1](deep), network.encoder[0](image)], dim=1)
    if level:
        features = torch.cat([torch.zeros_like(features), features], dim=1)
    torch.testing.assert_close(network(image), network.last(features))


def test_mobile_unet_hands_every_level_across():
    network = small_generator('mobile_unet')
    half, quarter = torch.randn(1, 8, 8, 8), torch.randn(1, 16, 4, 4)
    for doubling, skip in ((network.up_to_half, half), (network.up_to_quarter, quarter)):
        below = torch.randn(1, 2 * skip.shape[1], *[n // 2 for n in skip.shape[2:]])
        narrow = doubling.narrow(below)
        enlarged = nn.functional.interpolate(narrow, scale_factor=2, mode='bilinear')
        torch.testing.assert_close(doubling(below, skip), doubling.mix(enlarged + skip))


def test_an_inverted_residual_adds_to_its_input():
    block = small_generator('mobile_unet').encoder[3]
    features = torch.randn(1, 32, 4, 4)
    torch.testing.assert_close(block(features), features + block.layers(features))
    assert layers(block.layers) == [
        *('conv1/1 32>128', 'instance norm', 'relu'),
        *('conv3/1 128>128 pad 1', 'instance norm', 'relu'),
        *('conv1/1 128>32', 'instance norm'),
    ]
    assert block.layers[1][0].groups == 128


def test_a_borrowed_module_computes_what_its_owner_does():
    owner = nn.Conv2d(2, 2, 1)
    borrowed = Borrowed(owner)
    image = torch.randn(1, 2, 3, 3)
    assert torch.equal(borrowed(image), owner(image))
    assert borrowed.module is owner
    assert list(borrowed.parameters()) == []
