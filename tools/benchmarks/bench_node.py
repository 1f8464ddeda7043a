"""What the node costs: its latency beside a relay, its throughput beside a bare loop."""

import argparse
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from bench_processes import HERE, OUTPUT, Passage, running, send_frames

from sim2real_ros.runtime.translator import Translator

RELAY = (str(HERE / 'bench_relay.py'),)
_BARE_LOOP_S = 3.0


def proxy(model: str, threads: int) -> tuple[str, ...]:
    """Return the command of a node."""
    values = {'model': model, 'threads': threads, 'trial_run': 'false'}
    parameters = [item for k, v in values.items() for item in ('-p', f'{k}:={v}')]
    return ('-m', 'sim2real_ros.ros.perception_proxy', '--ros-args', *parameters)


@dataclass(frozen=True)
class LatencyRound:
    """One comparison of node and relay, both with the identity model's work: none."""

    relay: Passage
    node: Passage

    @property
    def ratio(self) -> float:
        """Median latency of the node over that of the relay."""
        return self.node.percentile_ms(50) / self.relay.percentile_ms(50)


def latency_round(size: tuple[int, int], frames: int, rate_hz: float) -> LatencyRound:
    """Send frames through the relay, then through the node."""
    with running(*RELAY):
        relay = send_frames(frames, rate_hz, size)
    with running(*proxy('identity', 0)):
        node = send_frames(frames, rate_hz, size)
    return LatencyRound(relay, node)


class BareLoop:
    """``Translator.translate`` on the same frames in a loop, and nothing else."""

    def __init__(self, model: str, threads: int, size: tuple[int, int]) -> None:
        """Load the model and run it once."""
        self._translator = Translator.load(model, threads=threads)
        self._translator.warm_up(size)
        random = np.random.default_rng(0)
        self._frame = random.integers(0, 256, (size[1], size[0], 3), np.uint8)
        self._out = np.empty_like(self._frame)

    def rate_hz(self, go_on: Callable[[], bool]) -> float:
        """Return the frames per second until ``go_on`` says no."""
        frames, start = 0, time.monotonic()
        while go_on():
            self._translator.translate(self._frame, out=self._out)
            frames += 1
        return frames / (time.monotonic() - start)


def loaded_rate_hz(bare: BareLoop, frames: int, rate_hz: float, size: tuple[int, int]) -> float:
    """Return the rate of the bare loop while a camera sends as many frames past it to a sink.

    The difference to the idle machine is what camera and sink take; it is not the node's.
    """
    sender = threading.Thread(target=send_frames, args=(frames, rate_hz, size, OUTPUT))
    sender.start()
    # Camera and sink need a while to start.
    time.sleep(2.0)
    end = time.monotonic() + frames / rate_hz
    rate = bare.rate_hz(lambda: time.monotonic() < end)
    sender.join()
    return rate


def throughput_round(model: str, threads: int, size: tuple[int, int]) -> dict[str, float]:
    """Compare the bare loop and the node, fed 1.2 times as fast as the bare loop runs."""
    bare = BareLoop(model, threads, size)
    end = time.monotonic() + _BARE_LOOP_S
    idle_hz = bare.rate_hz(lambda: time.monotonic() < end)
    frames, rate_hz = int(idle_hz * 1.2 * 4), idle_hz * 1.2
    loaded_hz = loaded_rate_hz(bare, frames, rate_hz, size)
    with running(*proxy(model, threads)):
        passage = send_frames(frames, rate_hz, size)
    return {
        'threads': threads,
        'bare_ms': round(1000 / idle_hz, 2),
        'bare_hz': round(idle_hz, 1),
        'bare_beside_camera_and_sink_hz': round(loaded_hz, 1),
        'node_hz': round(passage.rate_hz, 1),
        'ratio': round(passage.rate_hz / idle_hz, 3),
        'ratio_beside_camera_and_sink': round(passage.rate_hz / loaded_hz, 3),
    }


def loss_run(size: tuple[int, int], seconds: float, rate_hz: float) -> dict[str, Any]:
    """Send frames at camera rate through the node and count what arrives."""
    with running(*proxy('identity', 0)):
        passage = send_frames(int(seconds * rate_hz), rate_hz, size)
    return {
        'sent': passage.sent,
        'received': passage.received,
        'latency_p50_ms': round(passage.percentile_ms(50), 2),
        'latency_p99_ms': round(passage.percentile_ms(99), 2),
        'latency_max_ms': round(float(passage.latency_ms.max()), 2),
    }


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Do all measurements in one run, alternating what is compared; return and print them."""
    size = (arguments.size[0], arguments.size[1])
    rounds = [latency_round(size, 150, 30.0) for _ in range(arguments.rounds)]
    for r in rounds:
        relay, node = r.relay.percentile_ms(50), r.node.percentile_ms(50)
        print(f'latency p50: relay {relay:.2f} ms, node {node:.2f} ms, ratio {r.ratio:.2f}')
    model = str(Path(arguments.model))
    throughput = [
        throughput_round(model, threads, size)
        for _ in range(arguments.rounds)
        for threads in (1, 2)
    ]
    for row in throughput:
        print('throughput:', row)
    result = {
        'size': size,
        'latency_ratio_p50': float(np.median([r.ratio for r in rounds])),
        'throughput': throughput,
        'loss': loss_run(size, arguments.seconds, 30.0),
    }
    print(json.dumps(result, indent=1))
    return result
