"""Counts, rates and latencies of one camera, for the diagnostics."""

import threading
import time
from collections import deque
from dataclasses import dataclass, field, replace

import numpy as np

from sim2real_ros.ros.domain_scores import DomainReport, DomainScores
from sim2real_ros.runtime.input_domain import InputDomain

STAGES = ('wait', 'decode', 'translate', 'encode', 'publish')
"""What a frame goes through between its arrival and the return of publish()."""

_WINDOW_FRAMES = 256


@dataclass(frozen=True)
class FrameCounts:
    """Totals since the start.

    Attributes:
        received: Frames that reached the node.
        published: Frames that left it.
        dropped: Frames replaced by a newer one before their turn.
        failed: Frames that could not be decoded or translated.
        lost: Messages that the middleware reports as lost on the way to the node.
    """

    received: int = 0
    published: int = 0
    dropped: int = 0
    failed: int = 0
    lost: int = 0

    def minus(self, earlier: 'FrameCounts') -> 'FrameCounts':
        """Return what has been counted since ``earlier``."""
        return FrameCounts(
            self.received - earlier.received,
            self.published - earlier.published,
            self.dropped - earlier.dropped,
            self.failed - earlier.failed,
            self.lost - earlier.lost,
        )


@dataclass(frozen=True)
class FrameReport:
    """A snapshot of one camera.

    Attributes:
        counts: Totals.
        latency_ms: p50, p95 and max from arrival to publication over the last 256 frames; empty
            before the first one.
        stage_ms: Median per stage over the same frames.
        last_error: Message of the newest failure.
        last_receive_ns: CLOCK_MONOTONIC of the newest arrival; 0 before the first one.
        last_stamp_ns: Header stamp of the newest arrival.
        last_publish_ns: CLOCK_MONOTONIC of the newest publication; 0 before the first one.
        is_failing: Whether the newest frame that was finished failed.
        domain: How unlike the training frames the newest frames are; None where that is not known.
    """

    counts: FrameCounts = field(default_factory=FrameCounts)
    latency_ms: dict[str, float] = field(default_factory=dict)
    stage_ms: dict[str, float] = field(default_factory=dict)
    last_error: str = ''
    last_receive_ns: int = 0
    last_stamp_ns: int = 0
    last_publish_ns: int = 0
    is_failing: bool = False
    domain: DomainReport | None = None


class FrameStatistics:
    """Thread-safe collector: the executor counts arrivals, the worker all the rest."""

    def __init__(self) -> None:
        """Start at zero."""
        self._lock = threading.Lock()
        self._report = FrameReport()
        self._stages_ns: deque[tuple[int, ...]] = deque(maxlen=_WINDOW_FRAMES)
        self._domain_scores: DomainScores | None = None

    def count_received(self, receive_ns: int, stamp_ns: int) -> None:
        """Count an arrival at ``receive_ns`` (CLOCK_MONOTONIC)."""
        self._count(received=1, last_receive_ns=receive_ns, last_stamp_ns=stamp_ns)

    def count_dropped(self) -> None:
        """Count a frame that a newer one replaced."""
        self._count(dropped=1)

    def count_lost(self, messages: int) -> None:
        """Count messages that the middleware lost."""
        self._count(lost=messages)

    def count_failed(self, error: str) -> None:
        """Count a frame that failed, and remember why."""
        self._count(failed=1, last_error=error, is_failing=True)

    def count_published(self, stages_ns: tuple[int, ...]) -> None:
        """Count a published frame with the nanoseconds of each of STAGES."""
        with self._lock:
            self._stages_ns.append(stages_ns)
        self._count(published=1, last_publish_ns=time.monotonic_ns(), is_failing=False)

    def watch_domain(self, domain: InputDomain | None) -> None:
        """Forget all scores, and take those by another domain from now on."""
        with self._lock:
            self._domain_scores = None if domain is None else DomainScores(domain)

    def count_domain_score(self, domain: InputDomain, score: float, duration_ns: int) -> None:
        """Count an out-of-domain score, unless it belongs to a domain that was left meanwhile."""
        with self._lock:
            if self._domain_scores is not None and self._domain_scores.domain is domain:
                self._domain_scores.add(score, duration_ns)

    def _count(
        self,
        received: int = 0,
        published: int = 0,
        dropped: int = 0,
        failed: int = 0,
        lost: int = 0,
        **changes: int | str,
    ) -> None:
        with self._lock:
            c = self._report.counts
            counts = FrameCounts(
                c.received + received,
                c.published + published,
                c.dropped + dropped,
                c.failed + failed,
                c.lost + lost,
            )
            self._report = replace(self._report, counts=counts, **changes)  # type: ignore[arg-type]

    def report(self) -> FrameReport:
        """Take a snapshot."""
        with self._lock:
            scores = self._domain_scores
            report = replace(self._report, domain=None if scores is None else scores.report())
            stages = list(self._stages_ns)
        if not stages:
            return report
        per_stage = np.asarray(stages, np.float64) / 1e6
        total = per_stage.sum(axis=1)
        p50, p95 = np.percentile(total, [50, 95])
        return replace(
            report,
            latency_ms={'p50': float(p50), 'p95': float(p95), 'max': float(total.max())},
            stage_ms=dict(zip(STAGES, np.median(per_stage, axis=0).tolist(), strict=True)),
        )
