"""Bring results together with the simulated frames that they were made from."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sim2real_ros.data.dataset.frame_identity import BY_NAME, BY_PATH, FrameMatcher
from sim2real_ros.data.dataset.listing import (
    ListedImage,
    Listing,
    list_images,
    sources_beside,
)
from sim2real_ros.errors import DataError
from sim2real_ros.files import Omission, ordered_map, sha256_of_file

SIM_COLUMN, BUNDLE = 'sim', 'bundle'
"""What stands beside the results in a frame's folder; no model may be called so."""


@dataclass(frozen=True)
class Frame:
    """A simulated frame and what was made of it.

    Attributes:
        listed: The simulated image; without a folder of these, the first result, which then
            gives the frame its name.
        sha256: Checksum of the simulated image; '' where it is unknown.
        is_sim: Whether ``listed`` is the simulated image itself.
        results: The results by column.
    """

    listed: ListedImage
    sha256: str
    is_sim: bool
    results: dict[str, ListedImage] = field(default_factory=dict)


@dataclass(frozen=True)
class _Result:
    listed: ListedImage
    sha256: str = ''


@dataclass(frozen=True)
class Matching:
    """All frames with their results.

    Attributes:
        frames: In the order of the simulated images.
        columns: Names of the models or folders, in the order in which they were given.
        omissions: Results without a frame, and frames without a result.
        notes: What was guessed, for people.
        sources: All files and folders that the result depends on.
    """

    frames: tuple[Frame, ...]
    columns: tuple[str, ...]
    omissions: tuple[Omission, ...]
    notes: tuple[str, ...]
    sources: tuple[Path, ...]


def match_results(
    results: Sequence[Path], sim: Sequence[Path] = (), model: str = '', *, jobs: int = 1
) -> Matching:
    """Find the simulated frame of every result.

    Args:
        results: Folders of translated images.
        sim: Folders of the simulated ones; () = those that the results' manifests name.
        model: Take the results of this model or folder only; '' = all.
        jobs: Number of threads that compute checksums.

    Raises:
        DataError: A folder cannot be used, the model is unknown, or nothing fits.
    """
    listings = [list_images([folder]) for folder in results]
    columns = _choose(_columns(results, listings), model)
    notes: list[str] = []
    simulated = list_images(sim) if sim else None
    found = None if sim else _find_sim(listings)
    if found:
        sim, simulated = [found[0]], found[1]
        notes.append(f'simulated frames taken from {str(found[0])!r}')
    if simulated is None:
        first = next(iter(columns.values()))
        frames = [Frame(image, _parent(image), is_sim=False) for image in first]
        notes.append(
            'the simulated frames were not found (--sim): results are named by themselves'
        )
    else:
        checksums = ordered_map(_checksum, simulated.images, workers=jobs)
        frames = [
            Frame(image, checksum, is_sim=True)
            for image, checksum in zip(simulated.images, checksums, strict=True)
        ]
    omissions, ways = _match(frames, columns)
    for listing in (*listings, simulated):
        omissions += listing.omissions if listing else ()
    for way in (BY_PATH, BY_NAME):
        if ways[way]:
            notes.append(f'{ways[way]} results were matched by {way} alone')
    if not any(frame.results for frame in frames):
        raise DataError(
            f'None of the {sum(map(len, columns.values()))} results belongs to one of the '
            f'{len(frames)} simulated frames, by checksum, source or name: is --sim the folder '
            'that was translated?'
        )
    frames = list(filter(_is_awaited, frames))
    images = [*(frame.listed for frame in frames), *(i for c in columns.values() for i in c)]
    sources = (*results, *sim, *sources_beside([*results, *sim], images))
    return Matching(tuple(frames), tuple(columns), tuple(omissions), tuple(notes), sources)


def _columns(folders: Sequence[Path], listings: Sequence[Listing]) -> dict[str, list[ListedImage]]:
    """Group all results by model and folder, and give each group a name."""
    groups: dict[tuple[str, int], list[ListedImage]] = {}
    for number, listing in enumerate(listings):
        for image in listing.images:
            model = image.record.model if image.record else ''
            groups.setdefault((model, number), []).append(image)
    models = Counter(model for model, _ in groups)
    columns: dict[str, list[ListedImage]] = {}
    for (model, number), images in groups.items():
        folder = folders[number].name or folders[number].absolute().name
        name = model if model and models[model] == 1 else f'{model} {folder}'.strip()
        while name in columns or name in (SIM_COLUMN, BUNDLE):
            name += '+'
        columns[name] = images
    return columns


def _choose(columns: dict[str, list[ListedImage]], model: str) -> dict[str, list[ListedImage]]:
    if not model:
        return columns
    if model not in columns:
        names = ', '.join(map(repr, columns))
        raise DataError(f'There are no results of {model!r}; there are some of {names}.')
    return {model: columns[model]}


def _find_sim(listings: Sequence[Listing]) -> tuple[Path, Listing] | None:
    """Look into the folders that the results' manifests say they were made from.

    Of such a folder those parts are taken that something was made of: ``trainA`` of a data set.
    """
    results = [image for listing in listings for image in listing.images]
    parents = {_parent(image) for image in results} - {''}
    for manifest in (manifest for listing in listings for manifest in listing.manifests):
        for source in manifest.sources:
            folder = Path(str(source.get('path', '')))
            try:
                found = list_images([folder])
            except DataError:  # a bag, or a folder that is gone
                continue
            parts = {image.path.parent for image in found.images if _checksum(image) in parents}
            images = tuple(image for image in found.images if image.path.parent in parts)
            if images:
                return folder, replace(found, images=images)
    return None


def _checksum(image: ListedImage) -> str:
    return image.record.sha256 if image.record else sha256_of_file(image.path)


def _parent(image: ListedImage) -> str:
    return image.record.parent_sha256 if image.record else ''


def _match(
    frames: Sequence[Frame], columns: dict[str, list[ListedImage]]
) -> tuple[list[Omission], Counter[str]]:
    matcher = FrameMatcher(frames)
    ways: Counter[str] = Counter()
    omissions = []
    for column, images in columns.items():
        for image in images:
            found, way = matcher.find(_Result(image))
            reason = _refusal(found, way, column)
            if reason:
                omissions.append(Omission(str(image.path), reason))
            else:
                found[0].results[column] = image
                ways[way] += 1
        omissions += _missing(filter(_is_awaited, frames), column)
    return omissions, ways


def _is_awaited(frame: Frame) -> bool:
    """Tell whether a result is to be expected: not for the real images of a data set."""
    record = frame.listed.record
    return bool(frame.results) or record is None or record.domain != 'real'


def _refusal(found: Sequence[Frame], way: str, column: str) -> str:
    if not found:
        return 'no simulated frame belongs to it'
    if len(found) > 1:
        return f'{len(found)} simulated frames may belong to it (by {way})'
    if column in found[0].results:
        return f'{str(found[0].results[column].path)!r} is a result for the same frame already'
    return ''


def _missing(frames: Iterable[Frame], column: str) -> list[Omission]:
    return [
        Omission(str(frame.listed.path), f'{column!r} has no result for it')
        for frame in frames
        if column not in frame.results
    ]
