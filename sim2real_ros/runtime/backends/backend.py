"""What every inference runtime offers to the Translator."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sim2real_ros.runtime.frame_context import ALONE, FrameContext

PROVIDERS = ('auto', 'tensorrt', 'cuda', 'cpu')
"""What a user may ask for; 'auto' takes the fastest that the machine really has."""

PRECISIONS = ('auto', 'float32', 'bfloat16', 'float16')
"""What a back end may compute in; 'auto' takes what stays within one level of float32."""


@dataclass(frozen=True)
class BackendOptions:
    """How to run a model.

    Attributes:
        provider: One of PROVIDERS.
        threads: Threads of CPU inference; 0 leaves the choice to the runtime.
        precision: One of PRECISIONS.
    """

    provider: str = 'auto'
    threads: int = 0
    precision: str = 'auto'

    @property
    def wants_fewer_digits(self) -> bool:
        """Whether a precision below float32 was asked for."""
        return self.precision in ('bfloat16', 'float16')


class Backend(Protocol):
    """A loaded model. Used by one thread at a time."""

    name: str
    """The runtime and its version, for people."""

    fallback: str
    """Why back end, provider or precision are not those asked for; '' where they are."""

    @property
    def provider(self) -> str:
        """The provider really in use, one of PROVIDERS without 'auto'."""
        ...

    @property
    def precision(self) -> str:
        """What it really computes in: one of PRECISIONS without 'auto', or 'tensorfloat32'."""
        ...

    def run(
        self,
        image: NDArray[np.generic],
        out: NDArray[np.generic] | None,
        context: FrameContext = ALONE,
    ) -> NDArray[np.generic]:
        """Run the model on one batch.

        Args:
            image: C-contiguous, in the model's layout and dtype.
            out: C-contiguous array of the output's shape and dtype to write into, or None.
            context: Of the frame; what the model has no use for is ignored.

        Returns:
            The output: ``out`` where it was given.

        Raises:
            BackendError: The runtime failed; the message is the runtime's own.
        """
        ...
