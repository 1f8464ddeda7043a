"""Candidates: models, and folders, bags or videos of frames that were translated already."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sim2real_ros.bags import accepts_bag
from sim2real_ros.data import Frame, open_source
from sim2real_ros.data.collection.matching import match_results
from sim2real_ros.data.folder_source import FolderSource, read_rgb
from sim2real_ros.errors import ConfigError, DataError
from sim2real_ros.evaluation.engine.options import split_specification
from sim2real_ros.evaluation.frame import RgbImage
from sim2real_ros.evaluation.frames.belonging_files import BelongingFiles
from sim2real_ros.evaluation.frames.frame_set import FrameSet, PendingFrame
from sim2real_ros.resources import model_path
from sim2real_ros.runtime.model_file import open_model
from sim2real_ros.runtime.trial_run import trial_run
from sim2real_ros.translation.model_pool import ModelPool
from sim2real_ros.translation.options import TranslateOptions

SIM_NAME, REAL_NAME = 'sim', 'real'

Token = RgbImage | Path | None


class Candidate(ABC):
    """Something that gives a translated image for each simulated frame.

    Attributes:
        name: Unique in the evaluation.
        description: What it is, in a line.
        notes: What was guessed.
    """

    name: str
    description: str
    notes: tuple[str, ...] = ()

    def fetch(self, frame: PendingFrame) -> Token:
        """Find what belongs to a frame; called in the frames' order, in one thread.

        Raises:
            DataError: There is nothing for this frame.
        """
        return None

    @abstractmethod
    def translated(self, token: Token, image: RgbImage) -> RgbImage:
        """Give the translation of an image; thread-safe.

        Args:
            token: What ``fetch`` returned.
            image: uint8 RGB (H, W, 3), the simulated frame.

        Returns:
            uint8 RGB; of another size where the files have one.

        Raises:
            Sim2RealError: There is none.
        """


class Untranslated(Candidate):
    """The simulated frames themselves, which every candidate must beat."""

    name = SIM_NAME
    description = 'the simulated frames as they are'

    def translated(self, token: Token, image: RgbImage) -> RgbImage:
        """Return the frame."""
        return image


class ModelCandidate(Candidate):
    """A model that translates the frames here."""

    def __init__(self, name: str, pool: ModelPool) -> None:
        """Take a loaded model."""
        self.name, self.pool = name, pool
        card = pool.model.card
        domains = f'{card.source_domain} → {card.target_domain}' if card.target_domain else ''
        parts = (card.method, card.description, domains, f'sha256 {pool.model.sha256[:12]}')
        self.description = '; '.join(filter(None, parts))

    def translated(self, token: Token, image: RgbImage) -> RgbImage:
        """Run the model."""
        return self.pool.translate(image)


class FolderCandidate(Candidate):
    """Translated images in a folder."""

    def __init__(self, name: str, folder: Path, sim: FrameSet) -> None:
        """Find the frame of every image.

        Raises:
            DataError: The folder has no images, or none belongs to a frame.
        """
        self.name, self.description = name, f'images of {str(folder)!r}'
        self._paths: dict[str, Path] | None = None
        self._files: BelongingFiles | None = None
        if not sim.listed:
            self._files = BelongingFiles(folder, 'translated frames')
            return
        matching = match_results([folder], [sim.path])
        self.notes = matching.notes
        if len(matching.columns) > 1:
            raise DataError(
                f'{str(folder)!r} holds the results of {len(matching.columns)} models; give a '
                'folder for each (sim2real collect --model)'
            )
        self._paths = {
            frame.listed.name: frame.results[matching.columns[0]].path
            for frame in matching.frames
            if matching.columns[0] in frame.results
        }

    def fetch(self, frame: PendingFrame) -> Token:
        """Return the path of the translation."""
        if self._files is not None:
            found = self._files.find(frame.name, frame.stamp_ns)
        else:
            found = (self._paths or {}).get(frame.name)
        if found is None:
            raise DataError('there is no translation of it')
        return found

    def translated(self, token: Token, image: RgbImage) -> RgbImage:
        """Read the file."""
        assert isinstance(token, Path)
        return read_rgb(token)


class StreamCandidate(Candidate):
    """A translated bag or video, whose frames have the stamps of the simulated ones."""

    def __init__(self, name: str, path: Path, topic: str | None) -> None:
        """Open the bag or video.

        Raises:
            DataError: It cannot be read.
        """
        self.name, self.description = name, f'frames of {str(path)!r}'
        self._source = open_source(path, topic)
        self._frames: Iterator[Frame] | None = None
        self._next: Frame | None = None

    def fetch(self, frame: PendingFrame) -> Token:
        """Go on in the stream to the frame's stamp."""
        if self._frames is None:
            self._frames = iter(self._source)
            self._next = next(self._frames, None)
        while self._next is not None and self._next.stamp_ns < frame.stamp_ns:
            self._next = next(self._frames, None)
        if self._next is None or self._next.stamp_ns != frame.stamp_ns:
            raise DataError(f'no translated frame has its stamp, {frame.stamp_ns} ns')
        return self._next.image

    def translated(self, token: Token, image: RgbImage) -> RgbImage:
        """Return the frame."""
        assert token is not None
        assert not isinstance(token, Path)
        return token


@dataclass(frozen=True)
class ModelOptions:
    """How models are run.

    Attributes:
        backend: One of ``BACKENDS`` of the runtime.
        provider: One of ``PROVIDERS``.
        jobs: Threads that translate, all models together.
    """

    backend: str = 'auto'
    provider: str = 'auto'
    jobs: int = 1


def open_candidates(
    specifications: Sequence[str], sim: FrameSet, topic: str | None, options: ModelOptions
) -> list[Candidate]:
    """Open what is to be judged, the untranslated frames first.

    Args:
        specifications: ``[NAME=]WHAT`` each: a model (``.onnx`` or the name of a shipped one), or
            a folder, bag or video of translated frames.
        sim: The simulated frames.
        topic: Image topic of translated bags; None = the only one.
        options: How to run models.

    Raises:
        Sim2RealError: One cannot be opened, or two have the same name.
    """
    candidates: list[Candidate] = [Untranslated()]
    named = [split_specification(each) for each in specifications]
    # A session holds hundreds of megabytes for large frames. With as many models as threads, each
    # thread finds one that is free.
    models = sum(_is_model(what) for _, what in named)
    options = replace(options, jobs=-(-options.jobs // max(1, models)))
    for name, what in named:
        candidate = _open(name, what, sim, topic, options)
        taken = {each.name for each in candidates} | {REAL_NAME}
        if candidate.name in taken and not name:
            candidate.name = _other_name(candidate.name, taken)
        if candidate.name in taken:
            raise ConfigError(
                f'two columns would be called {candidate.name!r}: give one another name, NAME=PATH'
            )
        candidates.append(candidate)
    return candidates


def _open(
    name: str, what: str, sim: FrameSet, topic: str | None, options: ModelOptions
) -> Candidate:
    path = Path(what).expanduser()
    if _is_model(what):
        model = open_model(model_path(what))
        wanted = TranslateOptions(
            what, backend=options.backend, provider=options.provider, jobs=options.jobs
        )
        # In a process of its own first: a graph may loop for ever, or crash the runtime.
        trial_run(model_path(what), backend=options.backend)
        return ModelCandidate(name or model_path(what).stem, ModelPool.load(model, wanted))
    if not accepts_bag(path) and FolderSource.accepts(path):
        return FolderCandidate(name or path.resolve().name, path, sim)
    return StreamCandidate(name or path.stem, path, topic if accepts_bag(path) else None)


def _is_model(what: str) -> bool:
    path = Path(what).expanduser()
    return path.suffix.lower() == '.onnx' or not path.exists()


def _other_name(name: str, taken: set[str]) -> str:
    return next(f'{name} {number}' for number in range(2, 1000) if f'{name} {number}' not in taken)
