"""Choose the frames whose pictures the report shows: an even sample, and the worst ones."""

from collections.abc import Sequence

import cv2
import numpy as np

from sim2real_ros.evaluation.engine.looking import SeenFrame
from sim2real_ros.evaluation.frame import RgbImage
from sim2real_ros.evaluation.quantity import Quantity
from sim2real_ros.evaluation.results import PictureRow

EVEN_ROWS = 6
WIDTH_PX = 320

Pictures = dict[str, RgbImage]


class PictureCollector:
    """Keeps a bounded number of small pictures while the frames go by.

    Args:
        names: Of the candidates, in the order of the translations.
        watched: Quantities of which each candidate's worst frame is shown.
        width_px: Largest width of a picture.
    """

    def __init__(
        self, names: Sequence[str], watched: Sequence[Quantity] = (), width_px: int = WIDTH_PX
    ) -> None:
        """Start without pictures."""
        self._names, self._width_px = names, width_px
        self._watched = [each for each in watched if each.better != 'neither']
        self._even = _EvenSample(EVEN_ROWS)
        self._worst: dict[tuple[str, str], tuple[float, str, Pictures]] = {}

    def look(self, seen: SeenFrame) -> None:
        """Keep the pictures of a frame if they tell something."""
        if self._even.wants_next():
            self._even.add(seen.loaded.sim.name, self._pictures(seen))
        for name, looked in zip(self._names[1:], seen.looked[1:], strict=True):
            if looked is None:
                continue
            values = {k: v for each in looked if each for k, v in each.values.items()}
            for quantity in self._watched:
                if quantity.key in values:
                    self._note(name, quantity, values[quantity.key], seen)

    @property
    def sim_images(self) -> list[RgbImage]:
        """Simulated images of the even sample, as small as they are kept."""
        return [pictures[self._names[0]] for _, pictures in self._even.chosen]

    def rows(self, real: Sequence[RgbImage] = (), real_name: str = '') -> tuple[PictureRow, ...]:
        """Return the rows, each frame once.

        Args:
            real: Real pictures to put beside the first rows.
            real_name: Their column.
        """
        captions = {name: name for name, _ in self._even.chosen}
        pictures = dict(self._even.chosen)
        for (candidate, title), (value, frame, shown) in self._worst.items():
            reason = f'worst {title} of {candidate}: {value:.3g}'
            captions[frame] = f'{captions[frame]}; {reason}' if frame in captions else (
                f'{frame}: {reason}'
            )  # fmt: skip
            pictures.setdefault(frame, shown)
        rows = []
        for number, (frame, row) in enumerate(pictures.items()):
            extra = {real_name: _small(real[number], self._width_px)} if number < len(real) else {}
            rows.append(PictureRow(captions[frame], {**row, **extra}))
        return tuple(rows)

    def _note(self, name: str, quantity: Quantity, value: float, seen: SeenFrame) -> None:
        known = self._worst.get((name, quantity.title))
        sign = -1 if quantity.better == 'higher' else 1
        best = quantity.limits[quantity.better == 'higher']
        if best is not None and f'{value:.3g}' == f'{best:.3g}':
            return  # as good as can be: nothing to look at
        if known is None or sign * value > sign * known[0]:
            frame = seen.loaded.sim.name
            self._worst[name, quantity.title] = value, frame, self._pictures(seen)

    def _pictures(self, seen: SeenFrame) -> Pictures:
        translations = zip(self._names, seen.loaded.translations, strict=True)
        return {
            name: _small(each.image, self._width_px)
            for name, each in translations
            if each.image is not None
        }


class EvenImages:
    """An even sample of images, in a stream of unknown length."""

    def __init__(self, limit: int = EVEN_ROWS) -> None:
        """Start without images."""
        self._sample = _EvenSample(limit)

    def look(self, seen: SeenFrame) -> None:
        """Keep the frame's image if the sample wants it."""
        if self._sample.wants_next():
            self._sample.add('', {'': _small(seen.loaded.sim.image)})

    @property
    def images(self) -> list[RgbImage]:
        """The sample."""
        return [pictures[''] for _, pictures in self._sample.chosen]


class _EvenSample:
    """Keeps every n-th item, and doubles n whenever there are twice as many as wanted."""

    def __init__(self, limit: int) -> None:
        self._limit, self._stride, self._seen = limit, 1, 0
        self._kept: list[tuple[str, Pictures]] = []

    def wants_next(self) -> bool:
        wanted = self._seen % self._stride == 0
        self._seen += 1
        return wanted

    def add(self, name: str, pictures: Pictures) -> None:
        self._kept.append((name, pictures))
        if len(self._kept) >= 2 * self._limit:
            self._kept = self._kept[::2]
            self._stride *= 2

    @property
    def chosen(self) -> list[tuple[str, Pictures]]:
        count = min(self._limit, len(self._kept))
        return [self._kept[int(i)] for i in np.linspace(0, len(self._kept) - 1, count).round()]


def _small(image: RgbImage, width_px: int = WIDTH_PX) -> RgbImage:
    height, width = image.shape[:2]
    if width <= width_px:
        copy: RgbImage = image.copy()
        return copy
    size = (width_px, max(1, round(height * width_px / width)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
