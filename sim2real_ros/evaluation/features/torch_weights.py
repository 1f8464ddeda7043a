"""Weights files of PyTorch (.pth), read without PyTorch and without running what is in them."""

import io
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sim2real_ros.errors import ModelError
from sim2real_ros.evaluation.features.tensor_pickle import (
    Storage,
    TensorView,
    read_description,
    tensors_below,
)

MAX_FILE_BYTES = 2**30
"""Largest file to read, and the most that its tensors may take in memory."""

Array = npt.NDArray[Any]

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL = 1001
_COUNT_BYTES = 8

_ARCHIVE_ERRORS = (
    *(zipfile.BadZipFile, OSError, EOFError, RuntimeError, ValueError, struct.error),
    *(OverflowError, LookupError, MemoryError),
)
"""What zipfile raises on damaged archives."""


def read_torch_weights(path: str | Path) -> dict[str, Array]:
    """Read the state dictionary of a network.

    Both layouts of ``torch.save`` are known: the zip archive, and the one before PyTorch 1.6.

    Args:
        path: A ``.pth`` file that holds tensors by name and nothing else.

    Returns:
        Arrays of their own, C-contiguous, by name.

    Raises:
        ModelError: The file is missing, larger than 1 GiB, damaged, or holds anything besides
            tensors.
    """
    content = _read(Path(path))
    return parse_torch_weights(content, str(path))


def parse_torch_weights(content: bytes, where: str) -> dict[str, Array]:
    """Read a state dictionary from the bytes of a weights file.

    Args:
        content: The whole file.
        where: What it came from, for error messages.

    Raises:
        ModelError: As ``read_torch_weights``.
    """
    is_archive = content.startswith(b'PK\x03\x04')
    try:
        return _from_archive(content) if is_archive else _from_legacy(content)
    except (ModelError, *_ARCHIVE_ERRORS) as error:
        raise ModelError(
            f'The weights {where!r} cannot be read: {error}. Expected what '
            'torch.save(network.state_dict(), path) writes.'
        ) from error


def _read(path: Path) -> bytes:
    try:
        with path.open('rb') as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        raise ModelError(f'Cannot read the weights {str(path)!r}: {error}.') from error
    if len(content) > MAX_FILE_BYTES:
        raise ModelError(f'The weights {str(path)!r} are larger than {MAX_FILE_BYTES} bytes.')
    return content


def _from_archive(content: bytes) -> dict[str, Array]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = {info.filename: info for info in archive.infolist()}
        descriptions = [name for name in entries if name.endswith('/data.pkl')]
        if len(descriptions) != 1:
            raise ModelError(f'its archive has {len(descriptions)} descriptions of tensors, not 1')
        root = descriptions[0].removesuffix('data.pkl')

        def read(name: str) -> bytes:
            info = entries.get(root + name)
            # Stored entries only: none of them, unpacked, is larger than the file.
            if info is None or info.compress_type != zipfile.ZIP_STORED:
                raise ModelError(f'its entry {name[:100]!r} is missing or compressed')
            return archive.read(info)

        if f'{root}byteorder' in entries and read('byteorder') != b'little':
            raise ModelError('its numbers are big-endian')
        described = read_description(io.BytesIO(read('data.pkl')))
        return _tensors(described, lambda storage: read(f'data/{storage.key}'))


def _from_legacy(content: bytes) -> dict[str, Array]:
    file = io.BytesIO(content)
    if read_description(file) != _LEGACY_MAGIC or read_description(file) != _LEGACY_PROTOCOL:
        raise ModelError('it is no file of PyTorch')
    system = read_description(file)
    if not isinstance(system, dict) or system.get('little_endian') is not True:
        raise ModelError('its numbers are not little-endian')
    described = read_description(file)
    keys = read_description(file)
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise ModelError('its list of storages is damaged')
    sizes = {view.storage.key: view.storage for _, view in tensors_below(described)}
    places: dict[str, int] = {}
    place = file.tell()
    for key in keys:
        if key not in sizes:
            raise ModelError(f'its storage {key[:100]!r} belongs to no tensor')
        places[key] = place + _COUNT_BYTES
        place = places[key] + _bytes_of(sizes[key])

    def read(storage: Storage) -> bytes:
        begin = places.get(storage.key)
        if begin is None or _count_before(content, begin) != storage.count:
            raise ModelError(f'its storage {storage.key[:100]!r} is missing or of another size')
        return content[begin : begin + _bytes_of(storage)]

    return _tensors(described, read)


def _count_before(content: bytes, begin: int) -> int:
    return int.from_bytes(content[begin - _COUNT_BYTES : begin], 'little', signed=True)


def _bytes_of(storage: Storage) -> int:
    return storage.count * np.dtype(storage.dtype).itemsize


def _tensors(described: Any, read: Callable[[Storage], bytes]) -> dict[str, Array]:
    views: Mapping[str, TensorView] = dict(tensors_below(described))
    needed = sum(
        _extent(view.shape) * np.dtype(view.storage.dtype).itemsize for view in views.values()
    )
    if needed > MAX_FILE_BYTES:
        raise ModelError(f'its tensors would take {needed} bytes of memory')
    return {name: _array(view, read(view.storage)) for name, view in views.items()}


def _array(view: TensorView, content: bytes) -> Array:
    if len(content) != _bytes_of(view.storage):
        raise ModelError(f'its storage {view.storage.key[:100]!r} is cut off')
    numbers = np.frombuffer(content, view.storage.dtype)
    count = _extent(view.shape)
    last = view.offset + sum(
        (size - 1) * stride for size, stride in zip(view.shape, view.strides, strict=True)
    )
    # A tensor that repeats numbers (stride 0) could be of any size: no weights are such.
    if count and (last >= len(numbers) or count > len(numbers)):
        raise ModelError('it has a tensor that reaches out of its storage')
    if not count:
        return np.zeros(view.shape, numbers.dtype)
    strides = [stride * numbers.itemsize for stride in view.strides]
    seen = np.lib.stride_tricks.as_strided(numbers[view.offset :], view.shape, strides)
    return np.array(seen, order='C')


def _extent(shape: tuple[int, ...]) -> int:
    count = 1
    for size in shape:
        count *= size
    return count
