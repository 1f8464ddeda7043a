"""tools/train.py and tools/test.py as people start them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from sim2real_ros.cli.seed_program import main
from sim2real_ros.runtime.translator import Translator
from sim2real_ros.training.export import RunExportOptions, export_run

ROOT = Path(__file__).parents[2]
TINY = (
    *('--netG', 'resnet_6blocks', '--ngf', '2', '--ndf', '2', '--load_size', '36'),
    *('--crop_size', '32', '--print_freq', '2', '--display_freq', '3', '--save_epoch_freq', '1'),
    *('--gpu_ids', '-1', '--n_epochs_decay', '0'),
)


def start(folder, program, *words):
    environment = {**os.environ, 'OMP_NUM_THREADS': '1', 'XDG_CACHE_HOME': str(folder / 'cache')}
    environment.pop('PYTHONPATH', None)
    return subprocess.run(
        [sys.executable, str(ROOT / 'tools' / program), *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.fixture
def folder(tmp_path):
    generator = np.random.default_rng(0)
    for name in ('trainA', 'trainB', 'testA', 'testB'):
        (tmp_path / 'set' / name).mkdir(parents=True)
        for number in range(3):
            image = generator.integers(0, 256, (40, 48, 3), dtype=np.uint8)
            cv2.imwrite(str(tmp_path / 'set' / name / f'{number}.png'), image)
    return tmp_path


def links(path):
    return re.findall(r'(?:src|href)="([^"]+)"', path.read_text('utf-8'))


def test_train_continue_test_and_export(folder, monkeypatch, capsys):
    words = ('--dataroot', 'set', '--name', 'yard', '--model', 'cycle_gan', *TINY)
    monkeypatch.chdir(folder)
    monkeypatch.setenv('XDG_CACHE_HOME', str(folder / 'cache'))
    assert main('train', [*words, '--direction', 'AtoB', '--n_epochs', '1']) == 0
    place = folder / 'checkpoints' / 'yard'
    for label in ('latest', '1'):
        for name in ('G_A', 'G_B', 'D_A', 'D_B'):
            assert (place / f'{label}_net_{name}.pth').is_file()
    first = torch.load(place / 'latest_net_G_A.pth', weights_only=True)
    assert 'model.15.conv_block.5.weight' in first
    assert '                      ngf: 2' in (place / 'train_opt.txt').read_text()
    page = place / 'web' / 'index.html'
    assert [link for link in links(page) if not (page.parent / link).is_file()] == []
    assert links(page)

    assert main('train', [*words, '--n_epochs', '1']) == 1
    assert 'go on with it (--continue_train)' in capsys.readouterr().err
    assert main('train', [*words, '--n_epochs', '2', '--continue_train']) == 0
    later = torch.load(place / '2_net_G_A.pth', weights_only=True)
    assert not torch.equal(first['model.1.weight'], later['model.1.weight'])
    log = (place / 'loss_log.txt').read_text()
    # As after a crash between the checkpoint and its copies.
    (place / 'latest_net_G_A.pth').unlink()
    assert main('train', [*words, '--n_epochs', '2', '--continue_train']) == 0
    assert (place / 'latest_net_G_A.pth').read_bytes() == (place / '2_net_G_A.pth').read_bytes()
    assert len(re.findall(r'^=+ Training Loss \(.+\) =+$', log, re.MULTILINE)) == 2
    line = r'^\(epoch: (\d), iters: (\d), time: [\d.]+, data: [\d.]+\) .*G_A: [\d.]+ .*idt_B: '
    assert re.findall(line, log, re.MULTILINE) == [
        *(('1', '2'), ('1', '3'), ('2', '1'), ('2', '3'))
    ]

    test = ('--dataroot', 'set', '--name', 'yard', '--gpu_ids', '-1', '--preprocess', 'none')
    test = (*test, '--netG', 'resnet_6blocks', '--no_dropout')
    done = start(folder, 'test.py', *test, '--model', 'cycle_gan')
    assert done.returncode == 0, done.stderr
    page = folder / 'results' / 'yard' / 'test_latest' / 'index.html'
    assert len(links(page)) == 3 * 6 * 2
    assert [link for link in links(page) if not (page.parent / link).is_file()] == []

    export_run(place, folder / 'm.onnx', RunExportOptions('latest', (48, 40)))
    result = cv2.imread(str(page.parent / 'images' / '0_fake_B.png'))[..., ::-1]
    source = cv2.imread(str(folder / 'set' / 'testA' / '0.png'))[..., ::-1]
    translated = Translator.load(folder / 'm.onnx').translate(np.ascontiguousarray(source))
    assert np.abs(translated.astype(int) - result).max() <= 1


@pytest.mark.parametrize('program', ['train', 'test'])
def test_help_and_errors_are_short(folder, capsys, program):
    done = start(folder, f'{program}.py', '--help')
    assert done.returncode == 0, done.stderr
    assert f'usage: {program}.py' in done.stdout
    assert 'examples:' in done.stdout
    assert main(program, ['--dataroot', str(folder / 'absent'), '--name', 'x']) == 1
    said = capsys.readouterr().err
    assert said.startswith('error: ')
    assert said.count('\n') == 1
    assert main(program, []) == 2
    assert main(program, ['--dataroot', 'x', '--nam', 'y']) == 2


def test_nothing_is_continued_where_nothing_was_trained(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    (folder / 'checkpoints' / 'old').mkdir(parents=True)
    (folder / 'checkpoints' / 'old' / 'latest_net_G_A.pth').write_bytes(b'weights')
    words = ['--dataroot', 'set', '--name', 'old', '--model', 'cycle_gan', *TINY]
    assert main('train', [*words, '--continue_train']) == 1
    assert 'checkpoints of the original program have no state' in capsys.readouterr().err
    assert main('train', words) == 1
    assert 'is not empty and holds no run' in capsys.readouterr().err
