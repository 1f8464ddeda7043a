"""Try a model in a child process first, so that a hostile or broken one cannot take us down.

A graph may loop for ever, ask for all memory, or hit a bug that ends the process. The child
has limits on address space and time; only a model that gave it an image is loaded by us.
"""

import contextlib
import ctypes
import json
import math
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from sim2real_ros.errors import ModelError, Sim2RealError

DEFAULT_TIMEOUT_S = 120.0
_PR_SET_PDEATHSIG = 1
_MIN_ADDRESS_SPACE_BYTES = 4 * 2**30


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
        timeout_s: Seconds after which the child is ended.

    Raises:
        ModelError: The model failed, crashed its process, or took too long or too much memory.
    """
    width, height = size or (0, 0)
    arguments = (backend, str(width), str(height))
    run_in_trial(__name__, path, arguments, timeout_s, gives='image')


def run_in_trial(
    module: str, path: str | Path, arguments: Sequence[str], timeout_s: float, *, gives: str
) -> None:
    """Run a module of this package on an untrusted file in a child process.

    Args:
        module: Dotted name. Run as a program, it gets the path, the arguments and a number of
            seconds, and leaves with what ``answer_trial`` returns.
        path: The untrusted file.
        arguments: For the module.
        timeout_s: Seconds after which the child is ended.
        gives: What a good file gives, for the message: ``image``.

    Raises:
        ModelError: The child failed, crashed, or took too long or too much memory.
    """
    cpu_s = math.ceil(2 * timeout_s) + 1
    try:
        finished = subprocess.run(
            [sys.executable, '-m', module, str(path), *arguments, str(cpu_s)],
            capture_output=True,
            timeout=timeout_s,
            check=False,
            stdin=subprocess.DEVNULL,
            env=_environment(),
        )
    except subprocess.TimeoutExpired as error:
        raise ModelError(
            f'{str(path)!r} gave no {gives} within {timeout_s:g} s in a trial run; refused.'
        ) from error
    except (OSError, ValueError) as error:
        raise ModelError(f'No trial run of {str(path)!r} could be started: {error}.') from error
    if finished.returncode != 0:
        raise ModelError(_failure(path, finished))


def answer_trial(path: str, cpu_s: int, work: Callable[[], object]) -> int:
    """Do the work of a child process of ``run_in_trial`` under limits on memory and time.

    Args:
        path: The untrusted file.
        cpu_s: Seconds of computing that are allowed.
        work: What is tried; it should import what it needs itself, under the limits.

    Returns:
        The exit status; what failed is on standard output, where the parent reads it.
    """
    _end_with_parent()
    _limit_resources(cpu_s)
    try:
        work()
    except (Sim2RealError, MemoryError) as error:
        reason = str(error) or f'{path!r} asked for too much memory in a trial run; refused.'
        sys.stdout.write(json.dumps({'error': reason}) + '\n')
        return 1
    return 0


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


def _limit_resources(cpu_s: int) -> None:
    """Leave half of the machine's memory to everybody else, and never outlive the parent long."""
    physical = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES')
    _lower(resource.RLIMIT_AS, max(_MIN_ADDRESS_SPACE_BYTES, physical // 2))
    _lower(resource.RLIMIT_CORE, 0)
    # Ends a child that nobody ends, where the system cannot tie it to its parent.
    _lower(resource.RLIMIT_CPU, cpu_s)
    # In a container with less memory than the machine, the kernel shall take this process first.
    with contextlib.suppress(OSError):
        Path('/proc/self/oom_score_adj').write_text('1000')


def _end_with_parent() -> None:
    """Ask Linux to end this process when the thread that started it ends; elsewhere do nothing."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _lower(what: int, limit: int) -> None:
    _, hard = resource.getrlimit(what)
    limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(what, (limit, hard))


def _translate_once(path: str, backend: str, size: tuple[int, int] | None) -> None:
    # Imported under the limits.
    from sim2real_ros.runtime.translator import Translator

    Translator.load(path, backend=backend, provider='cpu', threads=1, size=size).warm_up()


def _child(path: str, backend: str, width: str, height: str, cpu_s: str) -> int:
    size = (int(width), int(height)) if int(width) > 0 else None
    return answer_trial(path, int(cpu_s), lambda: _translate_once(path, backend, size))


if __name__ == '__main__':
    sys.exit(_child(*sys.argv[1:]))
