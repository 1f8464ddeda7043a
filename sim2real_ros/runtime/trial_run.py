"""Try a model in a child process first, so that a hostile or broken one cannot take us down.

A graph may loop for ever, ask for all memory, or hit a bug that ends the process. The child
has limits on address space and time; only a model that gave it a result is loaded by us.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from sim2real_ros.errors import BackendError, ModelError
from sim2real_ros.runtime.backends import PACKAGES, BackendOptions, create_backend
from sim2real_ros.runtime.backends.backend_choice import installed
from sim2real_ros.runtime.bilateral.structure import is_bilateral
from sim2real_ros.runtime.model_file import open_model
from sim2real_ros.runtime.translator import Translator
from sim2real_ros.runtime.trial_process import not_counted

DEFAULT_TIMEOUT_S = 120.0
NOT_COUNTED_LIMIT_S = 600.0
"""For what does not count as the trial: starting the interpreter, compiling the kernel."""

_CHILD = 'sim2real_ros.runtime.trial_process'


def trial_run(
    path: str | Path,
    *,
    backend: str = 'auto',
    size: tuple[int, int] | None = None,
    timeout_s: float = DEFAULT_TIMEOUT_S,
) -> None:
    """Load a model on the CPU in a child process and translate one image with it.

    Args:
        path: The ``.onnx`` file.
        backend: 'auto' or a key of BACKENDS.
        size: (width, height) to run a dynamic model at.
        timeout_s: Seconds after which the child is ended. Compiling the kernel of bilateral grids
            does not count.

    Raises:
        ModelError: The model failed, crashed its process, or took too long or too much memory.
    """
    run_in_trial(_translate_once, path, (backend, size), timeout_s=timeout_s, gives='image')


def run_in_trial(
    work: Callable[..., object],
    path: str | Path,
    arguments: Sequence[str | int | Sequence[int] | None] = (),
    *,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    gives: str,
) -> None:
    """Do something with an untrusted file in a child process with limits on memory and time.

    Args:
        work: A function of a module of this package, called with the path as text and the
            arguments. What it raises of this package's errors is told here. What it does inside
            ``trial_process.not_counted`` does not count.
        path: The untrusted file.
        arguments: What JSON can carry; tuples become lists.
        timeout_s: Seconds after which the child is ended.
        gives: What a good file gives, for the message: ``image``.

    Raises:
        ModelError: The child failed, crashed, or took too long or too much memory.
    """
    told = (work.__module__, work.__name__, json.dumps(arguments))
    try:
        finished = subprocess.run(
            [sys.executable, '-m', _CHILD, str(path), *told, str(timeout_s)],
            capture_output=True,
            timeout=timeout_s + NOT_COUNTED_LIMIT_S,
            check=False,
            stdin=subprocess.DEVNULL,
            env=_environment(),
        )
    except subprocess.TimeoutExpired as error:
        raise ModelError(
            f'The process for the trial run of {str(path)!r} was not ready to begin within '
            f'{NOT_COUNTED_LIMIT_S:g} s; refused.'
        ) from error
    except (OSError, ValueError) as error:
        raise ModelError(f'No trial run of {str(path)!r} could be started: {error}.') from error
    if finished.returncode == -signal.SIGALRM:
        raise ModelError(
            f'{str(path)!r} gave no {gives} within {timeout_s:g} s in a trial run; refused.'
        )
    if finished.returncode != 0:
        raise ModelError(_failure(path, finished))


def _environment() -> dict[str, str]:
    """Return an environment in which the child imports this very package, not the folder's files.

    ``python -m`` would look for every module in the working directory first.
    """
    root = str(Path(__file__).resolve().parents[2])
    paths = [*filter(None, [os.environ.get('PYTHONPATH')]), root]
    return {**os.environ, 'PYTHONPATH': os.pathsep.join(paths), 'PYTHONSAFEPATH': '1'}


def _failure(path: str | Path, finished: 'subprocess.CompletedProcess[bytes]') -> str:
    lines = finished.stdout.decode(errors='replace').strip().splitlines()
    try:
        return str(json.loads(lines[-1])['error'])
    except (IndexError, ValueError, KeyError, TypeError):
        last = finished.stderr.decode(errors='replace').strip().splitlines()[-1:]
        how = _ending(finished.returncode) + (f': {last[0][:300]}' if last else '')
        return f'{str(path)!r} crashed a trial run in a process of its own ({how}); refused.'


def _ending(returncode: int) -> str:
    try:
        return f'signal {signal.Signals(-returncode).name}'
    except ValueError:
        return f'exit status {returncode}'


def _translate_once(path: str, backend: str, size: Sequence[int] | None) -> None:
    width_height = (size[0], size[1]) if size else None
    model = open_model(path)
    if backend in ('auto', 'fused') and is_bilateral(model) and installed(PACKAGES['fused']):
        _compile_kernel()
    loaded = create_backend(backend, model, BackendOptions(provider='cpu', threads=1))
    Translator(model, loaded, width_height).warm_up()


def _compile_kernel() -> None:
    """Compile what the fused back end needs; on a busy machine without a cache that is long."""
    # What fails here fails again where its reason is told.
    with not_counted(), contextlib.suppress(ImportError, BackendError):
        from sim2real_ros.runtime.bilateral.compilation import compiled_kernel

        compiled_kernel()
