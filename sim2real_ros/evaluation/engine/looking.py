"""Look at frames: read them, let every candidate translate them, ask every measure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from sim2real_ros.data import Skipped
from sim2real_ros.errors import DataError, Sim2RealError
from sim2real_ros.evaluation.engine.candidates import Candidate, Token, Untranslated
from sim2real_ros.evaluation.engine.failures import attempt
from sim2real_ros.evaluation.engine.findings import Looked
from sim2real_ros.evaluation.features.extractor import FeatureExtractor
from sim2real_ros.evaluation.frame import EvaluatedFrame, Previous, RgbImage, SimFrame
from sim2real_ros.evaluation.frames.frame_set import FrameSet, PendingFrame
from sim2real_ros.evaluation.frames.neighbours import NeighbourRule
from sim2real_ros.evaluation.frames.shape import have_same_shape
from sim2real_ros.evaluation.measure import Measure, Need, Observation
from sim2real_ros.files import ordered_map
from sim2real_ros.image import resize

FeatureRow = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Translation:
    """What one candidate made of one frame.

    Attributes:
        image: uint8 RGB of the frame's size; None where it failed.
        problems: Why there is none, or why a network could not describe it.
        note: What was done to it.
        features: float32 (1, D) by key of the network.
    """

    image: RgbImage | None
    problems: tuple[str, ...] = ()
    note: str = ''
    features: Mapping[str, FeatureRow] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class LoadedFrame:
    """A frame with all translations of it, in the order of the candidates.

    Attributes:
        sim: The frame.
        translations: Of it.
        problems: Why its mask is missing.
    """

    sim: SimFrame
    translations: Sequence[Translation]
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class SeenFrame:
    """A frame with what the measures said, in the order of the candidates.

    Attributes:
        loaded: The frame.
        looked: What was observed; None for a candidate without a translation.
        problems: For each candidate, why measures could say nothing.
    """

    loaded: LoadedFrame
    looked: Sequence[Looked | None]
    problems: Sequence[Sequence[str]]


class Looker:
    """Looks at the frames of one set.

    Args:
        frames: The set.
        candidates: What to judge.
        measures: What to ask, for each candidate.
        extractors: Networks that describe images.
        is_real: Whether no frame counts as following another one.
        jobs: Number of threads.

    Attributes:
        skipped: Frames that could not be read, and why.
    """

    def __init__(
        self,
        frames: FrameSet,
        candidates: Sequence[Candidate],
        measures: Sequence[Sequence[Measure]],
        extractors: Sequence[FeatureExtractor],
        *,
        is_real: bool = False,
        jobs: int = 1,
    ) -> None:
        """Start nothing yet."""
        self._frames, self._candidates, self._measures = frames, candidates, measures
        self._extractors, self._jobs, self._is_real = extractors, jobs, is_real
        self.skipped: list[Skipped] = []

    def __iter__(self) -> Iterator[SeenFrame]:
        """Yield every frame that could be read, in order."""
        # Few in advance: each holds the translations of all candidates.
        loaded = ordered_map(self._load, self._fetched(), workers=self._jobs, ahead=self._jobs)
        yield from ordered_map(self._look, self._chained(loaded), workers=self._jobs)
        self.skipped += self._frames.skipped

    def _fetched(self) -> Iterator[tuple[PendingFrame, list[Token | DataError]]]:
        for frame in self._frames.pending():
            yield frame, [_fetched(candidate, frame) for candidate in self._candidates]

    def _load(self, item: tuple[PendingFrame, list[Token | DataError]]) -> LoadedFrame | Skipped:
        pending, tokens = item
        try:
            sim, problems = self._frames.load(pending)
        except Sim2RealError as error:
            return Skipped(pending.name, str(error))
        translations = [
            self._translation(candidate, token, sim)
            for candidate, token in zip(self._candidates, tokens, strict=True)
        ]
        return LoadedFrame(sim, translations, problems)

    def _translation(
        self, candidate: Candidate, token: Token | DataError, sim: SimFrame
    ) -> Translation:
        if isinstance(token, DataError):
            return Translation(None, (str(token),))
        try:
            image = candidate.translated(token, sim.image)
            fitting, note = _of_size_of(sim, image)
        except Sim2RealError as error:
            return Translation(None, (str(error),))
        features, problems = {}, []
        for each in self._extractors:
            try:
                features[each.key] = each.of_image(image)
            except Sim2RealError as error:
                problems.append(str(error))
        return Translation(fitting, tuple(problems), note, features)

    def _chained(
        self, loaded: Iterator[LoadedFrame | Skipped]
    ) -> Iterator[tuple[LoadedFrame, LoadedFrame | None]]:
        rule, previous = NeighbourRule(), None
        for each in loaded:
            if isinstance(each, Skipped):
                self.skipped.append(each)
                continue
            follows = not self._is_real and rule.follows(each.sim)
            yield each, previous if follows else None
            previous = each

    def _look(self, item: tuple[LoadedFrame, LoadedFrame | None]) -> SeenFrame:
        loaded, before = item
        looked: list[Looked | None] = []
        problems: list[list[str]] = [[] for _ in self._candidates]
        columns = zip(self._candidates, self._measures, loaded.translations, strict=True)
        for number, (candidate, measures, each) in enumerate(columns):
            if each.image is None:
                looked.append(None)
                continue
            earlier = before.translations[number].image if before else None
            previous = Previous(before.sim, earlier) if before and earlier is not None else None
            frame = EvaluatedFrame(loaded.sim, each.image, previous)
            met = _met(frame, is_translated=not isinstance(candidate, Untranslated))
            looked.append(
                [
                    _ask(measure, frame, problems[number]) if measure.needs <= met else None
                    for measure in measures
                ]
            )
        return SeenFrame(loaded, looked, problems)


def _ask(measure: Measure, frame: EvaluatedFrame, problems: list[str]) -> Observation | None:
    seen, problem = attempt(type(measure).__name__, lambda: measure.of_frame(frame))
    if problem:
        problems.append(problem)
    return seen


def _fetched(candidate: Candidate, frame: PendingFrame) -> Token | DataError:
    try:
        return candidate.fetch(frame)
    except DataError as error:
        return error


def _met(frame: EvaluatedFrame, *, is_translated: bool) -> set[Need]:
    found: dict[Need, bool] = {
        # Untranslated frames are not compared with themselves: the answers are known, and would
        # look as if something had been won.
        'translation': is_translated,
        'mask': frame.sim.mask is not None,
        'previous': frame.previous is not None,
        'target': frame.sim.target is not None,
        'pose': frame.sim.pose is not None,
    }
    return {need for need, is_there in found.items() if is_there}


def _of_size_of(sim: SimFrame, image: RgbImage) -> tuple[RgbImage, str]:
    """Bring a translation to the size of its frame.

    Raises:
        DataError: The aspect ratios differ.
    """
    height, width = image.shape[:2]
    wanted_height, wanted_width = sim.image.shape[:2]
    if (height, width) == (wanted_height, wanted_width):
        return image, ''
    original_width, original_height = sim.original_size
    text = (
        f'translations of {width}x{height} pixels were resized to their frames of '
        f'{wanted_width}x{wanted_height}'
    )
    if not have_same_shape((width, height), sim.original_size):
        raise DataError(
            f'the translation has {width}x{height} pixels, its frame '
            f'{original_width}x{original_height}: expected the same aspect ratio'
        )
    # All frames are brought to another size where that was asked for: nothing to tell.
    is_asked = (width, height) == sim.original_size
    return resize(image, (wanted_width, wanted_height)), '' if is_asked else text
