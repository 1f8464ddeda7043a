"""How far a set of images is from the real one: the numbers of an evaluation."""

from dataclasses import dataclass

from sim2real_ros.evaluation.distribution.density_coverage import DEFAULT_K, density_coverage
from sim2real_ros.evaluation.distribution.feature_statistics import FeatureStatistics, Rows
from sim2real_ros.evaluation.distribution.frechet_distance import frechet_distance
from sim2real_ros.evaluation.distribution.kernel_distance import (
    DEFAULT_SUBSETS,
    clean_fid_subset_size,
    kernel_distance,
)
from sim2real_ros.evaluation.quantity import Quantity, Value

MIN_KID_IMAGES = 50
"""Fewer images than this give a KID whose error is larger than most differences."""


Values = dict[str, Value]
Warnings = tuple[str, ...]


@dataclass(frozen=True)
class SetDistanceOptions:
    """How to compute the distances.

    Attributes:
        subsets: Of KID.
        is_clean_fid_kid: Whether subsets of KID have clean-fid's size, min(1000, images): numbers
            to compare with its own. Otherwise half of the smaller set.
        k: Size of the neighbourhoods of density and coverage.
        seed: Of the subsets.
    """

    subsets: int = DEFAULT_SUBSETS
    is_clean_fid_kid: bool = False
    k: int = DEFAULT_K
    seed: int = 0


DEFAULT_OPTIONS = SetDistanceOptions()


def frechet_key(extractor_key: str, is_fid: bool) -> str:
    """Return the key of the Fréchet distance: ``fid`` on Inception's features alone."""
    return 'fid' if is_fid else f'frechet_distance_{extractor_key}'


def distribution_quantities(extractor_key: str, is_fid: bool) -> tuple[Quantity, ...]:
    """Say what the distances on the features of one network mean.

    Args:
        extractor_key: Of the network.
        is_fid: Whether it is the Inception of FID.
    """
    network = 'Inception' if is_fid else extractor_key
    other = '' if is_fid else ' It is no FID: numbers of other networks cannot be compared.'
    return (
        Quantity(
            f'kid_{extractor_key}',
            'KID' if is_fid else f'Kernel distance ({network})',
            'lower',
            f'Squared distance (MMD) of these images and the real ones in the features of '
            f'{network}; 0 for images like the real ones, and then as often below 0 as above. '
            f'Its expectation does not depend on the number of images.{other}',
            source='Binkowski et al., ICLR 2018',
            decimals=4,
        ),
        Quantity(
            frechet_key(extractor_key, is_fid),
            'FID' if is_fid else f'Fréchet distance ({network})',
            'lower',
            f'Squared distance of two Gaussians fitted to the features of {network}; 0 for images '
            'like the real ones. It is too high by an amount that grows as images get fewer: '
            f'compare it between equal numbers of images alone.{other}',
            limits=(0, None),
            source='Heusel et al., NeurIPS 2017',
            decimals=2,
        ),
        Quantity(
            f'density_{extractor_key}',
            f'Density ({network})',
            'higher',
            'How many neighbourhoods of real images an image lies in, divided by their size: '
            'about 1 for images like the real ones, 0 for images where no real one is; above 1 '
            'where they crowd at the commonest real ones.',
            limits=(0, None),
            source='Naeem et al., ICML 2020',
        ),
        Quantity(
            f'coverage_{extractor_key}',
            f'Coverage ({network})',
            'higher',
            'Share of the real images with one of these images in their neighbourhood. Near 1 '
            'where everything real is also made; low where the images are unlike the real ones or '
            'all alike.',
            limits=(0, 1),
            source='Naeem et al., ICML 2020',
        ),
    )


def distribution_values(
    candidate: FeatureStatistics,
    real: FeatureStatistics,
    extractor_key: str,
    is_fid: bool,
    options: SetDistanceOptions = DEFAULT_OPTIONS,
) -> tuple[Values, Warnings]:
    """Compute all distances of a candidate's images from the real ones.

    The Fréchet distance rests on all images, the others on the samples that the statistics keep.

    Args:
        candidate: Of the candidate's images.
        real: Of the real images, by the same network.
        extractor_key: Of the network.
        is_fid: Whether it is the Inception of FID.
        options: How.

    Returns:
        Values by key; what cannot be computed from so few images is left out. And sentences about
        what makes them doubtful.

    Raises:
        DataError: The features differ in length.
    """
    counts = f'{candidate.count} against {real.count} real images'
    if min(candidate.count, real.count) < 2:
        return {}, (
            f'no distances in the features of {extractor_key} from {counts}: they need at least 2 '
            'of each (better some hundred)',
        )
    ours, theirs = candidate.sample, real.sample
    frechet = Value(frechet_distance(candidate, real), candidate.count)
    values = {
        f'kid_{extractor_key}': _kid_value(ours, theirs, options),
        frechet_key(extractor_key, is_fid): frechet,
    }
    warnings = _warnings(candidate, real, extractor_key, is_fid)
    if len(theirs) <= options.k:
        return values, (
            *warnings,
            f'no density and coverage ({extractor_key}): they need more than {options.k} real '
            f'images, found {len(theirs)}',
        )
    found = density_coverage(ours, theirs, k=options.k)
    values[f'density_{extractor_key}'] = Value(found.density, len(ours))
    values[f'coverage_{extractor_key}'] = Value(found.coverage, len(theirs))
    if found.empty_neighbourhoods:
        warnings += (
            f'density and coverage ({extractor_key}) are too low: {found.empty_neighbourhoods} of '
            f'{len(theirs)} real images have {options.k} copies or more, and no image can be '
            'nearer to them; leave repeated frames out',
        )
    return values, warnings


def real_split_values(
    real: FeatureStatistics,
    extractor_key: str,
    is_fid: bool,
    options: SetDistanceOptions = DEFAULT_OPTIONS,
) -> tuple[Values, Values]:
    """Compute the distances of real images from real images: the floor of every candidate.

    A half holds half of the images, so the Fréchet distance of two halves is higher than the floor
    of a whole set. Halves of neighbouring frames are nearly the same images, the others are
    different places or days: the truth for a new candidate lies between.

    Args:
        real: Of the real images, in the order they were taken.
        extractor_key: Of the network.
        is_fid: Whether it is the Inception of FID.
        options: How.

    Returns:
        Values of every other image against the rest, and of the first half against the second;
        both empty with fewer than 4 images.
    """
    rows = real.sample
    if len(rows) < 4:
        return {}, {}
    middle = len(rows) // 2
    splits = ((rows[::2], rows[1::2]), (rows[:middle], rows[middle:]))
    interleaved, contiguous = (
        distribution_values(
            _statistics(first), _statistics(second), extractor_key, is_fid, options
        )[0]
        for first, second in splits
    )
    return interleaved, contiguous


def _statistics(rows: Rows) -> FeatureStatistics:
    statistics = FeatureStatistics(rows.shape[1], sample=len(rows))
    statistics.add(rows)
    return statistics


def _kid_value(
    ours: Rows,
    theirs: Rows,
    options: SetDistanceOptions,
) -> Value:
    size = clean_fid_subset_size(len(ours), len(theirs)) if options.is_clean_fid_kid else 0
    kid = kernel_distance(
        ours, theirs, subsets=options.subsets, subset_size=size, seed=options.seed
    )
    return Value(kid.mean, len(ours), std_error=kid.std_error)


def _warnings(
    candidate: FeatureStatistics, real: FeatureStatistics, extractor_key: str, is_fid: bool
) -> Warnings:
    fewest = min(candidate.count, real.count)
    counts = f'{candidate.count} against {real.count} real images'
    found = []
    if fewest <= candidate.dimensions:
        title = 'FID' if is_fid else f'the Fréchet distance ({extractor_key})'
        found.append(
            f'{title} rests on {counts}, fewer than its {candidate.dimensions} features: it is '
            'far too high, and comparable only between equal numbers of images; look at the '
            'kernel distance first'
        )
    if fewest < MIN_KID_IMAGES:
        found.append(
            f'the kernel distance ({extractor_key}) rests on {counts}: with fewer than '
            f'{MIN_KID_IMAGES} it may be off by more than candidates differ'
        )
    return tuple(found)
