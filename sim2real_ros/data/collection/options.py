"""CollectOptions: how results are gathered."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from sim2real_ros.errors import DataError
from sim2real_ros.files import default_workers, safe_relative_path

MODES = ('group', 'flat')
"""A folder for each simulated frame with all that was made of it; the results of one model alone,
named like the frames, with their labels."""


@dataclass(frozen=True)
class CollectOptions:
    """How results are gathered.

    Attributes:
        mode: One of ``MODES``.
        model: Name of the model, or of the folder, whose results are taken; '' = all of them.
        video: Name of an mp4 file in the output folder; '' = none.
        jobs: Number of threads; the result does not depend on it.
    """

    mode: str = 'group'
    model: str = ''
    video: str = ''
    jobs: int = default_workers()

    def __post_init__(self) -> None:
        """Check every value.

        Raises:
            DataError: A value is unknown or unsafe.
        """
        if self.mode not in MODES:
            raise DataError(f'The mode is {self.mode!r}; expected one of {", ".join(MODES)}.')
        if self.video:
            safe_relative_path(self.video, 'video')
            if not self.video.lower().endswith('.mp4'):
                raise DataError(f'The video is called {self.video!r}; expected a name in .mp4.')

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> 'CollectOptions':
        """Take the options out of a mapping that may hold other things too.

        Raises:
            DataError: A value is unknown or unsafe.
        """
        return cls(**{each.name: values[each.name] for each in fields(cls) if each.name in values})

    def fingerprint(self) -> Mapping[str, Any]:
        """Return what the result depends on."""
        values = asdict(self)
        del values['jobs']
        return values
