import pickle
import struct
import zipfile
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from original_networks import Resnet, Unet

from sim2real_ros.errors import ModelError
from sim2real_ros.training.checkpoint_import import load_generator_checkpoint
from sim2real_ros.training.checkpoint_import.checkpoint_file import read_weights


class Touch:
    """Unpickled without care, it makes a file."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return Path.touch, (Path(self.path),)


class Shell:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        import os

        return os.system, (f'touch {self.path}',)


def legacy(content, path):
    torch.save(content, path, _use_new_zipfile_serialization=False)


def plain_pickle(content, path):
    path.write_bytes(pickle.dumps(content))


@pytest.mark.parametrize(
    ('save', 'reason'),
    [
        (torch.save, 'refused: it holds more than weights'),
        (legacy, 'refused: it holds more than weights'),
        (plain_pickle, 'damaged or no torch checkpoint'),
    ],
)
@pytest.mark.parametrize('hostile', [Touch, Shell])
def test_code_in_a_checkpoint_is_never_run(tmp_path, save, reason, hostile):
    trace, path = tmp_path / 'owned', tmp_path / 'latest_net_G.pth'
    save({'model.1.weight': torch.zeros(4, 3, 7, 7), 'x': hostile(trace)}, path)
    with pytest.raises(ModelError, match=reason) as caught:
        read_weights(path)
    # torch's own message explains how to run it nevertheless.
    assert 'weights_only' not in str(caught.value)
    assert 'safe_globals' not in str(caught.value)
    assert not trace.exists()


def test_the_attack_would_work_on_a_careless_reader(tmp_path):
    """Otherwise the test above would prove nothing."""
    trace, path = tmp_path / 'owned', tmp_path / 'x.pth'
    torch.save({'x': Touch(trace)}, path)
    torch.load(path, weights_only=False)
    assert trace.exists()


def test_a_whole_module_is_refused_with_advice(tmp_path):
    torch.save(torch.nn.Conv2d(3, 4, 7), tmp_path / 'x.pth')
    with pytest.raises(ModelError, match='Ask for the state dict alone'):
        read_weights(tmp_path / 'x.pth')


@pytest.mark.parametrize('content', [b'', b'no pickle at all', b'PK\x03\x04 broken', b'\x80\x02'])
def test_damaged_files_are_told(tmp_path, content):
    path = tmp_path / 'x.pth'
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r'x\.pth') as caught:
        read_weights(path)
    assert 'more than weights' not in str(caught.value)


@pytest.mark.parametrize('share', [0.3, 0.7, 0.99])
@pytest.mark.parametrize('new', [True, False])
def test_cut_files_are_told(tmp_path, share, new):
    path = tmp_path / 'x.pth'
    weights = {'model.1.weight': torch.zeros(4, 3, 7, 7)}
    torch.save(weights, path, _use_new_zipfile_serialization=new)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ModelError, match=r'x\.pth'):
        read_weights(path)


def test_a_damaged_safetensors_file_is_told(tmp_path):
    (tmp_path / 'x.safetensors').write_bytes(b'\xff' * 40)
    with pytest.raises(ModelError, match='Cannot read the checkpoint'):
        read_weights(tmp_path / 'x.safetensors')


def test_a_missing_file_and_a_folder_are_told(tmp_path):
    with pytest.raises(ModelError, match='No checkpoint at'):
        read_weights(tmp_path / 'absent.pth')
    with pytest.raises(ModelError, match='No checkpoint at'):
        read_weights(tmp_path)


def test_a_compressed_archive_is_refused_before_it_is_unpacked(tmp_path):
    """A bomb: 64 MB of zeros in a file of less than 100 kB."""
    plain, bomb = tmp_path / 'plain.pth', tmp_path / 'bomb.pth'
    torch.save({'model.1.weight': torch.zeros(4, 3, 7, 7)}, plain)
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(bomb, 'w', zipfile.ZIP_DEFLATED) as out:
        for member in source.infolist():
            data = source.read(member)
            out.writestr(member.filename, bytes(2**26) if member.filename.endswith('0') else data)
    assert bomb.stat().st_size < 100_000
    with pytest.raises(ModelError, match='compressed or overlapping archive'):
        read_weights(bomb)


def test_a_view_that_claims_more_than_its_data_is_refused(tmp_path):
    torch.save({'model.1.weight': torch.zeros(1).expand(2**20)}, tmp_path / 'x.pth')
    with pytest.raises(ModelError, match='claim more values than the file holds'):
        read_weights(tmp_path / 'x.pth')


def test_sparse_weights_are_refused(tmp_path):
    torch.save({'model.1.weight': torch.eye(4).to_sparse()}, tmp_path / 'x.pth')
    with pytest.raises(ModelError, match='no plain dense tensor'):
        read_weights(tmp_path / 'x.pth')


def test_a_file_that_is_too_large_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(
        'sim2real_ros.training.checkpoint_import.checkpoint_file.MAX_FILE_BYTES', 100
    )
    torch.save({'model.1.weight': torch.zeros(4, 3, 7, 7)}, tmp_path / 'x.pth')
    with pytest.raises(ModelError, match='larger than 100 bytes'):
        read_weights(tmp_path / 'x.pth')


def test_weights_are_found_by_their_place(tmp_path):
    content = {'a': {'w': torch.ones(1)}, 'b': {'c': {'w': torch.zeros(1)}}, 'epoch': 3}
    torch.save(content, tmp_path / 'x.pth')
    found = read_weights(tmp_path / 'x.pth')
    assert list(found) == ['a', 'b.c']
    assert found['b.c']['w'].item() == 0


def test_values_that_the_file_does_not_hold_are_refused(tmp_path):
    """The older format reserves memory first; what lies there is not the file's to give."""
    weights = {'model.1.weight': torch.zeros(4, 3, 7, 7)}
    path = tmp_path / 'x.pth'
    legacy(weights, path)
    content = path.read_bytes()
    size, shape = b'M' + struct.pack('<H', 588), b'(K\x04K\x03K\x07K\x07t'
    assert content.count(size) == content.count(shape) == 1
    content = content[: content.rindex(b'\x80\x02]')] + pickle.dumps([], 2)
    content = content.replace(size, b'J' + struct.pack('<i', 2**21))
    path.write_bytes(content.replace(shape, b'(J' + struct.pack('<i', 2**13) + shape[3:]))
    with pytest.raises(ModelError, match='claim more values than the file holds'):
        read_weights(path)


def test_a_dictionary_that_many_others_contain_is_looked_at_once(tmp_path):
    content = {'w': torch.ones(1)}
    for _ in range(3):
        content = {f'{number}': content for number in range(20)}
    torch.save(content, tmp_path / 'x.pth')
    assert list(read_weights(tmp_path / 'x.pth')) == ['0.0.0']


def test_dictionaries_are_looked_for_to_a_depth(tmp_path):
    content = {'w': torch.ones(1)}
    for _ in range(4):
        content = {'a': content}
    torch.save(content, tmp_path / 'x.pth')
    assert list(read_weights(tmp_path / 'x.pth')) == ['a.a.a.a']
    torch.save({'a': content}, tmp_path / 'x.pth')
    with pytest.raises(ModelError, match='holds no weights'):
        read_weights(tmp_path / 'x.pth')


@pytest.mark.parametrize('name', ['items', 'numel', 'detach', 'is_floating_point'])
def test_attributes_that_a_file_sets_do_not_matter(tmp_path, name):
    stand_in = f'@{name[1:]}'
    tensor, weights = torch.ones(3), OrderedDict()
    setattr(tensor, stand_in, 5)
    setattr(weights, stand_in, 5)
    weights['w'] = tensor
    torch.save(weights, tmp_path / 'plain.pth')
    with (
        zipfile.ZipFile(tmp_path / 'plain.pth') as plain,
        zipfile.ZipFile(tmp_path / 'x.pth', 'w') as hostile,
    ):
        for member in plain.namelist():
            data = plain.read(member)
            assert member.endswith('data.pkl') == (stand_in.encode() in data)
            hostile.writestr(member, data.replace(stand_in.encode(), name.encode()))
    found = read_weights(tmp_path / 'x.pth')['']['w']
    assert found.is_floating_point()
    assert found.detach().numel() == 3


SMALL = Resnet(blocks=1).state_dict()
SHARED = {
    f'model.{block}.conv_block.{place}.weight': SMALL['model.10.conv_block.1.weight']
    for block in range(11, 40)
    for place in (1, 5)
}


@pytest.mark.parametrize(
    ('changes', 'reason'),
    [
        ({'model.1.weight': torch.ones(4, 3, 7, 7, dtype=torch.int32)}, r'are torch\.int32'),
        ({'model.4.bias': torch.ones(8, dtype=torch.complex64)}, r'are torch\.complex64'),
        # The body would take 260 GB.
        ({'model.1.weight': torch.ones(20_000, 3, 7, 7)}, 'do not fit a resnet_1blocks'),
        (SHARED, r'claim \d+ bytes, more than the \d+ of their file'),
        ({'model.7.filt': torch.tensor(1.0)}, r"'model\.7\.filt' is no kernel of CUT"),
        ({'model.7.filt': torch.ones(1, 1, 4, 3)}, r"'model\.7\.filt' is no kernel of CUT"),
        ({f'model.{"9" * 5000}.weight': torch.ones(1, 1, 1, 1)}, 'do not fit a resnet_1blocks'),
        ({'model.\u0663.weight': torch.ones(1, 1, 1, 1)}, 'do not fit a resnet_1blocks'),
        ({'model.011.weight': torch.ones(1, 1, 1, 1)}, 'do not fit a resnet_1blocks'),
        ({'model.model.0.weight': torch.tensor(1.0)}, 'do not fit a resnet_1blocks'),
    ],
)
def test_weights_that_no_generator_has_are_refused(tmp_path, changes, reason):
    torch.save({**SMALL, **changes}, tmp_path / 'x.pth')
    with pytest.raises(ModelError, match=reason):
        load_generator_checkpoint(tmp_path / 'x.pth')


@pytest.mark.parametrize('last', [{}, {'model.model.3.weight': torch.tensor(1.0)}])
def test_a_unet_without_its_end_is_refused(tmp_path, last):
    weights = dict(Unet().state_dict())
    del weights['model.model.3.weight']
    torch.save({**weights, **last}, tmp_path / 'x.pth')
    with pytest.raises(ModelError, match='lacks its last convolution'):
        load_generator_checkpoint(tmp_path / 'x.pth')
