"""Keep OpenCV from starting threads of its own where the work is spread over threads already."""

from collections.abc import Iterator
from contextlib import contextmanager

import cv2


@contextmanager
def one_opencv_thread() -> Iterator[None]:
    """Run every OpenCV call inside the ``with`` block in the thread that makes it.

    OpenCV splits one call at a time over one pool of threads; several callers would wait for it
    in turn. The setting is the process's.
    """
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)
