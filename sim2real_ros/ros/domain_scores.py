"""The newest out-of-domain scores of a camera, and whether they are worth a warning."""

import statistics
from collections import deque
from dataclasses import dataclass

from sim2real_ros.runtime.input_domain import EXPECTED_SCORE, InputDomain

_WINDOW_CHECKS = 15
_CHECKS_TO_JUDGE = 5
# A little above what is expected, so that a drive along the limit does not make it flicker.
_UNLIKE_FROM = 1.1 * EXPECTED_SCORE
_ALIKE_BELOW = EXPECTED_SCORE


@dataclass(frozen=True)
class DomainReport:
    """A snapshot of the scores.

    Attributes:
        score: Median of the newest ones.
        usual_score: What it is for half of the frames like those of training.
        is_unlike: Whether the median rose above 1.1, and has not fallen below 1 since.
        check_ms: Median time of a check.
    """

    score: float
    usual_score: float
    is_unlike: bool
    check_ms: float


class DomainScores:
    """Scores by one input domain; whoever shares it between threads has to lock it."""

    def __init__(self, domain: InputDomain) -> None:
        """Start without scores."""
        self.domain = domain
        self._is_unlike = False
        self._scores: deque[float] = deque(maxlen=_WINDOW_CHECKS)
        self._durations_ns: deque[int] = deque(maxlen=_WINDOW_CHECKS)

    def add(self, score: float, duration_ns: int) -> None:
        """Take note of one score and of the time that it took."""
        self._scores.append(score)
        self._durations_ns.append(duration_ns)
        if len(self._scores) >= _CHECKS_TO_JUDGE:
            limit = _ALIKE_BELOW if self._is_unlike else _UNLIKE_FROM
            self._is_unlike = statistics.median(self._scores) > limit

    def report(self) -> DomainReport | None:
        """Take a snapshot; None before the first score."""
        if not self._scores:
            return None
        return DomainReport(
            score=statistics.median(self._scores),
            usual_score=self.domain.usual_score,
            is_unlike=self._is_unlike,
            check_ms=statistics.median(self._durations_ns) / 1e6,
        )
