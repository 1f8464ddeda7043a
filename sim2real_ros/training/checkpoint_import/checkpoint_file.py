"""Read weights out of a checkpoint of somebody else without running anything of it.

A ``.pth`` file is a pickle, and a pickle is a program. torch's own restricted reader builds
tensors and plain containers from it and nothing else; everything besides is refused here.
"""

import pickle
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from sim2real_ros.errors import ModelError

Weights = dict[str, torch.Tensor]

MAX_FILE_BYTES = 4 * 2**30
"""Far above any image generator; a file beyond it is another thing or an attack."""

MAX_MEMBERS = 100_000
MAX_DEPTH = 4
"""How deep weights may lie in dictionaries."""


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
    content = _load(path)
    found = dict(_weight_sets(content, ''))
    if not found:
        raise ModelError(
            f'{str(path)!r} holds no weights: expected a state dict, such as '
            f'latest_net_G_A.pth, found {_described(content)}.'
        )
    return found


def _load(path: Path) -> object:
    try:
        if not path.is_file():
            raise ModelError(f'No checkpoint at {str(path.absolute())!r}.')
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise ModelError(f'{str(path)!r} is larger than {MAX_FILE_BYTES} bytes.')
        if path.suffix == '.safetensors':
            return load_file(path)
        if zipfile.is_zipfile(path):
            _check_archive(path, size)
        with warnings.catch_warnings():
            # About pickle's dialects; what cannot be read is an error.
            warnings.simplefilter('ignore')
            return torch.load(path, map_location='cpu', weights_only=True)
    except (pickle.UnpicklingError, AttributeError) as error:
        raise ModelError(
            f'{str(path)!r} is refused: it holds more than weights, so loading it could run '
            f'foreign code ({_one_line(error)}). Ask for the state dict alone: '
            'torch.save(net.state_dict(), path).'
        ) from error
    except (OSError, SafetensorError, zipfile.BadZipFile) as error:
        raise ModelError(f'Cannot read the checkpoint {str(path)!r}: {error}.') from error
    # A damaged pickle fails in any way that the interpreter of pickles can fail.
    except (
        *(EOFError, ValueError, TypeError, LookupError, RuntimeError, AssertionError),
        *(MemoryError, OverflowError, RecursionError, NotImplementedError),
    ) as error:
        raise ModelError(
            f'{str(path)!r} is damaged or no torch checkpoint: {_one_line(error)}'
        ) from error


def _check_archive(path: Path, size: int) -> None:
    """Refuse archives that are larger than they look; torch itself stores without compression."""
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
    if len(members) > MAX_MEMBERS or sum(member.file_size for member in members) > size:
        raise ModelError(
            f'{str(path)!r} is refused: a compressed or overlapping archive, which torch.save '
            'does not write.'
        )


def _weight_sets(content: object, name: str, depth: int = 0) -> Iterator[tuple[str, Weights]]:
    if not isinstance(content, Mapping) or depth > MAX_DEPTH:
        return
    tensors = {key: value for key, value in content.items() if isinstance(value, torch.Tensor)}
    if tensors and all(isinstance(key, str) for key in tensors):
        yield name, {key: _checked(key, value) for key, value in tensors.items()}
    for key, value in content.items():
        if isinstance(key, str):
            yield from _weight_sets(value, f'{name}.{key}' if name else key, depth + 1)


def _checked(name: str, value: torch.Tensor) -> torch.Tensor:
    """Return a plain tensor; a view that pretends to be larger than its data is none."""
    if value.layout != torch.strided or value.is_quantized or value.device.type != 'cpu':
        raise ModelError(f'The weights {name[:200]!r} are no plain dense tensor.')
    if value.numel() * value.element_size() > value.untyped_storage().nbytes():
        raise ModelError(f'The weights {name[:200]!r} claim more values than the file holds.')
    return value.detach()


def _described(content: object) -> str:
    if isinstance(content, Mapping):
        return f'keys {[str(key)[:40] for key in list(content)[:8]]!r}'
    return f'{type(content).__name__}'


def _one_line(error: Any) -> str:
    return ' '.join(str(error).split())[:200]
