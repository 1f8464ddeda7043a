"""Measure the peak of a CPU or GPU: matrix products, a convolution, and a copy.

Reads {"device", "threads", "seconds", "quick"} as JSON from the command line, and prints a Peak.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn import functional

PRECISIONS = {
    'float32': torch.float32,
    'bfloat16': torch.bfloat16,
    'float16': torch.float16,
    'tf32': torch.float32,
}
ON_CPU = ('float32', 'bfloat16')
"""No CPU at hand multiplies float16: a product of 2048 would take minutes."""

SMALL, CPU_SIDE, GPU_SIDE = 256, 2048, 8192
"""Sides of square matrices: to look whether it is worth while, and to measure."""

CPU_COPY_BYTES, GPU_COPY_BYTES = 256 * 2**20, 2 * 2**30


def main() -> None:
    """Measure and print."""
    spec = json.loads(sys.argv[1])
    print(json.dumps(measure_peak(**spec)))


def measure_peak(device: str, threads: int, seconds: float, *, quick: bool) -> dict[str, Any]:
    """Return the fields of a Peak.

    Args:
        device: 'cpu' or 'cuda'.
        threads: Of a CPU.
        seconds: How long to repeat each measurement; the fastest one counts.
        quick: Small matrices, for tests.
    """
    if device == 'cpu':
        torch.set_num_threads(threads)
    on_gpu = device == 'cuda'
    side = SMALL if quick else GPU_SIDE if on_gpu else CPU_SIDE
    copied = 2**20 if quick else GPU_COPY_BYTES if on_gpu else CPU_COPY_BYTES
    rates: dict[str, float] = {}
    least = _product_rate(device, 'float32', SMALL, min(seconds, 0.1)) / 8
    for name in PRECISIONS if on_gpu else ON_CPU:
        with tf32(name == 'tf32'):
            if _product_rate(device, name, SMALL, min(seconds, 0.1)) < least:
                # Emulated: the large product would take minutes.
                continue
            product = _product_rate(device, name, side, seconds)
            rates[name] = max(product, _convolution_rate(device, name, seconds, quick=quick))
    return {
        'threads': 0 if on_gpu else threads,
        'flops_per_s': rates,
        'copy_bytes_per_s': _copy_rate(device, copied, seconds),
    }


def _product_rate(device: str, name: str, side: int, seconds: float) -> float:
    one, other = (torch.rand(side, side, device=device).to(PRECISIONS[name]) for _ in range(2))
    return 2 * side**3 / _fastest(lambda: one @ other, device, seconds)


def _convolution_rate(device: str, name: str, seconds: float, *, quick: bool) -> float:
    """As in the middle of a ResNet: 256 channels to 256 with a kernel of 3x3."""
    channels, height, width = (16, 24, 32) if quick else (256, 96, 128)
    batch = 16 if device == 'cuda' else 1
    image = torch.rand(batch, channels, height, width, device=device).to(PRECISIONS[name])
    weights = torch.rand(channels, channels, 3, 3, device=device).to(PRECISIONS[name])
    image, weights = (t.contiguous(memory_format=torch.channels_last) for t in (image, weights))
    flops = 2 * batch * height * width * channels * channels * 9
    with torch.inference_mode():
        return flops / _fastest(
            lambda: functional.conv2d(image, weights, padding=1), device, seconds
        )


def _copy_rate(device: str, count: int, seconds: float) -> float:
    source = torch.ones(count, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2 * count / _fastest(lambda: target.copy_(source), device, seconds)


def _fastest(work: Callable[[], Any], device: str, seconds: float) -> float:
    """Return the shortest time of many, after two that do not count."""
    synchronise: Callable[[], Any] = torch.cuda.synchronize if device == 'cuda' else bool
    for _ in range(2):
        work()
    synchronise()
    best, end = float('inf'), time.perf_counter() + seconds
    while True:
        start = time.perf_counter()
        work()
        synchronise()
        now = time.perf_counter()
        best = min(best, now - start)
        if now >= end:
            return best


@contextmanager
def tf32(wanted: bool) -> Iterator[None]:
    """Let float32 products of a GPU be rounded, or not."""
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = (matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark)
    matmul.allow_tf32 = cudnn.allow_tf32 = wanted
    cudnn.benchmark = True
    try:
        yield
    finally:
        matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark = before


if __name__ == '__main__':
    main()
