import cv2
import numpy as np
import pytest

from sim2real_ros.errors import ConfigError
from sim2real_ros.training.engine.processes import Machine
from sim2real_ros.training.engine.training_state import build_method
from sim2real_ros.training.options import GeneratorOptions, Initialisation
from sim2real_ros.training.seed_programs.training_configuration import seed_training
from sim2real_ros.training.seed_programs.training_words import parser_for_training


@pytest.fixture
def dataroot(tmp_path):
    for folder, count in (('trainA', 3), ('trainB', 5), ('pairs/train', 4)):
        (tmp_path / folder).mkdir(parents=True)
        for number in range(count):
            cv2.imwrite(str(tmp_path / folder / f'{number}.png'), np.zeros((8, 8, 3), np.uint8))
    return tmp_path


@pytest.fixture
def understood(dataroot):
    def understand(*words):
        root = dataroot / 'pairs' if 'pix2pix' in words else dataroot
        arguments = ['--dataroot', str(root), '--name', 'duckie', *map(str, words)]
        return seed_training(parser_for_training().parse_args(arguments))

    return understand


def config(understood, *words):
    return understood(*words).config


def test_without_more_words_it_is_the_original_cyclegan(understood, dataroot):
    wanted = understood()
    got = wanted.config
    assert (got.method, got.data.root, got.data.direction) == ('cyclegan', str(dataroot), 'AtoB')
    assert (got.data.preprocess, got.data.flip) == ('resize-and-crop', True)
    assert (got.data.load_size, got.data.crop_size) == ((286, 286), (256, 256))
    assert (got.batch_size, got.pool_size, got.adversarial) == (1, 50, 'lsgan')
    assert (got.cycle_weight, got.cycle_weight_real, got.identity_weight) == (10, None, 0.5)
    assert (got.schedule.constant, got.schedule.decay) == (100, 100)
    assert (got.optimiser.learning_rate, got.optimiser.betas) == (2e-4, (0.5, 0.999))
    assert got.generator.norm == 'instance'
    assert not got.generator.dropout
    assert got.report.log_interval == 100
    assert got.report.sample_interval == 400
    assert wanted.folder.as_posix() == 'checkpoints/duckie'
    assert wanted.machine == Machine()
    assert wanted.notes == ()


@pytest.mark.parametrize(
    ('words', 'key', 'value'),
    [
        ('--direction BtoA', 'data.direction', 'BtoA'),
        ('--batch_size 4', 'batch_size', 4),
        ('--load_size 300', 'data.load_size', (300, 300)),
        ('--load_size 512 --crop_size 360', 'data.crop_size', (360, 360)),
        ('--preprocess scale_width_and_crop', 'data.preprocess', 'scale-width-and-crop'),
        ('--no_flip', 'data.flip', False),
        ('--max_dataset_size 2', 'data.max_images', 2),
        ('--max_dataset_size inf', 'data.max_images', 0),
        ('--num_threads 0', 'data.workers', 1),
        ('--n_epochs 7', 'schedule.constant', 7),
        ('--niter 7', 'schedule.constant', 7),
        ('--n_epochs_decay 3', 'schedule.decay', 3),
        ('--lr_policy cosine', 'schedule.policy', 'cosine'),
        ('--lr_policy step --lr_decay_iters 9', 'schedule.decay_interval', 9),
        ('--lr 0.001', 'optimiser.learning_rate', 0.001),
        ('--lr 1e-4', 'optimiser.learning_rate', 1e-4),
        ('--beta1 0.9', 'optimiser.betas', (0.9, 0.999)),
        ('--beta2 0.9', 'optimiser.betas', (0.5, 0.9)),
        ('--lambda_A 5', 'cycle_weight', 5.0),
        ('--lambda_A 5', 'cycle_weight_real', 10.0),
        ('--lambda_B 6', 'cycle_weight', 10.0),
        ('--lambda_B 6', 'cycle_weight_real', 6.0),
        ('--lambda_identity 0', 'identity_weight', 0.0),
        ('--gan_mode wgangp', 'adversarial', 'wgan'),
        ('--gan_mode vanilla', 'adversarial', 'vanilla'),
        ('--pool_size 0', 'pool_size', 0),
        ('--norm batch', 'generator.norm', 'batch'),
        ('--norm batch', 'discriminator.norm', 'batch'),
        ('--norm none --normD instance', 'discriminator.norm', 'instance'),
        ('--netG resnet_6blocks', 'generator.blocks', 6),
        ('--netG unet_128', 'generator.depth', 7),
        ('--netG unet_256', 'generator.name', 'unet'),
        ('--netD pixel', 'discriminator.name', 'pixel'),
        ('--netD n_layers --n_layers_D 4', 'discriminator.layers', 4),
        ('--ngf 32', 'generator.filters', 32),
        ('--ndf 16', 'discriminator.filters', 16),
        ('--init_type xavier', 'generator.initialisation', Initialisation('xavier', 0.02)),
        ('--init_type kaiming', 'discriminator.initialisation', Initialisation('kaiming', 1.0)),
        ('--init_gain 0.01', 'generator.initialisation', Initialisation('normal', 0.01)),
        ('--print_freq 12', 'report.log_interval', 12),
        ('--print_freq 12 --batch_size 5', 'report.log_interval', 2),
        ('--display_freq 40', 'report.sample_interval', 40),
        ('--model pix2pix', 'method', 'pix2pix'),
        ('--model pix2pix --lambda_L1 50', 'l1_weight', 50.0),
        ('--model pix2pix --pool_size 0', 'adversarial', 'vanilla'),
        ('--model pix2pix', 'generator', GeneratorOptions('unet', norm='batch', dropout=True)),
        ('--model pix2pix --no_dropout', 'generator.dropout', False),
        ('--model pix2pix --netG resnet_9blocks', 'generator.name', 'resnet'),
        ('--model pix2pix --netG resnet_9blocks', 'generator.dropout', True),
        ('--model pix2pix --netG resnet_9blocks --no_dropout', 'generator.dropout', False),
        ('--model cut --lambda_NCE 10', 'nce_weight', 10.0),
        ('--model cut --lambda_GAN 2', 'adversarial_weight', 2.0),
        ('--model cut --nce_idt False', 'nce_identity', False),
        ('--model cut --nce_idt --lambda_NCE 1', 'nce_identity', True),
        ('--model cut --nce_layers 0,4,8', 'nce_layers', (0, 4, 8)),
        ('--model cut --nce_T 0.1', 'nce_temperature', 0.1),
        ('--model cut --num_patches 64', 'nce_patches', 64),
        ('--model cut --netF_nc 32', 'nce_width', 32),
        ('--model cut --flip_equivariance True', 'flip_equivariance', True),
        ('--model cut', 'generator.downsampling', 'blur'),
        ('--model cut --no_antialias', 'discriminator.downsampling', 'stride'),
        ('--model cut --no_antialias_up', 'generator.upsampling', 'transpose'),
        ('--CUT_mode CUT', 'method', 'cut'),
        ('--CUT_mode FastCUT', 'nce_weight', 10.0),
        ('--model cut --CUT_mode FastCUT', 'nce_weight', 10.0),
        ('--model cut --CUT_mode FastCUT --lambda_NCE 3', 'nce_weight', 3.0),
    ],
)
def test_every_word_reaches_its_option(understood, words, key, value):
    got = config(understood, *words.split())
    for name in key.split('.'):
        got = getattr(got, name)
    assert got == value


@pytest.mark.parametrize(
    ('words', 'reason'),
    [
        ('--model colorization', r'--model colorization: expected one of cycle_gan, pix2pix, cut'),
        ('--model test', 'More can be trained by `sim2real train`: cyclegan'),
        ('--model pix2pix --lambda_A 3', '--lambda_A has no meaning for --model pix2pix'),
        ('--lambda_L1 3', '--lambda_L1 has no meaning for --model cycle_gan'),
        ('--lambda_NCE 3', '--lambda_NCE has no meaning for --model cycle_gan'),
        ('--model pix2pix --pool_size 50', '--pool_size has no meaning for --model pix2pix'),
        ('--CUT_mode FastCUT --model cycle_gan', '--CUT_mode: has no meaning for --model cycle'),
        ('--model pix2pix --CUT_mode CUT', '--CUT_mode: has no meaning for --model pix2pix'),
        ('--no_antialias', 'have no meaning for --model cycle_gan'),
        ('--input_nc 1', '--input_nc: grey images are trained on as RGB'),
        ('--output_nc 1', '--output_nc: grey images are trained on as RGB'),
        ('--serial_batches', '--serial_batches: the order is drawn from the seed'),
        ('--save_by_iter', '--save_by_iter: leave it out'),
        ('--lr_policy plateau', '--lr_policy plateau: expected linear, step or cosine'),
        ('--norm sync_batch', '--norm sync_batch: batches are not spread'),
        ('--dataset_mode aligned', '--model cycle_gan takes unaligned data'),
        ('--phase val', '--phase val: training images are those of phase train'),
        ('--epoch 5', '--epoch 5: training goes on from the latest'),
        ('--load_iter 5', '--load_iter: training goes on from the latest'),
        ('--n_layers_D 4', '--n_layers_D: expected with --netD n_layers'),
        ('--model cut --netF reshape', '--netF reshape: expected mlp_sample'),
        ('--model cut --netG unet_256', 'CUT compares features of a resnet generator'),
        ('--model cut --nce_layers a,b', "--nce_layers 'a,b': expected numbers"),
        ('--gpu_ids first', "--gpu_ids 'first': expected numbers"),
        ('--suffix {models}', "--suffix '{models}': expected names of options"),
        ('--n_epochs 0 --n_epochs_decay 0', 'constant and decay must be'),
    ],
)
def test_what_would_be_ignored_is_refused(understood, words, reason):
    with pytest.raises(ConfigError, match=reason):
        understood(*words.split())


@pytest.mark.parametrize(
    'words',
    [
        '--model cycle_gan --pool_size 50 --no_dropout',
        '--model cycle_gan --netG unet_128 --norm batch',
        '--model pix2pix --netG unet_256 --direction BtoA --lambda_L1 100 --dataset_mode aligned '
        '--norm batch --pool_size 0',
        '--model pix2pix --netG resnet_6blocks --netD pixel',
        '--CUT_mode FastCUT --netD n_layers --n_layers_D 2',
        '--CUT_mode CUT --no_antialias --no_antialias_up --netG resnet_6blocks',
    ],
)
def test_what_scripts_say_can_be_built(understood, words):
    """The first, third and fifth as in the originals' own scripts."""
    method = build_method(config(understood, *words.split(), '--ngf', 2, '--ndf', 2))
    assert method.generator().size_multiple >= 4


@pytest.mark.parametrize(
    ('words', 'note'),
    [
        ('--display_id 0', 'display'),
        ('--no_html', 'web/index.html'),
        ('--use_wandb', 'nothing is uploaded'),
        ('--epoch_count 5', 'the run knows its epoch'),
        ('--gpu_ids 1', 'CUDA_VISIBLE_DEVICES'),
    ],
)
def test_what_has_another_meaning_is_said(understood, words, note):
    (said,) = understood(*words.split()).notes
    assert note in said


@pytest.mark.parametrize('words', ['--gpu_ids 0', '--gpu_ids -1', '--verbose'])
def test_what_means_the_same_is_not_talked_about(understood, words):
    assert understood(*words.split()).notes == ()


@pytest.mark.parametrize(
    ('ids', 'machine'),
    [('-1', Machine('cpu')), ('0', Machine()), ('0,1', Machine('cuda', devices=2))],
)
def test_gpus_are_counted(understood, ids, machine):
    assert understood('--gpu_ids', ids).machine == machine


@pytest.mark.parametrize(
    ('words', 'steps'),
    [
        # The larger domain has 5 images.
        ('--save_latest_freq 5 --save_epoch_freq 2', 5),
        ('--save_latest_freq 4 --save_epoch_freq 2', 2),
        ('--save_latest_freq 4 --save_epoch_freq 1', 5),
        ('--save_latest_freq 5000 --save_epoch_freq 1', 5),
        ('--save_latest_freq 4 --save_epoch_freq 2 --batch_size 2', 2),
    ],
)
def test_a_checkpoint_falls_on_every_epoch_that_is_kept(understood, words, steps):
    assert config(understood, *words.split()).report.checkpoint_interval == steps


def test_a_suffix_is_filled_in(understood):
    folder = understood('--suffix', '{model}_{batch_size}', '--batch_size', 2).folder
    assert folder.name == 'duckie_cycle_gan_2'


def test_unknown_and_shortened_words_are_refused(capsys):
    for word in ('--learning_rate', '--cont'):
        with pytest.raises(SystemExit, match='2'):
            parser_for_training().parse_args(['--dataroot', 'x', word, '3'])
        assert f'unrecognized arguments: {word}' in capsys.readouterr().err
