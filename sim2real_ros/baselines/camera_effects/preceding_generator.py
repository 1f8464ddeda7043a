"""The generator that effects come after, as the fit needs it."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from sim2real_ros.baselines.camera_effects.append import check_generator
from sim2real_ros.errors import ConfigError
from sim2real_ros.runtime.backends import BackendOptions, create_backend
from sim2real_ros.runtime.model_file import open_model
from sim2real_ros.runtime.translator import Translator

Image = npt.NDArray[np.uint8]
Size = tuple[int, int]


class PrecedingGenerator:
    """A loaded generator whose results the effects are fitted on.

    Attributes:
        model: The checked model file.
    """

    def __init__(self, path: str | Path) -> None:
        """Open and load the generator.

        Raises:
            ModelError: The file cannot be used, or effects cannot be appended to it.
            BackendError: ONNX Runtime refuses it.
        """
        self.model = open_model(path)
        check_generator(self.model)
        backend = create_backend('onnxruntime', self.model, BackendOptions(provider='cpu'))
        self._translator = Translator(self.model, backend)

    def __call__(self, image: Image) -> Image:
        """Translate a frame: uint8 RGB (H, W, 3) to the same."""
        return self._translator.translate(image)

    def fit_size(self, wanted: Size | None) -> Size | None:
        """Return the (width, height) to fit at: the generator's own, where it has one.

        Raises:
            ConfigError: ``wanted`` is another.
        """
        fixed = self.model.card.size
        if fixed and wanted not in (None, fixed):
            raise ConfigError(
                f'{str(self.model.path)!r} runs at {fixed[0]}x{fixed[1]} only, and so do effects '
                'behind it: leave the size out.'
            )
        return fixed or wanted
