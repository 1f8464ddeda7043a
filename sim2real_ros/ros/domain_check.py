"""Which frames of a camera are compared with those that the model was trained on."""

from sim2real_ros.errors import ModelError
from sim2real_ros.ros.frame_statistics import FrameStatistics
from sim2real_ros.runtime.input_domain import InputDomain
from sim2real_ros.runtime.translator import Translator


class DomainCheck:
    """Takes every n-th frame, and begins anew with every model; for one thread."""

    def __init__(self, statistics: FrameStatistics) -> None:
        """Check nothing yet.

        Args:
            statistics: Of the camera; is told what the scores belong to.
        """
        self._statistics = statistics
        self._translator: Translator | None = None
        self._domain: InputDomain | None = None
        self._frames = 0

    def due(self, translator: Translator, interval: int) -> InputDomain | None:
        """Count a frame, and return what to compare it with.

        Args:
            translator: The model of this frame.
            interval: 1 compares every frame, 10 every tenth; 0 none, and forgets earlier scores.

        Returns:
            None where it is not this frame's turn, or the card of the model knows no frames.
        """
        if interval == 0:
            self._use(None)
            return None
        if translator is not self._translator:
            self._use(translator)
        self._frames += 1
        return self._domain if (self._frames - 1) % interval == 0 else None

    def _use(self, translator: Translator | None) -> None:
        if translator is None and self._translator is None:
            return
        self._translator, self._frames = translator, 0
        self._domain = None if translator is None else _domain_of(translator)
        self._statistics.watch_domain(self._domain)


def _domain_of(translator: Translator) -> InputDomain | None:
    try:
        return InputDomain.of_card(translator.model.card)
    except ModelError:
        # A later version's numbers: the model runs all the same, and the diagnostics say so.
        return None
