"""Features are numbers: what is none is refused where it leaves the network."""

from collections.abc import Mapping, Sequence

import numpy as np

from sim2real_ros.errors import BackendError
from sim2real_ros.evaluation.onnx_session import Array, OnnxSession


def run_finite(
    session: OnnxSession, feeds: Mapping[str, Array], outputs: Sequence[str]
) -> list[Array]:
    """Run a graph and check what it gives.

    Args:
        session: The graph.
        feeds: Arrays by name of the inputs.
        outputs: Names of those to return.

    Returns:
        One float array for each name, finite.

    Raises:
        BackendError: The graph failed, or an output is no array of finite floats.
    """
    found = session.run(feeds, outputs)
    for name, output in zip(outputs, found, strict=True):
        where = f'The output {name!r} of {session.name!r}'
        if not np.issubdtype(output.dtype, np.floating):
            raise BackendError(f'{where} is {output.dtype}; expected floats.')
        if not np.isfinite(output).all():
            raise BackendError(
                f'{where} holds NaN or infinity; expected finite numbers. Check its value_range, '
                'mean and std.'
            )
    return found
