"""Which frames are taken: by time, every n-th, at a rate, unlike the last one, up to a number."""

import math
from collections.abc import Callable

from sim2real_ros.data.extraction.options import ExtractOptions
from sim2real_ros.image.difference_hash import hamming_distance


class RateGate:
    """Lets frames pass at a rate, by their stamps.

    Frames are due at the first stamp plus whole numbers of periods, and the one nearest to that
    passes, as far as the distance to the frame before lets guess where the next will be. So a
    jitter of the stamps changes neither the rate nor the choice. Stamps that jump back by more
    than a period (a bag in a loop) start anew.
    """

    def __init__(self, rate_hz: float) -> None:
        """Let pass all frames where the rate is 0."""
        self._period_ns = 1e9 / rate_hz if rate_hz else 0.0
        self._origin_ns: int | None = None
        self._previous_ns = 0
        self._slot = 0

    def lets_pass(self, stamp_ns: int) -> bool:
        """Decide about the next frame."""
        if not self._period_ns:
            return True
        step_ns, self._previous_ns = stamp_ns - self._previous_ns, stamp_ns
        if self._origin_ns is None or step_ns < -self._period_ns:
            self._origin_ns, self._slot = stamp_ns, 0
            return True
        early_ns = min(max(step_ns, 0), self._period_ns) / 2
        slot = math.floor((stamp_ns + early_ns - self._origin_ns) / self._period_ns)
        if slot <= self._slot:
            return False
        self._slot = slot
        return True


class Selector:
    """Decides about the frames of one topic, video or folder, in their order.

    Attributes:
        open: Whether more frames are wanted.
        seen: Number of frames decided about.
        kept: Number of images.
    """

    def __init__(self, options: ExtractOptions, beginning_ns: int = 0) -> None:
        """Start before the first frame.

        Args:
            options: What is wanted.
            beginning_ns: Time of the first message of the bag, 0 for videos.
        """
        self.open = True
        self.seen = self.kept = 0
        self._options = options
        self._start_ns, self.stop_ns = options.time_range_ns(beginning_ns)
        self._in_range = 0
        self._rate = RateGate(options.rate_hz)
        self._last_hash: int | None = None

    def wants(self, time_ns: int, stamp_ns: Callable[[], int]) -> bool:
        """Decide before decoding.

        Args:
            time_ns: When it was recorded.
            stamp_ns: Finds out when it was taken; only called where it matters.
        """
        self.seen += 1
        if not self.open or time_ns < self._start_ns:
            return False
        if self.stop_ns is not None and time_ns >= self.stop_ns:
            return False
        self._in_range += 1
        if (self._in_range - 1) % self._options.every:
            return False
        return not self._options.rate_hz or self._rate.lets_pass(stamp_ns())

    def keeps(self, image_hash: int) -> bool:
        """Decide after decoding, and count what is kept.

        Args:
            image_hash: Difference hash of the image.
        """
        bits, last = self._options.drop_similar, self._last_hash
        if bits is not None and last is not None and hamming_distance(last, image_hash) <= bits:
            return False
        self._last_hash = image_hash
        self.kept += 1
        if self.kept == self._options.max_frames:
            self.open = False
        return True
