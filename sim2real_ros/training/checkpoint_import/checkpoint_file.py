"""Read weights out of a checkpoint of somebody else without running anything of it.

A ``.pth`` file is a pickle, and a pickle is a program. torch's own restricted reader builds
tensors and plain containers from it and nothing else; everything besides is refused here.
"""

import pickle
import re
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from sim2real_ros.errors import ModelError

Weights = dict[str, torch.Tensor]

MAX_FILE_BYTES = 4 * 2**30
"""Far above any image generator; a file beyond it is another thing or an attack."""

MAX_MEMBERS = 100_000
MAX_DEPTH = 4
"""How deep weights may lie in dictionaries."""

_ARCHIVE_START = b'PK\x03\x04'


def read_weights(path: str | Path) -> dict[str, Weights]:
    """Read every set of weights of a checkpoint file.

    Args:
        path: What ``torch.save`` wrote, old or new format, or a ``.safetensors`` file.

    Returns:
        Name -> weights; the name is '' for a file that is one state dict, else the keys of the
        dictionaries that it lies in, joined by dots (``state_dict``, ``netG_A``).

    Raises:
        ModelError: No such file, too large, damaged, or it holds more than plain weights.
    """
    path = Path(path)
    content, size = _load(path)
    found = {
        name: {key: _plain(key, value, size) for key, value in tensors.items()}
        for name, tensors in _tensor_sets(content)
    }
    if not found:
        raise ModelError(
            f'{str(path)!r} holds no weights: expected a state dict, such as '
            f'latest_net_G_A.pth, found {_described(content)}.'
        )
    return found


def _load(path: Path) -> tuple[object, int]:
    """Return what the file holds, and its number of bytes."""
    try:
        if not path.is_file():
            raise ModelError(f'No checkpoint at {str(path.absolute())!r}.')
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise ModelError(f'{str(path)!r} is larger than {MAX_FILE_BYTES} bytes.')
        if path.suffix == '.safetensors':
            return load_file(path), size
        if _begins_as_archive(path):
            _check_archive(path, size)
        with warnings.catch_warnings():
            # About pickle's dialects; what cannot be read is an error.
            warnings.simplefilter('ignore')
            return torch.load(path, map_location='cpu', weights_only=True), size
    except (pickle.UnpicklingError, AttributeError) as error:
        raise ModelError(_refusal(path, error)) from error
    except (OSError, SafetensorError, zipfile.BadZipFile) as error:
        raise ModelError(f'Cannot read the checkpoint {str(path)!r}: {error}.') from error
    # A damaged pickle fails in any way that the interpreter of pickles can fail.
    except (
        *(EOFError, ValueError, TypeError, LookupError, RuntimeError, AssertionError),
        *(MemoryError, OverflowError, RecursionError, NotImplementedError),
    ) as error:
        raise ModelError(
            f'{str(path)!r} is damaged or no torch checkpoint: {_one_line(error)}.'
        ) from error


def _refusal(path: Path, error: Exception) -> str:
    """Say why torch's restricted reader gave up, without its advice to trust the file."""
    reason = _one_line(error)
    if 'Unsupported operand' in reason:
        return f'{str(path)!r} is damaged or no torch checkpoint: {reason}.'
    return (
        f'{str(path)!r} is refused: it holds more than weights, so loading it could run foreign '
        f'code ({reason}). Ask for the state dict alone: torch.save(net.state_dict(), path).'
    )


def _begins_as_archive(path: Path) -> bool:
    """Tell whether torch will read it as an archive; it looks at nothing else."""
    with path.open('rb') as file:
        return file.read(len(_ARCHIVE_START)) == _ARCHIVE_START


def _check_archive(path: Path, size: int) -> None:
    """Refuse archives that are larger than they look; torch itself stores without compression."""
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
    if len(members) > MAX_MEMBERS or sum(member.file_size for member in members) > size:
        raise ModelError(
            f'{str(path)!r} is refused: a compressed or overlapping archive, which torch.save '
            'does not write.'
        )


def _tensor_sets(content: object) -> Iterator[tuple[str, Weights]]:
    """Yield every dictionary that has tensors; each once, however many others contain it."""
    dictionaries = [('', content, 0)] if isinstance(content, dict) else []
    seen: set[int] = set()
    for name, dictionary, depth in dictionaries:
        if depth > MAX_DEPTH or id(dictionary) in seen:
            continue
        seen.add(id(dictionary))
        # The file may have set attributes of objects: their own methods cannot be relied on.
        items = [(key, each) for key, each in dict.items(dictionary) if isinstance(key, str)]
        tensors = {key: each for key, each in items if isinstance(each, torch.Tensor)}
        if tensors:
            yield name, tensors
        for key, each in items:
            if isinstance(each, dict):
                # The list grows while it is gone through.
                dictionaries.append((f'{name}.{key}' if name else key, each, depth + 1))


def _plain(name: str, value: torch.Tensor, file_bytes: int) -> torch.Tensor:
    """Return a tensor without attributes; one that is larger than its file pretends to be so."""
    strange = type(value) not in (torch.Tensor, nn.Parameter) or value.layout != torch.strided
    if strange or value.is_quantized or value.is_nested or value.device.type != 'cpu':
        raise ModelError(f'The weights {name[:200]!r} are no plain dense tensor.')
    plain = torch.Tensor.detach(value)
    if plain.nbytes > file_bytes:
        raise ModelError(f'The weights {name[:200]!r} claim more values than the file holds.')
    return plain


def _described(content: object) -> str:
    if isinstance(content, dict):
        return f'keys {[str(key)[:40] for key in list(dict.keys(content))[:8]]!r}'
    return f'{type(content).__name__}'


def _one_line(error: Exception) -> str:
    text = ' '.join(str(error).split()).rpartition('WeightsUnpickler error: ')[2]
    # What follows is how to load it nevertheless.
    reason = re.split(r' Please use| Check the documentation| In PyTorch 2', text)[0]
    return reason.rstrip('.')[:200] or type(error).__name__
