"""boxes_to_masks: labels with boxes become a data set with polygons, ready to train with."""

import csv
import dataclasses
import io
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sim2real_ros.errors import DataError, ImageError
from sim2real_ros.files import (
    Manifest,
    ManifestRecord,
    Omission,
    OutputJob,
    default_workers,
    ordered_map,
)
from sim2real_ros.image.decode_file import decode_file
from sim2real_ros.image.encode_file import encode_mask
from sim2real_ros.image.opencv_threads import one_opencv_thread
from sim2real_ros.labels import ImageLabels, LabelSet, format_yolo_text, label_names
from sim2real_ros.labels.masks import class_ids, draw_ids, mask_files
from sim2real_ros.labels.output_file import WriteOptions
from sim2real_ros.segmentation.labelled_images import LabelledImage, LabelledImages
from sim2real_ros.segmentation.mask_options import MaskOptions
from sim2real_ros.segmentation.one_image import mask_labels
from sim2real_ros.segmentation.previews import write_previews
from sim2real_ros.segmentation.segmenters import SEGMENTERS, SegmenterOptions

VERB = 'boxes-to-masks'
FALLBACKS = 'fallbacks.csv'

Report = Callable[[str, int, int | None], None]
"""Called with the name of the labels, and the numbers of images done and to be done."""


def boxes_to_masks(
    labels: str | Path,
    output: str | Path,
    options: MaskOptions | None = None,
    *,
    images: str | Path | None = None,
    jobs: int | None = None,
    force: bool = False,
    progress: Report | None = None,
) -> Manifest:
    """Turn box labels into polygons, and write a data set that Ultralytics can train with.

    A repeated call with the same arguments goes on where an earlier one was interrupted.

    Args:
        labels: Folder, zip or file in any label format with boxes.
        output: Folder to fill: images/ (copies), labels/, data.yaml, classes.txt, fallbacks.csv,
            previews/, and with ``masks`` masks/, instances/ and masks.json.
        options: What to do; None = GrabCut, existing polygons kept.
        images: Folder or zip of the images, where they are not with the labels.
        jobs: Threads; None = one per CPU.
        force: Replace an earlier result in the folder.
        progress: Called after every image.

    Returns:
        The manifest, which also lists what could not be read.

    Raises:
        DataError: The labels cannot be read at all, the folder holds something else, or the disk
            is full.
        ModelError, BackendError: The segmenter cannot be used.
    """
    work = Masking(labels, output, options or MaskOptions(), images=images, jobs=jobs, force=force)
    return work.run(progress=progress)


def read_fallbacks(folder: Path) -> list[dict[str, str]]:
    """Return the lines of a result's fallbacks.csv: image, instance, class, reason.

    Raises:
        DataError: It cannot be read.
    """
    try:
        with (folder / FALLBACKS).open(encoding='utf-8', newline='') as file:
            return list(csv.DictReader(file))
    except (OSError, ValueError) as error:
        raise DataError(f'Cannot read {str(folder / FALLBACKS)!r}: {error}.') from error


@dataclass(frozen=True)
class _Result:
    """What became of one image; ``fallbacks`` are (instance from 1, class id, reason)."""

    record: ManifestRecord | None = None
    omission: Omission | None = None
    fallbacks: tuple[tuple[int, int, str], ...] = ()


class Masking:
    """The work of ``boxes_to_masks``, planned but not begun.

    Attributes:
        source: Labels and images.
        job: The output folder.
    """

    def __init__(
        self,
        labels: str | Path,
        output: str | Path,
        options: MaskOptions,
        *,
        images: str | Path | None = None,
        jobs: int | None = None,
        force: bool = False,
    ) -> None:
        """Look at labels, models and output; nothing is written.

        Raises:
            Sim2RealError: As in ``boxes_to_masks``.
        """
        labels, output = Path(labels).expanduser(), Path(output).expanduser()
        folder = None if images is None else Path(images).expanduser()
        self._options = options
        self._jobs = jobs or default_workers()
        chosen = SegmenterOptions(options.encoder, options.decoder, self._jobs)
        self._segmenter = SEGMENTERS[options.segmenter](chosen)
        self.source = LabelledImages(labels, options.format, folder)
        self._cameras = self.source.camera_files()
        if options.masks:
            class_ids(len(self.source.classes), 0)
        depends = {**options.to_json(), **self._segmenter.describe()}
        self.job = OutputJob(output, VERB, depends, self.source.paths, force=force)

    def describe(self) -> list[str]:
        """Return lines for people: what would be done, and whereto."""
        instances = [each for labels in self.source.labels for each in labels.instances]
        done = sum(1 for each in instances if each.parts and not self._options.redo)
        lines = [
            f'{self.source.paths[0]}: {len(self.source.labels)} images with '
            f'{len(instances) - done} boxes to segment by {self._options.segmenter} and {done} '
            f'polygons to keep, {len(self.source.classes)} classes -> {self.job.folder}'
        ]
        if self.job.complete:
            lines.append(f'{self.job.folder} is complete already; nothing is left to do')
        return lines

    def warning(self) -> str:
        """Say after the work how many boxes found no shape; '' where all did.

        Raises:
            DataError: fallbacks.csv cannot be read.
        """
        count = len(read_fallbacks(self.job.folder))
        instances = [each for labels in self.source.labels for each in labels.instances]
        boxes = sum(1 for each in instances if self._options.redo or not each.parts)
        if not count:
            return ''
        text = f'{count} of {boxes} boxes without a shape: {FALLBACKS}'
        return f'{text}; do these boxes fit these pictures?' if 2 * count > boxes else text

    def run(self, *, progress: Report | None = None) -> Manifest:
        """Do the work, see ``boxes_to_masks``."""
        with self.job as job:
            if not job.complete:
                with one_opencv_thread():
                    self._run(progress)
            return job.finish()

    def _run(self, progress: Report | None) -> None:
        for number, omission in enumerate(self.source.omissions):
            if self.job.finished(f'labels {number}') is None:
                self.job.commit(f'labels {number}', omission=omission)
        labels = self.source.labels
        done = [each.image for each in labels if self.job.is_finished(each.image)]
        results = ordered_map(self._one, self.source.read(done), workers=self._jobs)
        fallbacks: list[tuple[Any, ...]] = []
        records: list[ManifestRecord] = []
        for number, (each, result) in enumerate(zip(labels, results, strict=True), 1):
            finished = self.job.finished(each.image)
            if finished is None:
                kept = [result.record] if result.record else []
                self.job.commit(each.image, kept, result.omission, list(result.fallbacks))
                records += kept
                found = result.fallbacks
            else:
                records += finished.records
                found = finished.state or ()
            for instance, class_id, reason in found:
                fallbacks.append((each.image, instance, self.source.classes[class_id], reason))
            if progress:
                progress(self.source.paths[0].name, number, len(labels))
        self._write_extras(fallbacks)
        write_previews(self.job, records, self.source.classes, self._options.previews)

    def _one(self, image: LabelledImage) -> _Result:
        """Make and save the files of one image; what is wrong with it alone is told."""
        if not image.content:
            return _Result(omission=Omission(image.labels.image, image.reason))
        options = self._options
        try:
            rgb, _ = decode_file(image.content)
            masked = mask_labels(
                rgb,
                image.labels,
                self._segmenter,
                redo=options.redo,
                min_area_px=options.min_area_px,
                epsilon_px=options.epsilon_px,
            )
            masks = self._masks_of(masked.labels) if options.masks else {}
        # What is wrong with the model or its runtime ends the work, to be taken up later.
        except (ImageError, DataError) as error:
            return _Result(omission=Omission(image.labels.image, str(error)))
        text = format_yolo_text(masked.labels, polygons=True, scores=False)
        files = {label_names(image.labels.image, 'labels')[0]: text, **masks}
        for name, content in files.items():
            self.job.save(name, content)
        saved = self.job.save(image.labels.image, image.content)
        record = _record(image, saved, tuple(files), self._cameras)
        lost = '; '.join(masked.lost)
        instances = masked.labels.instances
        return _Result(
            record,
            Omission(image.labels.image, lost) if lost else None,
            tuple((n + 1, instances[n].class_id, reason) for n, reason in masked.fallbacks),
        )

    def _masks_of(self, labels: ImageLabels) -> dict[str, bytes]:
        semantic, numbered = draw_ids(labels, class_ids(len(self.source.classes), 0), 0)
        name = label_names(labels.image, 'masks')[0]
        return {
            name: encode_mask(semantic),
            f'instances/{name.removeprefix("masks/")}': encode_mask(numbered),
        }

    def _write_extras(self, fallbacks: list[tuple[Any, ...]]) -> None:
        classes, subsets = self.source.classes, {each.subset for each in self.source.labels}
        self.job.save_extra('data.yaml', _data_yaml(classes, subsets))
        self.job.save_extra('classes.txt', ''.join(f'{name}\n' for name in classes).encode())
        for name, content in self._cameras.items():
            self.job.save_extra(name, content)
        table = io.StringIO()
        writer = csv.writer(table, lineterminator='\n')
        writer.writerows([('image', 'instance', 'class', 'reason'), *fallbacks])
        self.job.save_extra(FALLBACKS, table.getvalue().encode('utf-8'))
        if self._options.masks:
            for each in mask_files(LabelSet(classes), WriteOptions()):
                if each.name == 'masks.json':
                    self.job.save_extra(each.name, each.content)


def _record(
    image: LabelledImage,
    saved: dict[str, Any],
    labels: tuple[str, ...],
    cameras: Collection[str],
) -> ManifestRecord:
    size, subset = image.labels.size, image.labels.subset
    if image.record is None:
        return ManifestRecord(**saved, size=size, labels=labels, subset=subset)
    camera = image.record.camera_info
    return dataclasses.replace(
        image.record,
        **saved,
        size=size,
        labels=labels,
        subset=subset or image.record.subset,
        camera_info=camera if camera in cameras else '',
    )


def _data_yaml(classes: tuple[str, ...], subsets: set[str]) -> bytes:
    """Describe the folder to Ultralytics, which asks for ``train`` and ``val``.

    Without ``path``, it looks for the images beside this file; a relative one it would look for
    in the folder where it was started.
    """
    places = {each or 'train': f'images/{each}'.rstrip('/') for each in sorted(subsets)}
    first = next(iter(places.values()))
    config = {'train': first, 'val': places.get('train', first), **places}
    document = {**config, 'names': dict(enumerate(classes))}
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=10**6)
    return str(text).encode('utf-8')
