"""Domain: labelled frames that look alike: simulated, translated by one model, or real."""

import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path, PurePosixPath

from sim2real_ros.data import Skipped
from sim2real_ros.errors import ConfigError, DataError, Sim2RealError
from sim2real_ros.evaluation.frame import IdImage, RgbImage
from sim2real_ros.evaluation.frames.belonging_files import BelongingFiles
from sim2real_ros.evaluation.frames.frame_set import Belongings, FrameSet, PendingFrame
from sim2real_ros.evaluation.frames.mask_file import read_mask, resize_mask
from sim2real_ros.files import ordered_map
from sim2real_ros.resources import model_path
from sim2real_ros.runtime.model_file import ModelFile, open_model
from sim2real_ros.translation.model_pool import ModelPool
from sim2real_ros.translation.options import TranslateOptions

Labelled = tuple[RgbImage, IdImage]
"""Image, uint8 RGB (H, W, 3), and mask, uint8 (H, W) ids."""


class Domain:
    """The labelled frames of one domain.

    Attributes:
        name: Unique.
        frames: Where the images come from; for a model, what it translates.
        model: The model that translates them; None for frames as they are.
        is_fitted: Whether thresholds are fitted on it, or only applied to it.
        skipped: Frames that were left out so far, each once.
    """

    def __init__(
        self,
        name: str,
        frames: FrameSet,
        masks: BelongingFiles | None,
        *,
        model: ModelFile | None = None,
        is_fitted: bool = True,
    ) -> None:
        """Take the frames.

        Args:
            name: Unique.
            frames: The frames, with the masks that lie beside them.
            masks: Masks by name or stamp for frames that have none beside them.
            model: As the attribute.
            is_fitted: As the attribute.
        """
        self.name, self.frames, self.model, self.is_fitted = name, frames, model, is_fitted
        self.skipped: list[Skipped] = []
        self._masks = masks
        self._keys: list[str] = []

    @property
    def description(self) -> str:
        """What it is, in a few words."""
        path = str(self.frames.path)
        return path if self.model is None else f'{path} translated by {self.model.path}'

    def keys(self) -> list[str]:
        """Name all frames in their order; the same frame of another domain has the same key."""
        if not self._keys:
            self._keys = [_key(frame) for frame in self.frames.pending()]
        return self._keys

    def read(self, wanted: Collection[str], jobs: int) -> Iterator[Labelled | None]:
        """Read frames with their masks, and translate them where there is a model.

        Args:
            wanted: Keys of the frames to read.
            jobs: Threads.

        Yields:
            One item for each wanted frame; None where it is left out: see ``skipped``.

        Raises:
            Sim2RealError: The model cannot be loaded.
        """
        pool = None
        if self.model is not None:
            pool = ModelPool.load(self.model, TranslateOptions(str(self.model.path), jobs=jobs))
        pending = (frame for frame in self.frames.pending() if _key(frame) in wanted)

        def load(frame: PendingFrame) -> Labelled | Skipped:
            try:
                image, mask = self._load(frame)
                return (image if pool is None else pool.translate(image)), mask
            except Sim2RealError as error:
                return Skipped(frame.name, str(error))

        for found in ordered_map(load, pending, workers=jobs):
            if isinstance(found, Skipped):
                self.skipped.append(found)
            yield None if isinstance(found, Skipped) else found
        # A bag that is read several times tells of its damage each time.
        self.skipped = list(dict.fromkeys([*self.skipped, *self.frames.skipped]))

    def _load(self, frame: PendingFrame) -> Labelled:
        sim, problems = self.frames.load(frame)
        if problems:
            raise DataError(problems[0])
        if sim.mask is not None:
            return sim.image, sim.mask
        path = self._masks.find(frame.name, frame.stamp_ns) if self._masks else None
        if path is None:
            raise DataError('it has no mask')
        height, width = sim.image.shape[:2]
        return sim.image, resize_mask(read_mask(path), (width, height), (width, height))


def open_domains(
    sources: Sequence[str],
    apply_to: Sequence[str] = (),
    *,
    name: str = '',
    masks: Path | None = None,
    topic: str | None = None,
    max_frames: int = 0,
) -> list[Domain]:
    """Open the domains of a calibration.

    Args:
        sources: ``[NAME=]WHAT`` each: a folder, bag or video; after the first also a model, which
            stands for the first one's frames translated by it.
        apply_to: The same; thresholds are applied to these, but not fitted on them.
        name: Of the first; '' = as it is written, or by its path.
        masks: Folder of masks, for the first and for all that have none beside their images.
        topic: Image topic of bags.
        max_frames: Of each, evenly spread in short blocks; 0 = all.

    Raises:
        Sim2RealError: One cannot be opened, or two have the same name.
    """
    if not sources:
        raise ConfigError('No source is given; expected a folder, bag or video with masks.')
    belonging = BelongingFiles(masks, 'masks') if masks else None
    written, what = _split(sources[0])
    first = _frames(what, topic, max_frames, masks)
    domains = [Domain(name or written or _name_of(Path(what)), first, belonging)]
    for number, specification in enumerate((*sources[1:], *apply_to), 1):
        written, what = _split(specification)
        is_fitted = number < len(sources)
        if Path(what).suffix.lower() == '.onnx' or not Path(what).expanduser().exists():
            path = model_path(what)
            frames, model = _frames(str(first.path), topic, max_frames, masks), open_model(path)
        else:
            path, model = Path(what), None
            frames = _frames(what, topic, max_frames, None)
        name = written or _name_of(path)
        domains.append(Domain(name, frames, belonging, model=model, is_fitted=is_fitted))
    _check_names([each.name for each in domains])
    return domains


def _frames(what: str, topic: str | None, max_frames: int, masks: Path | None) -> FrameSet:
    return FrameSet(Path(what).expanduser(), topic, Belongings(masks=masks), limit=max_frames)


def _split(specification: str) -> tuple[str, str]:
    name, equals, what = specification.partition('=')
    if equals and name and what and '/' not in name and not Path(specification).exists():
        return name, what
    return '', specification


def _name_of(path: Path) -> str:
    path = path.expanduser().resolve()
    return path.name if path.is_dir() else path.stem


def _check_names(names: Sequence[str]) -> None:
    for name in names:
        if not re.fullmatch(r'[\w.+ -]{1,60}', name) or not name.strip('. '):
            raise ConfigError(
                f'{name[:80]!r} is no name of a domain; expected letters, digits, blanks and '
                '. + - _, at most 60: give one as NAME=PATH.'
            )
        if sum(each.casefold() == name.casefold() for each in names) > 1:
            raise ConfigError(
                f'Two domains are called {name!r}: give one another name, NAME=PATH.'
            )


def _key(frame: PendingFrame) -> str:
    path = PurePosixPath(frame.name).with_suffix('')
    return '/'.join(part for part in path.parts if part != 'images')
