"""make_dataset: folders of simulated and real images in, a data set for training out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sim2real_ros.data.dataset.assembling import (
    Assembly,
    assemble_detector,
    assemble_pairs,
    assemble_unpaired,
)
from sim2real_ros.data.dataset.class_names import complete_class_names, read_class_names
from sim2real_ros.data.dataset.listing import Listing, as_folders, list_images, sources_beside
from sim2real_ros.data.dataset.measuring import MeasuredImage, ProgressReport, measure_images
from sim2real_ros.data.dataset.options import PAIRED_LAYOUTS, DatasetOptions
from sim2real_ros.data.dataset.pairing import pair_images
from sim2real_ros.data.dataset.statistics import describe_dataset
from sim2real_ros.data.dataset.writing import (
    DatasetWriter,
    name_camera_infos,
    save_data_yaml,
    save_extras,
)
from sim2real_ros.errors import DataError
from sim2real_ros.files import Manifest, Omission, OutputJob
from sim2real_ros.image.opencv_threads import one_opencv_thread

VERB = 'make-dataset'

_UNREAD_BY_CYCLEGAN = '.webp'


@dataclass(frozen=True)
class DatasetReport:
    """What a data set holds.

    Attributes:
        folder: Where it is.
        statistics: As in ``statistics.json``.
        omissions: Images that could not be taken, and why.
        manifest: Of the folder; None after a dry run.
        was_complete: Whether everything was there already.
    """

    folder: Path
    statistics: Mapping[str, Any]
    omissions: tuple[Omission, ...] = field(default=())
    manifest: Manifest | None = None
    was_complete: bool = False

    @property
    def outcome(self) -> str:
        """Say in a line what became of the folder."""
        if self.manifest is None:
            return f'nothing written to {str(self.folder)!r} (dry run)'
        state = 'was complete already' if self.was_complete else 'complete'
        return f'{str(self.folder)!r}: {len(self.manifest.records)} images, {state}'


def make_dataset(
    sim: Sequence[str | Path],
    real: Sequence[str | Path],
    output: str | Path,
    options: DatasetOptions | None = None,
    *,
    force: bool = False,
    dry_run: bool = False,
    progress: ProgressReport | None = None,
) -> DatasetReport:
    """Make a data set out of folders of simulated and of real images.

    Args:
        sim: Folders of simulated (or translated) images, with or without a manifest.
        real: Folders of real images; the layouts of pairs take their partners from here.
        output: Folder to fill.
        options: None = the defaults.
        force: Replace an earlier result.
        dry_run: Look at everything and write nothing.
        progress: Told how far the work has come.

    Raises:
        DataError: The input cannot be used as the options want it, or the disk refuses.
    """
    options = options or DatasetOptions()
    sim, real, output = as_folders(sim), as_folders(real), Path(output)
    _check_folders(sim, real, output, options)
    listings = {'sim': list_images(sim), 'real': list_images(real)}
    images = [image for listing in listings.values() for image in listing.images]
    sources = [*sim, *real, *sources_beside([*sim, *real], images)]
    named = {'sim': list(map(str, sim)), 'real': list(map(str, real)), **options.fingerprint()}
    job = OutputJob(output, VERB, named, sources, force=force)
    with one_opencv_thread():
        domains, omissions = _measure(listings, options, progress)
    assembly = _assemble(domains, options)
    omissions += assembly.omissions
    assembly.notes[:0] = _notes(listings, domains, options)
    given_names, class_names = _class_names(assembly)
    statistics = describe_dataset(assembly, options, class_names)
    if dry_run:
        return DatasetReport(output, statistics, tuple(omissions))
    was_complete = job.complete
    with job, one_opencv_thread():
        if not was_complete:
            camera_infos = name_camera_infos(assembly.placed)
            writer = DatasetWriter(job, camera_infos, link=options.link)
            writer.write_images(assembly.placed, workers=options.jobs, progress=progress)
            for omission in omissions:
                key = f'omitted {omission.where}'
                if job.finished(key) is None:
                    job.commit(key, omission=omission)
            if options.layout == 'detector':
                save_data_yaml(job, assembly.placed, class_names)
            save_extras(job, assembly.placed, statistics, given_names, camera_infos)
        manifest = job.finish()
    return DatasetReport(output, statistics, tuple(omissions), manifest, was_complete)


def _check_folders(
    sim: Sequence[Path], real: Sequence[Path], output: Path, options: DatasetOptions
) -> None:
    if not sim and not real:
        raise DataError('There are no folders: give some with --sim, with --real, or both.')
    if options.layout in PAIRED_LAYOUTS and not (sim and real):
        raise DataError(f'The layout {options.layout} needs both --sim and --real.')
    if options.layout == 'detector' and not real:
        raise DataError('The layout detector is tested on real images: give some with --real.')


def _measure(
    listings: Mapping[str, Listing], options: DatasetOptions, progress: ProgressReport | None
) -> tuple[dict[str, list[MeasuredImage]], list[Omission]]:
    domains: dict[str, list[MeasuredImage]] = {}
    omissions: list[Omission] = []
    for domain, listing in listings.items():
        measured, broken = measure_images(
            listing.images, domain, workers=options.jobs, progress=progress
        )
        omissions += [*listing.omissions, *broken]
        if measured:
            domains[domain] = measured
        elif listing.images:
            raise DataError(
                f'None of the {len(listing.images)} {domain} images can be used; the first: '
                f'{broken[0].where}: {broken[0].reason}.'
            )
    _check_sizes(domains, options)
    return domains, omissions


def _check_sizes(domains: Mapping[str, list[MeasuredImage]], options: DatasetOptions) -> None:
    if options.require_size is None:
        return
    wrong = [i for images in domains.values() for i in images if i.size != options.require_size]
    if wrong:
        wanted, found = ('x'.join(map(str, s)) for s in (options.require_size, wrong[0].size))
        raise DataError(
            f'{len(wrong)} images are not of {wanted} pixels, the first is '
            f'{str(wrong[0].listed.path)!r} with {found}: resize the folders first (sim2real '
            'resize-images).'
        )


def _assemble(domains: dict[str, list[MeasuredImage]], options: DatasetOptions) -> Assembly:
    unlabelled: dict[str, int] = {}
    if options.require_labels:
        for domain, images in domains.items():
            domains[domain] = [image for image in images if image.labels.files]
            unlabelled[domain] = len(images) - len(domains[domain])
    if options.layout in PAIRED_LAYOUTS:
        pairing = pair_images(domains['sim'], domains['real'])
        assembly = assemble_pairs(pairing, options)
    elif options.layout == 'detector':
        assembly = assemble_detector(domains, options)
    else:
        assembly = assemble_unpaired(domains, options)
    for domain, count in unlabelled.items():
        assembly.leave_out('without labels', domain, count)
    return assembly


def _notes(
    listings: Mapping[str, Listing],
    domains: Mapping[str, list[MeasuredImage]],
    options: DatasetOptions,
) -> list[str]:
    notes = [note for listing in listings.values() for note in listing.notes]
    for domain, images in domains.items():
        sizes = sorted({image.size for image in images})
        if len(sizes) > 1:
            listed = ', '.join(f'{width}x{height}' for width, height in sizes[:10])
            notes.append(
                f'the {domain} images have {len(sizes)} sizes ({listed}): `sim2real '
                'resize-images` makes them equal, --require-size refuses others'
            )
        webp = sum(1 for i in images if i.listed.path.suffix.lower() == _UNREAD_BY_CYCLEGAN)
        if webp and options.layout in ('unpaired', 'paired-folders'):
            notes.append(f'{webp} {domain} images are webp, which pytorch-CycleGAN does not read')
    both = {i.sha256 for i in domains.get('sim', ())} & {i.sha256 for i in domains.get('real', ())}
    if both:
        notes.append(f'{len(both)} pictures are simulated and real at once: look at the folders')
    return notes


def _class_names(assembly: Assembly) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names that the inputs give, and the same with every class that is used."""
    labelled = [each.image for each in assembly.placed if each.label_folder]
    names = read_class_names(image.listed.root for image in labelled if image.labels.files)
    used = {number for image in labelled for number in image.labels.class_counts}
    return names, complete_class_names(names, used)
