"""MetricsLog: the numbers of a run, as lines of JSON and for TensorBoard."""

import contextlib
import json
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sim2real_ros.errors import DataError
from sim2real_ros.files import write_atomically
from sim2real_ros.files.atomic_write import refusal

TIME_FIELDS = ('elapsed_s', 'images_per_s', 'memory_mb')
"""Fields of a line that differ from machine to machine; all others are reproducible."""


class MetricsLog:
    """Writes ``metrics.jsonl`` and the files of TensorBoard.

    A line is complete or, after an accident, missing: ``read_metrics`` and a resumed run pass over
    half a line at the end.

    Attributes:
        path: The file of lines.
    """

    def __init__(self, path: Path, tensorboard: Path, *, step: int = 0) -> None:
        """Open both, and forget everything behind a step.

        Args:
            path: The file of lines.
            tensorboard: Folder of the event files.
            step: Number of steps taken at the checkpoint from which the run goes on.

        Raises:
            DataError: The disk refuses.
        """
        self.path = path
        with _disk_errors(path):
            _truncate(path, step)
            self._file = path.open('a', encoding='utf-8')
            self._writer = _tensorboard_writer(tensorboard, step)

    @property
    def has_tensorboard(self) -> bool:
        """Whether TensorBoard's package is installed."""
        return self._writer is not None

    def write(self, kind: str, step: int, values: Mapping[str, Any]) -> None:
        """Write one line, and its numbers for TensorBoard as ``kind/name``.

        Args:
            kind: ``train`` or ``evaluation``.
            step: Number of steps taken.
            values: Numbers, or mappings of numbers, by name. NaN and infinity become null.

        Raises:
            DataError: The disk refuses.
        """
        line = {'kind': kind, 'step': step, **values}
        with _disk_errors(self.path):
            self._file.write(json.dumps(_without_nan(line)) + '\n')
            self._file.flush()
            for name, value in _flat(values):
                if self._writer is not None:
                    self._writer.add_scalar(f'{kind}/{name}', value, step)

    def write_image(self, name: str, step: int, image: npt.NDArray[np.uint8]) -> None:
        """Show a picture in TensorBoard.

        Args:
            name: Its title.
            step: Number of steps taken.
            image: RGB (H, W, 3).
        """
        if self._writer is not None:
            with _disk_errors(self.path):
                self._writer.add_image(name, image, step, dataformats='HWC')

    def flush(self) -> None:
        """Bring everything to the disk that waits in memory.

        Raises:
            DataError: The disk refuses.
        """
        with _disk_errors(self.path):
            self._file.flush()
            os.fsync(self._file.fileno())
            if self._writer is not None:
                self._writer.flush()

    def close(self) -> None:
        """Close the files, come what may."""
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(OSError):
            if self._writer is not None:
                self._writer.close()


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Read the lines of ``metrics.jsonl``, without a torn one at the end.

    Raises:
        DataError: The file cannot be read.
    """
    try:
        return [line for _, line in _lines(path)]
    except OSError as error:
        raise DataError(f'Cannot read {str(path)!r}: {error.strerror or error}.') from error


def _truncate(path: Path, step: int) -> None:
    """Keep the lines up to a step; they are in order."""
    if path.exists():
        kept = (text for text, line in _lines(path) if line['step'] <= step)
        write_atomically(path, b''.join(kept))


def _lines(path: Path) -> Iterator[tuple[bytes, dict[str, Any]]]:
    for text in path.read_bytes().splitlines(keepends=True):
        try:
            line = json.loads(text)
            complete = text.endswith(b'\n') and isinstance(line.get('step'), int)
        except (ValueError, AttributeError, RecursionError):
            complete = False
        if complete:
            yield text, line


def _tensorboard_writer(folder: Path, step: int) -> Any:
    """Return a writer, or None where its package is missing: nothing depends on it."""
    try:
        # Imported here because it takes its time.
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    # What an interrupted run has written beyond the checkpoint is hidden by this.
    return SummaryWriter(str(folder), purge_step=step + 1)


def _flat(values: Mapping[str, Any], prefix: str = '') -> Iterator[tuple[str, float]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f'{prefix}{name}/')
        elif isinstance(value, int | float):
            yield f'{prefix}{name}', float(value)


def _without_nan(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_nan(each) for key, each in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


@contextlib.contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(refusal(path, error)) from error
