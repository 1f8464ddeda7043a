"""InputDomain: tells whether a frame looks like those that a model was trained on."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sim2real_ros.card import InputDomainNumbers, ModelCard
from sim2real_ros.errors import ModelError
from sim2real_ros.runtime.frame_descriptor import DESCRIPTOR, DESCRIPTOR_LENGTH, describe_frame
from sim2real_ros.runtime.pixel_format import RgbImage
from sim2real_ros.runtime.subspace import Subspace

EXPECTED_SCORE = 1.0
"""What 99 of 100 frames of the training domain stay below."""

_DECIMALS = 4
_DIGITS = 6


@dataclass(frozen=True, eq=False)
class InputDomain:
    """The frames that a model was trained on, as a region in the space of descriptors.

    Attributes:
        frames: How many it was found from.
        subspace: Of their descriptors.
        unit_distance: The distance that gets the score 1: the 99 % quantile of frames that were
            held out.
        usual_distance: Their median.
    """

    frames: int
    subspace: Subspace
    unit_distance: float
    usual_distance: float

    @property
    def usual_score(self) -> float:
        """The score that half of the frames like those of training stay below."""
        return self.usual_distance / self.unit_distance

    def score(self, rgb: RgbImage) -> float:
        """Tell how unlike the training frames a frame is.

        Args:
            rgb: uint8 (H, W, 3), RGB, of any size.

        Returns:
            0 or more, without a limit. Below 1 lie 99 % of frames like those of training; it is
            the distance from them, so 2 is twice as far away as the last of these.
        """
        return float(self.scores(describe_frame(rgb)[np.newaxis])[0])

    def scores(self, descriptors: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """Score descriptors of frames: (N, 222) to float64 (N,), as ``score`` does."""
        scores: npt.NDArray[np.float64] = self.subspace.distances(descriptors)
        return scores / self.unit_distance

    def to_numbers(self) -> InputDomainNumbers:
        """Return it as a card holds it: rounded, about 50 kB of text."""
        subspace = self.subspace
        return InputDomainNumbers(
            descriptor=DESCRIPTOR,
            frames=self.frames,
            mean=subspace.mean.round(_DECIMALS).tolist(),
            scale=[_short(value) for value in subspace.scale],
            components=subspace.components.round(_DECIMALS).tolist(),
            variances=[_short(value) for value in subspace.variances],
            residual_variance=_short(subspace.residual_variance),
            unit_distance=_short(self.unit_distance),
            usual_distance=_short(self.usual_distance),
        )

    @classmethod
    def of_card(cls, card: ModelCard) -> 'InputDomain | None':
        """Read the domain of a card; None where it has none.

        Raises:
            ModelError: It was made for descriptors of another version.
        """
        numbers = card.input_domain
        if numbers is None:
            return None
        if not is_of_this_version(numbers):
            raise ModelError(
                f'The input domain of {card.name!r} is made for descriptors '
                f'{numbers.descriptor[:80]!r} of {len(numbers.mean)} values; expected '
                f'{DESCRIPTOR!r} of {DESCRIPTOR_LENGTH}. Fit it anew: sim2real fit-domain.'
            )
        subspace = Subspace(
            mean=np.asarray(numbers.mean, np.float64),
            scale=np.asarray(numbers.scale, np.float64),
            components=np.asarray(numbers.components, np.float64),
            variances=np.asarray(numbers.variances, np.float64),
            residual_variance=numbers.residual_variance,
        )
        return cls(numbers.frames, subspace, numbers.unit_distance, numbers.usual_distance)


def is_of_this_version(numbers: InputDomainNumbers) -> bool:
    """Tell whether numbers of a card belong to the descriptors that are computed here."""
    return numbers.descriptor == DESCRIPTOR and len(numbers.mean) == DESCRIPTOR_LENGTH


def _short(value: float) -> float:
    return float(f'{value:.{_DIGITS}g}')
