"""Decide for every image where it goes: into which subset, under which name, or nowhere."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sim2real_ros.data.dataset.duplicates import without_copies
from sim2real_ros.data.dataset.measuring import MeasuredImage
from sim2real_ros.data.dataset.naming import unique_stems
from sim2real_ros.data.dataset.options import DOMAIN_LETTERS, DatasetOptions
from sim2real_ros.data.dataset.pairing import Pair, Pairing
from sim2real_ros.data.dataset.real_share import real_count, stratified_choice
from sim2real_ros.data.dataset.splitting import split_drives
from sim2real_ros.errors import DataError
from sim2real_ros.files import Omission

HELD_OUT = ('test', 'val')
"""Subsets that no image for training may be a copy of, the more important one first."""


NEAR_BORDER = 'near a border'


@dataclass(frozen=True)
class PlacedImage:
    """An image and its place in the data set.

    Attributes:
        image: What goes there.
        subset: ``train``, ``val`` or ``test``.
        file: Path in the output folder.
        label_folder: Folder below ``labels/`` and ``masks/`` for its labels; '' = none go along.
        partner: The real picture that is put to its right; None where there is none.
    """

    image: MeasuredImage
    subset: str
    file: str
    label_folder: str = ''
    partner: MeasuredImage | None = None


@dataclass
class Assembly:
    """All places, and what has to be told about them.

    Attributes:
        placed: The images of the data set, in the order of the output.
        how: How each domain was split.
        left_out: Number of images left out, by reason and domain.
        real_share: What became of the wanted share of real images.
        omissions: Images that were meant to be in and are not.
        notes: What else is worth knowing.
    """

    placed: list[PlacedImage] = field(default_factory=list)
    how: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, Counter[str]] = field(default_factory=dict)
    real_share: dict[str, Any] = field(default_factory=dict)
    omissions: list[Omission] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def leave_out(self, reason: str, domain: str, count: int) -> None:
        """Count images that are left out."""
        if count:
            self.left_out.setdefault(reason, Counter())[domain] += count


Subsets = dict[str, list[MeasuredImage]]


def assemble_unpaired(
    domains: dict[str, list[MeasuredImage]], options: DatasetOptions
) -> Assembly:
    """Split each domain by itself: trainA, testA, trainB, testB.

    Raises:
        DataError: A domain cannot be split.
    """
    assembly = Assembly()
    split = {
        domain: _split(images, domain, {'test': options.test_fraction}, options, assembly)
        for domain, images in domains.items()
    }
    _note_gap(assembly, {domain: len(images) for domain, images in domains.items()}, options)
    _drop_copies(split, assembly)
    for domain, subsets in split.items():
        chosen = [(subset, image) for subset in subsets for image in subsets[subset]]
        stems = _stems(image for _, image in chosen)
        for stem, (subset, image) in zip(stems, chosen, strict=True):
            folder = f'{subset}{DOMAIN_LETTERS[domain]}'
            file = f'{folder}/{stem}{_suffix(image)}'
            assembly.placed.append(PlacedImage(image, subset, file, folder))
    return assembly


def assemble_detector(
    domains: dict[str, list[MeasuredImage]], options: DatasetOptions
) -> Assembly:
    """Train on all synthetic labelled images and a share of the real ones; test on real ones.

    Raises:
        DataError: Labels are missing, or the share cannot be reached.
    """
    assembly = Assembly()
    labelled = {domain: _labelled(images, domain, assembly) for domain, images in domains.items()}
    synthetic, real = labelled.get('sim', []), labelled.get('real', [])
    fractions = {'test': options.test_fraction, 'val': options.val_fraction}
    split = {'real': _split(real, 'real', fractions, options, assembly)}
    _note_gap(assembly, {'real': len(real)}, options)
    split['sim'] = {'train': synthetic}
    assembly.how['sim'] = 'all for training'
    _drop_copies(split, assembly)
    synthetic, pool = split['sim']['train'], split['real']['train']
    count = real_count(options.real_share, len(pool), len(synthetic), options.real_fraction_of)
    split['real']['train'] = _choose_real(pool, count, options.seed)
    assembly.leave_out('real images beyond the share', 'real', len(pool) - count)
    assembly.real_share = {
        'wanted': options.real_share,
        'of': options.real_fraction_of,
        'real_labelled_for_training': len(pool),
        'real_used': count,
        'synthetic': len(synthetic),
        'share_of_real': round(count / len(pool), 6) if pool else 0.0,
        'share_of_mix': round(count / (count + len(synthetic)), 6) if count else 0.0,
    }
    chosen = [(s, i) for d in ('sim', 'real') for s in split[d] for i in split[d][s]]
    stems = _stems(image for _, image in chosen)
    for stem, (subset, image) in zip(stems, chosen, strict=True):
        file = f'images/{subset}/{stem}{_suffix(image)}'
        assembly.placed.append(PlacedImage(image, subset, file, subset))
    return assembly


def assemble_pairs(pairing: Pairing, options: DatasetOptions) -> Assembly:
    """Split pairs by the drives of their simulated images.

    Raises:
        DataError: The pairs cannot be split, or two of a pair differ in size.
    """
    assembly = Assembly(notes=[pairing.how], omissions=list(pairing.omissions))
    split = split_drives(
        pairing.pairs,
        options.test_fraction,
        seed=options.seed,
        gap=options.gap,
        mode=options.split,
    )
    assembly.how['pairs'] = split.how
    assembly.leave_out(NEAR_BORDER, 'pairs', len(split.left_out))
    _note_gap(assembly, {'pairs': len(pairing.pairs)}, options)
    held = {i.sha256 for pair in split.held for i in (pair.sim, pair.real)}
    kept = [p for p in split.kept if p.sim.sha256 not in held and p.real.sha256 not in held]
    assembly.leave_out('copies of held out images', 'pairs', len(split.kept) - len(kept))
    chosen = [('train', pair) for pair in kept] + [('test', pair) for pair in split.held]
    stems = _stems(pair.sim for _, pair in chosen)
    for stem, (subset, pair) in zip(stems, chosen, strict=True):
        assembly.placed += _place_pair(pair, subset, stem, options)
    return assembly


def _place_pair(
    pair: Pair, subset: str, stem: str, options: DatasetOptions
) -> Iterable[PlacedImage]:
    if options.layout == 'aligned':
        if pair.sim.size != pair.real.size:
            raise DataError(
                f'{str(pair.sim.listed.path)!r} has {_text(pair.sim.size)} pixels, its partner '
                f'{str(pair.real.listed.path)!r} {_text(pair.real.size)}: side by side they must '
                'be equal. Bring both folders to one size first (sim2real resize-images).'
            )
        yield PlacedImage(pair.sim, subset, f'{subset}/{stem}.png', partner=pair.real)
        return
    for image in (pair.sim, pair.real):
        folder = f'{subset}/{DOMAIN_LETTERS[image.domain]}'
        yield PlacedImage(image, subset, f'{folder}/{stem}{_suffix(image)}', folder)


def _split(
    images: Sequence[MeasuredImage],
    domain: str,
    fractions: dict[str, float],
    options: DatasetOptions,
    assembly: Assembly,
) -> Subsets:
    subsets: Subsets = {}
    rest = list(images)
    for subset, fraction in fractions.items():
        split = split_drives(
            rest, fraction, seed=options.seed, gap=options.gap, mode=options.split
        )
        subsets[subset], rest = list(split.held), list(split.kept)
        assembly.how[f'{domain} {subset}'] = split.how
        assembly.leave_out(NEAR_BORDER, domain, len(split.left_out))
    return {'train': rest, **subsets}


def _note_gap(assembly: Assembly, totals: dict[str, int], options: DatasetOptions) -> None:
    """Say so where the gap takes more than half of what there was, by domain."""
    lost = assembly.left_out.get(NEAR_BORDER, Counter())
    most = [f'{lost[d]} of {total} {d}' for d, total in totals.items() if 2 * lost[d] > total]
    if most:
        gap = options.gap
        now = f'{gap.seconds:g} s' if gap.seconds else f'{gap.images} images'
        assembly.notes.append(
            f'more than half is left out near a border ({", ".join(most)}): a smaller --gap N '
            f'keeps more (now {now}), as far as images in a row differ'
        )


def _drop_copies(split: dict[str, Subsets], assembly: Assembly) -> None:
    """Take images out of training (and validation) whose copies are held out, in any domain."""
    held: list[MeasuredImage] = []
    for subset in (*HELD_OUT, 'train'):
        found = []
        for domain, subsets in split.items():
            kept, count = without_copies(subsets.get(subset, []), held)
            if subset in subsets:
                subsets[subset] = kept
            assembly.leave_out('copies of held out images', domain, count)
            found += kept
        held += found


def _labelled(
    images: Sequence[MeasuredImage], domain: str, assembly: Assembly
) -> list[MeasuredImage]:
    found = [image for image in images if image.labels.has_instances_file]
    assembly.leave_out('without labels', domain, len(images) - len(found))
    if images and not found:
        raise DataError(
            f'None of the {len(images)} {domain} images has a label file: expected '
            'labels/<name>.txt beside images/<name>.png, or beside the images.'
        )
    return found


def _choose_real(pool: Sequence[MeasuredImage], count: int, seed: int) -> list[MeasuredImage]:
    if count == len(pool):
        return list(pool)
    chosen = stratified_choice(
        pool, count, tags=_tags, name=lambda image: image.identity, seed=seed
    )
    wanted = set(map(id, chosen))
    return [image for image in pool if id(image) in wanted]


def _tags(image: MeasuredImage) -> list[tuple[str, str]]:
    classes = [('class', str(number)) for number in image.labels.class_counts]
    return [('drive', image.sequence), *(classes or [('class', 'none')])]


def _stems(images: Iterable[MeasuredImage]) -> list[str]:
    return unique_stems([(image.listed.name, image.listed.place) for image in images])


def _suffix(image: MeasuredImage) -> str:
    return image.listed.path.suffix.lower()


def _text(size: tuple[int, int]) -> str:
    return f'{size[0]}x{size[1]}'
