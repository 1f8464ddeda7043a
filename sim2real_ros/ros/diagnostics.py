"""What /diagnostics says about the model and about each camera."""

from dataclasses import dataclass, field

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

from sim2real_ros.ros.frame_statistics import FrameCounts, FrameReport

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR

LOST_ADVICE = (
    'messages were lost between the camera and this node: give the *publisher* the shared-memory '
    'profile too (FASTRTPS_DEFAULT_PROFILES_FILE=.../share/sim2real_ros/config/fastdds.xml)'
)

_FALLEN_RATE_SHARE = 0.5
_SLOW_MODEL_SHARE = 0.5
# A model this many times slower than what counts as stale is not slow: it hangs.
_HANGING_FACTOR = 5


@dataclass
class CameraSituation:
    """What a camera's status is made of, at one moment.

    Attributes:
        report: Its statistics.
        since: Counts of the last period only.
        period_s: Length of that period in seconds.
        usual_rate_hz: Median rate of arrival in the recent past; 0 while it is not known, or
            when it says nothing about this period.
        active: Whether the node is active.
        image_listeners: Subscribers of all outputs that need images.
        info_listeners: Subscribers of camera_info.
        publishers: Publishers of the input image.
        silence_s: Seconds since the newest frame arrived, or since it could have.
        unanswered_s: Seconds since the newest frame went out, or since it could have.
        age_ms: Node time minus stamp of the newest frame; None where they cannot be compared.
        stale_after_s: Silence from which on to warn.
        topics: Input and output names.
    """

    report: FrameReport
    since: FrameCounts
    period_s: float
    usual_rate_hz: float
    active: bool
    image_listeners: int
    info_listeners: int
    publishers: int
    silence_s: float
    unanswered_s: float
    age_ms: float | None
    stale_after_s: float
    topics: dict[str, str] = field(default_factory=dict)

    @property
    def rate_in_hz(self) -> float:
        """Frames per second that arrived in the last period."""
        return self.since.received / self.period_s

    @property
    def rate_out_hz(self) -> float:
        """Frames per second that were published in the last period."""
        return self.since.published / self.period_s


def judge_camera(situation: CameraSituation) -> tuple[bytes, str]:
    """Return (level, message): the most urgent thing to know about a camera."""
    if not situation.active:
        return OK, 'inactive'
    if situation.image_listeners == 0:
        passing = situation.info_listeners > 0
        return OK, 'passing camera_info on' if passing else 'idle: nobody listens to the output'
    return (
        _judge_failures(situation)
        or _judge_input(situation)
        or _judge_rate(situation)
        or _judge_domain(situation)
        or (OK, 'translating')
    )


def _judge_failures(situation: CameraSituation) -> tuple[bytes, str] | None:
    since, report = situation.since, situation.report
    if since.failed or report.is_failing:
        return WARN if since.published else ERROR, f'frames fail: {report.last_error}'
    hangs = situation.unanswered_s > _HANGING_FACTOR * situation.stale_after_s
    if hangs and since.received:
        return ERROR, (
            f'frames arrive, but none came out for {situation.unanswered_s:.0f} s: the model hangs'
        )
    return None


def _judge_input(situation: CameraSituation) -> tuple[bytes, str] | None:
    if situation.publishers == 0:
        return WARN, f'nobody publishes {situation.topics.get("input", "the input")}'
    if situation.silence_s > situation.stale_after_s:
        return WARN, f'no frame for {situation.silence_s:.1f} s'
    if situation.since.lost:
        return WARN, f'{situation.since.lost} {LOST_ADVICE}'
    return None


def _judge_rate(situation: CameraSituation) -> tuple[bytes, str] | None:
    since, rate, usual = situation.since, situation.rate_in_hz, situation.usual_rate_hz
    if since.received and since.dropped > _SLOW_MODEL_SHARE * since.received:
        return WARN, (
            f'the model is slower than the camera: {since.dropped} of {since.received} frames '
            'dropped'
        )
    # Below a few frames a period, one frame more or less decides.
    if usual * situation.period_s >= 4 and rate < _FALLEN_RATE_SHARE * usual:
        return WARN, f'the input rate fell to {rate:.1f} Hz, usually {usual:.1f} Hz'
    return None


def _judge_domain(situation: CameraSituation) -> tuple[bytes, str] | None:
    domain = situation.report.domain
    if domain is None or not domain.is_unlike:
        return None
    return WARN, (
        'the frames are unlike those that the model was trained on (score '
        f'{domain.score:.2f}, expected below 1)'
    )


def camera_values(situation: CameraSituation) -> dict[str, str]:
    """Return the key-value pairs of a camera's status."""
    report, counts = situation.report, situation.report.counts
    values = {
        **situation.topics,
        'rate in (Hz)': f'{situation.rate_in_hz:.1f}',
        'rate out (Hz)': f'{situation.rate_out_hz:.1f}',
        'frames in': str(counts.received),
        'frames out': str(counts.published),
        'frames dropped': str(counts.dropped),
        'frames failed': str(counts.failed),
        'messages lost': str(counts.lost),
        'frames in batches': str(counts.batched),
        'smoothed over time': 'yes' if report.is_smoothed else 'no',
        'listeners': str(situation.image_listeners + situation.info_listeners),
        'input publishers': str(situation.publishers),
    }
    values |= {f'latency {name} (ms)': f'{ms:.2f}' for name, ms in report.latency_ms.items()}
    values |= {f'{stage} p50 (ms)': f'{ms:.3f}' for stage, ms in report.stage_ms.items()}
    if report.domain is not None:
        values['out of domain score'] = f'{report.domain.score:.2f}'
        values['usual score of training frames'] = f'{report.domain.usual_score:.2f}'
        values['domain check p50 (ms)'] = f'{report.domain.check_ms:.3f}'
    age = 'unknown' if situation.age_ms is None else f'{situation.age_ms:.1f}'
    return values | {'age of newest frame (ms)': age, 'last error': report.last_error}


@dataclass(frozen=True)
class ModelSituation:
    """What the model's status is made of.

    Attributes:
        values: Key-value pairs about the loaded model; empty while there is none.
        fallback: Why back end, provider or precision are not those asked for; '' where they are.
        loading: Whether another model is being loaded.
        refused: Why the newest change of the model was refused; '' where it was not.
    """

    values: dict[str, str]
    fallback: str = ''
    loading: bool = False
    refused: str = ''


def judge_model(situation: ModelSituation) -> tuple[bytes, str]:
    """Return (level, message) about the model."""
    if not situation.values:
        return (ERROR, situation.refused) if situation.refused else (OK, 'no model loaded yet')
    if situation.refused:
        return WARN, f'the newest model was refused, the old one goes on: {situation.refused}'
    if situation.fallback:
        used = [situation.values.get(key, '') for key in ('provider', 'precision')]
        return WARN, f'runs on {" in ".join(filter(None, used))}: {situation.fallback}'
    return OK, 'loading another model' if situation.loading else 'loaded'


def make_status(
    name: str, hardware_id: str, judgement: tuple[bytes, str], values: dict[str, str]
) -> DiagnosticStatus:
    """Make the message of one status."""
    level, message = judgement
    pairs = [KeyValue(key=key, value=value) for key, value in values.items()]
    return DiagnosticStatus(
        level=level, name=name, message=message, hardware_id=hardware_id, values=pairs
    )
