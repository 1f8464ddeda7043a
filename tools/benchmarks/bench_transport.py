"""What the middleware alone costs: a camera and a sink, and nothing between them."""

import argparse
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench_processes import NotMeasuredError, Passage, Stream, send, use_cores
from machine_description import describe_machine, machine_line
from result_table import markdown_table, show_table
from turn_progress import TurnProgress

Size = tuple[int, int]

USUAL_SIZES: tuple[Size, ...] = ((512, 384), (1280, 720))
TOPIC = 'bench_transport'
CAMERA_HZ = 30.0
MANY = 10**9

_UNSET = {'FASTRTPS_DEFAULT_PROFILES_FILE': '', 'FASTDDS_DEFAULT_PROFILES_FILE': ''}
SETTINGS: dict[str, Mapping[str, str]] = {
    'config/fastdds.xml': {**_UNSET, 'FASTDDS_BUILTIN_TRANSPORTS': ''},
    'Fast DDS default': {**_UNSET, 'FASTDDS_BUILTIN_TRANSPORTS': 'DEFAULT'},
    'UDP': {**_UNSET, 'FASTDDS_BUILTIN_TRANSPORTS': 'UDPv4'},
}
"""Variables by the name of a transport; '' unsets one, so that our own file is taken."""

COLUMNS = (
    *('size', 'message', 'kB', 'transport', 'reliability', 'frames/s', 'lost at 30 Hz'),
    *('p50 ms', 'p99 ms', 'camera CPU ms', 'sink CPU ms'),
)


@dataclass(frozen=True)
class Variant:
    """One row: what is sent, and how."""

    size: Size
    compressed: bool
    transport: str
    reliability: str

    def stream(self, rate_hz: float, seconds: float) -> Stream:
        """Return the stream to send for some seconds; a rate of 0 is as fast as it goes."""
        frames = int(rate_hz * seconds) if rate_hz else MANY
        return Stream(
            frames, rate_hz, self.size, seconds=seconds + 1, topic=TOPIC, output=TOPIC,
            reliability=self.reliability, sink_reliability=self.reliability,
            compressed=self.compressed, environ=SETTINGS[self.transport],
        )  # fmt: skip


@dataclass(frozen=True)
class TransportRow:
    """What was found of a variant, over all rounds.

    Attributes:
        variant: What was sent, and how.
        message_bytes: Of the image in a message.
        rates_hz: Frames per second that arrived when they were sent as fast as it goes, by round.
        sent: Frames at 30 Hz.
        received: Frames of those that arrived.
        latencies_ms: At 30 Hz: median of the rounds' p50, p90, p99 and maxima.
        camera_cpu_ms: Time of the CPUs for a frame at 30 Hz, sending.
        sink_cpu_ms: Likewise receiving.
        reason: Why there is nothing; '' where there is.
    """

    variant: Variant
    message_bytes: int = 0
    rates_hz: tuple[float, ...] = ()
    sent: int = 0
    received: int = 0
    latencies_ms: Mapping[str, float] | None = None
    camera_cpu_ms: float = 0.0
    sink_cpu_ms: float = 0.0
    reason: str = ''


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run the benchmark and return its result; the table is printed or put into a file."""
    cores = use_cores(arguments.cores)
    every = list(variants(arguments.sizes or USUAL_SIZES))
    fast: dict[Variant, list[Passage]] = {each: [] for each in every}
    steady: dict[Variant, list[Passage]] = {each: [] for each in every}
    reasons: dict[Variant, str] = {}
    progress = TurnProgress('transport', len(every) * arguments.rounds)
    for number in range(arguments.rounds):
        for variant in every if number % 2 == 0 else reversed(every):
            try:
                fast[variant].append(send(variant.stream(0, arguments.seconds)))
                steady[variant].append(send(variant.stream(CAMERA_HZ, arguments.seconds)))
            except NotMeasuredError as error:
                # Best effort may lose every frame: that is a result.
                reasons[variant] = str(error)
            progress.step(f'{variant.transport}, {variant.reliability}')
    progress.close()
    rows = [row_of(each, fast[each], steady[each], reasons.get(each, '')) for each in every]
    machine = describe_machine()
    head = f'Camera and sink on {cores} cores. {machine_line(machine)}'
    show_table(f'{head}\n\n{transport_table(rows)}', 'transport', arguments.table)
    return {'machine': machine, 'cores': cores, 'rows': [asdict(row) for row in rows]}


def variants(sizes: Sequence[Size]) -> Iterator[Variant]:
    """Yield all rows; UDP only for raw images, where it differs."""
    for size in sizes:
        for compressed in (False, True):
            for transport in SETTINGS:
                for reliability in ('best_effort', 'reliable'):
                    if not (compressed and transport == 'UDP'):
                        yield Variant(size, compressed, transport, reliability)


def row_of(
    variant: Variant, fast: Sequence[Passage], steady: Sequence[Passage], reason: str
) -> TransportRow:
    """Turn what was counted into a row.

    Args:
        variant: What was sent.
        fast: As fast as it goes, by round.
        steady: At a camera's rate, by round.
        reason: Why a round is missing; '' = none is.
    """
    if not fast or not steady:
        rates = tuple(round(each.rate_hz, 1) for each in fast)
        return TransportRow(variant, rates_hz=rates, reason=reason or 'it had no turn')
    latencies = [each.latencies() for each in steady]
    received = sum(each.received for each in steady)
    return TransportRow(
        variant,
        message_bytes=steady[0].message_bytes,
        rates_hz=tuple(round(each.rate_hz, 1) for each in fast),
        sent=sum(each.sent for each in steady),
        received=received,
        latencies_ms={k: statistics.median(each[k] for each in latencies) for k in latencies[0]},
        camera_cpu_ms=1000 * sum(each.camera_cpu_s for each in steady) / received,
        sink_cpu_ms=1000 * sum(each.sink_cpu_s for each in steady) / received,
        reason=reason,
    )


def transport_table(rows: Sequence[TransportRow]) -> str:
    """Return the table in Markdown."""
    return markdown_table(COLUMNS, [_cells(row) for row in rows])


def _cells(row: TransportRow) -> tuple[Any, ...]:
    variant = row.variant
    width, height = variant.size
    kind = 'JPEG' if variant.compressed else 'rgb8'
    rates = ', '.join(f'{rate:.0f}' for rate in row.rates_hz)
    names = (f'{width}x{height}', kind, f'{row.message_bytes / 1000:.0f}')
    how = (variant.transport, variant.reliability)
    if row.latencies_ms is None:
        return (*names, *how, rates, row.reason, '', '', '', '')
    lost = f'{row.sent - row.received} of {row.sent}' + (' and a round' if row.reason else '')
    times = (row.latencies_ms['p50'], row.latencies_ms['p99'], row.camera_cpu_ms, row.sink_cpu_ms)
    return (*names, *how, rates, lost, *(f'{each:.2f}' for each in times))
