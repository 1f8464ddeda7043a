"""The numbers of a run: from the logs of player and recorder, and the node's diagnostics."""

import json
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from demo_bag import DemoCamera, shown_path


@dataclass(frozen=True)
class Moments:
    """When the messages of one topic passed, in order.

    Attributes:
        stamps_ns: Header stamps.
        times_ns: CLOCK_MONOTONIC of sending or receiving.
    """

    stamps_ns: list[int]
    times_ns: list[int]

    @property
    def rate_hz(self) -> float:
        """Messages per second between the first and the last; 0 where there is only one."""
        elapsed_ns = self.times_ns[-1] - self.times_ns[0] if self.times_ns else 0
        return (len(self.times_ns) - 1) * 1e9 / elapsed_ns if elapsed_ns > 0 else 0.0


@dataclass(frozen=True)
class Counts:
    """What became of the frames: `sent == received + dropped + failed + lost`.

    Attributes:
        sent: Published by the player.
        received: Recorded, translated.
        dropped: Replaced in the node by a newer one before their turn.
        failed: Could not be decoded or translated.
        lost: All others: they vanished between two processes.
    """

    sent: int
    received: int
    dropped: int
    failed: int
    lost: int


@dataclass(frozen=True)
class Percentiles:
    """Median and 95th percentile of a latency in milliseconds."""

    p50: float
    p95: float


@dataclass
class Report:
    """Everything that the demo tells at the end.

    Attributes:
        camera: What was played.
        model: The node's words about its model.
        counts: What became of the frames.
        rate_in_hz: Frames per second that the player sent.
        rate_out_hz: Frames per second that the recorder received.
        node_latency: Arrival in the node until published, its last 256 frames; None if unknown.
        end_to_end_latency: Sent by the player until received by the recorder; None if unknown.
        files: Results by name.
        notes: Things to know about them.
        panels: Where each frame lies in the picture.
    """

    camera: DemoCamera
    model: dict[str, str]
    counts: Counts
    rate_in_hz: float
    rate_out_hz: float
    node_latency: Percentiles | None
    end_to_end_latency: Percentiles | None
    files: dict[str, Path] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    panels: list[dict[str, Any]] = field(default_factory=list)

    def write(self, path: Path) -> None:
        """Write the report as JSON."""
        content = asdict(self)
        content['camera'] |= {'image_out': self.camera.image_out, 'info_out': self.camera.info_out}
        path.write_text(json.dumps(content, indent=1, default=str) + '\n', encoding='utf-8')

    def summary(self) -> str:
        """Return one line for below the picture."""
        model, counts = self.model, self.counts
        return (
            f'{model.get("name")} ({model.get("method")}) on {model.get("provider")}, '
            f'{counts.received} of {counts.sent} frames'
        )

    def table(self) -> str:
        """Return the report for people."""
        counts, model = self.counts, self.model
        rows = [
            ('model', f'{model.get("name")} ({model.get("method")}), {model.get("backend")}'),
            ('licence', model.get('licence') or 'the model does not say'),
            ('provider', model.get('provider', 'unknown')),
            ('frames in', f'{counts.sent:<8}{described_rate(self.rate_in_hz)}'),
            ('frames out', f'{counts.received:<8}{described_rate(self.rate_out_hz)}'),
            ('dropped', f'{counts.dropped:<8}the node was busy when a newer frame came'),
            ('failed', f'{counts.failed:<8}the node could not decode or translate them'),
            ('lost', f'{counts.lost:<8}on the way between two processes'),
            ('latency, node', described(self.node_latency)),
            ('latency, end to end', described(self.end_to_end_latency)),
            *((name, shown_path(path)) for name, path in self.files.items()),
            *(('note', note) for note in self.notes),
        ]
        return '\n'.join(f'  {name:20} {value}' for name, value in rows)


def described(latency: Percentiles | None) -> str:
    """Return a latency for people."""
    return f'p50 {latency.p50:.1f} ms, p95 {latency.p95:.1f} ms' if latency else 'unknown'


def described_rate(rate_hz: float) -> str:
    """Return a rate for people; nothing where a single frame has none."""
    return f'at {rate_hz:.1f} Hz' if rate_hz else ''


def read_moments(log: Path, topic: str, key: str) -> Moments:
    """Read one topic of a log of player or recorder.

    Args:
        log: JSON lines.
        topic: Absolute topic name.
        key: `send_ns` or `receive_ns`.
    """
    lines = log.read_text(encoding='utf-8').splitlines() if log.is_file() else []
    found = [line for line in map(json.loads, lines) if line['topic'] == topic]
    return Moments([line['stamp_ns'] or 0 for line in found], [line[key] for line in found])


def latency_between(sends: Moments, receives: Moments) -> Percentiles | None:
    """Pair the messages of two topics by their stamps; None where no pair is found."""
    unanswered: dict[int, deque[int]] = defaultdict(deque)
    for stamp_ns, time_ns in zip(sends.stamps_ns, sends.times_ns, strict=True):
        unanswered[stamp_ns].append(time_ns)
    latencies_ms = [
        (time_ns - unanswered[stamp_ns].popleft()) / 1e6
        for stamp_ns, time_ns in zip(receives.stamps_ns, receives.times_ns, strict=True)
        if unanswered[stamp_ns]
    ]
    return percentiles(latencies_ms)


def percentiles(values_ms: Sequence[float]) -> Percentiles | None:
    """Return median and 95th percentile; None of nothing."""
    if not values_ms:
        return None
    p50, p95 = np.percentile(values_ms, [50, 95])
    return Percentiles(float(p50), float(p95))


def node_latency(camera_values: dict[str, str]) -> Percentiles | None:
    """Return the latency that the node reports about itself."""
    p50, p95 = (camera_values.get(f'latency {name} (ms)') for name in ('p50', 'p95'))
    return Percentiles(float(p50), float(p95)) if p50 and p95 else None


def make_report(
    camera: DemoCamera,
    sends: Moments,
    receives: Moments,
    received: int,
    values: dict[str, dict[str, str]],
) -> Report:
    """Put the numbers together; the results are added later.

    Args:
        camera: What was played.
        sends: Of the camera's image topic.
        receives: Of the translated image topic.
        received: Number of translated images in the recorded bag.
        values: The node's last words, about its `model` and its `camera`.
    """
    node = values['camera']
    sent = len(sends.times_ns)
    dropped, failed = int(node.get('frames dropped', 0)), int(node.get('frames failed', 0))
    return Report(
        camera=camera,
        model=values['model'],
        counts=Counts(sent, received, dropped, failed, sent - received - dropped - failed),
        rate_in_hz=sends.rate_hz,
        rate_out_hz=receives.rate_hz,
        node_latency=node_latency(node),
        end_to_end_latency=latency_between(sends, receives),
    )
