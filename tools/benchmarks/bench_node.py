"""What the node costs: beside a relay, beside a bare loop, at rising rates, and at 30 Hz."""

import argparse
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from bench_processes import HERE, OUTPUT, Passage, Stream, running, send, send_all, use_cores
from machine_description import describe_machine, machine_line
from node_command import model_files, proxy, streams
from node_rates import RateRow, as_dicts, best_rows, rates_table, sweep
from result_table import markdown_table, show_table

from sim2real_ros.runtime.translator import Translator

RELAY = (str(HERE / 'bench_relay.py'),)
CAMERA_HZ = 30.0
_BARE_LOOP_S = 3.0

Size = tuple[int, int]


@dataclass(frozen=True)
class LatencyRound:
    """One comparison of node and relay, both with the identity model's work: none."""

    relay: Passage
    node: Passage

    @property
    def ratio(self) -> float:
        """Median latency of the node over that of the relay."""
        return self.node.percentile_ms(50) / self.relay.percentile_ms(50)


def latency_round(size: Size, frames: int, rate_hz: float) -> LatencyRound:
    """Send frames through the relay, then through the node."""
    with running(*RELAY):
        relay = send(Stream(frames, rate_hz, size))
    with running(*proxy('identity', 0)):
        node = send(Stream(frames, rate_hz, size))
    return LatencyRound(relay, node)


class BareLoop:
    """``Translator.translate`` on the same frames in a loop, and nothing else."""

    def __init__(self, path: str, threads: int, size: Size, settings: dict[str, str]) -> None:
        """Load the model as the node would, and run it once."""
        backend, provider, precision = (
            settings.get(each, 'auto') for each in ('backend', 'provider', 'precision')
        )
        self._translator = Translator.load(
            path, threads=threads, backend=backend, provider=provider, precision=precision
        )
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


def loaded_rate_hz(bare: BareLoop, frames: int, rate_hz: float, size: Size) -> float:
    """Return the rate of the bare loop while a camera sends as many frames past it to a sink.

    The difference to the idle machine is what camera and sink take; it is not the node's.
    """
    past = Stream(frames, rate_hz, size, topic=OUTPUT, reliability='reliable')
    sender = threading.Thread(target=send, args=(past,))
    sender.start()
    # Camera and sink need a while to start.
    time.sleep(2.0)
    end = time.monotonic() + frames / rate_hz
    rate = bare.rate_hz(lambda: time.monotonic() < end)
    sender.join()
    return rate


def throughput_round(
    model: tuple[str, str], threads: int, size: Size, settings: list[str]
) -> dict[str, Any]:
    """Compare the bare loop and the node, fed 1.2 times as fast as the bare loop runs."""
    name, path = model
    bare = BareLoop(path, threads, size, dict(each.split(':=', 1) for each in settings))
    end = time.monotonic() + _BARE_LOOP_S
    idle_hz = bare.rate_hz(lambda: time.monotonic() < end)
    frames, rate_hz = int(idle_hz * 1.2 * 4), idle_hz * 1.2
    loaded_hz = loaded_rate_hz(bare, frames, rate_hz, size)
    with running(*proxy(path, threads, settings=settings)):
        passage = send(Stream(frames, rate_hz, size))
    return {
        'model': name,
        'threads': threads,
        'bare_ms': round(1000 / idle_hz, 2),
        'bare_hz': round(idle_hz, 1),
        'bare_beside_camera_and_sink_hz': round(loaded_hz, 1),
        'node_hz': round(passage.rate_hz, 1),
        'ratio': round(passage.rate_hz / idle_hz, 3),
        'ratio_beside_camera_and_sink': round(passage.rate_hz / loaded_hz, 3),
    }


def latency_run(
    model: tuple[str, str], arguments: argparse.Namespace, size: Size
) -> dict[str, Any]:
    """Send frames at camera rate through the node; count what arrives, and when."""
    name, path = model
    frames = int(arguments.seconds * CAMERA_HZ)
    # Enough threads are wanted where a frame must be ready soon, and there is time between two.
    threads = arguments.threads[-1]
    command = proxy(path, threads, cameras=arguments.cameras, settings=arguments.set)
    with running(*command):
        passages = send_all(streams(arguments.cameras, frames, CAMERA_HZ, size))
    latencies = [each.latencies() for each in passages]
    return {
        'model': name,
        'threads': threads,
        'cameras': len(passages),
        'sent': sum(each.sent for each in passages),
        'received': sum(each.received for each in passages),
        **{key: max(each[key] for each in latencies) for key in latencies[0]},
    }


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Do all measurements in one run, alternating what is compared; return and print them."""
    size = (arguments.size[0], arguments.size[1])
    cores = use_cores(arguments.cores)
    result: dict[str, Any] = {'machine': describe_machine(), 'size': size, 'cores': cores}
    with model_files(arguments.model, size) as models:
        for part in arguments.parts:
            result[part] = PARTS[part](arguments, size, models, cores)
            print(f'{part}: {json.dumps(result[part])}', flush=True)
    show_table(node_tables(result), 'node', arguments.table)
    return result


def relay_part(arguments: argparse.Namespace, size: Size, _: Any, __: int) -> dict[str, Any]:
    """Compare the node with a plain relay, several times."""
    rounds = [latency_round(size, 150, CAMERA_HZ) for _ in range(arguments.rounds)]
    return {
        'relay_p50_ms': [round(each.relay.percentile_ms(50), 2) for each in rounds],
        'node_p50_ms': [round(each.node.percentile_ms(50), 2) for each in rounds],
        'ratios': [round(each.ratio, 2) for each in rounds],
        'ratio': float(np.median([each.ratio for each in rounds])),
    }


def bare_part(
    arguments: argparse.Namespace, size: Size, models: dict[str, str], _: int
) -> list[dict[str, Any]]:
    """Compare the node with a bare loop, several times."""
    return [
        throughput_round(model, threads, size, arguments.set)
        for _ in range(arguments.rounds)
        for model in models.items()
        for threads in arguments.threads
    ]


def rates_part(
    arguments: argparse.Namespace, size: Size, models: dict[str, str], cores: int
) -> list[dict[str, Any]]:
    """Send at rising rates."""
    rows: list[RateRow] = []
    for model in {**models, 'identity': 'identity'}.items():
        for threads in arguments.threads:
            rows += sweep(
                model, threads, cameras=arguments.cameras, size=size, cores=cores,
                rates_hz=arguments.rates, settings=arguments.set,
            )  # fmt: skip
    return as_dicts(rows)


def latency_part(
    arguments: argparse.Namespace, size: Size, models: dict[str, str], _: int
) -> list[dict[str, Any]]:
    """Send at a camera's rate for a while."""
    every = {**models, 'identity': 'identity'}
    return [latency_run(model, arguments, size) for model in every.items()]


PARTS: dict[str, Callable[[argparse.Namespace, Size, dict[str, str], int], Any]] = {
    'relay': relay_part,
    'bare': bare_part,
    'rates': rates_part,
    'latency': latency_part,
}


def node_tables(result: dict[str, Any]) -> str:
    """Return the tables of the parts that were measured, in Markdown."""
    width, height = result['size']
    line = machine_line(result['machine'])
    parts = [f'{width}x{height} rgb8, camera, node and sink on {result["cores"]} cores. {line}']
    if 'relay' in result:
        relay = result['relay']
        names = ('relay p50 ms, by round', 'node p50 ms', 'ratio')
        cells = (relay['relay_p50_ms'], relay['node_p50_ms'], relay['ratios'])
        shown = [', '.join(map(str, each)) for each in cells]
        parts.append(f'### Beside a relay\n\n{markdown_table(names, [shown])}')
    if result.get('bare'):
        rows = result['bare']
        table = markdown_table(list(rows[0]), [list(row.values()) for row in rows])
        parts.append(f'### Beside a bare loop\n\n{table}')
    if result.get('rates'):
        found = [RateRow(**each) for each in result['rates']]
        parts.append(
            f'### Rates\n\n{rates_table(found)}\n\n### Where the time goes, at the highest '
            f'output\n\nms for each frame that reached a sink.\n\n{rates_table(best_rows(found))}'
        )
    if result.get('latency'):
        rows = result['latency']
        table = markdown_table(list(rows[0]), [list(row.values()) for row in rows])
        parts.append(f'### Latency at {CAMERA_HZ:g} Hz\n\nms, camera to sink.\n\n{table}')
    return '\n\n'.join(parts)
