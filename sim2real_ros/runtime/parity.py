"""Parity: does ONNX Runtime compute what the model was made to compute?

Whatever writes a model file asks here first: the closed-form baselines and the trained networks.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import onnxruntime

from sim2real_ros.errors import ModelError

Image = npt.NDArray[np.uint8]
Reference = Callable[[Image], Image]


@dataclass(frozen=True)
class Parity:
    """How far two programs that should compute the same are apart, in levels of 0..255.

    Attributes:
        max_levels: Largest difference of any value.
        mean_levels: Mean absolute difference over all values.
    """

    max_levels: int
    mean_levels: float

    def fits(self, tolerance: 'Parity') -> bool:
        """Tell whether neither number is above that of the tolerance."""
        return (
            self.max_levels <= tolerance.max_levels and self.mean_levels <= tolerance.mean_levels
        )

    def __str__(self) -> str:
        """Write it for people."""
        return f'{self.max_levels} levels at most and {self.mean_levels:.3g} on average'


EXACT = Parity(max_levels=1, mean_levels=1.0)
"""What float32 has to keep: the two may round a value that lies between two levels differently."""


def measure_parity(
    content: bytes,
    reference: Reference,
    images: Iterable[Image],
    further: Mapping[str, npt.NDArray[np.generic]] = MappingProxyType({}),
) -> Parity:
    """Run a model in ONNX Runtime on the CPU beside its reference.

    Args:
        content: An ONNX file that keeps the model contract.
        reference: Computes the same on uint8 RGB of shape (N, H, W, 3).
        images: What to compare on, uint8 (N, H, W, 3) RGB.
        further: Values of the model's inputs besides the image, by name.

    Raises:
        ModelError: ONNX Runtime refuses the model, or the answer is not of the image's shape.
    """
    run = _runner(content, further)
    worst, total, count = 0, 0.0, 0
    for image in images:
        translated = run(image)
        if translated.shape != image.shape or translated.dtype != np.uint8:
            raise ModelError(
                f'Not written: the model answers {image.shape} with {translated.shape} '
                f'{translated.dtype}, expected the same shape in uint8.'
            )
        difference = np.abs(translated.astype(np.int16) - reference(image))
        worst = max(worst, int(difference.max()))
        total += float(difference.sum())
        count += difference.size
    return Parity(worst, total / max(1, count))


def check_parity(
    measured: Parity, tolerance: Parity = EXACT, advice: str = 'Please report this as a bug.'
) -> None:
    """Refuse a model that does not compute what it should.

    Args:
        measured: How far it is off.
        tolerance: How far it may be.
        advice: End of the message.

    Raises:
        ModelError: ``measured`` is above ``tolerance``.
    """
    if not measured.fits(tolerance):
        raise ModelError(
            f'Not written: ONNX Runtime and the reference differ by {measured}, allowed are '
            f'{tolerance}. {advice}'
        )


def _runner(
    content: bytes, further: Mapping[str, npt.NDArray[np.generic]]
) -> Callable[[Image], npt.NDArray[np.generic]]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # ONNX Runtime has no common base class of its exceptions below Exception.
    try:
        session = onnxruntime.InferenceSession(
            content, options, providers=['CPUExecutionProvider']
        )
    except Exception as error:
        reason = ' '.join(str(error).split())[:500]
        raise ModelError(f'Not written: ONNX Runtime cannot load the model: {reason}') from error
    (source,) = (each for each in session.get_inputs() if each.name not in further)
    (result,) = session.get_outputs()

    def run(image: Image) -> npt.NDArray[np.generic]:
        try:
            return np.asarray(session.run([result.name], {source.name: image, **further})[0])
        except Exception as error:
            reason = ' '.join(str(error).split())[:500]
            raise ModelError(
                f'Not written: ONNX Runtime cannot run {image.shape}: {reason}'
            ) from error

    return run
