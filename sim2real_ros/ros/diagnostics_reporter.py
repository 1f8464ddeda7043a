"""Publishes /diagnostics once a second, on wall time, whatever the simulation clock does."""

import statistics
import time
from collections import deque

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode
from rclpy.qos import QoSProfile

from sim2real_ros.card import ModelCard
from sim2real_ros.ros.camera import Camera
from sim2real_ros.ros.diagnostics import (
    CameraSituation,
    ModelSituation,
    camera_values,
    judge_camera,
    judge_model,
    make_status,
)
from sim2real_ros.ros.frame_statistics import FrameCounts
from sim2real_ros.ros.parameters import ProxyParameters
from sim2real_ros.runtime.frame_context import DETAIL_STRENGTH
from sim2real_ros.runtime.input_domain import is_of_this_version
from sim2real_ros.runtime.translator import Translator

PERIOD_S = 1.0

_REMEMBERED_PERIODS = 60
_PERIODS_TO_KNOW = 5

_PLAUSIBLE_AGE_MS = 3_600_000.0


class _History:
    """What is remembered of a camera between two reports."""

    def __init__(self, now_s: float) -> None:
        self.counts = FrameCounts()
        self.reported_s = now_s
        self.rates_hz: deque[float] = deque(maxlen=_REMEMBERED_PERIODS)

    def usual_rate_hz(self) -> float:
        """Return the median of the recent rates; 0 while there are too few."""
        known = len(self.rates_hz) >= _PERIODS_TO_KNOW
        return statistics.median(self.rates_hz) if known else 0.0


class DiagnosticsReporter:
    """Owns the publisher and the memory between two periods; the node owns the timer."""

    def __init__(self, node: LifecycleNode) -> None:
        """Create the publisher, which speaks in every lifecycle state."""
        self._node = node
        self._publisher = node.create_publisher(
            DiagnosticArray, '/diagnostics', QoSProfile(depth=10)
        )
        self._history: dict[Camera, _History] = {}

    def report(
        self, cameras: list[Camera], active: bool, stale_after_s: float, model: ModelSituation
    ) -> None:
        """Publish one array.

        Args:
            cameras: All configured cameras.
            active: Whether the node is in the state active.
            stale_after_s: Silence from which on to warn.
            model: About the model.
        """
        statuses = [self._status('model', judge_model(model), model.values)]
        for camera in cameras:
            situation = self._situation(camera, active, stale_after_s)
            name = f'camera {camera.name}'.strip()
            statuses.append(self._status(name, judge_camera(situation), camera_values(situation)))
        self._history = {camera: self._history[camera] for camera in cameras}
        array = DiagnosticArray(status=statuses)
        array.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(array)

    def _status(
        self, name: str, judgement: tuple[bytes, str], values: dict[str, str]
    ) -> DiagnosticStatus:
        full_name = self._node.get_fully_qualified_name()
        return make_status(f'{full_name.lstrip("/")}: {name}', full_name, judgement, values)

    def _situation(self, camera: Camera, active: bool, stale_after_s: float) -> CameraSituation:
        now_s = time.monotonic()
        history = self._history.setdefault(camera, _History(now_s - PERIOD_S))
        report, listeners = camera.statistics.report(), camera.listeners()
        period_s = max(now_s - history.reported_s, 1e-3)
        since = report.counts.minus(history.counts)
        subscribed_s = camera.receives_images_since_s
        subscribed_s = now_s if subscribed_s is None else subscribed_s
        # A period in which nothing was subscribed for a while says nothing about the camera.
        is_full = subscribed_s <= history.reported_s
        usual_rate_hz = history.usual_rate_hz() if is_full else 0.0
        if is_full and since.received:
            history.rates_hz.append(since.received / period_s)
        history.counts, history.reported_s = report.counts, now_s
        return CameraSituation(
            report=report,
            since=since,
            period_s=period_s,
            usual_rate_hz=usual_rate_hz,
            active=active,
            image_listeners=listeners.image + listeners.compressed + listeners.compare,
            info_listeners=listeners.info,
            publishers=camera.input_publishers(),
            silence_s=now_s - max(report.last_receive_ns / 1e9, subscribed_s),
            unanswered_s=now_s - max(report.last_publish_ns / 1e9, subscribed_s),
            age_ms=self._age_ms(report.last_stamp_ns),
            stale_after_s=stale_after_s,
            topics={'input': camera.topics.image_in, 'output': camera.topics.image_out},
        )

    def _age_ms(self, stamp_ns: int) -> float | None:
        """Return node time minus stamp, unless they come from different clocks.

        A bag played without use_sim_time, a clock that jumped back, or a stamp of zero give
        numbers of hours or years, or negative ones: they say nothing about age.
        """
        age_ms = (self._node.get_clock().now().nanoseconds - stamp_ns) / 1e6
        return age_ms if stamp_ns and 0.0 <= age_ms < _PLAUSIBLE_AGE_MS else None


def wall_clock() -> Clock:
    """Return the clock for timers that must go on while simulation time stands still."""
    return Clock(clock_type=ClockType.STEADY_TIME)


def model_values(translator: Translator, asked: ProxyParameters) -> dict[str, str]:
    """Return the key-value pairs about a loaded model.

    Args:
        translator: The model.
        asked: What the parameters ask for.
    """
    model, card = translator.model, translator.model.card
    size = f'{card.size[0]}x{card.size[1]}' if card.size else 'any'
    return {
        'name': card.name,
        'method': card.method,
        'file': str(model.path),
        'sha256': model.sha256,
        'size': size,
        'backend': translator.backend.name,
        'provider': translator.backend.provider,
        'provider asked for': asked.provider,
        'precision': translator.backend.precision,
        'precision asked for': asked.precision,
        'fallback': translator.backend.fallback or 'none',
        'frames per run': ' or '.join(map(str, (1, *translator.batch_sizes))),
        'detail branch': 'yes' if DETAIL_STRENGTH in card.extra_inputs else 'no',
        'licence': card.licence,
        'training frames known': _training_frames(card),
    }


def _training_frames(card: ModelCard) -> str:
    numbers = card.input_domain
    if numbers is None:
        return 'no'
    return f'yes, {numbers.frames}' if is_of_this_version(numbers) else 'of another version'
