"""SetValues: what is said of all frames of a candidate together, from their features."""

from collections.abc import Sequence
from dataclasses import replace

from sim2real_ros.errors import ConfigError, DataError
from sim2real_ros.evaluation.distribution.feature_statistics import FeatureStatistics
from sim2real_ros.evaluation.distribution.kernel_distance import MAX_SUBSET_SIZE
from sim2real_ros.evaluation.distribution.memorising import (
    memorising_quantities,
    memorising_values,
)
from sim2real_ros.evaluation.distribution.set_distances import (
    SetDistanceOptions,
    distribution_quantities,
    distribution_values,
    real_split_values,
)
from sim2real_ros.evaluation.engine.findings import Findings
from sim2real_ros.evaluation.engine.options import EvaluateOptions
from sim2real_ros.evaluation.engine.reading import ProgressCallback
from sim2real_ros.evaluation.features.efficientnet_lite0 import efficientnet_lite0
from sim2real_ros.evaluation.features.extractor import FeatureExtractor, Features
from sim2real_ros.evaluation.features.model_features import inception_features, model_features
from sim2real_ros.evaluation.frames.frame_set import FrameSet, PendingFrame
from sim2real_ros.evaluation.quantity import Quantity
from sim2real_ros.evaluation.results import QuantityGroup
from sim2real_ros.files import ordered_map

MAX_TRAINING_FRAMES = 1000
"""Of an even sample, to compare outputs with."""


_HALVES = '_of_real_halves'


class SetValues:
    """Distances between sets of images, and copies of training images.

    Attributes:
        extractors: The networks; the first one is that of memorising, too.
        warnings: What makes the numbers doubtful.
    """

    def __init__(self, options: EvaluateOptions) -> None:
        """Load the networks.

        Raises:
            ModelError: One cannot be used.
        ConfigError: Two have the same name.
        """
        self._options = options
        self._distances = SetDistanceOptions(seed=options.seed)
        self.extractors: list[FeatureExtractor] = [efficientnet_lite0()]
        self.extractors += [model_features(path) for path in options.features]
        if options.inception:
            self.extractors.append(inception_features(options.inception))
        keys = [each.key for each in self.extractors]
        if len(set(keys)) < len(keys):
            raise ConfigError(
                f'networks called {", ".join(keys)} cannot be told apart: rename one of the files'
            )
        self.warnings: list[str] = []
        self._training: FeatureStatistics | None = None

    @property
    def networks(self) -> dict[str, str]:
        """How each network was fed, by its key."""
        return {each.key: each.protocol for each in self.extractors}

    @property
    def protocol(self) -> str:
        """How the distances were computed, in a line."""
        return (
            f'kernel distance over {self._distances.subsets} subsets of half of the smaller set, '
            f'at most {MAX_SUBSET_SIZE} images; density and coverage with '
            f'k = {self._distances.k}; real: every other image against the rest'
        )

    @property
    def groups(self) -> tuple[QuantityGroup, QuantityGroup]:
        """What the values mean."""
        distances = [
            quantity
            for each in self.extractors
            for quantity in (
                *distribution_quantities(each.key, each.is_fid),
                *_halves_quantities(each.key, each.is_fid),
            )
        ]
        return (
            QuantityGroup(
                'distribution',
                'Does it look real?',
                'How far the images are from the real ones, in the eyes of networks. The column '
                'of the real frames compares one half of them with the other: no candidate can '
                'be expected to get below that.',
                tuple(distances),
            ),
            QuantityGroup(
                'memorising',
                'Is it made anew?',
                'Whether outputs are training images given back.',
                memorising_quantities(self.extractors[0].key),
            ),
        )

    def new_statistics(self) -> dict[str, FeatureStatistics]:
        """Return empty statistics for each network."""
        seed = self._options.seed
        return {
            each.key: FeatureStatistics(each.dimensions, seed=seed) for each in self.extractors
        }

    def read_training_frames(self, progress: ProgressCallback) -> None:
        """Describe the real frames that were trained on, where there are any.

        Raises:
            DataError: The folder cannot be read.
        """
        if self._options.training_real is None:
            return
        frames = FrameSet(self._options.training_real, limit=MAX_TRAINING_FRAMES)
        network = self.extractors[0]
        self._training = FeatureStatistics(network.dimensions)

        def describe(pending: PendingFrame) -> Features | None:
            try:
                return network.of_image(frames.load(pending)[0].image)
            except DataError:
                # One of a thousand is no loss here; the sets that are judged count theirs.
                return None

        rows = ordered_map(describe, frames.pending(), workers=self._options.jobs)
        for number, row in enumerate(rows, 1):
            if row is not None:
                self._training.add(row)
            progress('training', number, frames.count)

    def fill(self, found: Sequence[Findings], real: Findings | None) -> None:
        """Add the values of the sets to what was found; real frames get the floor."""
        if real is None:
            return
        for network in self.extractors:
            theirs = real.statistics[network.key]
            for each in found:
                values, warnings = distribution_values(
                    each.statistics[network.key],
                    theirs,
                    network.key,
                    network.is_fid,
                    self._distances,
                )
                each.values |= values
                self._warn(warnings)
            floor, halves = real_split_values(theirs, network.key, network.is_fid, self._distances)
            keys = [each.key for each in distribution_quantities(network.key, network.is_fid)]
            real.values |= floor | {
                f'{key}{_HALVES}': halves[key] for key in keys[:2] if key in halves
            }
        if self._training is None:
            return
        key = self.extractors[0].key
        held_out = real.statistics[key].sample
        for each in found:
            values, warnings = memorising_values(
                each.statistics[key].sample, self._training.sample, held_out, key
            )
            each.values |= values
            self._warn(warnings)

    def _warn(self, warnings: Sequence[str]) -> None:
        """Take each warning once: most hold for all candidates."""
        self.warnings += [each for each in warnings if each not in self.warnings]


def _halves_quantities(extractor_key: str, is_fid: bool) -> list[Quantity]:
    """Say what the distances of the first half of the real images from the second mean."""
    return [
        replace(
            quantity,
            key=f'{quantity.key}{_HALVES}',
            title=f'{quantity.title}, first half of real against second',
            better='neither',
            description='How far real images are from other real ones of other places or times: '
            'the first half of the set against the second. The column of the real frames '
            'compares neighbours, which is too good; the truth for a new candidate lies between.',
            is_detail=True,
        )
        for quantity in distribution_quantities(extractor_key, is_fid)[:2]
    ]
