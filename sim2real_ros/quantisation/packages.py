"""What quantising needs to be installed."""

from collections.abc import Iterator
from contextlib import contextmanager

from sim2real_ros.errors import BackendError


@contextmanager
def int8_packages() -> Iterator[None]:
    """Explain a package that is missing, in place of an ImportError.

    Raises:
        BackendError: Something that is imported inside is not installed.
    """
    try:
        yield
    except ImportError as error:
        raise BackendError(
            f'Quantising needs onnx and onnxruntime: pip install sim2real_ros[cpu] ({error}).'
        ) from error
