"""Which sessions to try, in which order, with which options: nothing here runs anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sim2real_ros.runtime.backends.backend import BackendOptions
from sim2real_ros.runtime.model_file import ModelFile

TENSORFLOAT32 = 'tensorfloat32'
"""float32 with 10 bits of fraction in convolutions and matrix products, on tensor cores."""

EXECUTION_PROVIDERS = {
    'tensorrt': 'TensorrtExecutionProvider',
    'cuda': 'CUDAExecutionProvider',
    'cpu': 'CPUExecutionProvider',
}
"""Our names of the providers, and ONNX Runtime's."""

ProviderEntry = tuple[str, dict[str, str]]


@dataclass(frozen=True)
class Attempt:
    """One way to run a model.

    Attributes:
        provider: A key of EXECUTION_PROVIDERS.
        precision: What it computes in: one of PRECISIONS without 'auto', or TENSORFLOAT32.
        cuda_graph: Whether all launches of a frame are recorded once and replayed as one.
    """

    provider: str
    precision: str
    cuda_graph: bool = False

    def __str__(self) -> str:
        """Write it for people."""
        graph = ' with a CUDA graph' if self.cuda_graph else ''
        return f'{self.provider} in {self.precision}{graph}'


@dataclass(frozen=True)
class CacheFolders:
    """Where TensorRT keeps what it builds.

    Attributes:
        engine: Folder of one engine.
        timing: Folder of the timings of layers.
    """

    engine: Path
    timing: Path


def is_static(model: ModelFile) -> bool:
    """Tell whether all shapes of a graph are fixed, so that its buffers may stay in place."""
    output = next((each for each in model.outputs if each.name == model.card.output), None)
    if output is None or len(output.shape) != 4:
        return False
    return all(side is not None for t in (*model.inputs, output) for side in t.shape)


def attempts(providers: Sequence[str], precision: str, *, static: bool) -> list[Attempt]:
    """List what to try, best first; the CPU in float32 always comes last.

    Args:
        providers: Usable ones of 'tensorrt' and 'cuda', best first.
        precision: One of PRECISIONS.
        static: Whether all shapes are fixed, as a CUDA graph needs.
    """
    graphs = (True, False) if static else (False,)
    planned = [
        Attempt(provider, digits, graph)
        for provider in providers
        if provider != 'cpu'
        for digits in _precisions(provider, precision)
        for graph in graphs
    ]
    return [*planned, Attempt('cpu', 'float32')]


def _precisions(provider: str, asked: str) -> tuple[str, ...]:
    if provider == 'tensorrt':
        # ONNX Runtime has no option for TensorRT's own TF32, which is on.
        reduced = {'auto': ('float16',), 'float32': ()}.get(asked, (asked,))
        return (*reduced, TENSORFLOAT32)
    return ('float32',) if asked == 'float32' else (TENSORFLOAT32, 'float32')


def gives(asked: str, used: Attempt) -> bool:
    """Tell whether an attempt computes in what the user has asked for.

    TF32 within one level of float32 passes for it: no other is used where float32 is asked for.
    """
    return asked in ('auto', used.precision) or (
        asked == 'float32' and used.precision == TENSORFLOAT32
    )


def provider_entries(
    attempt: Attempt, cache: CacheFolders | None, *, static: bool
) -> list[ProviderEntry]:
    """Return the providers of a session with their options, as ONNX Runtime takes them.

    Args:
        attempt: What to try.
        cache: Where TensorRT may keep its engine; None = nowhere.
        static: Whether all shapes are fixed.
    """
    cpu: ProviderEntry = (EXECUTION_PROVIDERS['cpu'], {})
    if attempt.provider == 'cpu':
        return [cpu]
    on_cuda = attempt.provider == 'cuda'
    cuda = _cuda_options(attempt.precision, attempt.cuda_graph and on_cuda, static)
    entries = [(EXECUTION_PROVIDERS['cuda'], cuda), cpu]
    if on_cuda:
        return entries
    # What TensorRT cannot run goes to CUDA.
    return [(EXECUTION_PROVIDERS['tensorrt'], _tensorrt_options(attempt, cache)), *entries]


def _cuda_options(precision: str, graph: bool, static: bool) -> dict[str, str]:
    return {
        'device_id': '0',
        # An exhaustive search times every algorithm anew for every size that it has not seen.
        'cudnn_conv_algo_search': 'EXHAUSTIVE' if static else 'HEURISTIC',
        'cudnn_conv_use_max_workspace': '1',
        # The other strategy takes twice what it needs, of a GPU that others use, too.
        'arena_extend_strategy': 'kSameAsRequested',
        'do_copy_in_default_stream': '1',
        'use_tf32': _switch(precision != 'float32'),
        'enable_cuda_graph': _switch(graph),
    }


def _tensorrt_options(attempt: Attempt, cache: CacheFolders | None) -> dict[str, str]:
    half = attempt.precision == 'float16'
    options = {
        'device_id': '0',
        'trt_fp16_enable': _switch(half),
        'trt_bf16_enable': _switch(attempt.precision == 'bfloat16'),
        # Squares of a layer normalisation overflow in float16. It is the only kind of layer that
        # ONNX Runtime can leave in float32.
        'trt_layer_norm_fp32_fallback': _switch(half),
        'trt_cuda_graph_enable': _switch(attempt.cuda_graph),
    }
    if cache is not None:
        options |= {
            'trt_engine_cache_enable': '1',
            'trt_engine_cache_path': str(cache.engine),
            'trt_engine_cache_prefix': 'engine',
            'trt_timing_cache_enable': '1',
            'trt_timing_cache_path': str(cache.timing),
        }
    return options


def provider_order(asked: str, *, static: bool) -> tuple[str, ...]:
    """Return the GPU providers to try, best first.

    Args:
        asked: One of PROVIDERS.
        static: Whether all shapes are fixed. TensorRT builds an engine for every new size, for
            minutes: where sizes are free it is not taken unasked.
    """
    if asked == 'auto':
        return ('tensorrt', 'cuda') if static else ('cuda',)
    # CUDA stands in for TensorRT before the CPU does.
    return {'tensorrt': ('tensorrt', 'cuda'), 'cuda': ('cuda',)}.get(asked, ())


def usable_providers(
    options: BackendOptions, present: Sequence[str], *, static: bool
) -> tuple[str, ...]:
    """Return what to try of the GPU providers that the machine has, best first.

    Args:
        options: What the user asks for.
        present: Those of 'tensorrt' and 'cuda' that can be loaded.
        static: As in ``provider_order``.
    """
    order = provider_order(options.provider, static=static)
    return tuple(name for name in order if name in present)


def _switch(on: bool) -> str:
    return '1' if on else '0'
