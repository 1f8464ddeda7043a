"""Average a bilateral grid over time, so that its colours do not flicker from frame to frame."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sim2real_ros.runtime.frame_context import FrameContext

Grid = NDArray[np.float32]
Signature = NDArray[np.float32]

NOMINAL_INTERVAL_S = 1 / 30
"""Between two frames whose stamps do not tell: unknown, repeated or a little out of order."""

MAX_DISORDER_S = 0.1
"""A stamp that is further back than this comes from a clock that was set anew."""

SIGNATURE_SIZE = (16, 12)
"""(width, height) of the grey picture by which two frames are compared: its pixels average noise
away, and are larger than what a camera moves by between two frames."""

MIN_CONTRAST_LEVELS = 4.0
"""A picture with less is not stretched further: what would be seen in it is noise."""

OTHER_SCENE = 0.8
"""Difference of two signatures from which on the new frame shows another scene.

0 is the same picture, 2 an unrelated one; 0.8 is a correlation of 0.6. Measured: consecutive
frames at 10 Hz of a simulated robot that turns fast: median 0.1, at most 0.8; pairs of different
places of real drives: 95 % above 1.1; exposure halved or gamma 0.5: at most 0.07; noise of 25
levels: at most 0.004.
"""


@dataclass(frozen=True)
class GridState:
    """What is kept of a camera.

    Attributes:
        average: The smoothed grid; every value is finite.
        signature: float32 (12, 16), the frames without their brightness and contrast, averaged
            with the same shares: the scene that the average belongs to.
        stamp_s: Of the last frame, in seconds; None = unknown.
        source: What the grid comes from, see ``smoothed``.
    """

    average: Grid
    signature: Signature
    stamp_s: float | None
    source: object


def smoothed(
    context: FrameContext, grid: Grid, thumbnail: NDArray[np.uint8], source: object = None
) -> Grid:
    """Return the exponential average of a camera's grids up to this frame.

    The new grid's share is 1 - exp(-dt / ``smoothing_s``), and more where the picture differs
    from those that were averaged: the grid lies fixed in the image, and what has moved on needs
    colours that are in another place of it. So however long the time constant, the average does
    not stay behind a moving camera. From another scene on, and from another shape, source or
    clock on, it starts anew: that frame's grid is returned exactly, like the first.

    Args:
        context: Of the frame; without memory or time constant nothing is smoothed.
        grid: float32 of any shape, that of this frame; neither changed nor kept.
        thumbnail: uint8 (h, w, 3) or (1, h, w, 3), RGB, 0..255: the frame, much reduced (128 x 96
            or so; more takes longer).
        source: What the grid comes from, as anything that can be compared, such as model and
            size of the frame. Where it is another one than before, the average starts anew.

    Returns:
        float32 of the grid's shape, not to be written to. It is ``grid`` itself where nothing is
        averaged: also where it holds values that are not finite, which the average never takes.
    """
    memory = context.memory
    if memory is None:
        return grid
    state = memory.content if isinstance(memory.content, GridState) else None
    if not context.smoothing_s > 0:
        if state is not None:
            memory.forget()
        return grid
    signature = _signature(thumbnail)
    average = np.array(grid)
    share = _share_of_new(state, context, average, signature, source)
    if state is not None and share < 1:
        _mix(state.average, average, share)
        _mix(state.signature, signature, share)
    if not np.isfinite(average).all():
        return grid
    memory.content = GridState(average, signature, context.stamp_s, source)
    return average


def _mix(before: NDArray[np.float32], new: NDArray[np.float32], share: float) -> None:
    """Replace ``new`` by its weighted mean with what was before."""
    # Finite values may overflow here, which the caller notices.
    with np.errstate(over='ignore', invalid='ignore'):
        # In this order what does not change stays itself to the last bit.
        new -= before
        new *= np.float32(share)
        new += before


def _share_of_new(
    state: GridState | None,
    context: FrameContext,
    grid: Grid,
    signature: Signature,
    source: object,
) -> float:
    """Return how much the new grid counts in the average, above 0; from 1 on, start anew."""
    if state is None or state.source != source or state.average.shape != grid.shape:
        return 1.0
    interval_s = _interval_s(state.stamp_s, context.stamp_s)
    if interval_s is None:
        return 1.0
    change = float(np.square(signature - state.signature).mean()) / OTHER_SCENE
    return max(-math.expm1(-interval_s / context.smoothing_s), change)


def _interval_s(before_s: float | None, now_s: float | None) -> float | None:
    """Return the time between two stamps, above 0; None where the clock was set anew."""
    if before_s is None or now_s is None:
        return NOMINAL_INTERVAL_S
    interval_s = now_s - before_s
    if interval_s < -MAX_DISORDER_S:
        return None
    return interval_s if 0 < interval_s < math.inf else NOMINAL_INTERVAL_S


def _signature(thumbnail: NDArray[np.uint8]) -> Signature:
    """Return float32 (12, 16) of mean 0 and deviation 1: exposure does not change it.

    The mean squared difference of two is 2 - 2 r, where r is the correlation of the pictures.
    """
    picture = thumbnail.reshape(thumbnail.shape[-3:])
    small = cv2.resize(picture, SIGNATURE_SIZE, interpolation=cv2.INTER_AREA)
    grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.float32)
    grey -= grey.mean()
    grey /= max(float(grey.std()), MIN_CONTRAST_LEVELS)
    return grey
