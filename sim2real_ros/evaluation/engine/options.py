"""What to evaluate, and how."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sim2real_ros.errors import ConfigError, DataError
from sim2real_ros.files import default_workers

HELD_OUT_SIM, HELD_OUT_REAL = 'testA', 'testB'
TRAINING_SIM, TRAINING_REAL = 'trainA', 'trainB'

MIN_SIDE_PX = 16
"""Of frames: below it nothing can be said."""

_NEEDS = {
    'camera': 'thresholds',
    'poses': 'camera',
    'labels': 'detector',
    'lpips': 'targets',
}
"""Options that mean nothing alone."""

_NEEDS_OF_REAL = {'real_topic': 'real', 'real_masks': 'real'}
"""The same; a data set brings its real frames."""

MAX_PICTURE_PX = 320
"""Folders of a data set for training, as `sim2real make-dataset` makes it."""


@dataclass(frozen=True)
class EvaluateOptions:
    """What to evaluate, and how.

    Attributes:
        sim: Simulated frames: a folder, bag, video, or a data set with held-out frames.
        candidates: ``[NAME=]WHAT``: a model, or translated frames in a folder, bag or video.
        real: Real frames; None = those of the data set, else none.
        topic: Image topic of simulated and translated bags.
        real_topic: Image topic of a real bag.
        masks: Folder of masks; None = those beside the images.
        real_masks: The same of the real frames.
        targets: Folder of the known right answers.
        poses: File of the true poses in the lane.
        training_real: Real frames that were trained on, to find memorised ones; None = those of
            the data set, else none.
        size: (width, height) to bring all frames to; None = as they are.
        max_frames: Look at so many simulated and so many real frames; 0 = all.
        thresholds: YAML files or names of shipped colour thresholds.
        camera: YAML file of the camera and the lane, for poses from detected lines.
        object_ids: Ids in masks of things that shall neither move nor vanish.
        segmenter: ONNX file of a segmentation network, its card beside it.
        detector: YAML file of a detector.
        labels: Boxes of the simulated frames, for the detector, in any format of ``labels``.
        training_sim: Simulated frames that were trained on, to tell which frames are unlike them,
            for models whose cards do not say; None = those of the data set, else none.
        features: Further networks that describe images: ONNX files.
        inception: ONNX file of the Inception network, for FID.
        lpips: Folder with the network and weights for LPIPS.
        backend: Of the models.
        provider: Of the models.
        jobs: Number of threads.
        seed: Of samples and subsets.
        picture_width_px: Largest width of the report's pictures.
    """

    sim: Path
    candidates: tuple[str, ...] = ()
    real: Path | None = None
    topic: str | None = None
    real_topic: str | None = None
    masks: Path | None = None
    real_masks: Path | None = None
    targets: Path | None = None
    poses: Path | None = None
    training_real: Path | None = None
    size: tuple[int, int] | None = None
    max_frames: int = 0
    thresholds: tuple[str, ...] = ()
    camera: str = ''
    object_ids: tuple[int, ...] = ()
    segmenter: Path | None = None
    detector: Path | None = None
    labels: Path | None = None
    training_sim: Path | None = None
    features: tuple[Path, ...] = ()
    inception: Path | None = None
    lpips: Path | None = None
    backend: str = 'auto'
    provider: str = 'auto'
    jobs: int = field(default_factory=default_workers)
    seed: int = 0
    picture_width_px: int = 320

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ConfigError: One of them has no meaning.
        """
        if self.jobs < 1 or self.max_frames < 0:
            raise ConfigError(
                f'jobs is {self.jobs} and max_frames {self.max_frames}; expected at least 1 and 0'
            )
        if self.seed < 0:
            raise ConfigError(f'seed is {self.seed}; expected 0 or more')
        if self.size is not None and min(self.size) < MIN_SIDE_PX:
            raise ConfigError(
                f'size is {self.size[0]}x{self.size[1]}; expected at least '
                f'{MIN_SIDE_PX}x{MIN_SIDE_PX}'
            )
        if not MIN_SIDE_PX <= self.picture_width_px <= MAX_PICTURE_PX:
            raise ConfigError(
                f'picture_width_px is {self.picture_width_px}; expected {MIN_SIDE_PX}..'
                f'{MAX_PICTURE_PX}'
            )
        self._check_needs(_NEEDS)

    def _check_needs(self, needs: Mapping[str, str]) -> None:
        for option, needed in needs.items():
            if getattr(self, option) and not getattr(self, needed):
                names = [f'--{each.replace("_", "-")}' for each in (option, needed)]
                raise ConfigError(f'{names[0]} means nothing without {names[1]}')

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> 'EvaluateOptions':
        """Take the options out of a mapping that may hold other things too."""
        names = [each.name for each in dataclasses.fields(cls)]
        chosen: dict[str, Any] = {name: values[name] for name in names if name in values}
        for name, value in chosen.items():
            if isinstance(value, list):
                chosen[name] = tuple(value)
        return cls(**chosen)

    @property
    def sources(self) -> tuple[Path, ...]:
        """All folders and files that are read."""
        found = (
            *(self.sim, self.real, self.masks, self.real_masks, self.targets, self.labels),
            *(self.training_sim, self.training_real),
            *(Path(split_specification(each)[1]) for each in self.candidates),
        )
        return tuple(each for each in found if each is not None and each.exists())

    def resolved(self) -> 'EvaluateOptions':
        """Replace a data set by its held-out frames, and its training frames.

        Raises:
            ConfigError: Options about real frames were given without any.
            DataError: The data set holds nothing out.
        """
        folder = self.sim
        if not any((folder / name).is_dir() for name in (TRAINING_SIM, HELD_OUT_SIM)):
            self._check_needs(_NEEDS_OF_REAL)
            return self
        if not (folder / HELD_OUT_SIM).is_dir():
            raise DataError(
                f'{str(folder)!r} is a data set without {HELD_OUT_SIM}/: what was trained on '
                'proves nothing. Make it with --test-fraction 0.2, or name a folder in it.'
            )
        return dataclasses.replace(
            self,
            sim=folder / HELD_OUT_SIM,
            real=self.real or _if_there(folder / HELD_OUT_REAL),
            training_sim=self.training_sim or _if_there(folder / TRAINING_SIM),
            training_real=self.training_real or _if_there(folder / TRAINING_REAL),
        )


def split_specification(specification: str) -> tuple[str, str]:
    """Split ``NAME=WHAT``; the name is '' where there is none."""
    name, equals, what = specification.partition('=')
    if equals and name and what and not Path(specification).exists() and '/' not in name:
        return name, what
    return '', specification


def _if_there(folder: Path) -> Path | None:
    return folder if folder.is_dir() else None
