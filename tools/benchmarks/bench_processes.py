"""Start the processes of a benchmark, and turn what the sink saw into numbers."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np

HERE = Path(__file__).resolve().parent
OUTPUT = 'realistic/image_raw'


def ros_environment() -> dict[str, str]:
    """Return an environment in which nobody else is heard or disturbed."""
    environ = dict(os.environ)
    environ.setdefault('ROS_DOMAIN_ID', str(1 + os.getpid() % 101))
    environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
    return environ


def use_cores(count: int) -> int:
    """Keep this process and all that it starts on so many cores; 0 = all. Return their number."""
    if not hasattr(os, 'sched_setaffinity'):
        return os.cpu_count() or 1
    allowed = sorted(os.sched_getaffinity(0))
    if count:
        os.sched_setaffinity(0, allowed[:count])
    return len(os.sched_getaffinity(0))


class NotMeasuredError(RuntimeError):
    """A process did not do what was to be measured; the message says what it did."""


@contextmanager
def running(
    *command: str, log: IO[bytes] | int = subprocess.DEVNULL
) -> Iterator['subprocess.Popen[bytes]']:
    """Run a Python program beside the ``with`` block, and end it after the block.

    Args:
        command: What follows the interpreter.
        log: Where its standard error goes.
    """
    process = subprocess.Popen([sys.executable, *command], env=ros_environment(), stderr=log)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


@dataclass(frozen=True)
class Status:
    """One status of /diagnostics.

    Attributes:
        level: 0 = ok, 1 = warning, 2 = error.
        message: The most urgent thing to know.
        values: Key-value pairs.
    """

    level: int
    message: str
    values: Mapping[str, str]


class Diagnostics:
    """What a node says on /diagnostics, asked for through a process that listens."""

    def __init__(self, process: 'subprocess.Popen[str]') -> None:
        """Take over the process."""
        self._process = process

    def newest(self) -> dict[str, Status]:
        """Return the newest statuses by their names."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write('\n')
        self._process.stdin.flush()
        statuses = json.loads(self._process.stdout.readline())
        return {name: Status(**fields) for name, fields in statuses.items()}


@contextmanager
def diagnostics() -> Iterator[Diagnostics]:
    """Listen to /diagnostics beside the ``with`` block."""
    with subprocess.Popen(
        [sys.executable, str(HERE / 'bench_diagnostics.py')],
        env=ros_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Diagnostics(process)


@dataclass(frozen=True)
class Stream:
    """What one camera sends to one sink.

    Attributes:
        frames: How many at most.
        rate_hz: How fast; 0 = as fast as it goes.
        size: (width, height).
        seconds: How long at most.
        topic: Where the camera publishes.
        output: What the sink listens to; ``topic`` sends straight to it.
        reliability: Of the camera.
        sink_reliability: Of the sink.
        compressed: Whether the messages are JPEGs.
        environ: Further variables of both processes; '' unsets one.
    """

    frames: int
    rate_hz: float
    size: tuple[int, int]
    seconds: float = float('inf')
    topic: str = 'image_raw'
    output: str = OUTPUT
    reliability: str = 'best_effort'
    sink_reliability: str = 'reliable'
    compressed: bool = False
    environ: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Passage:
    """What became of the frames of one measurement.

    Attributes:
        sent: Frames that the camera published.
        received: Frames that reached the sink.
        latency_ms: Camera to sink, per received frame, in order of arrival.
        rate_hz: Frames per second at the sink, between its first and last.
        camera_cpu_s: Time of the camera's CPUs while it published.
        sink_cpu_s: Time of the sink's CPUs between the first and the last frame.
        message_bytes: Of the image in a message.
    """

    sent: int
    received: int
    latency_ms: 'np.ndarray[tuple[int], np.dtype[np.float64]]'
    rate_hz: float
    camera_cpu_s: float = 0.0
    sink_cpu_s: float = 0.0
    message_bytes: int = 0

    def percentile_ms(self, percent: float) -> float:
        """Return a percentile of the latency in milliseconds."""
        return float(np.percentile(self.latency_ms, percent))

    def latencies(self) -> dict[str, float]:
        """Return the latency's usual percentiles and maximum, in milliseconds."""
        names = {'p50': 50.0, 'p90': 90.0, 'p99': 99.0, 'max': 100.0}
        return {name: round(self.percentile_ms(at), 2) for name, at in names.items()}


def send(stream: Stream) -> Passage:
    """Send frames from a camera process through whatever runs to a sink process.

    Raises:
        NotMeasuredError: Nothing reached the sink.
    """
    environ = {**ros_environment(), **stream.environ}
    environ = {name: value for name, value in environ.items() if value}
    kind = ('--compressed',) if stream.compressed else ()
    sink = subprocess.Popen(
        [
            sys.executable, str(HERE / 'bench_sink.py'), stream.output, *kind,
            '--reliability', stream.sink_reliability,
        ],
        env=environ,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    camera = [
        sys.executable, str(HERE / 'bench_camera.py'), stream.topic, *kind,
        '--size', *map(str, stream.size), '--rate-hz', str(stream.rate_hz),
        '--frames', str(stream.frames), '--seconds', str(stream.seconds),
        '--reliability', stream.reliability,
    ]  # fmt: skip
    done = subprocess.run(camera, env=environ, check=True, stdout=subprocess.PIPE)
    output, _ = sink.communicate()
    return passage(json.loads(done.stdout), json.loads(output))


def passage(camera: dict[str, Any], sink: dict[str, Any]) -> Passage:
    """Turn what camera and sink printed into numbers.

    Raises:
        NotMeasuredError: Fewer than two frames reached the sink.
    """
    table = np.asarray(sink['frames'], np.int64).reshape(-1, 3)
    if len(table) < 2:
        raise NotMeasuredError(
            f'Only {len(table)} of {camera["published"]} frames reached the sink.'
        )
    seconds = (table[-1, 2] - table[0, 2]) / 1e9
    return Passage(
        sent=camera['published'],
        received=len(set(table[:, 0].tolist())),
        latency_ms=(table[:, 2] - table[:, 1]) / 1e6,
        rate_hz=float((len(table) - 1) / seconds),
        camera_cpu_s=camera['cpu_s'],
        sink_cpu_s=sink['cpu_s'],
        message_bytes=camera['message_bytes'],
    )


def send_all(streams: Sequence[Stream]) -> list[Passage]:
    """Send several streams at once; see ``send``."""
    with ThreadPoolExecutor(len(streams)) as pool:
        return list(pool.map(send, streams))
