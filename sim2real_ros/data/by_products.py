"""by_products: files that a manifest lists beside its images, such as contact sheets."""

from pathlib import Path

from sim2real_ros.errors import DataError
from sim2real_ros.files import MANIFEST_NAME, Manifest, read_manifest


def by_products(folder: Path, *, recursive: bool, labels: bool = False) -> frozenset[Path]:
    """Return the files that are no images of the sets in a folder, by their manifests.

    A manifest without images says nothing, and one that cannot be read neither: it may be that
    of another program.

    Args:
        folder: The folder; its manifest counts.
        recursive: Whether the manifests in subfolders count, too.
        labels: Whether the label files of the images belong to the result.
    """
    places = sorted(folder.rglob(MANIFEST_NAME)) if recursive else [folder / MANIFEST_NAME]
    found: set[Path] = set()
    for place in places:
        manifest = _manifest(place)
        if not manifest.records:
            continue
        names = set(manifest.files)
        if labels:
            names.update(name for record in manifest.records for name in record.labels)
        names.difference_update(record.file for record in manifest.records)
        found.update(place.parent / name for name in names)
    return frozenset(found)


def _manifest(place: Path) -> Manifest:
    try:
        return read_manifest(place) if place.is_file() else Manifest('')
    except (DataError, OSError):
        return Manifest('')
