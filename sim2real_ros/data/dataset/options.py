"""DatasetOptions: everything that the result of make-dataset depends on besides the images."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from sim2real_ros.data.dataset.real_share import SHARE_OF
from sim2real_ros.data.dataset.splitting import SPLITS, Gap
from sim2real_ros.errors import DataError
from sim2real_ros.files import default_workers

DOMAIN_LETTERS = {'sim': 'A', 'real': 'B'}
"""The one place that says which domain is A and which is B: a generator goes from A to B."""

LAYOUTS = ('unpaired', 'aligned', 'paired-folders', 'detector')
"""Folders trainA, trainB, testA, testB; pairs side by side in one file; folders A and B of equal
names; images and labels as object detectors are trained with."""

DEFAULT_REAL_FRACTION = 0.01

PAIRED_LAYOUTS = ('aligned', 'paired-folders')


@dataclass(frozen=True)
class DatasetOptions:
    """How a data set is made.

    Attributes:
        layout: One of ``LAYOUTS``.
        test_fraction: Share held out for testing, 0 to below 1; in the layout ``detector`` of the
            real images alone.
        val_fraction: Share of the rest held out for validation; ``detector`` only.
        split: One of ``SPLITS``.
        gap: What is left out on both sides of a block that was held out.
        seed: Of every random choice.
        real_fraction: Share of real labelled images in training, 0 to 1; ``detector`` only, where
            None stands for ``DEFAULT_REAL_FRACTION``.
        real_fraction_of: One of ``SHARE_OF``.
        require_labels: Leave out images without labels.
        require_size: (width, height) that every image must have; None = any.
        link: Make hard links to the images instead of copies.
        jobs: Number of threads; the result does not depend on it.
    """

    layout: str = 'unpaired'
    test_fraction: float = 0.1
    val_fraction: float = 0.1
    split: str = 'auto'
    gap: Gap = field(default_factory=Gap)
    seed: int = 0
    real_fraction: float | None = None
    real_fraction_of: str = 'real'
    require_labels: bool = False
    require_size: tuple[int, int] | None = None
    link: bool = False
    jobs: int = default_workers()

    def __post_init__(self) -> None:
        """Check every value.

        Raises:
            DataError: A value is unknown or out of range, or two exclude each other.
        """
        choices = {'layout': LAYOUTS, 'split': SPLITS, 'real_fraction_of': SHARE_OF}
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise DataError(
                    f'The {name} is {getattr(self, name)!r}; expected one of {", ".join(allowed)}.'
                )
        for name in ('test_fraction', 'val_fraction'):
            if not 0 <= getattr(self, name) < 1:
                raise DataError(
                    f'The {name} is {getattr(self, name)!r}; expected 0 to below 1, such as 0.1.'
                )
        if self.gap.images < 0 or self.gap.seconds < 0:
            raise DataError(f'The gap is {self.gap}; expected 0 or more images or seconds.')
        if self.real_fraction is not None and self.layout != 'detector':
            raise DataError(
                f'A share of real images belongs to the layout detector, not to {self.layout}: '
                'add --layout detector.'
            )
        for name in ('val_fraction', 'real_fraction_of'):
            if self.layout != 'detector' and getattr(self, name) != getattr(type(self), name):
                raise DataError(
                    f'The {name} belongs to the layout detector, not to {self.layout}: leave it '
                    'out, or add --layout detector.'
                )
        if self.link and self.layout == 'aligned':
            raise DataError('The layout aligned makes new pictures, which cannot be links.')

    @property
    def real_share(self) -> float:
        """The share of real images that is wanted."""
        return DEFAULT_REAL_FRACTION if self.real_fraction is None else self.real_fraction

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> 'DatasetOptions':
        """Take the options out of a mapping that may hold other things too.

        Raises:
            DataError: A value is unknown or out of range.
        """
        return cls(**{each.name: values[each.name] for each in fields(cls) if each.name in values})

    def fingerprint(self) -> Mapping[str, Any]:
        """Return what the result depends on."""
        values = asdict(self)
        del values['jobs'], values['link']
        return values
