"""Counts, rates and latencies of one camera, for the diagnostics."""

import threading
import time
from collections import deque
from dataclasses import dataclass, field, replace
from typing import Any

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
        batched: Published frames that shared a run of the model with those of other cameras.
    """

    received: int = 0
    published: int = 0
    dropped: int = 0
    failed: int = 0
    lost: int = 0
    batched: int = 0

    def minus(self, earlier: 'FrameCounts') -> 'FrameCounts':
        """Return what has been counted since ``earlier``."""
        return FrameCounts(
            self.received - earlier.received,
            self.published - earlier.published,
            self.dropped - earlier.dropped,
            self.failed - earlier.failed,
            self.lost - earlier.lost,
            self.batched - earlier.batched,
        )


@dataclass(frozen=True)
class FrameReport:
    """A snapshot of one camera.

    Attributes:
        counts: Totals.
        latency_ms: p50, p95, p99 and max from arrival to publication over the last 256
            frames; empty before the first one.
        stage_ms: Median per stage over the same frames.
        last_error: Message of the newest failure.
        last_receive_ns: CLOCK_MONOTONIC of the newest arrival; 0 before the first one.
        last_stamp_ns: Header stamp of the newest arrival.
        last_publish_ns: CLOCK_MONOTONIC of the newest publication; 0 before the first one.
        is_failing: Whether the newest frame that was finished failed.
        is_smoothed: Whether the newest frame that was published was smoothed over time.
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
    is_smoothed: bool = False
    domain: DomainReport | None = None


class FrameStatistics:
    """Thread-safe collector: the executor counts arrivals, the worker all the rest."""

    def __init__(self) -> None:
        """Start at zero."""
        self.image_size: tuple[int, int] | None = None
        """(width, height) of the newest image that was decoded; None before the first one."""
        self._lock = threading.Lock()
        # Counted several times per frame: a dataclass made anew each time would cost more.
        self._counts = dict.fromkeys(FrameCounts.__dataclass_fields__, 0)
        self._latest: dict[str, Any] = {}
        self._stages_ns: deque[tuple[int, ...]] = deque(maxlen=_WINDOW_FRAMES)
        self._domain_scores: DomainScores | None = None

    def count_received(self, receive_ns: int, stamp_ns: int) -> None:
        """Count an arrival at ``receive_ns`` (CLOCK_MONOTONIC)."""
        with self._lock:
            self._counts['received'] += 1
            self._latest['last_receive_ns'] = receive_ns
            self._latest['last_stamp_ns'] = stamp_ns

    def count_dropped(self) -> None:
        """Count a frame that a newer one replaced."""
        with self._lock:
            self._counts['dropped'] += 1

    def count_lost(self, messages: int) -> None:
        """Count messages that the middleware lost."""
        with self._lock:
            self._counts['lost'] += messages

    def count_failed(self, error: str) -> None:
        """Count a frame that failed, and remember why."""
        with self._lock:
            self._counts['failed'] += 1
            self._latest['last_error'], self._latest['is_failing'] = error, True

    def count_published(
        self, stages_ns: tuple[int, ...], *, batched: bool = False, smoothed: bool = False
    ) -> None:
        """Count a published frame.

        Args:
            stages_ns: Nanoseconds of each of STAGES; their sum is the frame's latency. Frames
                that share a run of the model have its whole time each, as each waits for it.
            batched: Whether it shared a run of the model with other frames.
            smoothed: Whether it was smoothed over time.
        """
        now_ns = time.monotonic_ns()
        with self._lock:
            self._stages_ns.append(stages_ns)
            self._counts['published'] += 1
            self._counts['batched'] += batched
            self._latest['last_publish_ns'] = now_ns
            self._latest['is_failing'], self._latest['is_smoothed'] = False, smoothed

    def watch_domain(self, domain: InputDomain | None) -> None:
        """Forget all scores, and take those by another domain from now on."""
        with self._lock:
            self._domain_scores = None if domain is None else DomainScores(domain)

    def count_domain_score(self, domain: InputDomain, score: float, duration_ns: int) -> None:
        """Count an out-of-domain score, unless it belongs to a domain that was left meanwhile."""
        with self._lock:
            if self._domain_scores is not None and self._domain_scores.domain is domain:
                self._domain_scores.add(score, duration_ns)

    def report(self) -> FrameReport:
        """Take a snapshot."""
        with self._lock:
            scores = self._domain_scores
            report = FrameReport(
                counts=FrameCounts(**self._counts),
                domain=None if scores is None else scores.report(),
                **self._latest,
            )
            stages = list(self._stages_ns)
        if not stages:
            return report
        per_stage = np.asarray(stages, np.float64) / 1e6
        total = per_stage.sum(axis=1)
        p50, p95, p99 = np.percentile(total, [50, 95, 99]).tolist()
        return replace(
            report,
            latency_ms={'p50': p50, 'p95': p95, 'p99': p99, 'max': float(total.max())},
            stage_ms=dict(zip(STAGES, np.median(per_stage, axis=0).tolist(), strict=True)),
        )
