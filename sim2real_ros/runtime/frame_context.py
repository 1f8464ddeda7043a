"""What a model may want to know of a frame beside its pixels."""

from dataclasses import dataclass, field
from typing import Any

DETAIL_STRENGTH = 'detail_strength'
"""Name of the further input (float32, one value in 0..1) of models with a detail branch."""


class CameraMemory:
    """What a back end keeps between the frames of one camera; only it knows what.

    Give one to all frames of a camera, in their order, and another one to every other camera.
    """

    def __init__(self) -> None:
        """Remember nothing."""
        self.content: Any = None

    def forget(self) -> None:
        """Start anew, as after a cut or with another model."""
        self.content = None


@dataclass(frozen=True)
class FrameContext:
    """How to translate one frame; a model ignores what it has no use for.

    Attributes:
        detail_strength: Share of a detail branch's change, 0..1.
        smoothing_s: Time constant in seconds over which a bilateral grid is averaged; 0 = off.
        stamp_s: When the frame was taken, in seconds of its camera's clock; None = unknown.
        memory: Of the frame's camera; None = the frame stands alone, and nothing is smoothed.
    """

    detail_strength: float = 1.0
    smoothing_s: float = 0.0
    stamp_s: float | None = None
    memory: CameraMemory | None = field(default=None, compare=False)


ALONE = FrameContext()
"""A frame of its own, at full strength."""
