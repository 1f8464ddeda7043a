import os

import cv2
import numpy as np
import pytest
import torch
from page_links import page_links

from sim2real_ros.errors import ConfigError, DataError, ModelError
from sim2real_ros.training.networks import build_generator
from sim2real_ros.training.options import GeneratorOptions, Initialisation
from sim2real_ros.training.seed_programs.testing_program import run_testing
from sim2real_ros.training.seed_programs.testing_words import parser_for_testing

WIDE = Initialisation('normal', 0.2)
RESNET = GeneratorOptions(filters=2, blocks=1, initialisation=WIDE)
UNET = GeneratorOptions('unet', filters=2, depth=3, norm='batch', initialisation=WIDE)


def noise(seed, width=20, height=12):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def write(path, rgb):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), rgb[..., ::-1])


def read(path):
    return cv2.imread(str(path))[..., ::-1]


@pytest.fixture
def program(tmp_path):
    """An experiment as the original program leaves it: weights, and nothing else."""
    said = []

    def run(*words, root='set'):
        places = ['--checkpoints_dir', tmp_path / 'c', '--results_dir', tmp_path / 'r']
        arguments = ['--dataroot', tmp_path / root, '--name', 'duckie', '--gpu_ids', '-1']
        words = parser_for_testing().parse_args([*map(str, [*arguments, *places, *words])])
        code = run_testing(words, said.append)
        return code, tmp_path / 'r' / 'duckie' / 'test_latest'

    run.said = said
    return run


def experiment(tmp_path, **options):
    networks = {}
    (tmp_path / 'c' / 'duckie').mkdir(parents=True)
    for seed, (name, option) in enumerate(options.items()):
        torch.manual_seed(seed)
        networks[name] = build_generator(option).eval()
        path = tmp_path / 'c' / 'duckie' / f'latest_net_{name}.pth'
        torch.save(networks[name].state_dict(), path)
    return networks


def translated(network, rgb):
    source = torch.tensor(np.ascontiguousarray(rgb[None])).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.inference_mode():
        levels = ((network(source) + 1) * 127.5).round().clamp(0, 255)
    return levels[0].permute(1, 2, 0).numpy().astype(np.uint8)


def test_one_generator_over_a_folder(tmp_path, program):
    networks = experiment(tmp_path, G=RESNET)
    for number in range(3):
        write(tmp_path / 'set' / f'frame {number}.png', noise(number))
    words = ('--model', 'test', '--no_dropout', '--preprocess', 'none', '--num_test', '2')
    code, folder = program(*words)
    assert code == 0
    names = sorted(path.name for path in (folder / 'images').iterdir())
    assert names == [f'frame {n}_{label}.png' for n in (0, 1) for label in ('fake', 'real')]
    for number in (0, 1):
        assert np.array_equal(read(folder / f'images/frame {number}_real.png'), noise(number))
        result = read(folder / f'images/frame {number}_fake.png')
        assert np.array_equal(result, translated(networks['G'], noise(number)))
    links = page_links(folder / 'index.html')
    assert len(links) == 8
    assert all((folder / link).is_file() for link in links)
    assert 'Experiment = duckie, Phase = test, Epoch = latest' in (
        folder / 'index.html'
    ).read_text('utf-8')


def test_both_generators_there_and_back(tmp_path, program):
    networks = experiment(tmp_path, G_A=RESNET, G_B=RESNET)
    for name, count, first in (('testA', 1, 0), ('testB', 2, 10)):
        for number in range(count):
            write(tmp_path / 'set' / name / f'{number}.png', noise(first + number))
    _, folder = program('--model', 'cycle_gan', '--preprocess', 'none')
    assert not any('latest_net_G.pth' in line for line in program.said)
    labels = ('fake_A', 'fake_B', 'real_A', 'real_B', 'rec_A', 'rec_B')
    names = [f'0{copy}_{label}.png' for copy in ('-2', '') for label in labels]
    assert sorted(path.name for path in (folder / 'images').iterdir()) == sorted(names)
    there = translated(networks['G_A'], noise(0))
    assert np.array_equal(read(folder / 'images/0_fake_B.png'), there)
    assert np.array_equal(read(folder / 'images/0_rec_A.png'), translated(networks['G_B'], there))
    back = translated(networks['G_B'], noise(11))
    assert np.array_equal(read(folder / 'images/0-2_fake_A.png'), back)
    assert np.array_equal(read(folder / 'images/0-2_rec_B.png'), translated(networks['G_A'], back))


def test_the_words_of_cut_fill_the_folders_of_cut(tmp_path, program):
    networks = experiment(tmp_path, G=RESNET)
    write(tmp_path / 'set' / 'trainA' / 'x.png', noise(1))
    write(tmp_path / 'set' / 'trainB' / 'y.png', noise(2))
    words = ('--CUT_mode', 'FastCUT', '--phase', 'train', '--preprocess', 'none')
    assert program(*words)[0] == 0
    folder = tmp_path / 'r' / 'duckie' / 'train_latest'
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob('*.png'))
    assert found == [f'images/{label}/x.png' for label in ('fake_B', 'real_A', 'real_B')]
    result = read(folder / 'images/fake_B/x.png')
    assert np.array_equal(result, translated(networks['G'], noise(1)))
    assert sorted(set(page_links(folder / 'index.html'))) == found


def test_names_that_no_other_file_can_have_are_changed(tmp_path, program):
    experiment(tmp_path, G=RESNET)
    names = ('a\nb.png', f'{"l" * 250}.png', os.fsdecode(b'\xff.png'))
    for name in names:
        write(tmp_path / 'set' / 'x.png', noise(1))
        (tmp_path / 'set' / 'x.png').rename(tmp_path / 'set' / name)
    _, folder = program('--preprocess', 'none')
    links = set(page_links(folder / 'index.html'))
    assert len(links) == 2 * len(names)
    assert all((folder / link).is_file() for link in links)
    assert (folder / 'images' / 'a_b_fake.png').is_file()


@pytest.mark.parametrize('direction', ['AtoB', 'BtoA'])
def test_pairs_side_by_side(tmp_path, program, direction):
    networks = experiment(tmp_path, G=UNET)
    left, right = noise(1, 24, 16), noise(2, 24, 16)
    write(tmp_path / 'set' / 'test' / 'x.png', np.hstack([left, right]))
    words = ('--model', 'pix2pix', '--preprocess', 'none', '--eval', '--direction', direction)
    _, folder = program(*words)
    source, target = (left, right) if direction == 'AtoB' else (right, left)
    assert np.array_equal(read(folder / 'images/x_real_A.png'), source)
    assert np.array_equal(read(folder / 'images/x_real_B.png'), target)
    result = read(folder / 'images/x_fake_B.png')
    assert np.array_equal(result, translated(networks['G'], source))


def test_without_eval_it_tests_in_training_mode_as_the_original(tmp_path, program):
    networks = experiment(tmp_path, G=UNET)
    write(tmp_path / 'set' / 'x.png', noise(1, 24, 16))
    _, folder = program('--preprocess', 'none', '--no_dropout')
    result = read(folder / 'images/x_fake.png').astype(int)
    as_tested = translated(networks['G'].train(), noise(1, 24, 16))
    assert np.abs(result - as_tested).max() <= 1
    stored = translated(networks['G'].eval(), noise(1, 24, 16))
    assert np.abs(result - stored).max() > 5


def test_dropout_stays_on_unless_it_is_left_out(tmp_path, program):
    experiment(tmp_path, G=GeneratorOptions('unet', filters=2, depth=6, initialisation=WIDE))
    write(tmp_path / 'set' / 'x.png', noise(1, 128, 128))
    results = {}
    for words in ((), ('--no_dropout',), ('--eval',)):
        _, folder = program('--preprocess', 'none', *words)
        results[words] = read(folder / 'images/x_fake.png').astype(int)
    assert np.array_equal(results[('--no_dropout',)], results[('--eval',)])
    assert np.abs(results[()] - results[('--eval',)]).max() > 0


@pytest.mark.parametrize(
    ('words', 'size'),
    [
        ((), (256, 256)),
        (('--load_size', '64'), (64, 64)),
        (('--crop_size', '32', '--load_size', '32'), (32, 32)),
        (('--preprocess', 'scale_width', '--load_size', '40'), (40, 24)),
        (('--preprocess', 'none'), (20, 12)),
        (('--preprocess', 'none', '--aspect_ratio', '2'), (40, 12)),
        (('--preprocess', 'none', '--aspect_ratio', '0.5'), (20, 24)),
    ],
)
def test_images_are_prepared_and_stretched(tmp_path, program, words, size):
    experiment(tmp_path, G=RESNET)
    write(tmp_path / 'set' / 'x.png', noise(1))
    _, folder = program(*words)
    for label in ('real', 'fake'):
        assert read(folder / f'images/x_{label}.png').shape == (size[1], size[0], 3)


def test_g_a_stands_in_for_g_and_that_is_said(tmp_path, program):
    experiment(tmp_path, G_A=RESNET)
    write(tmp_path / 'set' / 'x.png', noise(1))
    code, _ = program('--preprocess', 'none')
    assert code == 0
    assert any('latest_net_G_A.pth is taken (--model_suffix _A)' in line for line in program.said)
    assert program('--preprocess', 'none', '--model_suffix', '_A')[0] == 0


def test_only_what_the_model_needs_is_asked_for(tmp_path, program):
    experiment(tmp_path, G_A=RESNET)
    for name in ('testA', 'testB'):
        write(tmp_path / 'set' / name / 'x.png', noise(1))
    with pytest.raises(
        ModelError, match=r"latest_net_G_B\.pth'; .*: check --epoch and --model\.$"
    ):
        program('--model', 'cycle_gan', '--preprocess', 'none')
    assert not any('latest_net_G.pth' in line for line in program.said)


def test_unreadable_images_are_left_out_and_told(tmp_path, program):
    experiment(tmp_path, G=RESNET)
    write(tmp_path / 'set' / 'b.png', noise(1))
    (tmp_path / 'set' / 'a.png').write_bytes(b'broken')
    code, folder = program('--preprocess', 'none')
    assert code == 3
    assert any('left out' in line and 'a.png' in line for line in program.said)
    assert [link for link in page_links(folder / 'index.html') if 'real' in link] == [
        'images/b_real.png'
    ] * 2
    (tmp_path / 'set' / 'b.png').write_bytes(b'broken')
    with pytest.raises(DataError, match='None of 2 images could be read'):
        program('--preprocess', 'none')


@pytest.mark.parametrize(
    ('words', 'error', 'reason'),
    [
        ('--model colorization', ConfigError, 'expected one of test, cycle_gan, pix2pix, cut'),
        ('--preprocess crop', ConfigError, 'would test random crops: choose none'),
        ('--load_size 64 --crop_size 32', ConfigError, 'give one of them'),
        ('--load_iter 5', ConfigError, 'weights are named by epoch'),
        ('--dataset_mode aligned', ConfigError, '--model test takes single data'),
        ('--num_test 0', ConfigError, 'expected 1 or more'),
        ('--max_dataset_size -1', ConfigError, 'expected 1 or more'),
        ('--max_dataset_size nan', ConfigError, 'expected 1 or more'),
        ('--batch_size 2', ConfigError, 'tested one by one'),
        ('--aspect_ratio 0', ConfigError, 'expected a positive number'),
        ('--epoch 7', ModelError, r"No weights at .*7_net_G.pth'; the folder has \['latest_net_G"),
        ('--model_suffix _B', ModelError, 'check --epoch, --model and --model_suffix'),
        ('--netG resnet_9blocks', ModelError, 'holds a resnet_1blocks, not a resnet_9blocks'),
        ('--norm batch', ModelError, 'instance norm, not batch'),
        ('--ngf 64', ModelError, '--ngf 64: the weights are of a generator with 2'),
        ('--input_nc 1', ModelError, '--input_nc 1: the weights are of a generator with 3'),
        ('--model cycle_gan', ModelError, r'No weights at .*latest_net_G_A.pth'),
        ('--model pix2pix', DataError, 'Check --dataroot, --phase and --model'),
        ('--name other', ModelError, 'No experiment at .*other'),
    ],
)
def test_what_cannot_be_tested_is_explained(tmp_path, program, words, error, reason):
    experiment(tmp_path, G=RESNET)
    write(tmp_path / 'set' / 'x.png', noise(1))
    with pytest.raises(error, match=reason):
        program(*words.split())
