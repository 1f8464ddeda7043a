"""CameraTurns: frames of one camera pass the model in their order, whatever thread has them."""

import threading
from types import TracebackType
from typing import Protocol

from sim2real_ros.runtime.frame_context import CameraMemory
from sim2real_ros.runtime.pixel_format import RgbImage
from sim2real_ros.translation.model_pool import ModelPool


class FrameTranslator(Protocol):
    """What a frame goes through: a model pool, or the frame's turn at one."""

    def translate(self, rgb: RgbImage, stamp_s: float | None = None) -> RgbImage:
        """Translate one image, as ``ModelPool.translate`` does."""


class CameraTurns:
    """Hands out the turns of one camera; a model that smooths nothing gives one at any time.

    Take the turns in the order of the frames, from one thread, and begin their work in that order,
    as ``ordered_map`` and ``in_order`` do: then a frame waits only for frames that are under way.
    """

    def __init__(self, pool: ModelPool, *, has_memory: bool = True) -> None:
        """Begin a camera, a video or a drive.

        Args:
            pool: The model.
            has_memory: False where nothing has to be smoothed, since all is done already.
        """
        self._pool = pool
        self._memory = CameraMemory() if has_memory and pool.smooths else None
        self._last: threading.Event | None = None

    def next(self) -> 'FrameTurn':
        """Return the turn of the next frame."""
        if self._memory is None:
            return FrameTurn(self._pool)
        turn = FrameTurn(self._pool, self._memory, self._last)
        self._last = turn.is_over
        return turn


class FrameTurn:
    """One frame's turn at the model. It is over when the frame is translated, or the block ends.

    Decoding before and encoding after go on in several threads at once.

    Attributes:
        is_over: Set when the next frame may use the memory.
    """

    def __init__(
        self,
        pool: ModelPool,
        memory: CameraMemory | None = None,
        before: threading.Event | None = None,
    ) -> None:
        """Join what a frame needs.

        Args:
            pool: The model.
            memory: Of the camera; None = the frame stands alone.
            before: The end of the turn before; None = there is none to wait for.
        """
        self.is_over = threading.Event()
        self._pool = pool
        self._memory = memory
        self._before = before

    @property
    def has_followers(self) -> bool:
        """Whether later frames depend on this one, even where its result is there already."""
        return self._memory is not None

    def translate(self, rgb: RgbImage, stamp_s: float | None = None) -> RgbImage:
        """Translate the frame when its turn has come; arguments as in ``ModelPool.translate``."""
        self._wait()
        try:
            return self._pool.translate(rgb, stamp_s, self._memory)
        finally:
            self.is_over.set()

    def __enter__(self) -> 'FrameTurn':
        """Begin the work that leads to the turn."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the turn also where the frame could not be read, and never before its time."""
        self._wait()
        self.is_over.set()

    def _wait(self) -> None:
        if self._before is not None:
            self._before.wait()
