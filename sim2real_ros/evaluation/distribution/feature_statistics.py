"""FeatureStatistics: what is kept of the features of a set of images, however many there are."""

import numpy as np
import numpy.typing as npt

from sim2real_ros.errors import DataError

DEFAULT_SAMPLE = 5000
"""Rows that are kept: 26 MB of 1280 features."""

MAX_FEATURE = 1e9
"""Largest value of a feature. Kernels cube them and errors square that: float64 must hold it."""

Rows = npt.NDArray[np.float32]
Vector = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]

_BLOCK = 256


class FeatureStatistics:
    """Mean, covariance and a sample of rows that arrive one by one.

    Mean and covariance are exact, over all rows. Rows are taken in blocks of one length, so the
    results depend on the rows and their order alone, not on how they were handed over. Not for
    several threads at once.

    Args:
        dimensions: Length of a row.
        sample: Rows to keep. Up to so many, all of them are kept.
        seed: Of the choice of the rows, if there are more.
    """

    def __init__(self, dimensions: int, sample: int = DEFAULT_SAMPLE, seed: int = 0) -> None:
        """Start without rows."""
        self.dimensions, self._sample_size = dimensions, sample
        self._random = np.random.default_rng(seed)
        self._count = 0
        self._merged = 0
        self._mean: Vector = np.zeros(dimensions)
        self._scatter: Matrix | None = None
        self._waiting: list[Rows] = []
        self._kept: list[Rows] = []
        self._kept_numbers: list[int] = []
        self._root: tuple[int, Matrix] | None = None

    @property
    def count(self) -> int:
        """Number of rows that were added."""
        return self._count

    @property
    def mean(self) -> Vector:
        """float64 (D,), the mean of all rows."""
        self._merge()
        mean: Vector = self._mean.copy()
        return mean

    @property
    def covariance(self) -> Matrix:
        """float64 (D, D), the unbiased covariance of all rows (divided by their number less 1).

        Raises:
            DataError: There are fewer than 2 rows.
        """
        self._require_two()
        self._merge()
        assert self._scatter is not None
        covariance: Matrix = self._scatter / (self._count - 1)
        return covariance

    @property
    def sample(self) -> Rows:
        """float32 (min(count, sample), D): rows in the order they came, each as likely as any."""
        order = np.argsort(self._kept_numbers, kind='stable')
        kept = [self._kept[index] for index in order]
        return np.stack(kept) if kept else np.zeros((0, self.dimensions), np.float32)

    def add(self, features: npt.ArrayLike) -> None:
        """Take some rows.

        Args:
            features: (N, D), or (D,) for one row.

        Raises:
            DataError: They are of another length, not finite, or beyond ``MAX_FEATURE``.
        """
        rows = np.atleast_2d(np.asarray(features, np.float32))
        if rows.ndim != 2 or rows.shape[1] != self.dimensions:
            raise DataError(
                f'features have the shape {rows.shape}; expected rows of {self.dimensions} values'
            )
        if not np.isfinite(rows).all():
            raise DataError('features are NaN or infinite: the image holds no picture')
        largest = float(np.abs(rows).max(initial=0))
        if largest > MAX_FEATURE:
            raise DataError(
                f'features reach {largest:.3g}; expected numbers within +-{MAX_FEATURE:g}. Check '
                "value_range, mean and std in the network's card"
            )
        for row in rows:
            self._add_row(row.copy())

    def square_root(self) -> Matrix:
        """Return a matrix R with R^T R = covariance, float64 (r, D), r its rank or somewhat more.

        Where all rows were kept and are fewer than their length, the rows themselves are such a
        matrix: exact, and fast. It is computed once; do not write to it.

        Raises:
            DataError: There are fewer than 2 rows.
        """
        if self._root is None or self._root[0] != self._count:
            self._root = self._count, self._compute_root()
        return self._root[1]

    def _compute_root(self) -> Matrix:
        self._require_two()
        if self._count <= min(self._sample_size, self.dimensions):
            centred: Matrix = self.sample.astype(np.float64)
            centred -= centred.mean(axis=0)
            centred /= np.sqrt(self._count - 1)
            return centred
        values, vectors = np.linalg.eigh(self.covariance)
        # What is below the rounding of the largest is not known, not even its sign.
        known = values > values[-1] * len(values) * np.finfo(np.float64).eps
        root: Matrix = np.sqrt(values[known])[:, None] * vectors[:, known].T
        return root

    def _add_row(self, row: Rows) -> None:
        # Reservoir sampling: Vitter, Random Sampling with a Reservoir (ACM TOMS 1985), algorithm
        # R. One random number for each row, however rows are handed over.
        place = int(self._random.random() * (self._count + 1))
        if self._count < self._sample_size:
            self._kept.append(row)
            self._kept_numbers.append(self._count)
        elif place < self._sample_size:
            self._kept[place] = row
            self._kept_numbers[place] = self._count
        self._count += 1
        self._waiting.append(row)
        if len(self._waiting) == _BLOCK:
            self._merge()

    def _merge(self) -> None:
        """Merge the waiting rows into mean and scatter.

        Source: Chan, Golub and LeVeque, Updating Formulae and a Pairwise Algorithm for Computing
        Sample Variances (1979), equations 2.1.
        """
        if not self._waiting:
            return
        block = np.stack(self._waiting).astype(np.float64)
        self._waiting = []
        block_mean = block.mean(axis=0)
        block -= block_mean
        shift = block_mean - self._mean
        before, added = self._merged, len(block)
        self._merged = before + added
        weight = before * added / self._merged
        spread = np.concatenate([block, np.sqrt(weight) * shift[None]])
        scatter: Matrix = spread.T @ spread
        self._scatter = scatter if self._scatter is None else self._scatter + scatter
        self._mean = self._mean + shift * (added / self._merged)

    def _require_two(self) -> None:
        if self._count < 2:
            raise DataError(
                f'{self._count} images have no covariance; a distance between sets of images '
                'needs at least 2 in each (better some thousand)'
            )
