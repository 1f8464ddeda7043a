"""Kernel distance (KID): how far apart two sets of images are, in the space of their features."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sim2real_ros.errors import DataError

Features = npt.NDArray[np.floating]
Matrix = npt.NDArray[np.float64]

DEFAULT_SUBSETS = 100
MAX_SUBSET_SIZE = 1000


@dataclass(frozen=True)
class KernelDistance:
    """A kernel distance and how it was computed; a number without these cannot be compared.

    Attributes:
        mean: Over the subsets; about 0 for two samples of one distribution, and then as often
            below 0 as above, as the estimate has no bias.
        std: Over the subsets: how much the number depends on which images were taken.
        subsets: Number of subsets.
        subset_size: Images of each set in a subset.
    """

    mean: float
    std: float
    subsets: int
    subset_size: int


def kernel_distance(
    first: Features,
    second: Features,
    *,
    subsets: int = DEFAULT_SUBSETS,
    subset_size: int = 0,
    seed: int = 0,
) -> KernelDistance:
    """Estimate the squared maximum mean discrepancy of two sets of features.

    Subsets are drawn without replacement, from both sets alike. The expectation does not depend
    on the subsets' size, only the spread does; so small sets can be compared with large ones,
    which is what the Fréchet distance (FID) cannot do.

    Source: Binkowski et al., Demystifying MMD GANs (ICLR 2018), sections 3 and 4.

    Args:
        first: (N, D), one row for each image.
        second: (M, D).
        subsets: Number of subsets.
        subset_size: Images of each set in a subset; 0 = half of the smaller set, at most 1000.
            All of both sets would make every subset the same one, and the spread 0.
        seed: Of the choice of the subsets.

    Raises:
        DataError: A set has fewer than 2 images or features that are not finite, the lengths of
            the features differ, or subsets or their size do not fit.
    """
    checked = [_checked(each, name) for each, name in ((first, 'first'), (second, 'second'))]
    if checked[0].shape[1] != checked[1].shape[1]:
        raise DataError(
            f'features of {checked[0].shape[1]} and of {checked[1].shape[1]} values cannot be '
            'compared; compute both with the same network'
        )
    smaller = min(len(each) for each in checked)
    size = subset_size or min(MAX_SUBSET_SIZE, max(2, smaller // 2))
    if subsets < 1 or not 2 <= size <= smaller:
        raise DataError(
            f'{subsets} subsets of {size} images cannot be drawn from {smaller} images; expected '
            f'at least 1 subset of 2..{smaller} images'
        )
    random = np.random.default_rng(seed)
    values = [
        squared_mmd(*(each[random.choice(len(each), size, replace=False)] for each in checked))
        for _ in range(subsets)
    ]
    return KernelDistance(float(np.mean(values)), float(np.std(values)), subsets, size)


def squared_mmd(first: Features, second: Features) -> float:
    """Compute the unbiased estimate of the squared maximum mean discrepancy.

    The mean of k(x, x') over pairs of different images of the first set, plus the same of the
    second, minus twice the mean of k(x, y) over all pairs of both; with the kernel
    k(x, y) = (x.y / D + 1)^3.

    Source: Gretton et al., A Kernel Two-Sample Test (JMLR 2012), equation 3; kernel by Binkowski
    et al.

    Args:
        first: (N, D), N at least 2.
        second: (M, D), M at least 2.
    """
    within = sum(_mean_of_different_pairs(_kernel(each, each)) for each in (first, second))
    return float(within - 2 * _kernel(first, second).mean())


def _kernel(first: Features, second: Features) -> Matrix:
    # Cubes of sums over a thousand features: in float32 the difference of the means would drown.
    product = first.astype(np.float64) @ second.astype(np.float64).T
    kernel: Matrix = (product / first.shape[1] + 1.0) ** 3
    return kernel


def _mean_of_different_pairs(kernel: Matrix) -> float:
    count = len(kernel)
    return float((kernel.sum() - np.trace(kernel)) / (count * (count - 1)))


def _checked(features: Features, name: str) -> Features:
    if features.ndim != 2 or len(features) < 2 or not features.shape[1]:
        raise DataError(
            f'the {name} set has features of shape {features.shape}; a kernel distance needs '
            '(images, values) with at least 2 images in each set'
        )
    wrong = int((~np.isfinite(features)).any(axis=1).sum())
    if wrong:
        raise DataError(
            f'{wrong} of {len(features)} images of the {name} set have features that are NaN or '
            'infinite: the images, or the generator that made them, hold no numbers'
        )
    return features
