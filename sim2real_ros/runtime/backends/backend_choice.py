"""Which back ends to try for a model where the user leaves it open, by what was measured."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable

from sim2real_ros.runtime.backends.backend import BackendOptions

GENERAL_BACKENDS = ('onnxruntime', 'openvino')
"""Those that run every model, the more often faster one first."""


def cpu_backends(
    options: BackendOptions,
    *,
    bilateral: bool,
    has_precision: Callable[[str], bool],
) -> tuple[str, ...]:
    """Return the back ends to try on the CPU, best first.

    In float32 OpenVINO needs 0.8 to 1.4 times ONNX Runtime's time on networks of convolutions, and
    two to four times as much on small graphs of other operators, and it takes longer to load. It
    comes first only for what the other has not: arithmetic in fewer digits.

    Args:
        options: What the user asks for.
        bilateral: Whether the model is a bilateral grid.
        has_precision: Whether OpenVINO is there and the CPU computes in a precision; only asked
            when it matters.
    """
    general = GENERAL_BACKENDS
    if options.wants_fewer_digits and has_precision(options.precision):
        general = ('openvino', 'onnxruntime')
    return ('fused', *general) if bilateral else general


def installed(package: str) -> bool:
    """Tell whether a package can be found; it may still be broken."""
    try:
        return importlib.util.find_spec(package) is not None
    # What a hidden or half-loaded module raises.
    except ValueError:
        return False
