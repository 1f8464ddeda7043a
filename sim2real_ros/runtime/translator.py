"""The Translator: RGB image in, RGB image of the same size out, whatever the model wants."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sim2real_ros.errors import BackendError, ImageError
from sim2real_ros.image import resize
from sim2real_ros.runtime.backends import Backend, BackendOptions, create_backend
from sim2real_ros.runtime.bilateral.structure import is_bilateral
from sim2real_ros.runtime.frame_context import ALONE, FrameContext
from sim2real_ros.runtime.model_file import ModelFile, open_model
from sim2real_ros.runtime.pixel_format import RgbImage, from_tensor, to_batch, to_tensor

Size = tuple[int, int]

DEFAULT_WARM_UP_SIZE: Size = (512, 384)

MAX_KNOWN_SIZES = 64
"""Of how many sizes a Translator remembers something; more would be a stream of random sizes."""


class Translator:
    """A loaded model behind one call. Use it from one thread at a time.

    Attributes:
        model: The checked file with its card.
        backend: The loaded runtime, with the provider really in use.
        batch_sizes: How many images may share a run, beside one: those with which a run takes
            less time per image, see ``find_batch_sizes``. Empty: each image runs by itself.
    """

    def __init__(self, model: ModelFile, backend: Backend, size: Size | None = None) -> None:
        """Join a model and its runtime; most callers want ``Translator.load``.

        Args:
            model: The checked model file.
            backend: The runtime that holds it.
            size: (width, height) to run a dynamic model at; None = each image's own size.

        Raises:
            BackendError: ``size`` contradicts the model's card.
        """
        card = model.card
        if size is not None and card.size is not None and size != card.size:
            raise BackendError(
                f'The model runs at {card.size[0]}x{card.size[1]} only, not at '
                f'{size[0]}x{size[1]}; leave size at 0, 0.'
            )
        self.model = model
        self.backend = backend
        self.batch_sizes: tuple[int, ...] = ()
        self._is_bilateral = is_bilateral(model)
        if size is not None and any(side < 1 or side % card.size_multiple for side in size):
            raise BackendError(
                f'size must be (width, height) in positive multiples of {card.size_multiple}, '
                f'not {size}.'
            )
        self._size = card.size or size
        # Sizes at which the model is known to answer in the size that it is asked in.
        self._size_kept_at: set[Size] = set()

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        backend: str = 'auto',
        provider: str = 'auto',
        threads: int = 0,
        precision: str = 'auto',
        size: Size | None = None,
    ) -> 'Translator':
        """Open a model file and load it into a runtime.

        Args:
            path: The ``.onnx`` file.
            backend: 'auto' or a key of BACKENDS.
            provider: One of PROVIDERS.
            threads: CPU threads of the runtime; 0 = its own choice.
            precision: One of PRECISIONS.
            size: (width, height) to run a dynamic model at; None = each image's own size.

        Raises:
            ModelError: The file or its card cannot be used.
            BackendError: The runtime is missing or refuses the model.
        """
        model = open_model(path)
        loaded = create_backend(backend, model, BackendOptions(provider, threads, precision))
        return cls(model, loaded, size)

    def model_size(self, image_size: Size) -> Size:
        """Return the (width, height) at which an image of ``image_size`` is run."""
        if self._size is not None:
            return self._size
        multiple = self.model.card.size_multiple
        width, height = (max(multiple, round(side / multiple) * multiple) for side in image_size)
        return width, height

    def warm_up(self, size: Size | None = None) -> None:
        """Run one grey image, so that the first frame does not pay for lazy initialisation.

        Args:
            size: (width, height) of the frames to come, where known.

        Raises:
            BackendError: The model does not run.
        """
        width, height = self._size or size or DEFAULT_WARM_UP_SIZE
        self.translate(np.full((height, width, 3), 127, np.uint8))

    def translate(
        self, rgb: RgbImage, out: RgbImage | None = None, context: FrameContext = ALONE
    ) -> RgbImage:
        """Translate one image.

        Args:
            rgb: uint8 (H, W, 3), RGB, 0..255; may be strided.
            out: uint8 (H, W, 3) to write into, or None for a new array. Must not overlap ``rgb``.
            context: Of the frame; what the model has no use for is ignored.

        Returns:
            uint8 (H, W, 3), RGB, 0..255, of the size of ``rgb``: ``out`` where it was given.

        Raises:
            ImageError: ``rgb`` is no such image, or ``out`` no place for the result.
            BackendError: The runtime failed, or the model returned no image.
        """
        return self._translate(rgb, _size_of(rgb), out, context)

    def translate_at_model_size(
        self, rgb: RgbImage, out: RgbImage | None = None, context: FrameContext = ALONE
    ) -> RgbImage:
        """Translate one image without resizing the result back.

        Args:
            rgb: uint8 (H, W, 3), RGB.
            out: uint8 array of the model's size to write into, or None.
            context: As in ``translate``.

        Returns:
            uint8 (H', W', 3), RGB, where (W', H') is ``model_size`` of the image.

        Raises:
            ImageError: As in ``translate``.
            BackendError: As in ``translate``.
        """
        return self._translate(rgb, self.model_size(_size_of(rgb)), out, context)

    def translate_batch(
        self,
        rgbs: Sequence[RgbImage],
        outs: Sequence[RgbImage],
        contexts: Sequence[FrameContext],
    ) -> list[int]:
        """Translate several images, together where ``batch_sizes`` allows it.

        Those of another model size than the first, of another detail strength, or smoothed over
        time run by themselves: a run has one context.

        Args:
            rgbs: uint8 (H, W, 3), RGB, 0..255 each.
            outs: Where the results are written, of each image's own size or of the model's.
            contexts: Of each image.

        Returns:
            How many images shared the run, for each image; 1 = it ran by itself.

        Raises:
            ImageError: As in ``translate``.
            BackendError: As in ``translate``. Of which image is not known: try them one by one.
        """
        waiting, shared = list(range(len(rgbs))), [1] * len(rgbs)
        while waiting:
            alike = [i for i in waiting if self._may_share(rgbs, contexts, waiting[0], i)]
            count = max((n for n in self.batch_sizes if n <= len(alike)), default=1)
            taken = alike[:count]
            if count == 1:
                first = taken[0]
                self._translate(rgbs[first], _size_of(outs[first]), outs[first], contexts[first])
            else:
                images, places = [rgbs[i] for i in taken], [outs[i] for i in taken]
                self._translate_together(images, places, contexts[taken[0]])
            for i in taken:
                waiting.remove(i)
                shared[i] = count
        return shared

    def _may_share(
        self,
        rgbs: Sequence[RgbImage],
        contexts: Sequence[FrameContext],
        first: int,
        other: int,
    ) -> bool:
        one, two = contexts[first], contexts[other]
        sizes = [self.model_size(_size_of(rgbs[i])) for i in (first, other)]
        return first == other or (
            sizes[0] == sizes[1]
            and one.detail_strength == two.detail_strength
            and not (self._is_smoothed(one) or self._is_smoothed(two))
        )

    def _is_smoothed(self, context: FrameContext) -> bool:
        """Tell whether a frame may need the past of its camera, which a shared run has not."""
        return self._is_bilateral and context.smoothing_s > 0.0 and context.memory is not None

    def _translate_together(
        self, rgbs: list[RgbImage], outs: list[RgbImage], context: FrameContext
    ) -> None:
        card = self.model.card
        size = self.model_size(_size_of(rgbs[0]))
        for rgb, out in zip(rgbs, outs, strict=True):
            _check_out(out, size if _size_of(out) == size else _size_of(rgb))
        result = self.backend.run(
            to_batch([resize(rgb, size) for rgb in rgbs], card), None, context
        )
        if len(result) != len(rgbs):
            raise BackendError(
                f'The model returned {len(result)} images for a batch of {len(rgbs)}.'
            )
        for number, out in enumerate(outs):
            image = from_tensor(result[number : number + 1], card)
            resize(image, _size_of(out), out=out)

    def _translate(
        self, rgb: RgbImage, size: Size, out: RgbImage | None, context: FrameContext
    ) -> RgbImage:
        model_size = self.model_size(_size_of(rgb))
        if out is not None:
            _check_out(out, size)
        # Returns the image itself where it has the size, and refuses what is no image.
        tensor = to_tensor(resize(rgb, model_size), self.model.card)
        if size == model_size and out is not None and self._can_write_into(out, model_size):
            self.backend.run(tensor, out[np.newaxis], context)
            return out
        result = from_tensor(self.backend.run(tensor, None, context), self.model.card)
        self._note_size(model_size, _size_of(result))
        return resize(result, size, out=out)

    def _can_write_into(self, out: RgbImage, model_size: Size) -> bool:
        """Tell whether the runtime may write its result into ``out`` with no step between."""
        card = self.model.card
        direct = (card.dtype, card.layout, card.colour_order) == ('uint8', 'NHWC', 'RGB')
        return direct and model_size in self._size_kept_at and out.flags.c_contiguous

    def _note_size(self, model_size: Size, result_size: Size) -> None:
        """Remember what graphs with open shapes do not tell, or tell wrongly."""
        if len(self._size_kept_at) >= MAX_KNOWN_SIZES:
            self._size_kept_at.clear()
        if model_size == result_size:
            self._size_kept_at.add(model_size)


def _size_of(rgb: RgbImage) -> Size:
    if rgb.ndim != 3:
        raise ImageError(f'Expected an image of shape (H, W, 3), found shape {rgb.shape}.')
    return (rgb.shape[1], rgb.shape[0])


def _check_out(out: RgbImage, size: Size) -> None:
    width, height = size
    if out.shape != (height, width, 3) or out.dtype != np.uint8 or not out.flags.writeable:
        raise ImageError(
            f'out has dtype {out.dtype} and shape {out.shape}, expected writeable uint8 and '
            f'{(height, width, 3)}.'
        )
