"""Find what to train on: both domains, their masks, and the images that are held out."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from sim2real_ros.data.dataset.options import DOMAIN_LETTERS
from sim2real_ros.data.folder_source import LABEL_FOLDERS
from sim2real_ros.errors import ConfigError, DataError
from sim2real_ros.training.batches.image_file import (
    MASK_SUFFIXES,
    TRAINING_SUFFIXES,
    Half,
    ImageFile,
    list_files,
    list_images,
    shown,
    stem_of,
)
from sim2real_ros.training.batches.pairing import paired
from sim2real_ros.training.options import DataOptions

BatchKind = Literal['unpaired', 'paired']

_FOLDERS = {'unpaired': '{subset}{letter}', 'paired-folders': '{subset}/{letter}'}
_HALVES: Mapping[str, Half] = {'sim': 'left', 'real': 'right'}
_MASKS = 'masks'


@dataclass(frozen=True)
class Domain:
    """The images of one domain.

    Attributes:
        folder: What the files' names are relative to.
        files: At least one.
    """

    folder: Path
    files: tuple[ImageFile, ...]


@dataclass(frozen=True)
class Sources:
    """Everything that a training run looks at, before any of it is decoded.

    Attributes:
        layout: ``unpaired``, ``paired-folders`` or ``aligned`` below a root, else ``folders``.
        sim: What the generator translates; of direction BtoA these are the images of B.
        real: What the result shall look like.
        held_out_sim: Images for samples and measurements; None = there are none apart.
        held_out_real: Likewise.
        masks: Folder of the masks of ``sim``; None = there are none.
        notes: What somebody should know about the choice.
    """

    layout: str
    sim: Domain
    real: Domain
    held_out_sim: Domain | None
    held_out_real: Domain | None
    masks: Path | None = None
    notes: tuple[str, ...] = field(default=())


def find_sources(options: DataOptions, kind: BatchKind) -> Sources:
    """List the images of a data set, or of two folders.

    Args:
        options: What to train on.
        kind: Whether the images of both domains are partners, found by equal names.

    Raises:
        ConfigError: Neither a data set nor both folders are named, or all of them.
        DataError: A folder is missing or empty, or partners do not match.
    """
    if options.root and (options.sim or options.real):
        raise ConfigError('data: either root or sim and real, not all of them.')
    if not options.root and not (options.sim and options.real):
        raise ConfigError(
            f'data: root is {options.root!r}, sim is {options.sim!r}, real is {options.real!r}; '
            'expected the folder of a data set as root, or both sim and real.'
        )
    found = _in_root(Path(options.root).expanduser()) if options.root else _in_folders(options)
    found = replace(
        found,
        held_out_sim=_apart(options.test_sim, found.sim) or found.held_out_sim,
        held_out_real=_apart(options.test_real, found.real) or found.held_out_real,
    )
    if options.direction == 'BtoA':
        found = replace(
            found,
            sim=found.real,
            real=found.sim,
            held_out_sim=found.held_out_real,
            held_out_real=found.held_out_sim,
        )
    if kind == 'paired':
        found = _with_partners(found)
    return _with_masks(_shortened(found, options.max_images), options)


def _apart(folder: str, training: Domain) -> Domain | None:
    """List a folder of images that are held out, and make sure that they are."""
    if not folder:
        return None
    path = Path(folder).expanduser()
    if path.resolve().is_relative_to(training.folder.resolve()):
        raise ConfigError(
            f'data: {folder!r} lies in {shown(training.folder)!r}, so its images would be trained '
            'on: move it out, or leave it out.'
        )
    return _domain(path)


def _domain(folder: Path, half: Half = 'whole') -> Domain:
    files = (ImageFile(folder / name, name, half) for name in list_images(folder))
    return Domain(folder, tuple(files))


def _in_folders(options: DataOptions) -> Sources:
    folders = [Path(name).expanduser() for name in (options.sim, options.real)]
    for one, other in (folders, reversed(folders)):
        if one.resolve().is_relative_to(other.resolve()):
            raise ConfigError(
                f'data: {shown(one)!r} lies in {shown(other)!r}, whose images are looked for at '
                'any depth, so its own would belong to both domains: move it out.'
            )
    sim, real = map(_domain, folders)
    return Sources('folders', sim, real, None, None)


def _in_root(root: Path) -> Sources:
    layout = _layout_of(root)
    domains = {
        (subset, domain): _domain_in_root(root, layout, subset, domain)
        for subset in ('train', 'test')
        for domain in DOMAIN_LETTERS
    }
    sim, real = domains['train', 'sim'], domains['train', 'real']
    if sim is None or real is None:
        missing = _place(root, layout, 'train', 'sim' if sim is None else 'real')
        raise DataError(
            f'{shown(missing)!r} does not exist, while its counterpart does: a data set needs '
            'both domains.'
        )
    return Sources(layout, sim, real, domains['test', 'sim'], domains['test', 'real'])


def _layout_of(root: Path) -> str:
    for layout in _FOLDERS:
        if any(_place(root, layout, 'train', domain).is_dir() for domain in DOMAIN_LETTERS):
            return layout
    if (root / 'train').is_dir():
        return 'aligned'
    if not root.is_dir():
        raise DataError(f'{shown(root)!r} does not exist or is no folder of a data set.')
    inside = sorted(shown(each.name) for each in root.iterdir() if each.is_dir())
    found = f'the folders {inside[:8]}' if inside else 'no folders'
    raise DataError(
        f'{shown(root)!r} is no data set: expected trainA/ and trainB/ (unpaired), train/A/ and '
        'train/B/ (pairs of equal names), or train/ (pairs side by side); found '
        f'{found}. Make one by sim2real make-dataset, or name a folder of each domain by --sim '
        'and --real (data.sim, data.real).'
    )


def _place(root: Path, layout: str, subset: str, domain: str) -> Path:
    pattern = _FOLDERS.get(layout, '{subset}')
    return root / pattern.format(subset=subset, letter=DOMAIN_LETTERS[domain])


def _domain_in_root(root: Path, layout: str, subset: str, domain: str) -> Domain | None:
    folder = _place(root, layout, subset, domain)
    if not folder.is_dir():
        return None
    if subset == 'test' and not list_files(folder, TRAINING_SUFFIXES, LABEL_FOLDERS):
        return None
    return _domain(folder, _HALVES[domain] if layout == 'aligned' else 'whole')


def _with_partners(found: Sources) -> Sources:
    sim, real = _matched(found.sim, found.real)
    test_sim, test_real = found.held_out_sim, found.held_out_real
    notes = found.notes
    if test_sim is not None and test_real is not None:
        test_sim, test_real = _matched(test_sim, test_real)
    elif test_sim is not None or test_real is not None:
        notes += ('only one domain has images that are held out: pairs need both',)
        test_sim = test_real = None
    return replace(
        found, sim=sim, real=real, held_out_sim=test_sim, held_out_real=test_real, notes=notes
    )


def _matched(sim: Domain, real: Domain) -> tuple[Domain, Domain]:
    files = paired(sim.files, real.files, sim.folder, real.folder)
    return replace(sim, files=files[0]), replace(real, files=files[1])


def _shortened(found: Sources, count: int) -> Sources:
    if not count:
        return found
    sim, real = (replace(each, files=each.files[:count]) for each in (found.sim, found.real))
    return replace(found, sim=sim, real=real)


def _with_masks(found: Sources, options: DataOptions) -> Sources:
    """Give the images of sim their masks; what has none counts as not labelled."""
    inner = Path()
    if options.root:
        inner = found.sim.folder.relative_to(Path(options.root).expanduser())
    if options.masks:
        folder = Path(options.masks).expanduser()
        if not folder.is_dir():
            raise DataError(f'{shown(folder)!r}, the folder of masks, does not exist.')
        folder = folder / inner if (folder / inner).is_dir() else folder
    else:
        folder = Path(options.root).expanduser() / _MASKS / inner
        if not options.root or found.layout == 'aligned' or not folder.is_dir():
            return found
    masks = {stem_of(name): folder / name for name in list_files(folder, MASK_SUFFIXES)}
    files = tuple(replace(file, mask=masks.get(file.stem)) for file in found.sim.files)
    without = [file.name for file in files if file.mask is None]
    if len(without) == len(files):
        raise DataError(
            f'No mask in {shown(folder)!r} has the name of an image in '
            f'{shown(found.sim.folder)!r}: for {shown(files[0].name)!r} expected '
            f'{shown(files[0].stem)!r} with one of {", ".join(sorted(MASK_SUFFIXES))}.'
        )
    notes = found.notes
    if without:
        notes += (
            f'{len(without)} of {len(files)} sim images have no mask and count as not labelled, '
            f'such as {shown(without[0])!r}',
        )
    return replace(found, sim=replace(found.sim, files=files), masks=folder, notes=notes)
