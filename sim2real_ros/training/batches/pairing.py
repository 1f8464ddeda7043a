"""Find the partner of every image by its name."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from sim2real_ros.errors import DataError
from sim2real_ros.training.batches.image_file import ImageFile, shown

_NAMES_SHOWN = 5


def paired(
    sim: Sequence[ImageFile], real: Sequence[ImageFile], sim_folder: Path, real_folder: Path
) -> tuple[tuple[ImageFile, ...], tuple[ImageFile, ...]]:
    """Bring the images of both domains into the same order, partner by partner.

    Partners have the same path below their folder; suffixes may differ. The halves of one file
    are partners too.

    Args:
        sim: Images of one domain.
        real: Images of the other.
        sim_folder: For messages.
        real_folder: For messages.

    Raises:
        DataError: An image has no partner or several.
    """
    _refuse_twins(sim, sim_folder)
    _refuse_twins(real, real_folder)
    by_stem = {file.stem: file for file in real}
    alone = [file.name for file in sim if file.stem not in by_stem]
    stems = {file.stem for file in sim}
    others = [file.name for file in real if file.stem not in stems]
    if alone or others:
        raise DataError(
            f'{shown(sim_folder)!r} has {len(sim)} images and {shown(real_folder)!r} has '
            f'{len(real)}, which must be partners of equal names. '
            f'Without partner: {len(alone)} of the first {_listed(alone)}, {len(others)} of the '
            f'second {_listed(others)}. Remove them, or let sim2real make-dataset --layout '
            'paired-folders find the pairs.'
        )
    return tuple(sim), tuple(by_stem[file.stem] for file in sim)


def _listed(names: Sequence[str]) -> str:
    more = ' ...' if len(names) > _NAMES_SHOWN else ''
    return f'({", ".join(shown(name) for name in names[:_NAMES_SHOWN])}{more})'


def _refuse_twins(files: Iterable[ImageFile], folder: Path) -> None:
    counts = Counter(file.stem for file in files)
    twins = [stem for stem, count in counts.items() if count > 1]
    if twins:
        raise DataError(
            f'{shown(folder)!r} has several images of one name with different suffixes '
            f'{_listed(twins)}: the partner is not clear, remove one.'
        )
