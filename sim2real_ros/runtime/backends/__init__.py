"""The inference runtimes: one file each, imported only when chosen."""

import importlib
import importlib.util
from typing import cast

from sim2real_ros.errors import BackendError
from sim2real_ros.runtime.backends.backend import (
    PRECISIONS,
    PROVIDERS,
    Backend,
    BackendOptions,
)
from sim2real_ros.runtime.model_file import ModelFile

BACKENDS: dict[str, str] = {
    'onnxruntime': 'sim2real_ros.runtime.backends.onnxruntime_backend:OnnxRuntimeBackend',
    'openvino': 'sim2real_ros.runtime.backends.openvino_backend:OpenVinoBackend',
}
"""Back end name -> ``module:class``. The name is also that of the package it needs."""

__all__ = ['BACKENDS', 'PRECISIONS', 'PROVIDERS', 'Backend', 'BackendOptions', 'create_backend']


def create_backend(name: str, model: ModelFile, options: BackendOptions) -> Backend:
    """Load a model into a runtime.

    Args:
        name: A key of BACKENDS, or 'auto' for the first one that is installed.
        model: The checked model.
        options: Provider and threads.

    Raises:
        BackendError: Unknown or missing back end or provider, or it refuses the model.
    """
    if options.provider not in PROVIDERS:
        raise BackendError(
            f'Unknown provider {options.provider!r}; expected {", ".join(PROVIDERS)}.'
        )
    if options.precision not in PRECISIONS:
        raise BackendError(
            f'Unknown precision {options.precision!r}; expected {", ".join(PRECISIONS)}.'
        )
    name = _first_installed() if name == 'auto' else name
    if name not in BACKENDS:
        raise BackendError(f'Unknown backend {name!r}; expected auto, {", ".join(BACKENDS)}.')
    if importlib.util.find_spec(name) is None:
        raise BackendError(f'The package {name} is not installed: pip install {name}.')
    module, _, attribute = BACKENDS[name].partition(':')
    try:
        factory = getattr(importlib.import_module(module), attribute)
    except ImportError as error:
        raise BackendError(f'The package {name} is installed, but broken: {error}.') from error
    return cast(Backend, factory(model, options))


def _first_installed() -> str:
    for name in BACKENDS:
        if importlib.util.find_spec(name) is not None:
            return name
    raise BackendError('No inference runtime is installed: pip install onnxruntime.')
