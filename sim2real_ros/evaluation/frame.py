"""The frames that measures look at: a simulated frame, and what a candidate made of it."""

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

RgbImage = npt.NDArray[np.uint8]
IdImage = npt.NDArray[np.uint8]

T = TypeVar('T')


@dataclass(frozen=True)
class LanePose:
    """Where a robot is in its lane.

    Attributes:
        d_m: Distance from the centre of the lane in metres, positive to the left.
        phi_rad: Heading against the direction of the lane, positive to the left.
    """

    d_m: float
    phi_rad: float


class Remembered:
    """What was computed already, by key; for several threads.

    Each key has a lock of its own: a thread that needs a small thing of a frame, such as the next
    frame's, does not wait for a large one that is being computed. Keys may need other keys.
    """

    def __init__(self) -> None:
        """Know nothing yet."""
        self._found: dict[Hashable, _Entry] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, compute: Callable[[], T]) -> T:
        """Return what is known by a key, computed at the first call.

        What raises an error is not known, and computed again at the next call.
        """
        with self._lock:
            entry = self._found.setdefault(key, _Entry())
        with entry.lock:
            if not entry.is_known:
                entry.value = compute()
                entry.is_known = True
            found: T = entry.value
            return found


class _Entry:
    """One thing; its lock may be taken twice, so that a key that needs itself ends in an error."""

    __slots__ = ('is_known', 'lock', 'value')

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.is_known = False
        self.value: Any = None


@dataclass(frozen=True, eq=False)
class SimFrame:
    """One simulated frame, shared by all candidates that were made from it.

    Attributes:
        name: Unique in the evaluation; with forward slashes where it is a file.
        image: uint8 RGB (H, W, 3).
        stamp_ns: Time of capture; 0 where it is unknown.
        drive: What it follows its predecessor in; frames of other drives are no neighbours.
        mask: uint8 (H, W) ids of classes, None where there is no mask.
        target: uint8 RGB (H, W, 3), the known right answer; None where there is none.
        pose: The true pose in the lane; None where it is unknown.
        original_size: (width, height) before it was brought to the size of all frames.
    """

    name: str
    image: RgbImage
    stamp_ns: int = 0
    drive: str = ''
    mask: IdImage | None = None
    target: RgbImage | None = None
    pose: LanePose | None = None
    original_size: tuple[int, int] = (0, 0)
    _known: Remembered = field(default_factory=Remembered, repr=False)

    def once(self, compute: Callable[..., T], *others: 'SimFrame') -> T:
        """Compute something of this frame once, however many candidates ask for it.

        Args:
            compute: A function of the module, not a lambda: it is the key. Is called with this
                frame and the others, must not change them, and may call ``once`` itself.
            others: Frames that it depends on too, such as the one before.
        """
        key = (compute, *(other.name for other in others))
        return self._known.get(key, lambda: compute(self, *others))


@dataclass(frozen=True, eq=False)
class Previous:
    """The frame before, in the same drive.

    Attributes:
        sim: The simulated frame.
        translated: What the same candidate made of it.
    """

    sim: SimFrame
    translated: RgbImage


@dataclass(frozen=True, eq=False)
class EvaluatedFrame:
    """What one candidate made of one simulated frame.

    Attributes:
        sim: The simulated frame. For real frames, which were made from nothing, the real frame
            itself with its mask.
        translated: uint8 RGB, of the size of ``sim.image``. May be the same array: the
            untranslated frames are a candidate too, to compare with.
        previous: The frame before it; None at the start of a drive.
    """

    sim: SimFrame
    translated: RgbImage
    previous: Previous | None = None
    _known: Remembered = field(default_factory=Remembered, repr=False)

    def once(self, compute: Callable[['EvaluatedFrame'], T]) -> T:
        """Compute something of the translation once, however many measures ask for it.

        Args:
            compute: A function of the module, not a lambda: it is the key.
        """
        return self._known.get(compute, lambda: compute(self))
