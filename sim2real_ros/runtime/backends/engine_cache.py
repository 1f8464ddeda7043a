"""Where TensorRT keeps the engines that take minutes to build, and what they depend on."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from sim2real_ros.runtime.model_file import ModelFile

Shapes = Mapping[str, Sequence[int | None]]


@dataclass(frozen=True)
class EngineIdentity:
    """Everything that an engine depends on; another value of any makes another engine.

    Attributes:
        model_sha256: Of the model file, weights included.
        shapes: Of the inputs; None = open.
        precision: Of the layers.
        onnxruntime: Its version.
        tensorrt: Its version, as the loaded library tells.
        gpu: Name of the GPU.
    """

    model_sha256: str
    shapes: Shapes
    precision: str
    onnxruntime: str
    tensorrt: int
    gpu: str

    def engine_key(self) -> str:
        """Return the name of the folder of the engine: hexadecimal, so it can leave no folder."""
        return _digest(asdict(self))

    def timing_key(self) -> str:
        """Return the name of the folder of layer timings, which serve all models of a GPU."""
        return _digest({'tensorrt': self.tensorrt, 'gpu': self.gpu})


def engine_identity(
    model: ModelFile, precision: str, onnxruntime: str, tensorrt: int, gpu: str
) -> EngineIdentity | None:
    """Say what an engine of this model depends on.

    Returns:
        None for a model that keeps weights in other files, which its hash does not cover: its
        engine must not be kept.
    """
    if not model.content:
        return None
    shapes = {tensor.name: tensor.shape for tensor in model.inputs}
    return EngineIdentity(model.sha256, shapes, precision, onnxruntime, tensorrt, gpu)


def cache_root(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of all engines; nothing is made.

    Args:
        environment: Of the process; ``XDG_CACHE_HOME`` counts where it is absolute, as its
            specification demands.
    """
    named = Path(environment.get('XDG_CACHE_HOME', ''))
    base = named if named.is_absolute() else Path.home() / '.cache'
    return base / 'sim2real_ros' / 'tensorrt'


def private_folder(path: Path) -> str:
    """Make a folder that only this user can write to: an engine is a program.

    Returns:
        Why it cannot be used; '' where it can.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.stat()
    except OSError as error:
        return f'{str(path)!r} cannot be used ({error.strerror or error})'
    if found.st_uid != os.getuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return f'{str(path)!r} can be written by others; make it yours alone (chmod 700)'
    if not os.access(path, os.W_OK | os.X_OK):
        return f'{str(path)!r} cannot be written'
    return ''


def holds_engine(folder: Path) -> bool:
    """Tell whether an engine lies in a folder already."""
    return any(folder.glob('*.engine'))


def _digest(values: Mapping[str, object]) -> str:
    text = json.dumps(values, sort_keys=True, separators=(',', ':'))
    return hashlib.sha256(text.encode()).hexdigest()[:32]
