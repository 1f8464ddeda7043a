"""calibrate_colours: fit colour thresholds to domains, and see how they carry over to others."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from sim2real_ros.config import from_mapping
from sim2real_ros.errors import ConfigError, DataError
from sim2real_ros.evaluation.colours.domain import Domain, open_domains
from sim2real_ros.evaluation.colours.fitting import fit_thresholds
from sim2real_ros.evaluation.colours.held_out import held_out
from sim2real_ros.evaluation.colours.histogram import HsvHistogram
from sim2real_ros.evaluation.colours.thresholds import ColourThresholds, load_thresholds, to_hsv
from sim2real_ros.evaluation.colours.transfer import (
    TransferCounts,
    TransferMatrix,
    transfer_matrix,
)
from sim2real_ros.evaluation.frame import IdImage, RgbImage
from sim2real_ros.evaluation.perception.shipped import perception_file
from sim2real_ros.files import OutputJob, default_workers
from sim2real_ros.image.opencv_threads import one_opencv_thread

VERB = 'calibrate-colours'
DEFAULT_START = 'duckietown_real'

Report = Callable[[str, int, int | None], None]
"""Called with what is being done, and the numbers of frames done and to be done."""


@dataclass(frozen=True)
class CalibrateOptions:
    """What to calibrate, and how.

    Attributes:
        sources: ``[NAME=]WHAT`` each, see ``open_domains``.
        apply_to: The same, to apply thresholds to without fitting any.
        name: Of the first source; '' = by its path.
        masks: Folder of masks; None = those beside the images.
        start: YAML file, or name of a shipped one, of the thresholds in use: they name the
            colours and their mask ids, and are judged too.
        thresholds: Further such files to judge.
        test_fraction: Part of the frames that is held out to score thresholds on.
        beta: F-beta counts recall so many times as much as precision.
        skip_top: Part of the image to ignore; line detectors do not look above the horizon.
        topic: Image topic of bags.
        max_frames: Of each domain; 0 = all.
        jobs: Threads.
    """

    sources: tuple[str, ...]
    apply_to: tuple[str, ...] = ()
    name: str = ''
    masks: str | None = None
    start: str = DEFAULT_START
    thresholds: tuple[str, ...] = ()
    test_fraction: float = 0.25
    beta: float = 1.0
    skip_top: float = 0.25
    topic: str | None = None
    max_frames: int = 0
    jobs: int = field(default_factory=default_workers)

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ConfigError: One is out of range.
        """
        if not 0 < self.test_fraction < 1:
            raise ConfigError(f'test-fraction is {self.test_fraction:g}; expected 0 < part < 1.')
        if not 0.1 <= self.beta <= 10:
            raise ConfigError(f'beta is {self.beta:g}; expected 0.1 to 10.')
        if not 0 <= self.skip_top <= 0.9:
            raise ConfigError(f'skip-top is {self.skip_top:g}; expected 0 to 0.9.')

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> 'CalibrateOptions':
        """Take the options from a mapping that may hold other things too.

        Raises:
            ConfigError: A value is of a wrong type or out of range.
        """
        known = {name: values[name] for name in cls.__dataclass_fields__ if name in values}
        return from_mapping(cls, known, 'options')


@dataclass(frozen=True, eq=False)
class DomainResult:
    """What was found about one domain.

    Attributes:
        domain: The domain.
        fitted: Thresholds that were fitted on it; None where none were.
        histogram: int64 (180 hues, 64 saturations) of the labelled pixels of each colour.
        frames_fitted: Number of frames they were fitted on.
        frames_scored: Number of frames that all thresholds were scored on.
        absent: Colours that do not occur in the frames to fit on.
    """

    domain: Domain
    fitted: ColourThresholds | None
    histogram: Mapping[str, Any]
    frames_fitted: int
    frames_scored: int
    absent: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Calibration:
    """All that a calibration found.

    Attributes:
        options: What was asked for.
        start: The thresholds in use.
        given: All thresholds that were given, ``start`` first.
        results: By domain, in their order.
        matrix: How thresholds carry over.
    """

    options: CalibrateOptions
    start: ColourThresholds
    given: tuple[ColourThresholds, ...]
    results: tuple[DomainResult, ...]
    matrix: TransferMatrix

    @property
    def problems(self) -> list[str]:
        """What was left out, in sentences."""
        lines = []
        for each in self.results:
            skipped = each.domain.skipped
            if skipped:
                lines.append(
                    f'{each.domain.name}: {len(skipped)} frames left out; the first is '
                    f'{skipped[0].where}: {skipped[0].reason}'
                )
            lines += [f'{each.domain.name}: no frame to fit on has {c}' for c in each.absent]
        return lines


class Calibrating:
    """The work of ``sim2real calibrate-colours``, planned but not begun.

    Attributes:
        domains: What is looked at.
        job: The output folder.
    """

    def __init__(self, options: CalibrateOptions, output: Path, *, force: bool = False) -> None:
        """Look at domains, thresholds and output; nothing is written.

        Raises:
            Sim2RealError: Something cannot be opened, or the folder holds something else.
        """
        self._options = options
        files = [perception_file(each) for each in (options.start, *options.thresholds)]
        self._given = tuple(load_thresholds(each) for each in files)
        self._start = self._given[0]
        masks = Path(options.masks).expanduser() if options.masks else None
        self.domains = open_domains(
            options.sources,
            options.apply_to,
            name=options.name,
            masks=masks,
            topic=options.topic,
            max_frames=options.max_frames,
        )
        self._check()
        depends = {key: value for key, value in vars(options).items() if key != 'jobs'}
        inputs = [each.frames.path for each in self.domains] + ([masks] if masks else []) + files
        inputs += [each.model.path for each in self.domains if each.model]
        self.job = OutputJob(
            output.expanduser(), VERB, depends, list(dict.fromkeys(inputs)), force=force
        )

    def _check(self) -> None:
        for colour, each in self._start.colours.items():
            if not each.mask_ids:
                raise ConfigError(
                    f'The thresholds {self._start.name!r} give the colour {colour!r} no mask_ids; '
                    'expected the ids that it has in the masks.'
                )
        if not self._start.colours:
            raise ConfigError(f'The thresholds {self._start.name!r} have no colours.')
        names = [each.name for each in self._given] + [each.name for each in self.domains]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ConfigError(
                f'Two rows would be called {repeated[0]!r}: give a domain another name, NAME=PATH.'
            )

    def describe(self) -> list[str]:
        """Return lines for people: what would be done, and whereto."""
        lines = []
        for each in self.domains:
            count = each.frames.count
            what = 'fit and score' if each.is_fitted else 'score'
            number = 'an unknown number of' if count is None else count
            lines.append(f'{each.name}: {what}, {number} frames of {each.description}')
        lines.append(f'thresholds: {", ".join(each.name for each in self._given)}')
        lines.append(f'colours: {", ".join(self._start.colours)} -> {self.job.folder}')
        return lines

    def run(self, progress: Report | None = None) -> Calibration:
        """Read all frames, fit and score; writes nothing.

        Raises:
            DataError: A domain has no usable frame with a mask, or no colour.
            Sim2RealError: A model cannot be loaded.
        """
        with one_opencv_thread():
            parts = self._parts()
            found = [self._fit(each, parts[each.name][0], progress) for each in self.domains]
            rows = (*self._given, *(each.fitted for each in found if each.fitted))
            counts = {}
            for number, each in enumerate(self.domains):
                counts[each.name], scored = self._score(each, parts[each.name][1], rows, progress)
                found[number] = replace(found[number], frames_scored=scored)
        colours = list(self._start.colours)
        matrix = transfer_matrix(counts, [each.name for each in rows], colours, self._options.beta)
        return Calibration(self._options, self._start, self._given, tuple(found), matrix)

    def _parts(self) -> dict[str, tuple[list[str], list[str]]]:
        """Choose frames to fit on and frames to score on, by domain."""
        known: dict[str, bool] = {}
        parts = {}
        for each in self.domains:
            keys = each.keys()
            # The same frame must not be learnt in one look and asked for in another.
            shared = bool(known) and known.keys() >= set(keys)
            if shared and each.is_fitted:
                shared = len({known[key] for key in keys}) == 2
            if shared:
                tested = [known[key] for key in keys]
            elif each.is_fitted:
                if len(keys) < 2:
                    raise DataError(f'{each.name} has {len(keys)} frames; expected at least 2.')
                tested = held_out(len(keys), self._options.test_fraction).tolist()
            else:
                tested = [True] * len(keys)
            known = known or dict(zip(keys, tested, strict=True))
            fitted = [k for k, test in zip(keys, tested, strict=True) if not test]
            chosen = [k for k, test in zip(keys, tested, strict=True) if test]
            parts[each.name] = (fitted if each.is_fitted else [], chosen)
        return parts

    def _fit(self, domain: Domain, keys: list[str], progress: Report | None) -> DomainResult:
        if not domain.is_fitted:
            return DomainResult(domain, None, {}, 0, 0)
        histogram = HsvHistogram(self._start.colours)
        for image, mask in self._frames(domain, keys, f'{domain.name}, to fit', progress):
            labelled = {c: self._start.labelled(mask, c) for c in self._start.colours}
            histogram.add(to_hsv(image), labelled)
        fitted = fit_thresholds(domain.name, histogram, self._start, self._options.beta)
        absent = tuple(each for each in self._start.colours if each not in fitted.colours)
        if not fitted.colours:
            ids = sorted({i for c in self._start.colours.values() for i in c.mask_ids})
            raise DataError(
                f'No mask of {domain.name} has any of the ids {ids}: expected those of '
                f'{", ".join(absent)}. Are these the right masks, and mask_ids in the YAML?'
            )
        density = {c: each.sum(2) for c, each in histogram.positives.items()}
        return DomainResult(domain, fitted, density, histogram.frames, 0, absent)

    def _score(
        self,
        domain: Domain,
        keys: list[str],
        rows: Sequence[ColourThresholds],
        progress: Report | None,
    ) -> tuple[TransferCounts, int]:
        counts, frames = TransferCounts(rows, self._start), 0
        for image, mask in self._frames(domain, keys, f'{domain.name}, to score', progress):
            counts.add(image, mask)
            frames += 1
        return counts, frames

    def _frames(
        self, domain: Domain, keys: list[str], what: str, progress: Report | None
    ) -> Iterator[tuple[RgbImage, IdImage]]:
        """Yield image and mask of readable frames, without their upper part."""
        usable = 0
        for done, found in enumerate(domain.read(frozenset(keys), self._options.jobs), 1):
            if progress:
                progress(what, done, len(keys))
            if found is None:
                continue
            usable += 1
            top = int(len(found[0]) * self._options.skip_top)
            yield np.ascontiguousarray(found[0][top:]), found[1][top:]
        if not usable:
            reasons = [each.reason for each in domain.skipped[:1]]
            raise DataError(
                f'No frame of {domain.name} can be used: {"".join(reasons).rstrip(".")}. Frames '
                'need masks of the same shape beside them (masks/NAME.png), or in --masks.'
            )
