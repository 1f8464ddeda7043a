"""What the inference benchmark compares: models, the ways to run them, sizes and threads."""

import ctypes
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

Size = tuple[int, int]

REFERENCE = 'resnet-9'
"""CycleGAN's generator, by which all others are measured."""

GENERATORS = (
    *(REFERENCE, 'unit', 'refiner', 'hyper_unet', 'unet-7', 'resnet-6-16', 'separable_resnet'),
    *('mobile_unet', 'bilateral_grid_detail', 'bilateral_grid'),
)
SHIPPED = ('colour_transfer_duckietown', 'identity')
QUICK_REFERENCE, QUICK_GENERATORS = 'tiny-resnet', ('tiny-resnet', 'tiny-bilateral_grid')
USUAL_SIZES: tuple[Size, ...] = ((512, 384),)
QUICK_SIZES: tuple[Size, ...] = ((64, 48),)
NEVER_FUSED = frozenset(
    name
    for name in (*GENERATORS, *SHIPPED, *QUICK_GENERATORS)
    if not name.endswith(('bilateral_grid', 'bilateral_grid_detail'))
)


@dataclass(frozen=True)
class Runtime:
    """A way to run models: back end, provider and precision as ``Translator.load`` takes them."""

    backend: str
    provider: str
    precision: str

    @property
    def title(self) -> str:
        """What tables call it."""
        where = '' if self.provider == 'cpu' else f' {self.provider}'
        return f'{self.backend}{where} {self.precision}'


REFERENCE_RUNTIME = Runtime('onnxruntime', 'cpu', 'float32')
ON_CPU = (
    REFERENCE_RUNTIME,
    Runtime('openvino', 'cpu', 'float32'),
    Runtime('openvino', 'cpu', 'bfloat16'),
    Runtime('fused', 'cpu', 'float32'),
)
ON_GPU = (
    Runtime('onnxruntime', 'cuda', 'float32'),
    Runtime('onnxruntime', 'cuda', 'float16'),
    Runtime('onnxruntime', 'tensorrt', 'float32'),
    Runtime('onnxruntime', 'tensorrt', 'float16'),
)
FUSED = 'fused'
"""The back end for bilateral grids alone; with files of others it is tried, and says why not."""


@dataclass(frozen=True)
class Contender:
    """One row of a table, and one process.

    Attributes:
        model: Its name in the table.
        path: Its file.
        size: (width, height) of the frames.
        runtime: How it is run.
        threads: Of the CPU.
        batch: Frames at once.
    """

    model: str
    path: Path
    size: Size
    runtime: Runtime
    threads: int
    batch: int = 1

    @property
    def title(self) -> str:
        """What progress calls it."""
        width, height = self.size
        return f'{self.model}, {self.runtime.title}, {width}x{height}, {self.threads} threads'

    def spec(self) -> dict[str, object]:
        """Return what the worker reads."""
        return {
            'path': str(self.path),
            'size': self.size,
            'backend': self.runtime.backend,
            'provider': self.runtime.provider,
            'precision': self.runtime.precision,
            'threads': self.threads,
            'batch': self.batch,
        }


def has_gpu() -> bool:
    """Tell whether there is a driver of an NVIDIA GPU."""
    try:
        ctypes.CDLL('libcuda.so.1')
    except OSError:
        return False
    return True


def runtimes(names: Sequence[str], *, gpu: bool) -> tuple[Runtime, ...]:
    """Return the ways to run models, all by default, or those whose back end is named."""
    every = (*ON_CPU, *(ON_GPU if gpu else ()))
    return tuple(each for each in every if not names or each.backend in names)


def contenders(
    paths: dict[str, Path], size: Size, ways: Sequence[Runtime], threads: Sequence[int]
) -> Iterator[Contender]:
    """Yield all contenders of one size: models by name, in this order."""
    for model, path in paths.items():
        for way in ways:
            if way.backend == FUSED and model in NEVER_FUSED:
                continue
            # A GPU has nothing to do with the threads of a CPU.
            for count in threads if way.provider == 'cpu' else threads[-1:]:
                yield Contender(model, path, size, way, count)
