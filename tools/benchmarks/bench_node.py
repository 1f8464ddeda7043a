"""What the node costs: its latency beside a relay, its throughput beside a bare loop."""

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from bench_processes import HERE, Passage, running, send_frames

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


def bare_rate_hz(model: str, threads: int, size: tuple[int, int]) -> float:
    """Return the frames per second of ``Translator.translate`` in a loop, and nothing else."""
    translator = Translator.load(model, threads=threads)
    translator.warm_up(size)
    frame = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    out = np.empty_like(frame)
    frames, start = 0, time.monotonic()
    while time.monotonic() - start < _BARE_LOOP_S:
        translator.translate(frame, out=out)
        frames += 1
    return frames / (time.monotonic() - start)


def throughput_round(model: str, threads: int, size: tuple[int, int]) -> dict[str, float]:
    """Compare the bare loop and the node, fed 1.2 times as fast as the bare loop runs."""
    bare = bare_rate_hz(model, threads, size)
    with running(*proxy(model, threads)):
        passage = send_frames(int(bare * 1.2 * 4), bare * 1.2, size)
    return {
        'threads': threads,
        'bare_hz': round(bare, 1),
        'bare_ms': round(1000 / bare, 2),
        'node_hz': round(passage.rate_hz, 1),
        'ratio': round(passage.rate_hz / bare, 3),
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
