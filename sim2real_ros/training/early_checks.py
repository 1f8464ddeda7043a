"""What is wrong with the words of a verb, found without torch, which takes seconds to load."""

import json
import re
import shlex
from pathlib import Path

from sim2real_ros.errors import ConfigError, ModelError, TrainingError
from sim2real_ros.runtime.model_path import check_writable
from sim2real_ros.training.engine.checkpoint_mark import METADATA_KEY, NETWORKS

SIZE_NEEDED = 'To keep a region, name one size: --keep-region needs --size 512x384.'

_MAX_HEADER_BYTES = 100_000_000
"""The limit of the safetensors format itself."""


def check_export(
    run: str | Path,
    output: str | Path,
    size: tuple[int, int] | None,
    *,
    keep_region: bool,
    force: bool,
) -> None:
    """Look at what `sim2real export` is asked for.

    Args:
        run: Folder of the run.
        output: The model file to write.
        size: (width, height) of the model; None = any.
        keep_region: Whether what training did not look at is to be kept.
        force: Whether an existing model may be replaced.

    Raises:
        ModelError: ``output`` cannot be written to.
        ConfigError: A region is to be kept at any size.
        TrainingError: There is no such folder.
    """
    check_writable(output, force=force)
    if keep_region and size is None:
        raise ConfigError(SIZE_NEEDED)
    if not Path(run).is_dir():
        raise TrainingError(
            f'{str(run)!r} holds no run: there is no such folder. Expected the folder that '
            '`sim2real train -o` was given.'
        )


def check_import(checkpoint: str | Path, output: str | Path, *, force: bool) -> None:
    """Look at what `sim2real import-checkpoint` is asked for.

    Args:
        checkpoint: The file of the original programs.
        output: The model file to write.
        force: Whether an existing model may be replaced.

    Raises:
        ModelError: There is no such file, it is a model or a checkpoint of a run of our own, or
            ``output`` cannot be written to.
    """
    path = Path(checkpoint)
    try:
        if not path.is_file():
            raise ModelError(f'No checkpoint at {str(path.absolute())!r}.')
        own = _run_and_step(path) if path.suffix == '.safetensors' else None
    except (OSError, ValueError) as error:
        raise ModelError(f'Cannot read the checkpoint {str(path)!r}: {error}.') from error
    if path.suffix == '.onnx':
        raise ModelError(
            f'{str(path)!r} is a model already: look at it with `sim2real inspect {_word(path)}`.'
        )
    if own is not None:
        run, step = own
        raise ModelError(
            f'{str(path)!r} is a checkpoint of a run of `sim2real train`: write it as a model '
            f'with `sim2real export {_word(run)} --which {step} -o {_word(output)}`.'
        )
    check_writable(output, force=force)


def _word(path: str | Path) -> str:
    """Write a path as a word of a command."""
    return shlex.quote(str(path))


def _run_and_step(path: Path) -> tuple[str, str] | None:
    """Return folder and step of the run that wrote a file; None where it is somebody else's."""
    header = _header(path)
    metadata = header.get('__metadata__')
    signed = isinstance(metadata, dict) and METADATA_KEY in metadata
    if not signed and not any(name.startswith(NETWORKS) for name in header):
        return None
    in_place = path.absolute().parent.name == 'checkpoints'
    match = re.fullmatch(r'step_(\d+)', path.stem)
    return str(path.parent.parent) if in_place else 'RUN', str(int(match[1])) if match else 'STEP'


def _header(path: Path) -> dict[str, object]:
    """Read what a safetensors file says of its tensors; {} where that is not to be understood."""
    with path.open('rb') as file:
        length = int.from_bytes(file.read(8), 'little')
        text = file.read(length) if length <= _MAX_HEADER_BYTES else b''
    try:
        header = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return header if isinstance(header, dict) else {}
