"""Kernel distance (KID): how far apart two sets of images are, in the space of their features."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sim2real_ros.errors import DataError

Features = npt.NDArray[np.floating]
Matrix = npt.NDArray[np.float64]

DEFAULT_SUBSETS = 100
MAX_SUBSET_SIZE = 1000

_BLOCK = 512
"""Rows of kernel values that are in memory at once."""


@dataclass(frozen=True)
class KernelDistance:
    """A kernel distance and how it was computed; a number without these cannot be compared.

    Attributes:
        mean: Over the subsets; about 0 for two samples of one distribution, and then as often
            below 0 as above, as the estimate has no bias.
        std: Over the subsets: how much the number depends on which images were taken.
        subsets: Number of subsets.
        subset_size: Images of each set in a subset.
        std_error: How far the mean would move if other images had been taken, one by one: a
            jackknife that leaves out one image of either set, and the chance of the subsets.
            Subsets overlap, so std / sqrt(subsets) alone would be far too small; and std says
            nothing about sets of unequal sizes. Somewhat too large where both sets are of one
            distribution. None with fewer than 3 images in a set.
    """

    mean: float
    std: float
    subsets: int
    subset_size: int
    std_error: float | None = None


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

    Source: Binkowski et al., Demystifying MMD GANs (ICLR 2018), sections 3 and 4; the standard
    error by Arvesen, Jackknifing U-Statistics (Annals of Mathematical Statistics 1969).

    Args:
        first: (N, D), one row for each image.
        second: (M, D).
        subsets: Number of subsets.
        subset_size: Images of each set in a subset; 0 = half of the smaller set, at most 1000.
            All of both sets would make every subset the same one, and the spread 0: clean-fid
            takes min(1000, smaller set), see ``clean_fid_subset_size``.
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
    drawn: list[Matrix] = [np.zeros((len(each), subsets)) for each in checked]
    for subset in range(subsets):
        for each in drawn:
            each[random.choice(len(each), size, replace=False), subset] = 1
    kernels = _kernel_sums(checked[0], checked[1], drawn[0], drawn[1])
    values = _subset_values(kernels, size)
    std = float(np.std(values))
    error = None
    if smaller > 2:
        error = math.sqrt(_jackknife_variance(kernels) + std**2 / subsets)
    return KernelDistance(float(np.mean(values)), std, subsets, size, error)


def clean_fid_subset_size(first: int, second: int) -> int:
    """Return the size of subsets that clean-fid takes, for numbers that shall equal its own.

    Args:
        first: Images of the first set.
        second: Images of the second set.
    """
    return min(MAX_SUBSET_SIZE, first, second)


@dataclass(frozen=True, eq=False)
class _KernelSums:
    """Sums of kernel values between the rows of two sets, or of one with itself.

    Attributes:
        subsets: (subsets,), over the pairs of each subset.
        rows: (N,), of each row of the first set with all of the second.
        columns: (M,), of each row of the second set with all of the first.
    """

    subsets: npt.NDArray[np.float64]
    rows: npt.NDArray[np.float64]
    columns: npt.NDArray[np.float64]


_Kernels = tuple[_KernelSums, _KernelSums, _KernelSums]
"""Within the first set, within the second set, across."""


def _kernel_sums(
    first: Features, second: Features, in_first: Matrix, in_second: Matrix
) -> _Kernels:
    """Sum what the estimates of many subsets need; every kernel value is computed once.

    Args:
        first: (N, D).
        second: (M, D).
        in_first: (N, subsets), 1 where a row is in a subset, else 0.
        in_second: (M, subsets).
    """
    return (
        _sums(first, first, in_first, in_first, is_same=True),
        _sums(second, second, in_second, in_second, is_same=True),
        _sums(first, second, in_first, in_second),
    )


def _sums(
    first: Features, second: Features, in_first: Matrix, in_second: Matrix, is_same: bool = False
) -> _KernelSums:
    """Sum the kernel over pairs, without those of an image with itself where ``is_same``."""
    subsets, rows, columns = (np.zeros(n) for n in (in_first.shape[1], len(first), len(second)))
    for begin in range(0, len(first), _BLOCK):
        block = slice(begin, begin + _BLOCK)
        kernel = _kernel(first[block], second)
        if is_same:
            numbers = np.arange(len(kernel))
            kernel[numbers, begin + numbers] = 0
        subsets += (in_first[block] * (kernel @ in_second)).sum(axis=0)
        rows[block] = kernel.sum(axis=1)
        columns += kernel.sum(axis=0)
    return _KernelSums(subsets, rows, columns)


def _subset_values(kernels: _Kernels, size: int) -> npt.NDArray[np.float64]:
    """Compute the squared MMD of all subsets of ``size`` images of either set."""
    first, second, across = (each.subsets for each in kernels)
    values: npt.NDArray[np.float64] = (first + second) / (size * (size - 1))
    values -= 2 * across / size**2
    return values


def _jackknife_variance(kernels: _Kernels) -> float:
    """Compute the variance of the squared MMD of both whole sets, of 3 images or more.

    Without one image of n, only the sums of its own kernel values are missing.
    """
    first, second, across = kernels
    total = 0.0
    for within, others in ((first.rows, across.rows), (second.rows, across.columns)):
        count, other_count = len(within), len(across.rows) + len(across.columns) - len(within)
        left_out = 2 / (count - 1) * (others / other_count - within / (count - 2))
        total += (count - 1) * float(np.var(left_out))
    return total


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
    whole = np.ones((len(first), 1)), np.ones((len(second), 1))
    within_first, within_second, across = (
        float(each.subsets[0]) for each in _kernel_sums(first, second, *whole)
    )
    count, others = len(first), len(second)
    return (
        within_first / (count * (count - 1))
        + within_second / (others * (others - 1))
        - 2 * across / (count * others)
    )


def _kernel(first: Features, second: Features) -> Matrix:
    # Cubes of sums over a thousand features: in float32 the difference of the means would drown.
    product = first.astype(np.float64) @ second.astype(np.float64).T
    product /= first.shape[1]
    product += 1.0
    # Several times as fast as a power.
    kernel: Matrix = product * product * product
    return kernel


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
