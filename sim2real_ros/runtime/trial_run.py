"""Try a model in a child process first, so that a hostile or broken one cannot take us down.

A graph may loop for ever, ask for all memory, or hit a bug that ends the process. The child
has limits on address space and time; only a model that gave it an image is loaded by us.
"""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

from sim2real_ros.errors import ModelError, Sim2RealError

DEFAULT_TIMEOUT_S = 120.0
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
    command = [sys.executable, '-m', __name__, str(path), backend, str(width), str(height)]
    try:
        finished = subprocess.run(
            command, capture_output=True, timeout=timeout_s, check=False, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired as error:
        raise ModelError(
            f'{str(path)!r} gave no image within {timeout_s:g} s in a trial run; refused.'
        ) from error
    if finished.returncode != 0:
        raise ModelError(_failure(path, finished))


def _failure(path: str | Path, finished: 'subprocess.CompletedProcess[bytes]') -> str:
    lines = finished.stdout.decode(errors='replace').strip().splitlines()
    try:
        return str(json.loads(lines[-1])['error'])
    except (IndexError, ValueError, KeyError, TypeError):
        last = finished.stderr.decode(errors='replace').strip().splitlines()[-1:]
        how = f'exit status {finished.returncode}' + (f': {last[0][:300]}' if last else '')
        return f'{str(path)!r} crashed a trial run in a process of its own ({how}); refused.'


def _limit_address_space() -> None:
    """Leave half of the machine's memory to everybody else."""
    physical = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES')
    limit = max(_MIN_ADDRESS_SPACE_BYTES, physical // 2)
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _child(path: str, backend: str, width: str, height: str) -> int:
    _limit_address_space()
    # Imported under the limits.
    from sim2real_ros.runtime.translator import Translator

    size = (int(width), int(height)) if int(width) > 0 else None
    try:
        Translator.load(path, backend=backend, provider='cpu', threads=1, size=size).warm_up()
    except (Sim2RealError, MemoryError) as error:
        sys.stdout.write(json.dumps({'error': str(error) or 'out of memory'}) + '\n')
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(_child(*sys.argv[1:]))
