"""The node at rising rates: what comes out, and where the time goes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import psutil
from bench_processes import Diagnostics, Passage, diagnostics, send_all
from loaded_node import loaded_node
from node_command import proxy, streams
from result_table import markdown_table

STAGES = ('wait', 'decode', 'translate', 'encode', 'publish')
"""As the node's diagnostics call them."""

RATE_SECONDS = 5.0

COLUMNS = (
    *('model', 'threads', 'cameras', 'offered Hz', 'out Hz', *STAGES, 'node CPU', 'camera CPU'),
    *('sink CPU', 'left'),
)


@dataclass(frozen=True)
class RateRow:
    """One rate at which the cameras sent; rates and times are of all cameras together.

    Attributes:
        model: Name of the model.
        threads: Of inference.
        cameras: How many.
        offered_hz: Frames per second that the cameras sent.
        out_hz: Frames per second that reached the sinks.
        stages_ms: Median of each stage in the node, mean of the cameras.
        node_cpu_ms: Time of all CPUs that the node took for a frame that reached a sink.
        camera_cpu_ms: Likewise the cameras, with what they sent in vain.
        sink_cpu_ms: Likewise the sinks.
        left_ms: What the cores had left for such a frame: idle, the kernel, other processes.
        latencies_ms: p50, p90, p99 and max from camera to sink; the worst of the cameras.
    """

    model: str
    threads: int
    cameras: int
    offered_hz: float
    out_hz: float
    stages_ms: dict[str, float]
    node_cpu_ms: float
    camera_cpu_ms: float
    sink_cpu_ms: float
    left_ms: float
    latencies_ms: dict[str, float]


def sweep(
    model: tuple[str, str],
    threads: int,
    *,
    cameras: int,
    size: tuple[int, int],
    rates_hz: Sequence[float],
    settings: Sequence[str],
    cores: int,
) -> Iterator[RateRow]:
    """Send to one node at one rate after another.

    Args:
        model: Name to show, and what the node loads.
        threads: Of inference.
        cameras: How many send at once.
        size: (width, height) of the frames.
        rates_hz: Frames per second of all cameras together.
        settings: Further parameters of the node.
        cores: That all processes share.

    Raises:
        NotMeasuredError: The node has loaded no model, or too few frames reached the sinks.
    """
    name, path = model
    command = proxy(path, threads, cameras=cameras, settings=settings)
    with loaded_node(*command) as node, diagnostics() as heard:
        process = psutil.Process(node.pid)
        for rate_hz in rates_hz:
            frames = int(rate_hz / cameras * RATE_SECONDS)
            before_s = cpu_seconds(process)
            passages = send_all(streams(cameras, frames, rate_hz / cameras, size))
            # The node's idle life around the frames counts little, and is the node's, too.
            node_cpu_s = cpu_seconds(process) - before_s
            yield rate_row(
                (name, threads, cores), passages, newest_stages(heard), node_cpu_s, rate_hz
            )


def rate_row(
    what: tuple[str, int, int],
    passages: Sequence[Passage],
    stages_ms: dict[str, float],
    node_cpu_s: float,
    offered_hz: float,
) -> RateRow:
    """Turn what was counted into a row; ``what`` is model, threads and cores."""
    model, threads, cores = what
    received = sum(each.received for each in passages)
    out_hz = sum(each.rate_hz for each in passages)
    cpu_ms = [
        1000 * seconds / received
        for seconds in (
            node_cpu_s,
            sum(each.camera_cpu_s for each in passages),
            sum(each.sink_cpu_s for each in passages),
        )
    ]
    latencies = [each.latencies() for each in passages]
    return RateRow(
        model=model,
        threads=threads,
        cameras=len(passages),
        offered_hz=offered_hz,
        out_hz=out_hz,
        stages_ms=stages_ms,
        node_cpu_ms=cpu_ms[0],
        camera_cpu_ms=cpu_ms[1],
        sink_cpu_ms=cpu_ms[2],
        left_ms=1000 * cores / out_hz - sum(cpu_ms),
        latencies_ms={name: max(each[name] for each in latencies) for name in latencies[0]},
    )


def cpu_seconds(process: psutil.Process) -> float:
    """Return the time of all CPUs that a process took so far."""
    times = process.cpu_times()
    return float(times.user + times.system)


def newest_stages(heard: Diagnostics) -> dict[str, float]:
    """Return the medians of the stages as the node last told them, mean of its cameras."""
    return stages_of({name: status.values for name, status in heard.newest().items()})


def stages_of(statuses: Mapping[str, Mapping[str, str]]) -> dict[str, float]:
    """Find the medians of the stages in key-value pairs by status; mean of the cameras."""
    keys = {stage: f'{stage} p50 (ms)' for stage in STAGES}
    cameras = [each for each in statuses.values() if keys['translate'] in each]
    if not cameras:
        return {}
    return {
        stage: sum(float(each[key]) for each in cameras) / len(cameras)
        for stage, key in keys.items()
    }


def best_rows(rows: Sequence[RateRow]) -> list[RateRow]:
    """Return the row with the highest output of each model and number of threads."""
    keys = dict.fromkeys((row.model, row.threads) for row in rows)
    return [
        max((row for row in rows if (row.model, row.threads) == key), key=lambda row: row.out_hz)
        for key in keys
    ]


def rates_table(rows: Sequence[RateRow]) -> str:
    """Return the table in Markdown; times in milliseconds."""
    return markdown_table(COLUMNS, [_cells(row) for row in rows])


def _cells(row: RateRow) -> tuple[Any, ...]:
    stages = [f'{row.stages_ms[s]:.2f}' if s in row.stages_ms else '' for s in STAGES]
    cpu = (row.node_cpu_ms, row.camera_cpu_ms, row.sink_cpu_ms, row.left_ms)
    return (
        *(row.model, row.threads, row.cameras, f'{row.offered_hz:g}', f'{row.out_hz:.1f}'),
        *stages,
        *(f'{value:.2f}' for value in cpu),
    )


def as_dicts(rows: Sequence[RateRow]) -> list[dict[str, Any]]:
    """Return the rows for JSON."""
    return [asdict(row) for row in rows]
