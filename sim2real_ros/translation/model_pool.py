"""ModelPool: one model, used by many threads at once."""

import dataclasses
import json
import queue
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from sim2real_ros.errors import BackendError
from sim2real_ros.files import sha256_of_bytes
from sim2real_ros.runtime.backends import BackendOptions, create_backend
from sim2real_ros.runtime.bilateral.structure import is_bilateral
from sim2real_ros.runtime.blend import Blender
from sim2real_ros.runtime.frame_context import DETAIL_STRENGTH, CameraMemory, FrameContext
from sim2real_ros.runtime.message_image import resized, run_model
from sim2real_ros.runtime.model_file import ModelFile
from sim2real_ros.runtime.pixel_format import RgbImage
from sim2real_ros.runtime.translator import Translator
from sim2real_ros.translation.options import TranslateOptions

MAX_SESSIONS = 4
"""Of one model on the CPU. Each holds weights and activations of its own; further CPUs are used
by more threads per session."""


class ModelPool:
    """A model behind one thread-safe call, blended with its original as in the node.

    On the CPU, several sessions with few threads each finish more frames per second than one
    session with many: between two frames, and in small layers, most of its threads would wait. On
    a GPU there is one session, and the threads that wait for it decode and encode.

    Attributes:
        model: The checked file with its card.
    """

    def __init__(self, translators: Sequence[Translator], options: TranslateOptions) -> None:
        """Share translators of the same model; most callers want ``ModelPool.load``."""
        self.model: ModelFile = translators[0].model
        self._options = options
        self._first = translators[0]
        self._idle: queue.SimpleQueue[Translator] = queue.SimpleQueue()
        for each in translators:
            self._idle.put(each)
        self._blenders = threading.local()
        self._has_scaled = self._has_smoothed = self._has_not_smoothed = False

    @classmethod
    def load(cls, model: ModelFile, options: TranslateOptions) -> 'ModelPool':
        """Load the checked model as often as it pays off.

        Raises:
            BackendError: The runtime is missing or refuses the model.
        """
        # Frames that build upon each other go through one after the other.
        sessions = 1 if smooths(model, options) else min(options.jobs, MAX_SESSIONS)
        threads = max(1, options.jobs // sessions)

        def translator(provider: str) -> Translator:
            wanted = BackendOptions(provider, threads)
            return Translator(model, create_backend(options.backend, model, wanted), options.size)

        first = translator(options.provider)
        if first.backend.provider != 'cpu':
            return cls([first], options)
        return cls([first, *(translator('cpu') for _ in range(1, sessions))], options)

    def published_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the (width, height) of the result for an image of some (width, height)."""
        return self._first.model_size(size) if self._options.output_size == 'model' else size

    @property
    def hints(self) -> tuple[str, ...]:
        """What is worth knowing of the images so far, in sentences."""
        size = self.model.card.size
        hints = [*without_effect(self.model, self._options)]
        if size is not None and self._has_scaled:
            hints.append(
                f'images of other sizes go through {size[0]}x{size[1]}, the only size that the '
                f'model {self.model.card.name} runs at'
            )
        if self._has_not_smoothed and not self._has_smoothed:
            hints.append(
                f'the back end {self._first.backend.name} runs the model in one piece and smooths '
                'nothing: --temporal-smoothing has no effect (--backend fused smooths)'
            )
        return tuple(hints)

    @property
    def smooths(self) -> bool:
        """Whether frames build upon those before; then they need ``CameraTurns``."""
        return smooths(self.model, self._options)

    def translate(
        self, rgb: RgbImage, stamp_s: float | None = None, memory: CameraMemory | None = None
    ) -> RgbImage:
        """Translate one image, in any thread.

        Args:
            rgb: uint8 (H, W, 3), RGB; not written to.
            stamp_s: When it was taken, in seconds; None = unknown.
            memory: Of its camera, for one frame at a time in their order (``CameraTurns``); None
                = the image stands alone, and nothing is smoothed.

        Returns:
            uint8 (H', W', 3), RGB, of ``published_size``; ``rgb`` itself where strength is 0 and
            the size stays.

        Raises:
            ImageError: ``rgb`` is no such image.
            BackendError: The runtime failed, or the model returned no image.
        """
        size = self.published_size((rgb.shape[1], rgb.shape[0]))
        blend = self._options.blend
        if blend.keeps_original:
            return resized(rgb, size)
        if self.model.card.size not in (None, (rgb.shape[1], rgb.shape[0])):
            self._has_scaled = True
        result = np.empty((size[1], size[0], 3), np.uint8)
        options = self._options
        context = FrameContext(
            options.detail_strength, options.temporal_smoothing_s, stamp_s, memory
        )
        with self._borrowed() as translator:
            run_model(translator, rgb, size, result, context)
        self._note_smoothing(memory)
        if not blend.keeps_translated:
            self._blender().apply(resized(rgb, size), result)
        return result

    def _note_smoothing(self, memory: CameraMemory | None) -> None:
        if memory is not None:
            self._has_smoothed |= memory.content is not None
            self._has_not_smoothed |= memory.content is None

    @contextmanager
    def _borrowed(self) -> Iterator[Translator]:
        translator = self._idle.get()
        try:
            yield translator
        finally:
            self._idle.put(translator)

    def _blender(self) -> Blender:
        """Return this thread's own, since it keeps weights between frames."""
        if not hasattr(self._blenders, 'blender'):
            self._blenders.blender = Blender(self._options.blend)
        blender: Blender = self._blenders.blender
        return blender


def smooths(model: ModelFile, options: TranslateOptions) -> bool:
    """Tell whether a translation averages a grid over the frames of a camera."""
    return options.temporal_smoothing_s > 0 and is_bilateral(model)


def without_effect(model: ModelFile, options: TranslateOptions) -> tuple[str, ...]:
    """Say which chosen options the model has no use for, one sentence each."""
    name, sentences = model.card.name, []
    if options.temporal_smoothing_s > 0 and not is_bilateral(model):
        sentences.append(
            f'the model {name} has no grid to smooth: --temporal-smoothing has no effect'
        )
    if options.detail_strength != 1 and DETAIL_STRENGTH not in model.card.extra_inputs:
        sentences.append(f'the model {name} has no detail branch: --detail-strength has no effect')
    return tuple(sentences)


class FailureGuard:
    """Tells frames that a model cannot take from a model that does not work at all.

    Ask it for all frames, in their order.
    """

    def __init__(self) -> None:
        """Start without a success."""
        self._worked = False

    def note_success(self) -> None:
        """Note that a frame was translated."""
        self._worked = True

    def check(self, error: Exception) -> None:
        """Let a frame's failure pass, unless the model has never worked.

        Raises:
            BackendError: ``error`` itself, where it is one and nothing was translated before.
        """
        if isinstance(error, BackendError) and not self._worked:
            raise error


def fingerprint(model: ModelFile, options: TranslateOptions) -> dict[str, Any]:
    """Return all that a result depends on besides its source, as JSON values.

    The number of threads is no part of it.
    """
    content = dataclasses.asdict(model.card)
    # Says which frames the model is made for, and changes none.
    del content['input_domain']
    card = json.dumps(content, sort_keys=True)
    values = dataclasses.asdict(options)
    for name in ('jobs', 'force'):
        del values[name]
    return {
        **values,
        'model': model.card.name,
        'model_sha256': model.sha256,
        'card_sha256': sha256_of_bytes(card.encode()),
    }
