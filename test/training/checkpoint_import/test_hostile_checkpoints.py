import pickle
import zipfile
from pathlib import Path

import pytest
import torch

from sim2real_ros.errors import ModelError
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


@pytest.mark.parametrize('save', [torch.save, legacy, plain_pickle])
@pytest.mark.parametrize('hostile', [Touch, Shell])
def test_code_in_a_checkpoint_is_never_run(tmp_path, save, hostile):
    trace, path = tmp_path / 'owned', tmp_path / 'latest_net_G.pth'
    save({'model.1.weight': torch.zeros(4, 3, 7, 7), 'x': hostile(trace)}, path)
    with pytest.raises(ModelError, match='refused: it holds more than weights') as caught:
        read_weights(path)
    assert 'torch.save(net.state_dict(), path)' in str(caught.value)
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
    with pytest.raises(ModelError, match=r'x\.pth'):
        read_weights(path)


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
