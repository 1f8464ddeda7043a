"""The inference runtimes: one file each, imported only when chosen."""

from __future__ import annotations

import importlib
from typing import cast

from sim2real_ros.errors import BackendError
from sim2real_ros.runtime.backends.backend import (
    PRECISIONS,
    PROVIDERS,
    Backend,
    BackendOptions,
)
from sim2real_ros.runtime.backends.backend_choice import (
    GENERAL_BACKENDS,
    cpu_backends,
    installed,
)
from sim2real_ros.runtime.backends.gpu_machine import gpu_likely
from sim2real_ros.runtime.bilateral.structure import is_bilateral
from sim2real_ros.runtime.model_file import ModelFile

BACKENDS: dict[str, str] = {
    'onnxruntime': 'sim2real_ros.runtime.backends.onnxruntime_backend:OnnxRuntimeBackend',
    'openvino': 'sim2real_ros.runtime.backends.openvino_backend:OpenVinoBackend',
    'fused': 'sim2real_ros.runtime.backends.fused_backend:FusedBackend',
}
"""Back end name -> ``module:class``."""

PACKAGES: dict[str, str] = {'onnxruntime': 'onnxruntime', 'openvino': 'openvino', 'fused': 'numba'}
"""Back end name -> the package without which it does not exist."""

__all__ = [
    'BACKENDS',
    'GENERAL_BACKENDS',
    'PACKAGES',
    'PRECISIONS',
    'PROVIDERS',
    'Backend',
    'BackendOptions',
    'create_backend',
]


class _BrokenPackageError(BackendError):
    """Found, but it cannot be imported: another back end may do."""


def create_backend(name: str, model: ModelFile, options: BackendOptions) -> Backend:
    """Load a model into a runtime.

    Args:
        name: A key of BACKENDS, or 'auto' for the fastest that runs the model on this machine.
        model: The checked model.
        options: Provider, precision and threads.

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
    if name == 'auto':
        return _create_fastest(model, options)
    if name not in BACKENDS:
        raise BackendError(f'Unknown backend {name!r}; expected auto, {", ".join(BACKENDS)}.')
    if not installed(PACKAGES[name]):
        raise BackendError(
            f'The package {PACKAGES[name]} is not installed: pip install {PACKAGES[name]}.'
        )
    return _create(name, model, options)


def _create(name: str, model: ModelFile, options: BackendOptions) -> Backend:
    module, _, attribute = BACKENDS[name].partition(':')
    try:
        factory = getattr(importlib.import_module(module), attribute)
    except ImportError as error:
        raise _BrokenPackageError(
            f'The package {PACKAGES[name]} is installed, but broken: {error}.'
        ) from error
    return cast(Backend, factory(model, options))


def _create_fastest(model: ModelFile, options: BackendOptions) -> Backend:
    told: list[str] = []
    bilateral = is_bilateral(model)
    # A GPU that was asked for is looked for with all its errors; else only where there is one.
    if options.provider in ('cuda', 'tensorrt') or (options.provider == 'auto' and gpu_likely()):
        backend = _try('onnxruntime', model, options, told)
        # On the CPU after all, others may be better at this model or this precision.
        others = bilateral or options.wants_fewer_digits
        if backend is not None and (backend.provider != 'cpu' or not others):
            return backend
        if backend is not None and backend.fallback:
            told.append(backend.fallback)
        if not told and options.provider != 'auto':
            told.append(f'{options.provider} needs the package onnxruntime-gpu')
        options = BackendOptions('cpu', options.threads, options.precision)
    for name in cpu_backends(options, bilateral=bilateral, has_precision=_openvino_has):
        backend = _try(name, model, options, told)
        if backend is not None:
            backend.fallback = '; '.join(dict.fromkeys(filter(None, [*told, backend.fallback])))
            return backend
    if told:
        raise BackendError(f'No inference runtime works: {" ".join(dict.fromkeys(told))}')
    raise BackendError('No inference runtime is installed: pip install onnxruntime.')


def _try(name: str, model: ModelFile, options: BackendOptions, told: list[str]) -> Backend | None:
    """Create a back end, or add the reason to ``told`` where another one may do better."""
    if not installed(PACKAGES[name]):
        return None
    try:
        return _create(name, model, options)
    except _BrokenPackageError as error:
        reason = str(error)
    except BackendError as error:
        # What a general back end says of a model is the model's fault.
        if name in GENERAL_BACKENDS:
            raise
        reason = str(error)
    told.append(f'not the {name} back end: {reason}')
    return None


def _openvino_has(precision: str) -> bool:
    if not installed(PACKAGES['openvino']):
        return False
    try:
        openvino = importlib.import_module('sim2real_ros.runtime.backends.openvino_backend')
    except ImportError:
        return False
    return precision in openvino.supported_precisions()
