"""Describe what a run is trained on, for its folder and the model's card."""

from collections.abc import Mapping
from typing import Any

from sim2real_ros.errors import DataError
from sim2real_ros.files import sha256_of_bytes
from sim2real_ros.training.batches.image_file import shown
from sim2real_ros.training.batches.image_store import ImageStore
from sim2real_ros.training.batches.preparation import Preparation
from sim2real_ros.training.batches.sources import BatchKind, Domain, Sources
from sim2real_ros.training.options import DataOptions

TRAINING_IMAGES = 'training images'
"""What stands in for images that are held out where there are none."""


def describe(
    sources: Sources,
    stores: tuple[ImageStore, ImageStore],
    options: DataOptions,
    kind: BatchKind,
    preparation: Preparation,
) -> dict[str, Any]:
    """Return folders, counts and checksums of the lists of files, fit for JSON.

    The checksum of a domain is that of its lines ``name<TAB>bytes``: it tells whether another
    copy has the same files without reading them.

    Raises:
        DataError: A file has vanished.
    """
    without = [
        domain
        for domain, held_out in (('sim', sources.held_out_sim), ('real', sources.held_out_real))
        if held_out is None
    ]
    notes = list(sources.notes)
    if without:
        notes.append(
            f'no {" and ".join(without)} images are held out: samples and measurements use '
            'training images, so memorising them looks like success'
        )
    notes += _note_on_rounding(stores, options, preparation)
    return {
        'kind': kind,
        'layout': sources.layout,
        'direction': options.direction,
        'preprocess': options.preprocess,
        'sim': _domain(sources.sim, stores[0]),
        'real': _domain(sources.real, stores[1]),
        'held_out_sim': _held_out(sources.held_out_sim, sources.sim),
        'held_out_real': _held_out(sources.held_out_real, sources.real),
        'masks': shown(sources.masks) if sources.masks else '',
        'notes': notes,
    }


def _domain(domain: Domain, store: ImageStore) -> Mapping[str, Any]:
    return {
        'folder': shown(domain.folder),
        'images': len(domain.files),
        'unreadable': len(store.skipped),
        'listing_sha256': _checksum(domain),
    }


def _held_out(held_out: Domain | None, training: Domain) -> Mapping[str, Any]:
    domain = held_out or training
    return {
        'folder': shown(domain.folder),
        'images': len(domain.files),
        'from': 'test images' if held_out else TRAINING_IMAGES,
        'listing_sha256': _checksum(domain),
    }


def _checksum(domain: Domain) -> str:
    try:
        lines = [f'{file.name}\t{file.path.stat().st_size}\n' for file in domain.files]
    except OSError as error:
        raise DataError(f'Cannot read {shown(error.filename)!r}: {error.strerror}.') from error
    return sha256_of_bytes(''.join(lines).encode('utf-8', 'surrogateescape'))


def _note_on_rounding(
    stores: tuple[ImageStore, ImageStore], options: DataOptions, preparation: Preparation
) -> list[str]:
    """Say if images are scaled a little though nobody asked for it; their first tells."""
    exact = Preparation(preparation.scaling, preparation.size, preparation.skip_top)
    for store in stores if preparation.multiple > 1 else ():
        for number, file in enumerate(store.files):
            size = store.size(number)
            if size is None:
                continue
            try:
                rgb = file.read()
            except DataError:
                continue
            before = exact.size_of((rgb.shape[1], rgb.shape[0]))
            if before != size:
                return [
                    f'preprocess {options.preprocess!r}: sides are rounded to multiples of '
                    f'{preparation.multiple}, such as {before[0]}x{before[1]} to '
                    f'{size[0]}x{size[1]}'
                ]
            break
    return []
