"""Hold out images for testing so that neighbours of one drive are never on both sides."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Generic, Protocol, TypeVar

from sim2real_ros.data.dataset.drive_order import Order, sort_key
from sim2real_ros.data.dataset.seeded_order import seeded_number, seeded_order
from sim2real_ros.errors import DataError

SPLITS = ('auto', 'drives', 'blocks')
"""Hold out whole drives where that comes near the wanted share; always; or parts of drives."""

_TOLERANCE = Fraction(1, 2)


class Taken(Protocol):
    """An image of a drive."""

    @property
    def sequence(self) -> str:
        """Name of its drive."""

    @property
    def order(self) -> Order:
        """Sorts the images of a drive."""

    @property
    def stamp_ns(self) -> int | None:
        """Time of capture, None where it is unknown."""


T = TypeVar('T', bound=Taken)


@dataclass(frozen=True)
class Gap:
    """What is left out on each side of a border inside a drive.

    Attributes:
        images: Number of images; those of one stamp count as one.
        seconds: Time by the stamps; used instead of ``images`` where it is not 0.
    """

    images: int = 10
    seconds: float = 0.0


@dataclass(frozen=True)
class Split(Generic[T]):
    """Images taken apart.

    Attributes:
        kept: What stays for training.
        held: What is held out.
        left_out: Images near a border, which are in neither.
        how: How it was done, for people.
    """

    kept: tuple[T, ...]
    held: tuple[T, ...]
    left_out: tuple[T, ...]
    how: str


def group_by_drive(images: Iterable[T]) -> dict[str, list[T]]:
    """Return the images of each drive in their order."""
    drives: dict[str, list[T]] = {}
    for image in images:
        drives.setdefault(image.sequence, []).append(image)
    return {name: sorted(drives[name], key=lambda i: sort_key(i.order)) for name in sorted(drives)}


def split_drives(
    images: Sequence[T],
    fraction: float,
    *,
    seed: int = 0,
    gap: Gap | None = None,
    mode: str = 'auto',
) -> Split[T]:
    """Hold out a share of images: whole drives, else a block of consecutive images of each.

    Whole drives are taken in a seeded order as long as they fit. Where the share that is reached
    is not within a half of the wanted one (few drives, long ones), every drive gives one block at
    a seeded place, and images next to the block are left out.

    Args:
        images: Of one or several drives.
        fraction: Wanted share, 0 to below 1; more than 0 holds out at least one image.
        seed: Of the choice.
        gap: What to leave out around blocks; None = ``Gap()``.
        mode: One of ``SPLITS``.

    Raises:
        DataError: Nothing would stay for training, or seconds are asked for without stamps.
    """
    if fraction == 0 or not images:
        return Split(tuple(images), (), (), 'nothing held out')
    drives = group_by_drive(images)
    target = max(1, round(Fraction(str(fraction)) * len(images)))
    chosen = _whole_drives(drives, target, seed)
    reached = sum(len(drives[name]) for name in chosen)
    near = abs(reached - target) <= _TOLERANCE * target
    if mode == 'drives' or (mode == 'auto' and near):
        return _hold_drives(drives, chosen or _smallest(drives))
    return _hold_blocks(drives, target, seed, gap or Gap())


def _whole_drives(drives: dict[str, list[T]], target: int, seed: int) -> list[str]:
    chosen: list[str] = []
    count = 0
    for name in seeded_order(drives, seed, str):
        if count < target and count + len(drives[name]) <= (1 + _TOLERANCE) * target:
            chosen.append(name)
            count += len(drives[name])
    return chosen if len(chosen) < len(drives) else []


def _smallest(drives: dict[str, list[T]]) -> list[str]:
    if len(drives) < 2:
        raise DataError(
            'There is one drive only, so no whole drive can be held out: hold out a part of it '
            '(--split blocks).'
        )
    return [min(drives, key=lambda name: (len(drives[name]), name))]


def _hold_drives(drives: dict[str, list[T]], chosen: list[str]) -> Split[T]:
    names = set(chosen)
    kept = [image for name, drive in drives.items() if name not in names for image in drive]
    held = [image for name, drive in drives.items() if name in names for image in drive]
    how = f'{len(chosen)} of {len(drives)} drives held out as a whole'
    return Split(tuple(kept), tuple(held), (), how)


def _hold_blocks(drives: dict[str, list[T]], target: int, seed: int, gap: Gap) -> Split[T]:
    kept: list[T] = []
    held: list[T] = []
    left_out: list[T] = []
    sizes = _shares(drives, target)
    for name, drive in drives.items():
        length = sizes[name]
        first = seeded_number(seed, 'block', name) % (len(drive) - length + 1)
        near = _gap_test(drive, first, first + length, gap) if length else lambda _: False
        for place, image in enumerate(drive):
            if first <= place < first + length:
                held.append(image)
            else:
                (left_out if near(place) else kept).append(image)
    if not kept:
        raise DataError(
            f'Nothing is left for training: {len(held)} of {len(held) + len(left_out)} images '
            f'are held out and {len(left_out)} lie too near to them. Take a smaller gap (--gap), '
            'or hold out less (--test-fraction 0).'
        )
    parts = sum(1 for size in sizes.values() if size)
    gap_text = f'{gap.seconds:g} s' if gap.seconds else f'{gap.images} images'
    how = (
        f'{parts} {"block" if parts == 1 else "blocks"} of consecutive images held out, of '
        f'{len(drives)} {"drive" if len(drives) == 1 else "drives"}; {gap_text} left out on each '
        'side'
    )
    return Split(tuple(kept), tuple(held), tuple(left_out), how)


def _shares(drives: dict[str, list[T]], target: int) -> dict[str, int]:
    """Share out a number by the drives' lengths: the largest remainders are rounded up."""
    total = sum(map(len, drives.values()))
    exact = {name: Fraction(target * len(drive), total) for name, drive in drives.items()}
    shares = {name: int(value) for name, value in exact.items()}
    by_remainder = sorted(drives, key=lambda name: (shares[name] - exact[name], name))
    for name in by_remainder[: target - sum(shares.values())]:
        shares[name] += 1
    return shares


def _moments(drive: list[T]) -> list[int]:
    """Number the images of a drive; those of one stamp, of several cameras or models, alike."""
    numbers: list[int] = []
    before: int | None = None
    for image in drive:
        is_same = image.stamp_ns is not None and image.stamp_ns == before
        numbers.append((numbers[-1] if numbers else 0) + (not is_same))
        before = image.stamp_ns
    return numbers


def _gap_test(drive: list[T], first: int, end: int, gap: Gap) -> Callable[[int], bool]:
    """Return the test whether a place outside of ``first:end`` is too near to it."""
    if not gap.seconds:
        moments = _moments(drive)
        begin, last = moments[first] - gap.images, moments[end - 1] + gap.images
        return lambda place: begin <= moments[place] <= last
    stamps = [image.stamp_ns for image in drive if image.stamp_ns is not None]
    if len(stamps) < len(drive):
        raise DataError(
            f'The drive {drive[0].sequence!r} has images without a stamp, so no gap in seconds '
            'can be kept: give it as a number of images.'
        )
    margin_ns = round(gap.seconds * 1e9)
    earliest, latest = stamps[first] - margin_ns, stamps[end - 1] + margin_ns
    return lambda place: earliest <= stamps[place] <= latest
