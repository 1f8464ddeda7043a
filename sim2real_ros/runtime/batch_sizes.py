"""Find out how many images should share one run of a model: measured, and only if it is right."""

import statistics
import time
from collections.abc import Callable

import numpy as np

from sim2real_ros.errors import Sim2RealError
from sim2real_ros.runtime.frame_context import ALONE
from sim2real_ros.runtime.pixel_format import RgbImage
from sim2real_ros.runtime.translator import DEFAULT_WARM_UP_SIZE, Size, Translator

BATCHING = ('auto', 'always', 'never')
"""Whether images of several cameras share a run: where it is faster, where it works, or not."""

CANDIDATES = (2, 4)

ROUNDS = 5
BUDGET_S = 2.0
"""A model for which measuring would take longer than this is not measured: it is so slow that
one image keeps the whole machine busy."""

WORTHWHILE_SHARE = 0.9
"""A batch must take less than this share of the time per image that single runs take."""

MAX_DIFFERENCE_LEVELS = 2
"""Between an image from a batch and by itself; float16 kernels may differ with the batch."""


def find_batch_sizes(
    translator: Translator,
    largest: int,
    *,
    batching: str = 'auto',
    size: Size | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[int, ...]:
    """Return which of CANDIDATES a model may run at once.

    A batch has to give the images that single runs give; a model that mixes the images of a
    batch, or whose graph takes one only, is never given any.

    Args:
        translator: The loaded model, warm; its ``batch_sizes`` are left empty.
        largest: How many images may come at once.
        batching: One of BATCHING.
        size: (width, height) of the images to come, where known.
        clock: Seconds, for tests.
    """
    translator.batch_sizes = ()
    if batching == 'never' or largest < min(CANDIDATES) or not _takes_batches(translator):
        return ()
    images = _images(
        translator.model_size(size or DEFAULT_WARM_UP_SIZE), min(largest, CANDIDATES[-1])
    )
    start = clock()
    singles = [translator.translate(image) for image in images]
    single_s = (clock() - start) / len(images)
    right = [n for n in CANDIDATES if n <= largest]
    if batching == 'auto' and single_s * ROUNDS * (1 + sum(right)) > BUDGET_S:
        return ()
    try:
        right = [n for n in right if _is_right(translator, images[:n], singles)]
        if batching == 'always':
            return tuple(right)
        return _faster_ones(translator, images, right, clock)
    # Out of memory on a GPU, say: single runs still work.
    except Sim2RealError:
        return ()
    finally:
        translator.batch_sizes = ()


def _takes_batches(translator: Translator) -> bool:
    card = translator.model.card
    image = next(tensor for tensor in translator.model.inputs if tensor.name == card.input)
    return not image.shape or image.shape[0] is None


def _images(size: Size, count: int) -> list[RgbImage]:
    """Make different pictures, so that a mixed batch is found out."""
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (size[1], size[0], 3), np.uint8) for _ in range(count)]


def _run(translator: Translator, images: list[RgbImage]) -> list[RgbImage]:
    outs = [np.empty_like(image) for image in images]
    translator.batch_sizes = (len(images),) if len(images) > 1 else ()
    translator.translate_batch(images, outs, [ALONE] * len(images))
    return outs


def _is_right(translator: Translator, images: list[RgbImage], singles: list[RgbImage]) -> bool:
    try:
        results = _run(translator, images)
    except Sim2RealError:
        return False
    return all(
        int(np.abs(result.astype(np.int16) - single).max()) <= MAX_DIFFERENCE_LEVELS
        for result, single in zip(results, singles, strict=False)
    )


def _faster_ones(
    translator: Translator, images: list[RgbImage], sizes: list[int], clock: Callable[[], float]
) -> tuple[int, ...]:
    times_s: dict[int, list[float]] = {n: [] for n in (1, *sizes)}
    for _ in range(ROUNDS):
        # In turns, so that a busy moment hits all alike.
        for count, taken_s in times_s.items():
            start = clock()
            _run(translator, images[:count])
            taken_s.append((clock() - start) / count)
    per_image_s = {n: statistics.median(taken) for n, taken in times_s.items()}
    return tuple(n for n in sizes if per_image_s[n] < WORTHWHILE_SHARE * per_image_s[1])
