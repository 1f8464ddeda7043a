"""Start the node for a benchmark, and wait until it has loaded its model or says why not."""

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from bench_processes import Diagnostics, NotMeasuredError, diagnostics, running

MODEL_STATUS = 'perception_proxy: model'
"""Name of the status in which the node tells of its model."""

ERROR = 2
"""Level of a status: the node waits for somebody to put right what is wrong."""

LIMIT_S = 120.0
_PERIOD_S = 0.2
_LAST_BYTES = 4096


@contextmanager
def loaded_node(*command: str) -> Iterator['subprocess.Popen[bytes]']:
    """Run a node beside the ``with`` block, which begins when its model is loaded.

    Loading is thus no part of what is measured, and nobody sends to a node that never listens.

    Args:
        command: As ``node_command.proxy`` returns it.

    Raises:
        NotMeasuredError: The node has ended or refused its model; the message is its own.
    """
    with tempfile.TemporaryFile() as log, running(*command, log=log) as process:
        with diagnostics() as heard:
            wait_until_loaded(process, heard, log)
        yield process


def wait_until_loaded(
    process: 'subprocess.Popen[bytes]',
    heard: Diagnostics,
    log: IO[bytes],
    limit_s: float = LIMIT_S,
) -> None:
    """Wait until the node tells of a model.

    Args:
        process: The node.
        heard: What it says on /diagnostics.
        log: What it writes to standard error.
        limit_s: For how long at most.

    Raises:
        NotMeasuredError: It has ended, it has refused its model, or it says nothing for too long.
    """
    end = time.monotonic() + limit_s
    while True:
        status = process.poll()
        if status is not None:
            raise NotMeasuredError(f'The node ended with exit status {status}: {last_line(log)}')
        model = heard.newest().get(MODEL_STATUS)
        if model is not None and 'backend' in model.values:
            return
        if model is not None and model.level == ERROR:
            raise NotMeasuredError(f'The node loaded no model: {model.message}')
        if time.monotonic() > end:
            raise NotMeasuredError(
                f'The node has loaded no model for {limit_s:.0f} s: {last_line(log)}'
            )
        time.sleep(_PERIOD_S)


def last_line(log: IO[bytes]) -> str:
    """Return the last line of a log that says anything."""
    # Without a change of the place at which the node writes, which is shared with it.
    content = os.pread(
        log.fileno(), _LAST_BYTES, max(0, os.fstat(log.fileno()).st_size - _LAST_BYTES)
    )
    lines = [line.strip() for line in content.decode(errors='replace').splitlines()]
    return next(filter(None, reversed(lines)), 'it has logged nothing')
