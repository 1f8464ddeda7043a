"""Find what the simulated images of a run look like, for the card of its model."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sim2real_ros.card import InputDomainNumbers
from sim2real_ros.errors import ConfigError, DataError
from sim2real_ros.evaluation.domain.fit import MAX_FRAMES, fit_input_domain
from sim2real_ros.evaluation.frame import RgbImage
from sim2real_ros.training.batches.image_file import ImageFile
from sim2real_ros.training.batches.sources import find_sources
from sim2real_ros.training.engine.run import Run
from sim2real_ros.training.engine.run_folder import RunFolder
from sim2real_ros.training.methods import METHODS


@dataclass(frozen=True)
class RunDomain:
    """What was found.

    Attributes:
        numbers: For the card; None where the images could not be looked at.
        notes: Why not.
    """

    numbers: InputDomainNumbers | None = None
    notes: tuple[str, ...] = ()


def find_run_domain(run: Run) -> RunDomain:
    """Look at the simulated images of a run again, as far as they are where they were.

    They are taken whole, as a camera gives them, and not as they were cropped for training: that
    is what the node compares with.

    Args:
        run: The run.
    """
    try:
        return RunDomain(fit_input_domain(_images(_sim_files(run))).to_numbers())
    except (ConfigError, DataError) as error:
        reason = str(error).rstrip('.')
    # A disk that is gone must not stop an export that needs none of it.
    except OSError as error:
        reason = f'{error.filename!r}: {error.strerror or error}'
    note = (
        f'the card has no input domain, since the simulated images cannot be looked at again: '
        f'{reason}. Add it later: sim2real fit-domain.'
    )
    return RunDomain(notes=(note,))


def _sim_files(run: Run) -> Sequence[ImageFile]:
    files = find_sources(run.config.data, METHODS[run.config.method].batch_kind).sim.files
    known = RunFolder(run.folder).read_data().get('sim')
    count = known.get('images') if isinstance(known, Mapping) else None
    if count != len(files):
        raise DataError(
            f'there are {len(files)} of them now, while the run was trained on {count}'
        )
    return files


def _images(files: Sequence[ImageFile]) -> Iterator[RgbImage]:
    """Read images, evenly spread where there are too many; unreadable ones are left out."""
    count = min(len(files), MAX_FRAMES)
    for number in range(count):
        try:
            yield files[number * len(files) // count].read()
        except DataError:
            continue
