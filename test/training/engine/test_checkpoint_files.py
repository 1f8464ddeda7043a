import json
import random
import resource
import signal

import pytest
import torch
from safetensors.torch import save_file

from sim2real_ros.errors import DataError, TrainingError
from sim2real_ros.training.engine.checkpoint import (
    METADATA_KEY,
    Best,
    CheckpointFacts,
    WatchMemory,
    checkpoint_steps,
    load_tensors,
    read_facts,
    save_checkpoint,
)

FACTS = CheckpointFacts(
    step=5,
    config_sha256='ab',
    processes=2,
    metrics={'kid': 0.25},
    best=Best(3, 'kid', 0.125),
    elapsed_s=1.5,
    loss_counts={'cycle': 3},
    scaler={'scale': 65536.0},
    watch=WatchMemory((100, 200), {'discriminator': 3}, ('diversity',)),
)


def tensors():
    image = torch.arange(120.0).reshape(1, 4, 5, 6)
    return {
        'last': image.to(memory_format=torch.channels_last),
        'shared': image[0],
        'scalar': torch.tensor(3),
        'empty': torch.zeros(0, 3),
        'half': torch.randn(3).bfloat16(),
        'flag': torch.tensor([True]),
    }


def test_what_is_written_is_read(tmp_path):
    path = save_checkpoint(tmp_path / 'new', FACTS, tensors())
    assert path.name == 'step_00000005.safetensors'
    assert read_facts(path).facts == FACTS
    found = load_tensors(path)
    assert set(found) == set(tensors())
    assert torch.equal(found['last'], tensors()['last'])
    assert found['last'].is_contiguous()
    assert found['half'].dtype == torch.bfloat16
    assert set(load_tensors(path, prefixes=('s',))) == {'shared', 'scalar'}
    assert checkpoint_steps(tmp_path / 'new') == [5]
    assert checkpoint_steps(tmp_path / 'missing') == []


def test_every_changed_bit_is_noticed(tmp_path):
    path, chance = save_checkpoint(tmp_path, FACTS, tensors()), random.Random(0)
    intact = path.read_bytes()
    for place in range(0, len(intact), 11):
        damaged = bytearray(intact)
        damaged[place] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        with pytest.raises(TrainingError, match=r'damaged or no checkpoint|has version'):
            load_tensors(path)


def test_every_shortened_file_is_noticed(tmp_path):
    path = save_checkpoint(tmp_path, FACTS, tensors())
    intact = path.read_bytes()
    for length in [*range(0, len(intact), 97), len(intact) - 1]:
        path.write_bytes(intact[:length])
        with pytest.raises(TrainingError, match='is damaged or no checkpoint'):
            load_tensors(path)


@pytest.mark.parametrize(
    'metadata',
    [
        {},
        {METADATA_KEY: ''},
        {METADATA_KEY: '[]'},
        {METADATA_KEY: '{}'},
        {METADATA_KEY: '[' * 100_000},
        {METADATA_KEY: json.dumps({'version': 1, 'facts': {}, 'facts_crc32': 0})},
        {METADATA_KEY: json.dumps({'version': 1, 'facts': None, 'facts_crc32': 'x'})},
    ],
)
def test_hostile_facts_are_refused(tmp_path, metadata):
    save_file({'a': torch.zeros(1)}, tmp_path / 'x.safetensors', metadata)
    with pytest.raises(TrainingError, match='is damaged or no checkpoint'):
        read_facts(tmp_path / 'x.safetensors')


@pytest.mark.parametrize(
    'content',
    [b'', b'\x00' * 8, b'\xff' * 64, (2**62).to_bytes(8, 'little') + b'{}', b'PK\x03\x04'],
)
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / 'step_00000005.safetensors').write_bytes(content)
    with pytest.raises(TrainingError, match='is damaged or no checkpoint'):
        load_tensors(tmp_path / 'step_00000005.safetensors')


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    for path in (tmp_path, tmp_path / 'step_00000001.safetensors'):
        with pytest.raises(TrainingError, match='is damaged or no checkpoint'):
            read_facts(path)


def test_a_file_of_another_step_is_refused(tmp_path):
    path = save_checkpoint(tmp_path, FACTS, tensors())
    with pytest.raises(TrainingError, match='it holds step 5'):
        read_facts(path.rename(tmp_path / 'step_00000006.safetensors'))


def test_a_full_disk_leaves_the_file_of_before(tmp_path):
    intact = save_checkpoint(tmp_path, FACTS, tensors()).read_bytes()
    large = {'a': torch.zeros(100_000)}
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        with pytest.raises(DataError, match=r'Cannot write .*make room or choose another place'):
            save_checkpoint(tmp_path, FACTS, large)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    (path,) = tmp_path.iterdir()
    assert path.read_bytes() == intact
