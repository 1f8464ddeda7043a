import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from sim2real_ros import cli
from sim2real_ros.cli.options import checkpoint_choice, size_or_any
from sim2real_ros.runtime.translator import Translator
from sim2real_ros.training.engine.checkpoint import CheckpointFacts, save_checkpoint
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
    source = tmp_path / 'x'
    source.mkdir() if verb == 'export' else source.touch()
    words = [sys.executable, '-c', HIDE_TORCH, verb, str(source), '-o', str(tmp_path / 'm.onnx')]
    environment = {**os.environ, 'PYTHONPATH': str(ROOT)}
    done = subprocess.run(
        words, capture_output=True, text=True, env=environment, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "pip install 'sim2real_ros[train]'" in done.stderr


WRONG_WORDS = {
    'export run -o m.pt': 'must end in .onnx',
    'export run -o there.onnx': 'exists already',
    'export absent -o m.onnx': "'absent' holds no run",
    'export run -o m.onnx --keep-region': '--keep-region needs --size',
    'import-checkpoint absent.pth -o m.onnx': 'No checkpoint at',
    'import-checkpoint x.pth -o m.pt': 'must end in .onnx',
    'import-checkpoint x.pth -o there.onnx': 'exists already',
    'import-checkpoint there.onnx -o m.onnx': 'is a model already',
}
MANY = """
import sys
sys.modules['torch'] = None
from sim2real_ros.cli import main
print([main(line.split()) for line in sys.argv[1:]])
"""


def test_wrong_words_do_not_wait_for_torch(tmp_path):
    (tmp_path / 'run').mkdir()
    for name in ('there.onnx', 'x.pth'):
        (tmp_path / name).touch()
    done = subprocess.run(
        [sys.executable, '-c', MANY, *WRONG_WORDS],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
        timeout=60,
        check=False,
    )
    assert done.stdout.strip() == str([1] * len(WRONG_WORDS))
    for line, text in zip(done.stderr.splitlines(), WRONG_WORDS.values(), strict=True):
        assert text in line


@pytest.mark.parametrize('suffix', ['', '_copy'])
def test_a_checkpoint_of_a_run_is_sent_to_the_other_verb(tmp_path, monkeypatch, capsys, suffix):
    monkeypatch.chdir(tmp_path)
    tensors = {'networks.generator.weight': torch.zeros(2)}
    path = save_checkpoint(Path('runs/x/checkpoints'), CheckpointFacts(1200), tensors)
    path = path.rename(path.with_stem(path.stem + suffix))
    assert cli.main(['import-checkpoint', str(path), '-o', 'm.onnx']) == 1
    step = 'STEP' if suffix else '1200'
    expected = f'`sim2real export runs/x --which {step} -o m.onnx`'
    assert expected in capsys.readouterr().err


@pytest.mark.parametrize(
    ('metadata', 'name', 'is_own'),
    [
        ({'sim2real_checkpoint': '{}'}, 'weight', True),
        (None, 'networks.generator.weight', True),
        ({'format': 'pt'}, 'weight', False),
    ],
)
def test_checkpoints_of_runs_are_told_by_their_header(tmp_path, capsys, metadata, name, is_own):
    path = tmp_path / 'x.safetensors'
    save_file({name: torch.zeros(2)}, path, metadata)
    assert cli.main(import_words(path)) == 1
    shown = capsys.readouterr().err
    assert ('`sim2real export RUN --which STEP -o' in shown) == is_own


@pytest.mark.parametrize('content', [b'', b'\xff' * 16, b'\x02' + bytes(7) + b'[]', b'\x01' * 3])
def test_a_damaged_header_is_left_to_the_reader_of_checkpoints(tmp_path, capsys, content):
    path = tmp_path / 'x.safetensors'
    path.write_bytes(content)
    assert cli.main(import_words(path)) == 1
    assert 'Cannot read the checkpoint' in capsys.readouterr().err
