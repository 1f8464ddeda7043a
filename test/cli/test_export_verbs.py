import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from sim2real_ros import cli
from sim2real_ros.cli.options import checkpoint_choice, size_or_any
from sim2real_ros.runtime.translator import Translator
from sim2real_ros.training.networks import build_generator
from sim2real_ros.training.options import GeneratorOptions

ROOT = Path(__file__).parents[2]


@pytest.fixture
def checkpoint(tmp_path):
    network = build_generator(GeneratorOptions(filters=2, blocks=6))
    torch.save(network.state_dict(), tmp_path / 'latest_net_G_A.pth')
    return tmp_path / 'latest_net_G_A.pth'


def import_words(checkpoint, *more):
    output = checkpoint.parent / 'm.onnx'
    return ['import-checkpoint', str(checkpoint), '-o', str(output), *more]


def test_a_checkpoint_becomes_a_model(checkpoint, capsys):
    network = build_generator(GeneratorOptions(filters=2, blocks=1))
    torch.save(network.state_dict(), checkpoint)
    words = ('--size', '32x16', '--no-dropout', '--licence', 'MIT')
    assert cli.main(import_words(checkpoint, *words, '--norm', 'instance')) == 0
    shown = capsys.readouterr().out
    assert 'found resnet_1blocks, 2 filters, instance norm, 3 to 3 channels' in shown
    assert 'difference to the network in torch: ' in shown
    translator = Translator.load(checkpoint.parent / 'm.onnx')
    assert translator.translate(np.zeros((16, 32, 3), np.uint8)).shape == (16, 32, 3)
    assert translator.model.card.licence == 'MIT'


@pytest.mark.parametrize(
    ('words', 'text'),
    [
        (['--generator', 'resnet_9blocks'], 'holds a resnet_6blocks, not a resnet_9blocks'),
        (['--generator', 'vgg'], "Unknown generator 'vgg'"),
        (['--norm', 'batch'], 'instance norm, not batch'),
        (['--size', '30x30'], 'multiples of 4, not at 30x30'),
    ],
)
def test_what_does_not_fit_is_explained(checkpoint, capsys, words, text):
    assert cli.main(import_words(checkpoint, *words)) == 1
    assert text in capsys.readouterr().err
    assert not (checkpoint.parent / 'm.onnx').exists()


def test_choices_of_size_and_checkpoint_are_read():
    assert size_or_any('any') is None
    assert size_or_any('512x384') == (512, 384)
    assert [checkpoint_choice(text) for text in ('best', 'latest', '0012')] == [
        *('best', 'latest', 12)
    ]


HIDE_TORCH = """
import sys
sys.modules['torch'] = None
from sim2real_ros.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize('verb', ['export', 'import-checkpoint'])
def test_missing_packages_are_named(tmp_path, verb):
    words = [sys.executable, '-c', HIDE_TORCH, verb, 'x', '-o', str(tmp_path / 'm.onnx')]
    environment = {**os.environ, 'PYTHONPATH': str(ROOT)}
    done = subprocess.run(
        words, capture_output=True, text=True, env=environment, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "pip install 'sim2real_ros[train]'" in done.stderr
