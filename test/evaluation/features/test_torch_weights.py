import collections
import io
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2real_ros.errors import ModelError
from sim2real_ros.evaluation.features.tensor_pickle import read_description
from sim2real_ros.evaluation.features.torch_weights import parse_torch_weights, read_torch_weights


def weights():
    """A state dictionary with every kind of tensor that networks have."""
    generator = torch.Generator().manual_seed(3)
    shared = torch.randn(6, generator=generator)
    return collections.OrderedDict(
        {
            'conv.weight': torch.randn(4, 3, 3, 2, generator=generator).permute(3, 1, 0, 2),
            'norm.count': torch.tensor(7),
            'half': torch.randn(5, generator=generator).half(),
            'double': torch.randn(2, 2, generator=generator).double(),
            'mask': torch.tensor([True, False]),
            'part': shared[2:5],
            'all': shared,
            'parameter': torch.nn.Parameter(torch.ones(2)),
            'empty': torch.zeros(0, 3),
            'small': torch.tensor([-3, 4], dtype=torch.int8),
        }
    )


def saved(state, zipped):
    file = io.BytesIO()
    torch.save(state, file, _use_new_zipfile_serialization=zipped)
    return file.getvalue()


@pytest.mark.parametrize('zipped', [True, False])
def test_weights_equal_what_torch_reads(zipped, tmp_path):
    path = tmp_path / 'weights.pth'
    path.write_bytes(saved(weights(), zipped))
    expected = torch.load(path, weights_only=True)
    found = read_torch_weights(path)
    assert list(found) == list(expected)
    for name, tensor in expected.items():
        array = tensor.detach().numpy()
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype
        assert found[name].flags.c_contiguous
        assert found[name].flags.owndata


@pytest.mark.parametrize('zipped', [True, False])
def test_weights_of_a_module_are_read(zipped):
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    found = parse_torch_weights(saved(module.state_dict(), zipped), 'here')
    for name, tensor in module.state_dict().items():
        np.testing.assert_array_equal(found[name], tensor.numpy())


def test_weights_of_python_2_are_read():
    # Its pickles make an OrderedDict of a list of pairs, and text of bytes.
    class Persistent(pickle._Pickler):
        def persistent_id(self, item):
            return item.persistent if isinstance(item, Key) else None

    class Key:
        persistent = ('storage', torch.FloatStorage, '17', 'cuda:0', 3, None)

    class Tensor:
        def __reduce__(self):
            return torch._utils._rebuild_tensor_v2, (Key(), 1, (2,), (1,), False, None)

    class Pairs(collections.OrderedDict):
        def __reduce__(self):
            return collections.OrderedDict, ([['lin', Tensor()]],)

    file = io.BytesIO()
    system = {'protocol_version': 1001, 'little_endian': True, 'type_sizes': {'int': 4}}
    for value in (0x1950A86A20F9469CFC6C, 1001, system):
        pickle.dump(value, file, protocol=2)
    Persistent(file, protocol=2).dump(Pairs())
    pickle.dump(['17'], file, protocol=2)
    file.write((3).to_bytes(8, 'little') + np.array([1, 2, 3], '<f4').tobytes())
    np.testing.assert_array_equal(parse_torch_weights(file.getvalue(), 'x')['lin'], [2, 3])


class Trap:
    """What a pickle may do when it is opened."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize('zipped', [True, False])
@pytest.mark.parametrize('hide', ['value', 'key-like', 'attribute'])
def test_weights_never_run_what_they_hold(zipped, hide, tmp_path):
    trapped = tmp_path / 'trapped'
    state = weights()
    if hide == 'value':
        state['trap'] = Trap(trapped)
    elif hide == 'key-like':
        state['list'] = [torch.ones(1), Trap(trapped)]
    else:
        state._metadata = Trap(trapped)
    with pytest.raises(ModelError, match=r"^The weights 'x' cannot be read: it asks for"):
        parse_torch_weights(saved(state, zipped), 'x')
    assert not trapped.exists()


OPCODES = {
    b'\x80\x02cos\nsystem\nX\x01\x00\x00\x00a\x85R.': 'asks for',
    b'\x80\x02cbuiltins\neval\n.': 'asks for',
    b'\x80\x02ctorch\nload\n.': 'asks for',
    b'\x80\x04\x8c\x02os\x8c\x06system\x93.': 'asks for',
    b'\x80\x02ccollections\nOrderedDict\n)\x81.': 'NEWOBJ',
    b"\x80\x02(S'a'\nios\nsystem\n.": 'STRING|INST',
    b'\x80\x02\x82\x01.': 'EXT1',
    b'\x80\x02Pabc\n.': 'PERSID',
    b'\x80\x02X\x01\x00\x00\x00aX\x01\x00\x00\x00bR.': 'makes no tensor',
    b'\x80\x02}X\x01\x00\x00\x00ab.': '',
    b'\x80\x02]K\x01b.': 'no dictionary',
    b'\x80\x02K\x01K\x02a.': 'no list',
    b'\x80\x02}K\x01K\x02s.': 'no text but int',
    b'\x80\x02}((K\x01tK\x02u.': 'no text but tuple',
    b'\x80\x02h\x05.': 'damaged',
    b'\x80\x02K\x01K\x02.': 'damaged',
    b'\x80\x02K\x01': 'damaged',
    b'\x80\x02a.': 'takes more than it has',
    b'\x80\x02u.': 'takes more than it has',
    b'\x80\x02(\x85.': 'takes more than it has',
    b'\x80\x02K\x01Q.': 'damaged',
}


@pytest.mark.parametrize(('content', 'message'), OPCODES.items())
def test_descriptions_hold_tensors_alone(content, message):
    if not message:
        assert read_description(io.BytesIO(content)) == {}
        return
    with pytest.raises(ModelError, match=message):
        read_description(io.BytesIO(content))


def test_descriptions_survive_deep_nesting():
    # Where the kind of a storage is looked up, a deep tuple would be hashed: a crash from here on.
    deep = b')' + b'\x85' * 250_000
    content = b'\x80\x02(X\x07\x00\x00\x00storage' + deep + b'NNNtQ.'
    with pytest.raises(ModelError, match='no storage of its own'):
        read_description(io.BytesIO(content))


def test_descriptions_end(monkeypatch):
    monkeypatch.setattr('sim2real_ros.evaluation.features.tensor_pickle.MAX_STEPS', 100)
    with pytest.raises(ModelError, match='more than 100 steps'):
        read_description(io.BytesIO(b'N' * 200))


def test_memo_of_a_huge_index_takes_no_memory():
    # Python's own unpickler would reserve 64 GiB.
    assert read_description(
        io.BytesIO(b'\x80\x02K\x05r\xff\xff\xff\xffj\xff\xff\xff\xff\x86.')
    ) == (
        5,
        5,
    )


def described(offset, shape, strides, count=6):
    """A legacy file with one tensor of a storage of six floats."""

    class Key:
        persistent = ('storage', torch.FloatStorage, '1', 'cpu', count, None)

    class Tensor:
        def __reduce__(self):
            return torch._utils._rebuild_tensor_v2, (Key(), offset, shape, strides, False, None)

    class Persistent(pickle._Pickler):
        def persistent_id(self, item):
            return item.persistent if isinstance(item, Key) else None

    file = io.BytesIO()
    for value in (0x1950A86A20F9469CFC6C, 1001, {'little_endian': True}):
        pickle.dump(value, file, protocol=2)
    Persistent(file, protocol=2).dump({'a': Tensor()})
    pickle.dump(['1'], file, protocol=2)
    file.write((6).to_bytes(8, 'little') + np.arange(6, dtype='<f4').tobytes())
    return file.getvalue()


def test_weights_follow_offset_and_strides():
    found = parse_torch_weights(described(1, (2, 2), (3, 1)), 'x')['a']
    np.testing.assert_array_equal(found, [[1, 2], [4, 5]])


@pytest.mark.parametrize(
    ('offset', 'shape', 'strides', 'count', 'message'),
    [
        (0, (7,), (1,), 6, 'reaches out'),
        (3, (4,), (1,), 6, 'reaches out'),
        (0, (2, 4), (3, 1), 6, 'reaches out'),
        (-1, (2,), (1,), 6, 'no sensible number'),
        (0, (2,), (-1,), 6, 'no sensible number'),
        (0, (7,), (0,), 6, 'reaches out'),
        (0, (2**40,), (0,), 6, 'bytes of memory'),
        (0, (2**40, 2**40), (0, 0), 6, 'bytes of memory'),
        (0, (2**60,), (1,), 6, 'no sensible number'),
        (0, (2, 2), (1,), 6, 'differ in number'),
        (0, (2,), (1,), 7, 'missing or of another size'),
        (0, (2.0,), (1,), 6, 'BINFLOAT'),
        (0, [2], (1,), 6, 'no storage'),
        (0, (True,), (1,), 6, 'no sensible number'),
    ],
)
def test_weights_stay_inside_of_their_storage(offset, shape, strides, count, message):
    with pytest.raises(ModelError, match=message):
        parse_torch_weights(described(offset, shape, strides, count), 'x')


def test_weights_refuse_damaged_archives():
    content = saved(weights(), True)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = {info.filename: archive.read(info) for info in archive.infolist()}

    def changed(compression=zipfile.ZIP_STORED, **changes):
        file = io.BytesIO()
        with zipfile.ZipFile(file, 'w', compression) as archive:
            for name, data in {**entries, **changes}.items():
                if data is not None:
                    archive.writestr(name, data)
        return file.getvalue()

    root = next(name for name in entries if name.endswith('data.pkl')).removesuffix('data.pkl')
    assert len(parse_torch_weights(changed(), 'x')) == len(weights())
    cases = {
        changed(zipfile.ZIP_DEFLATED): 'missing or compressed',
        changed(**{f'{root}data/0': entries[f'{root}data/0'][:-1]}): 'is cut off',
        changed(**{f'{root}data/0': None}): 'missing or compressed',
        changed(**{f'{root}byteorder': b'big'}): 'big-endian',
        changed(**{'other/data.pkl': b''}): '2 descriptions',
        changed(**{f'{root}data.pkl': None}): '0 descriptions',
    }
    for content, message in cases.items():
        with pytest.raises(ModelError, match=message):
            parse_torch_weights(content, 'x')


@pytest.mark.parametrize(
    ('state', 'message'),
    [
        ({'epoch': 5}, "'epoch' in it is no tensor"),
        ({'state_dict': {'a': torch.ones(1)}}, "'state_dict' in it is no tensor"),
        ({}, 'no state dictionary'),
        ([torch.ones(1)], 'no state dictionary'),
        ({'a': torch.ones(1, dtype=torch.bfloat16)}, 'BFloat16Storage'),
    ],
)
@pytest.mark.parametrize('zipped', [True, False])
def test_weights_are_tensors_by_name(state, message, zipped):
    with pytest.raises(ModelError, match=message):
        parse_torch_weights(saved(state, zipped), 'x')


def test_weights_say_what_is_missing_or_too_large(tmp_path, monkeypatch):
    with pytest.raises(ModelError, match=r'Cannot read the weights .*nowhere\.pth'):
        read_torch_weights(tmp_path / 'nowhere.pth')
    monkeypatch.setattr('sim2real_ros.evaluation.features.torch_weights.MAX_FILE_BYTES', 100)
    path = tmp_path / 'weights.pth'
    path.write_bytes(bytes(101))
    with pytest.raises(ModelError, match='larger than 100 bytes'):
        read_torch_weights(path)


CONTENTS = [saved({'a': torch.arange(3.0), 'b': torch.ones(2, 2)}, zipped) for zipped in (1, 0)]


@settings(max_examples=150, deadline=None)
@given(data=st.data(), which=st.sampled_from([0, 1]))
def test_any_damage_is_a_model_error(data, which):
    content = bytearray(CONTENTS[which])
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    for damaged in (bytes(content), bytes(content[:cut])):
        try:
            found = parse_torch_weights(damaged, 'x')
        except ModelError:
            continue
        assert all(isinstance(array, np.ndarray) for array in found.values())


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_model_error(content):
    for start in (b'', b'PK\x03\x04', b'\x80\x02', CONTENTS[1][:60]):
        with pytest.raises(ModelError):
            parse_torch_weights(start + content, 'x')


def test_weights_need_no_torch(tmp_path):
    path = tmp_path / 'weights.pth'
    path.write_bytes(CONTENTS[0])
    code = (
        "import sys; sys.modules['torch'] = None\n"
        'from sim2real_ros.evaluation.features.torch_weights import read_torch_weights\n'
        f"print(read_torch_weights({str(path)!r})['a'].tolist())\n"
    )
    root = Path(__file__).parents[3]
    finished = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, check=True, cwd=root
    )
    assert finished.stdout.strip() == '[0.0, 1.0, 2.0]'
