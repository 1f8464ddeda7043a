"""What verbs that train say where the packages for it are not installed."""

from collections.abc import Iterator
from contextlib import contextmanager

from sim2real_ros.errors import TrainingError

PACKAGES = ('torch', 'torchvision', 'lightning_fabric', 'safetensors', 'onnx', 'onnxscript')


@contextmanager
def training_extra() -> Iterator[None]:
    """Explain what to install when an import inside fails.

    Raises:
        TrainingError: A package that training needs is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or '').partition('.')[0] not in PACKAGES:
            raise
        raise TrainingError(
            f"The package {error.name!r} is missing: pip install 'sim2real_ros[train]'."
        ) from error
