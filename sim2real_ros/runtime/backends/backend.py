"""What every inference runtime offers to the Translator."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

PROVIDERS = ('auto', 'tensorrt', 'cuda', 'cpu')
"""What a user may ask for; 'auto' takes the fastest that the machine really has."""


@dataclass(frozen=True)
class BackendOptions:
    """How to run a model.

    Attributes:
        provider: One of PROVIDERS.
        threads: Threads of CPU inference; 0 leaves the choice to the runtime.
    """

    provider: str = 'auto'
    threads: int = 0


class Backend(Protocol):
    """A loaded model. Used by one thread at a time."""

    name: str
    """The runtime and its version, for people."""

    provider: str
    """The provider really in use, one of PROVIDERS without 'auto'."""

    fallback: str
    """Why ``provider`` is not the one asked for; '' where it is."""

    def run(
        self, image: NDArray[np.generic], out: NDArray[np.generic] | None
    ) -> NDArray[np.generic]:
        """Run the model on one batch.

        Args:
            image: C-contiguous, in the model's layout and dtype.
            out: C-contiguous array of the output's shape and dtype to write into, or None.

        Returns:
            The output: ``out`` where it was given.

        Raises:
            BackendError: The runtime failed; the message is the runtime's own.
        """
        ...
