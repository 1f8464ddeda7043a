"""Find the real or translated picture that belongs to each simulated one."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sim2real_ros.data.dataset.drive_order import Order
from sim2real_ros.data.dataset.frame_identity import FrameMatcher
from sim2real_ros.data.dataset.measuring import MeasuredImage
from sim2real_ros.errors import DataError
from sim2real_ros.files import Omission

_ALONE = 'the {} image has no partner'


@dataclass(frozen=True)
class Pair:
    """Two pictures of one moment.

    Attributes:
        sim: The simulated one, whose drive and order count.
        real: Its partner.
    """

    sim: MeasuredImage
    real: MeasuredImage

    @property
    def sequence(self) -> str:
        """Name of the drive."""
        return self.sim.sequence

    @property
    def order(self) -> Order:
        """Sorts the pairs of a drive."""
        return self.sim.order

    @property
    def stamp_ns(self) -> int | None:
        """Time of capture, None where it is unknown."""
        return self.sim.stamp_ns


@dataclass(frozen=True)
class Pairing:
    """All pairs of two sets of images.

    Attributes:
        pairs: In the order of the simulated images.
        how: By what they were paired, for people.
        omissions: Images without a partner.
    """

    pairs: tuple[Pair, ...]
    how: str
    omissions: tuple[Omission, ...]


def pair_images(sim: Sequence[MeasuredImage], real: Sequence[MeasuredImage]) -> Pairing:
    """Pair images: by the manifests where these tell, else by the names of the files.

    Args:
        sim: Simulated images.
        real: Pictures of the same moments.

    Raises:
        DataError: There is no pair, also where names are equal and manifests contradict; or an
            image has several partners.
    """
    matcher = FrameMatcher(sim)
    ways: Counter[str] = Counter()
    partners: dict[int, MeasuredImage] = {}
    alone: list[MeasuredImage] = []
    omissions: list[Omission] = []
    for image in real:
        found, way = matcher.find(image)
        if not found:
            alone.append(image)
            omissions.append(Omission(str(image.listed.path), _why_alone(image, matcher)))
            continue
        if len(found) > 1:
            _refuse(image, found, way)
        other = partners.setdefault(id(found[0]), image)
        if other is not image:
            _refuse(found[0], [other, image], way)
        ways[way] += 1
    if not partners:
        _refuse_strangers(alone, matcher)
        raise DataError(
            f'No pair among {len(sim)} simulated and {len(real)} real images: expected images '
            'translated from the simulated ones (with their manifest), or equal file names.'
        )
    pairs = tuple(Pair(image, partners[id(image)]) for image in sim if id(image) in partners)
    how = ', '.join(f'{count} by {way}' for way, count in ways.items())
    omissions += [
        Omission(str(image.listed.path), _ALONE.format(image.domain))
        for image in sim
        if id(image) not in partners
    ]
    return Pairing(pairs, f'pairs found: {how}', tuple(omissions))


def _why_alone(image: MeasuredImage, matcher: FrameMatcher[MeasuredImage]) -> str:
    reason = _ALONE.format(image.domain)
    strangers = matcher.namesakes(image)
    if strangers:
        reason += (
            f': {str(strangers[0].listed.path)!r} has the same name, but another stamp or source '
            'in its manifest'
        )
    return reason


def _refuse_strangers(
    alone: Sequence[MeasuredImage], matcher: FrameMatcher[MeasuredImage]
) -> None:
    """Explain why equal names alone make no pairs, where that is the reason."""
    strangers = [(image, found) for image in alone if (found := matcher.namesakes(image))]
    if strangers:
        image, found = strangers[0]
        raise DataError(
            f'No pair: {len(strangers)} names are equal, but the manifests say that the images '
            f'are of different moments (stamp, source or topic), such as '
            f'{str(found[0].listed.path)!r} and {str(image.listed.path)!r}. Give the folder that '
            'was translated from the simulated images (sim2real translate), or choose --layout '
            'unpaired for two drives.'
        )


def _refuse(image: MeasuredImage, found: Sequence[MeasuredImage], way: str) -> None:
    names = ' and '.join(repr(str(each.listed.path)) for each in found[:2])
    raise DataError(
        f'{str(image.listed.path)!r} may belong to {names} (by {way}): give the results of one '
        'model only, and each drive a folder of its own.'
    )
