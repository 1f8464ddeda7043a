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
from loaded_node import loaded_node
from machine_description import describe_machine, machine_line
from node_command import model_files, proxy, streams
from node_rates import RateRow, as_dicts, best_rows, rates_table, sweep
from not_measured import MissingRows, missing_table
from result_table import markdown_table, show_table

from sim2real_ros.resources import model_path
from sim2real_ros.runtime.translator import Translator

RELAY = (str(HERE / 'bench_relay.py'),)
CAMERA_HZ = 30.0
_BARE_LOOP_S = 3.0

Size = tuple[int, int]


@dataclass(frozen=True)
class Plan:
    """What all parts are told.

    Attributes:
        arguments: The command line.
        size: (width, height) of the frames.
        models: What to load, by the name to show.
        cores: That all processes share.
        missing: Where to note what could not be measured.
    """

    arguments: argparse.Namespace
    size: Size
    models: dict[str, str]
    cores: int
    missing: MissingRows


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
    with loaded_node(*proxy('identity', 0)):
        node = send(Stream(frames, rate_hz, size))
    return LatencyRound(relay, node)


class BareLoop:
    """``Translator.translate`` on the same frames in a loop, and nothing else."""

    def __init__(self, path: str, threads: int, size: Size, settings: dict[str, str]) -> None:
        """Load a model by path or name as the node would, and run it once."""
        backend, provider, precision = (
            settings.get(each, 'auto') for each in ('backend', 'provider', 'precision')
        )
        self._translator = Translator.load(
            model_path(path),
            threads=threads,
            backend=backend,
            provider=provider,
            precision=precision,
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
    with loaded_node(*proxy(path, threads, settings=settings)):
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
    with loaded_node(*command):
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
    cores, missing = use_cores(arguments.cores), MissingRows()
    result: dict[str, Any] = {'machine': describe_machine(), 'size': size, 'cores': cores}
    with model_files(arguments.model, size) as models:
        for part in arguments.parts:
            result[part] = PARTS[part](Plan(arguments, size, models, cores, missing))
            print(f'{part}: {json.dumps(result[part])}', flush=True)
    result['missing'] = missing.as_dicts()
    show_table(node_tables(result), 'node', arguments.table)
    return result


def relay_part(plan: Plan) -> dict[str, Any]:
    """Compare the node with a plain relay, several times."""
    rounds: list[LatencyRound] = []
    for _ in range(plan.arguments.rounds):
        with plan.missing.noting('relay', 'identity', 0):
            rounds.append(latency_round(plan.size, 150, CAMERA_HZ))
    if not rounds:
        return {}
    return {
        'relay_p50_ms': [round(each.relay.percentile_ms(50), 2) for each in rounds],
        'node_p50_ms': [round(each.node.percentile_ms(50), 2) for each in rounds],
        'ratios': [round(each.ratio, 2) for each in rounds],
        'ratio': float(np.median([each.ratio for each in rounds])),
    }


def bare_part(plan: Plan) -> list[dict[str, Any]]:
    """Compare the node with a bare loop, several times."""
    rows: list[dict[str, Any]] = []
    for _ in range(plan.arguments.rounds):
        for model in plan.models.items():
            for threads in plan.arguments.threads:
                with plan.missing.noting('bare', model[0], threads):
                    rows.append(throughput_round(model, threads, plan.size, plan.arguments.set))
    return rows


def rates_part(plan: Plan) -> list[dict[str, Any]]:
    """Send at rising rates."""
    rows: list[RateRow] = []
    arguments = plan.arguments
    for model in with_identity(plan.models).items():
        for threads in arguments.threads:
            with plan.missing.noting('rates', model[0], threads):
                rows.extend(
                    sweep(
                        model, threads, cameras=arguments.cameras, size=plan.size,
                        cores=plan.cores, rates_hz=arguments.rates, settings=arguments.set,
                    )
                )  # fmt: skip
    return as_dicts(rows)


def latency_part(plan: Plan) -> list[dict[str, Any]]:
    """Send at a camera's rate for a while."""
    rows: list[dict[str, Any]] = []
    for model in with_identity(plan.models).items():
        with plan.missing.noting('latency', model[0], plan.arguments.threads[-1]):
            rows.append(latency_run(model, plan.arguments, plan.size))
    return rows


def with_identity(models: dict[str, str]) -> dict[str, str]:
    """Add the model without work of its own, for what the node alone costs."""
    return {**models, 'identity': 'identity'}


PARTS: dict[str, Callable[[Plan], Any]] = {
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
    if result.get('relay'):
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
    if result.get('missing'):
        parts.append(f'### Not measured\n\n{missing_table(result["missing"])}')
    return '\n\n'.join(parts)
