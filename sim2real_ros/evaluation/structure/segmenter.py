"""Segmenter: whatever tells what each pixel of an image shows."""

import threading
from collections import OrderedDict
from typing import Protocol

from sim2real_ros.evaluation.frame import IdImage, RgbImage

IGNORED_ID = 255
"""Of pixels that nothing is said about; never counted."""

REMEMBERED_IMAGES = 4


class Segmenter(Protocol):
    """Tells what each pixel shows. May be called in several threads at once.

    Attributes:
        name: For the report: what it is, and which file.
        class_ids: Ids that it can give, in ascending order, without ``IGNORED_ID``.
    """

    name: str
    class_ids: tuple[int, ...]

    def segment(self, rgb: RgbImage) -> IdImage:
        """Segment one image.

        Args:
            rgb: uint8 RGB (H, W, 3).

        Returns:
            uint8 (H, W), ids as in the masks; ``IGNORED_ID`` where it has no class for them.

        Raises:
            Sim2RealError: It cannot.
        """
        ...


class RememberingSegmenter:
    """A segmenter that keeps its last results, since two measures ask for the same images."""

    def __init__(self, segmenter: Segmenter) -> None:
        """Stand before another segmenter."""
        self.name, self.class_ids = segmenter.name, segmenter.class_ids
        self._segmenter = segmenter
        # Keeps the images, too: an id() is unique only as long as its object lives.
        self._seen: OrderedDict[int, tuple[RgbImage, IdImage]] = OrderedDict()
        self._lock = threading.Lock()

    def segment(self, rgb: RgbImage) -> IdImage:
        """Segment one image, or return what was found for this very array; see ``Segmenter``."""
        with self._lock:
            known = self._seen.get(id(rgb))
        if known is not None:
            return known[1]
        found = self._segmenter.segment(rgb)
        with self._lock:
            self._seen[id(rgb)] = (rgb, found)
            while len(self._seen) > REMEMBERED_IMAGES:
                self._seen.popitem(last=False)
        return found
