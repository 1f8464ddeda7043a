"""Start the processes of a benchmark, and turn what the sink saw into numbers."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
OUTPUT = 'realistic/image_raw'


def ros_environment() -> dict[str, str]:
    """Return an environment in which nobody else is heard or disturbed."""
    environ = dict(os.environ)
    environ.setdefault('ROS_DOMAIN_ID', str(1 + os.getpid() % 101))
    environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
    return environ


@contextmanager
def running(*command: str) -> Iterator['subprocess.Popen[bytes]']:
    """Run a Python program beside the ``with`` block, and end it after the block."""
    process = subprocess.Popen(
        [sys.executable, *command], env=ros_environment(), stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


@dataclass(frozen=True)
class Passage:
    """What became of the frames of one measurement.

    Attributes:
        sent: Frames that the camera published.
        received: Frames that reached the sink.
        latency_ms: Camera to sink, per received frame, in order of arrival.
        rate_hz: Frames per second at the sink, between its first and last.
    """

    sent: int
    received: int
    latency_ms: 'np.ndarray[tuple[int], np.dtype[np.float64]]'
    rate_hz: float

    def percentile_ms(self, percent: float) -> float:
        """Return a percentile of the latency in milliseconds."""
        return float(np.percentile(self.latency_ms, percent))


def send_frames(
    frames: int, rate_hz: float, size: tuple[int, int], topic: str = 'image_raw'
) -> Passage:
    """Send frames from a camera process through whatever runs to a sink process.

    Args:
        frames: How many.
        rate_hz: How fast.
        size: (width, height).
        topic: Where the camera publishes; OUTPUT sends straight to the sink.

    Raises:
        RuntimeError: Nothing reached the sink.
    """
    environ = ros_environment()
    sink = subprocess.Popen(
        [sys.executable, str(HERE / 'bench_sink.py'), OUTPUT],
        env=environ,
        stdout=subprocess.PIPE,
    )
    camera = [
        sys.executable, str(HERE / 'bench_camera.py'), topic,
        '--size', *map(str, size), '--rate-hz', str(rate_hz), '--frames', str(frames),
        '--reliability', 'reliable' if topic == OUTPUT else 'best_effort',
    ]  # fmt: skip
    subprocess.run(camera, env=environ, check=True)
    output, _ = sink.communicate()
    table = np.asarray(json.loads(output), np.int64).reshape(-1, 3)
    if len(table) < 2:
        raise RuntimeError(f'Only {len(table)} of {frames} frames reached the sink.')
    seconds = (table[-1, 2] - table[0, 2]) / 1e9
    return Passage(
        sent=frames,
        received=len(set(table[:, 0].tolist())),
        latency_ms=(table[:, 2] - table[:, 1]) / 1e6,
        rate_hz=float((len(table) - 1) / seconds),
    )
