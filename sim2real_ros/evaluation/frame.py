"""The frames that measures look at: a simulated frame, and what a candidate made of it."""

import threading
from collections.abc import Callable
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
    """

    name: str
    image: RgbImage
    stamp_ns: int = 0
    drive: str = ''
    mask: IdImage | None = None
    target: RgbImage | None = None
    pose: LanePose | None = None
    _once: dict[Any, Any] = field(default_factory=dict, repr=False)
    _lock: Any = field(default_factory=threading.RLock, repr=False)

    def once(self, compute: Callable[['SimFrame'], T]) -> T:
        """Compute something of this frame once, however many candidates ask for it.

        Args:
            compute: A function of the module, not a lambda: it is the key. Must not change the
                frame; may call ``once`` itself.
        """
        with self._lock:
            if compute not in self._once:
                self._once[compute] = compute(self)
            found: T = self._once[compute]
            return found


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
