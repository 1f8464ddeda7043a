"""The Translator: RGB image in, RGB image of the same size out, whatever the model wants."""

from pathlib import Path

import numpy as np

from sim2real_ros.errors import BackendError
from sim2real_ros.image import resize
from sim2real_ros.runtime.backends import Backend, BackendOptions, create_backend
from sim2real_ros.runtime.model_file import ModelFile, open_model
from sim2real_ros.runtime.pixel_format import RgbImage, from_tensor, to_tensor

Size = tuple[int, int]

DEFAULT_WARM_UP_SIZE: Size = (512, 384)


class Translator:
    """A loaded model behind one call. Use it from one thread at a time.

    Attributes:
        model: The checked file with its card.
        backend: The loaded runtime, with the provider really in use.
    """

    def __init__(self, model: ModelFile, backend: Backend, size: Size | None = None) -> None:
        """Join a model and its runtime; most callers want ``Translator.load``.

        Args:
            model: The checked model file.
            backend: The runtime that holds it.
            size: (width, height) to run a dynamic model at; None = each image's own size.

        Raises:
            BackendError: ``size`` contradicts the model's fixed size.
        """
        card = model.card
        if size is not None and card.size is not None and size != card.size:
            raise BackendError(
                f'The model runs at {card.size[0]}x{card.size[1]} only, not at '
                f'{size[0]}x{size[1]}; leave size at 0, 0.'
            )
        self.model = model
        self.backend = backend
        self._size = card.size or size

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        backend: str = 'auto',
        provider: str = 'auto',
        threads: int = 0,
        size: Size | None = None,
    ) -> 'Translator':
        """Open a model file and load it into a runtime.

        Args:
            path: The ``.onnx`` file.
            backend: 'auto' or a key of BACKENDS.
            provider: One of PROVIDERS.
            threads: CPU threads of the runtime; 0 = its own choice.
            size: (width, height) to run a dynamic model at; None = each image's own size.

        Raises:
            ModelError: The file or its card cannot be used.
            BackendError: The runtime is missing or refuses the model.
        """
        model = open_model(path)
        loaded = create_backend(backend, model, BackendOptions(provider, threads))
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

    def translate(self, rgb: RgbImage, out: RgbImage | None = None) -> RgbImage:
        """Translate one image.

        Args:
            rgb: uint8 (H, W, 3), RGB, 0..255; may be strided.
            out: uint8 (H, W, 3) to write into, or None for a new array. Must not overlap ``rgb``.

        Returns:
            uint8 (H, W, 3), RGB, 0..255, of the size of ``rgb``: ``out`` where it was given.

        Raises:
            BackendError: The runtime failed, or the model returned no image.
        """
        height, width = rgb.shape[:2]
        return self._translate(rgb, (width, height), out)

    def translate_at_model_size(self, rgb: RgbImage, out: RgbImage | None = None) -> RgbImage:
        """Translate one image without resizing the result back.

        Args:
            rgb: uint8 (H, W, 3), RGB.
            out: uint8 array of the model's size to write into, or None.

        Returns:
            uint8 (H', W', 3), RGB, where (W', H') is ``model_size`` of the image.

        Raises:
            BackendError: As in ``translate``.
        """
        height, width = rgb.shape[:2]
        return self._translate(rgb, self.model_size((width, height)), out)

    def _translate(self, rgb: RgbImage, size: Size, out: RgbImage | None) -> RgbImage:
        height, width = rgb.shape[:2]
        model_size = self.model_size((width, height))
        if model_size != (width, height):
            rgb = resize(rgb, model_size)
        if size == model_size and out is not None and self._can_write_into(out):
            self.backend.run(to_tensor(rgb, self.model.card), out[np.newaxis])
            return out
        tensor = self.backend.run(to_tensor(rgb, self.model.card), None)
        result = from_tensor(tensor, self.model.card)
        if (result.shape[1], result.shape[0]) != size:
            return resize(result, size, out=out)
        if out is None:
            return result
        np.copyto(out, result)
        return out

    def _can_write_into(self, out: RgbImage) -> bool:
        """Tell whether the runtime may write its result into ``out`` with no step between."""
        card = self.model.card
        direct = (card.dtype, card.layout, card.colour_order) == ('uint8', 'NHWC', 'RGB')
        return direct and out.flags.c_contiguous
