"""The known right answer of a frame, checked against what is compared with it."""

from sim2real_ros.errors import ImageError
from sim2real_ros.evaluation.frame import EvaluatedFrame, RgbImage


def target_of(frame: EvaluatedFrame) -> RgbImage:
    """Return the target of a frame: uint8 RGB (H, W, 3) of the size of the translated image.

    Raises:
        ImageError: There is none, or it has another size; it is not resized, for that would
            change the numbers.
    """
    target = frame.sim.target
    if target is None:
        raise ImageError(f'{frame.sim.name}: no target image to compare with.')
    if target.shape != frame.translated.shape:
        (height, width), (wanted_height, wanted_width) = (
            target.shape[:2],
            frame.translated.shape[:2],
        )
        raise ImageError(
            f'{frame.sim.name}: the target image has {width}x{height} pixels, the translated one '
            f'{wanted_width}x{wanted_height}; give targets of the size of the frames.'
        )
    return target
