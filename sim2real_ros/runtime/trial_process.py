"""The child process of a trial run: does one thing with an untrusted file, under limits."""

import contextlib
import ctypes
import importlib
import json
import math
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from sim2real_ros.errors import Sim2RealError

_PR_SET_PDEATHSIG = 1
_MIN_ADDRESS_SPACE_BYTES = 4 * 2**30


def main(path: str, module: str, function: str, arguments: str, timeout_s: str) -> int:
    """Call a function of this package with an untrusted file.

    Args:
        path: The untrusted file; the first argument of the function.
        module: Where the function is. It is imported under the limits, too.
        function: Its name.
        arguments: The further ones, as a JSON list.
        timeout_s: Seconds after which SIGALRM ends this process; see ``not_counted``.

    Returns:
        The exit status; what failed is on standard output as JSON, where the parent reads it.
    """
    _end_with_parent()
    _limit_resources(cpu_s=math.ceil(2 * float(timeout_s)) + 1)
    _limit_time(float(timeout_s))
    try:
        work = getattr(importlib.import_module(module), function)
        work(path, *json.loads(arguments))
    except (Sim2RealError, MemoryError) as error:
        reason = str(error) or f'{path!r} asked for too much memory in a trial run; refused.'
        sys.stdout.write(json.dumps({'error': reason}) + '\n')
        return 1
    return 0


@contextlib.contextmanager
def not_counted() -> Iterator[None]:
    """Stop the clock of the limits for work of ours that no untrusted file has a part in."""
    left_s, _ = signal.setitimer(signal.ITIMER_REAL, 0)
    cpu_limit_s, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (hard, hard))
    before_s = time.process_time()
    try:
        yield
    finally:
        if cpu_limit_s != resource.RLIM_INFINITY:
            used_s = math.ceil(time.process_time() - before_s)
            _lower(resource.RLIMIT_CPU, cpu_limit_s + used_s)
        signal.setitimer(signal.ITIMER_REAL, left_s)


def _limit_time(seconds: float) -> None:
    """Let the kernel end this process in time, even from inside a library's endless loop."""
    # Both are inherited from the parent.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
    signal.setitimer(signal.ITIMER_REAL, seconds)


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


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
