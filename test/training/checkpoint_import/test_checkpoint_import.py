import functools
import re
from collections import OrderedDict

import numpy as np
import pytest
import torch
from original_networks import Resnet, Unet, filled
from torch import nn

from sim2real_ros.errors import ConfigError, ModelError
from sim2real_ros.runtime.translator import Translator
from sim2real_ros.training.checkpoint_import import (
    ImportOptions,
    LoadOptions,
    import_checkpoint,
    load_generator_checkpoint,
)
from sim2real_ros.training.checkpoint_import.original_weights import original_weights
from sim2real_ros.training.networks import build_generator
from sim2real_ros.training.options import GeneratorOptions

pytestmark = pytest.mark.usefixtures('operators_known')

affine_instance = functools.partial(nn.InstanceNorm2d, affine=True)


def saved(tmp_path, content, **options):
    torch.save(content, tmp_path / 'latest_net_G_A.pth', **options)
    return tmp_path / 'latest_net_G_A.pth'


def images(channels=3, size=(64, 32), count=2):
    generator = torch.Generator().manual_seed(5)
    return torch.rand((count, channels, *size), generator=generator) * 2 - 1


ORIGINALS = {
    'resnet': (Resnet(blocks=3), 'resnet_3blocks, 4 filters, instance norm, 3 to 3 channels'),
    'dropout': (Resnet(dropout=True), 'resnet_2blocks, .* dropout'),
    'batch': (Resnet(norm=nn.BatchNorm2d, bias=False), 'batch norm'),
    'no_norm': (Resnet(norm=lambda _: nn.Identity(), bias=False), 'none norm'),
    'affine': (Resnet(norm=affine_instance, block_name='block'), 'instance norm with weights'),
    'affine_dropout': (Resnet(norm=affine_instance, dropout=True), 'with weights.*dropout'),
    'cut': (Resnet(blur=True), 'blur down, blur up'),
    'resize': (Resnet(resize=True), 'stride down, resize up'),
    'unet': (Unet(), 'unet_16, 4 filters, batch norm'),
    'unet_instance': (Unet(norm=nn.InstanceNorm2d, bias=True), 'unet_16, .*instance norm,'),
    'unet_affine': (Unet(norm=affine_instance, bias=True), 'instance norm with weights'),
}


@pytest.mark.parametrize('name', ORIGINALS)
def test_an_original_generator_is_recognised_and_computes_the_same(tmp_path, name):
    original, description = ORIGINALS[name]
    filled(original)
    path = saved(tmp_path, original.state_dict())
    loaded = load_generator_checkpoint(path, LoadOptions(batch_norm='stored'))
    assert re.search(description, str(loaded.architecture))
    batch = images()
    with torch.inference_mode():
        difference = (loaded.generator(batch) - original(batch)).abs().max()
    assert difference < 2e-5


@pytest.mark.parametrize(
    ('options', 'name'),
    [
        (GeneratorOptions(filters=4, blocks=2), 'resnet_2blocks'),
        (GeneratorOptions(filters=4, blocks=1, dropout=True, norm='batch'), 'resnet_1blocks'),
        (GeneratorOptions(filters=2, downsampling='blur', upsampling='blur'), 'resnet_9blocks'),
        (GeneratorOptions(filters=4, blocks=6, upsampling='resize'), 'resnet_6blocks'),
        (GeneratorOptions(name='unet', filters=2, depth=7, norm='batch'), 'unet_128'),
        (GeneratorOptions(name='unet', filters=2), 'unet_256'),
    ],
)
def test_our_own_weights_come_back_bit_for_bit(tmp_path, options, name):
    network = filled(build_generator(options))
    path = saved(tmp_path, original_weights(network))
    loaded = load_generator_checkpoint(path, LoadOptions(batch_norm='stored'))
    assert loaded.architecture.original_name == name
    ours, theirs = network.state_dict(), loaded.generator.state_dict()
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)


@pytest.mark.parametrize(
    'wrap',
    [
        lambda state: {f'module.{key}': value for key, value in state.items()},
        lambda state: {'state_dict': state},
        lambda state: {'epoch': 7, 'netG': {f'module.{k}': v for k, v in state.items()}},
        lambda state: {'state_dict': {f'generator.{k}': v for k, v in state.items()}},
        lambda state: {k.removeprefix('model.'): v for k, v in state.items()},
        lambda state: {k.replace('model.', 'main.', 1): v for k, v in state.items()},
        lambda state: OrderedDict((k, v.double()) for k, v in state.items()),
    ],
)
def test_wrapped_and_prefixed_weights_are_found(tmp_path, wrap):
    original = filled(Resnet())
    loaded = load_generator_checkpoint(saved(tmp_path, wrap(original.state_dict())))
    batch = images()
    with torch.inference_mode():
        assert torch.equal(loaded.generator(batch), build_same(original)(batch))


def build_same(original):
    ours = build_generator(GeneratorOptions(filters=4, blocks=2))
    ours.load_state_dict(original.state_dict())
    return ours.eval()


def test_both_file_formats_and_safetensors_are_read(tmp_path):
    from safetensors.torch import save_file

    state = filled(Resnet()).state_dict()
    old = saved(tmp_path, state, _use_new_zipfile_serialization=False)
    first = load_generator_checkpoint(old).generator.state_dict()
    save_file(state, tmp_path / 'x.safetensors')
    second = load_generator_checkpoint(tmp_path / 'x.safetensors').generator.state_dict()
    assert all(torch.equal(first[key], state[key]) for key in state)
    assert all(torch.equal(second[key], state[key]) for key in state)


def test_cut_finds_all_that_it_expects_in_our_weights():
    options = GeneratorOptions(filters=4, blocks=2, downsampling='blur', upsampling='blur')
    ours, original = filled(build_generator(options)), Resnet(blur=True).eval()
    weights = original_weights(ours)
    kernels = {key: value for key, value in original.state_dict().items() if 'filt' in key}
    assert all(torch.allclose(weights[key], kernel) for key, kernel in kernels.items())
    original.load_state_dict(weights, strict=True)
    with torch.inference_mode():
        assert (ours(images()) - original(images())).abs().max() < 2e-5


def test_statistics_of_old_instance_norms_are_dropped(tmp_path):
    original = filled(Resnet())
    state = dict(original.state_dict())
    for name, module in original.named_modules():
        if isinstance(module, nn.InstanceNorm2d):
            state[f'{name}.running_mean'] = torch.full((module.num_features,), 9.0)
            state[f'{name}.running_var'] = torch.full((module.num_features,), 9.0)
            state[f'{name}.num_batches_tracked'] = torch.tensor(3)
    loaded = load_generator_checkpoint(saved(tmp_path, state))
    with torch.inference_mode():
        assert torch.equal(loaded.generator(images()), build_same(original)(images()))


def test_batch_norm_uses_the_image_itself_as_the_original_test_does(tmp_path):
    original = filled(Unet())
    loaded = load_generator_checkpoint(saved(tmp_path, original.state_dict()))
    batch = images(count=1)
    with torch.inference_mode():
        as_tested = original.train()(batch)
        stored = original.eval()(batch)
        assert (loaded.generator(batch) - as_tested).abs().max() < 2e-5
    assert (stored - as_tested).abs().max() > 0.01


def test_grey_sides_are_handled_inside_the_model(tmp_path):
    pillow = pytest.importorskip('PIL.Image')
    original = filled(Resnet(channels=(1, 1)))
    path = saved(tmp_path, original.state_dict())
    import_checkpoint(path, tmp_path / 'grey.onnx', ImportOptions(size=(48, 32)))
    rgb = np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)
    grey = np.asarray(pillow.fromarray(rgb).convert('L'), np.float32)
    with torch.inference_mode():
        translated = original(torch.from_numpy(grey / 127.5 - 1)[None, None])[0, 0].numpy()
    expected = np.rint((translated + 1) * 127.5)
    result = Translator.load(tmp_path / 'grey.onnx').translate(rgb).astype(int)
    assert np.array_equal(result[..., 0], result[..., 1])
    assert np.array_equal(result[..., 0], result[..., 2])
    # A grey value that lies between two levels may be rounded to either.
    assert np.mean(np.abs(result[..., 0] - expected) <= 1) > 0.99


@pytest.mark.parametrize('channels', [(1, 3), (3, 1)])
def test_one_grey_side_is_enough(tmp_path, channels):
    original = filled(Resnet(channels=channels))
    loaded = load_generator_checkpoint(saved(tmp_path, original.state_dict()))
    assert loaded.generator(images()).shape == (2, 3, 64, 32)
    assert loaded.generator.size_multiple == 4


def test_the_model_file_computes_what_the_original_computes(tmp_path):
    original = filled(Resnet(norm=affine_instance, block_name='block'))
    path = saved(tmp_path, original.state_dict())
    options = ImportOptions(size=(48, 32), name='vintage', licence='MIT', training_data='photos')
    exported, architecture = import_checkpoint(path, tmp_path / 'm.onnx', options)
    rgb = np.random.default_rng(1).integers(0, 256, (32, 48, 3), dtype=np.uint8)
    source = torch.from_numpy(rgb.astype(np.float32).transpose(2, 0, 1)[None] / 127.5 - 1)
    with torch.inference_mode():
        expected = np.rint((original(source)[0].numpy().transpose(1, 2, 0) + 1) * 127.5)
    translator = Translator.load(tmp_path / 'm.onnx')
    assert np.abs(translator.translate(rgb).astype(int) - expected).max() <= 1
    card = translator.model.card
    assert (card.name, card.licence, card.training_data) == ('vintage', 'MIT', 'photos')
    assert card.size == (48, 32)
    assert card.source.startswith('latest_net_G_A.pth, sha256 ')
    assert card.weights_sha256 == exported.card.weights_sha256
    assert architecture.affine


@pytest.mark.parametrize(
    ('options', 'reason'),
    [
        (LoadOptions(generator='resnet_9blocks'), 'holds a resnet_2blocks, not a resnet_9blocks'),
        (LoadOptions(norm='batch'), 'of a generator with instance norm, not batch'),
        (LoadOptions(dropout=False), 'was trained with dropout: leave out --no-dropout'),
        (LoadOptions(key='netG_B'), "no generator 'netG_B'"),
    ],
)
def test_wrong_expectations_are_told(tmp_path, options, reason):
    path = saved(tmp_path, Resnet(dropout=True).state_dict())
    with pytest.raises(ModelError, match=reason):
        load_generator_checkpoint(path, options)


def test_an_unknown_generator_name_is_refused():
    with pytest.raises(ConfigError, match="Unknown generator 'resnet'"):
        LoadOptions(generator='resnet')


def test_one_of_several_generators_is_chosen_by_name(tmp_path):
    first, second = filled(Resnet()), filled(Resnet(), seed=1)
    both = {'G_A': first.state_dict(), 'G_B': second.state_dict()}
    path = saved(tmp_path, both)
    with pytest.raises(ModelError, match=r"2 generators: choose with --key: \['G_A', 'G_B'\]"):
        load_generator_checkpoint(path)
    loaded = load_generator_checkpoint(path, LoadOptions(key='G_B')).generator.state_dict()
    assert torch.equal(loaded['model.1.weight'], both['G_B']['model.1.weight'])


def test_a_whole_name_is_told_from_the_start_of_others(tmp_path):
    first, second = filled(Resnet()), filled(Resnet(), seed=1)
    path = saved(tmp_path, {'G': first.state_dict(), 'G_average': second.state_dict()})
    for key, network in (('G', first), ('G_av', second)):
        loaded = load_generator_checkpoint(path, LoadOptions(key=key)).generator.state_dict()
        assert torch.equal(loaded['model.1.weight'], network.state_dict()['model.1.weight'])


def test_a_norm_that_the_originals_do_not_have_is_refused(tmp_path):
    plain_batch = functools.partial(nn.BatchNorm2d, affine=False)
    path = saved(tmp_path, Resnet(norm=plain_batch, bias=False).state_dict())
    with pytest.raises(ModelError, match=r"'model\.5' has statistics but no weights"):
        load_generator_checkpoint(path)


def without(state, ending):
    return {key: value for key, value in state.items() if not key.endswith(ending)}


@pytest.mark.parametrize(
    ('content', 'reason'),
    [
        ({'model.0.weight': torch.zeros(64, 3, 4, 4)}, 'This is a discriminator'),
        ({'fc.weight': torch.zeros(2, 2)}, r"No generator .* found \['fc.weight'\]"),
        ({'epoch': 3}, r"holds no weights.*found keys \['epoch'\]"),
        (torch.zeros(3), 'holds no weights.*found Tensor'),
        (without(Resnet().state_dict(), '11.conv_block.5.weight'), 'do not fit a resnet_2blocks'),
        (without(Resnet().state_dict(), '7.weight'), 'halves 1 times and doubles 2 times'),
        (Resnet(blocks=0).state_dict(), 'no residual blocks'),
        (Resnet(channels=(3, 4)).state_dict(), r'\(3, 4\) channels, expected 1 or 3'),
        (Unet(depth=2).state_dict(), 'halves 2 times, at least 3'),
        ({**Resnet().state_dict(), 'model.30.weight': torch.ones(3, 4, 7, 7)}, 'doubles 3 times'),
    ],
)
def test_what_is_no_such_generator_is_told(tmp_path, content, reason):
    with pytest.raises(ModelError, match=reason):
        load_generator_checkpoint(saved(tmp_path, content))


def test_another_blur_kernel_is_refused(tmp_path):
    network = Resnet(blur=True)
    network.state_dict()['model.7.filt'][:, :, 0, 0] += 0.5
    with pytest.raises(ModelError, match=r"'model\.7\.filt' is no kernel of CUT"):
        load_generator_checkpoint(saved(tmp_path, network.state_dict()))


def test_an_unknown_way_of_doubling_is_refused(tmp_path):
    state = {k: v for k, v in Resnet(blur=True).state_dict().items() if not k.endswith('filt')}
    with pytest.raises(ModelError, match='doubles sizes in an unknown way'):
        load_generator_checkpoint(saved(tmp_path, state))
