"""Write the files of a data set: images, labels, classes, statistics, contact sheet."""

import dataclasses
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sim2real_ros.data.contact_sheet import contact_sheet, spread_evenly
from sim2real_ros.data.dataset.assembling import PlacedImage
from sim2real_ros.data.dataset.class_names import CLASSES_NAME, data_yaml
from sim2real_ros.data.dataset.measuring import (
    MeasuredImage,
    ProgressReport,
    read_image,
    read_image_bytes,
)
from sim2real_ros.data.dataset.naming import free_stem
from sim2real_ros.data.dataset.statistics import STATISTICS_NAME, statistics_bytes
from sim2real_ros.errors import DataError
from sim2real_ros.files import (
    ManifestRecord,
    OutputJob,
    ordered_map,
    path_inside,
    sha256_of_bytes,
)
from sim2real_ros.image.decode_file import decode_file
from sim2real_ros.image.encode_file import encode_file

SHEET_NAME = 'contact_sheet.png'
DATA_YAML_NAME = 'data.yaml'

_SHEET_COLUMNS = 8


@dataclass(frozen=True)
class DatasetWriter:
    """Writes images one by one; a file that is there already is not written again.

    Attributes:
        job: The output folder.
        camera_infos: Path in the output folder of every calibration, by its path in the input.
        link: Whether images become hard links.
    """

    job: OutputJob
    camera_infos: Mapping[Path, str]
    link: bool = False

    def write_images(
        self,
        placed: Sequence[PlacedImage],
        *,
        workers: int,
        progress: ProgressReport | None = None,
    ) -> None:
        """Write all images with their labels.

        Raises:
            DataError: The disk refuses, or an input has changed since it was looked at.
        """
        results = ordered_map(self._write, placed, workers=workers)
        for number, (each, record) in enumerate(zip(placed, results, strict=True), 1):
            if record is None:
                self.job.finished(each.file)
            else:
                self.job.commit(each.file, [record])
            if progress:
                progress('written', number, len(placed))

    def _write(self, placed: PlacedImage) -> ManifestRecord | None:
        """Write one image, in any thread; None where an earlier run has done so."""
        if self.job.is_finished(placed.file):
            return None
        if placed.partner is not None:
            saved = self._save_side_by_side(placed, placed.partner)
        elif self.link:
            saved = self._link(placed)
        else:
            saved = self.job.save(placed.file, _unchanged_bytes(placed.image))
        return self._record(placed, saved, self._save_labels(placed))

    def _save_side_by_side(self, placed: PlacedImage, partner: MeasuredImage) -> dict[str, Any]:
        halves = [decode_file(_unchanged_bytes(image))[0] for image in (placed.image, partner)]
        return self.job.save(placed.file, encode_file(np.hstack(halves), 'png'))

    def _link(self, placed: PlacedImage) -> dict[str, Any]:
        source = placed.image.listed.path
        content = _unchanged_bytes(placed.image)
        target = self.job.path_of(placed.file)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            os.link(source, target)
        except OSError as error:
            raise DataError(
                f'Cannot link {str(target)!r} to {str(source)!r}: {error.strerror}. Links need '
                'one file system for both: leave out --link to copy.'
            ) from error
        return {'file': placed.file, 'sha256': sha256_of_bytes(content), 'bytes': len(content)}

    def _save_labels(self, placed: PlacedImage) -> tuple[str, ...]:
        if not placed.label_folder:
            return ()
        names = []
        for label in placed.image.labels.files:
            name = label.name_for(placed.label_folder, Path(placed.file).stem)
            self.job.save(name, label.read())
            names.append(name)
        return tuple(names)

    def _record(
        self, placed: PlacedImage, saved: dict[str, Any], labels: tuple[str, ...]
    ) -> ManifestRecord:
        image = placed.image
        origin = image.listed.record or ManifestRecord(
            placed.file, '', 0, source=str(image.listed.root), source_name=image.listed.name
        )
        size, domain, camera_info = image.size, image.domain, ''
        if placed.partner is not None:
            size, domain = (size[0] + placed.partner.size[0], size[1]), ''
        elif origin.camera_info:
            camera_info = self.camera_infos.get(image.listed.root / origin.camera_info, '')
        return dataclasses.replace(
            origin,
            **saved,
            size=size,
            perceptual_hash='' if placed.partner else f'{image.hash_bits:016x}',
            labels=labels,
            domain=domain,
            subset=placed.subset,
            sequence=image.sequence,
            camera_info=camera_info,
        )


def _unchanged_bytes(image: MeasuredImage) -> bytes:
    path = image.listed.path
    content = read_image_bytes(path)
    if sha256_of_bytes(content) != image.sha256:
        raise DataError(f'{str(path)!r} has changed while the data set was made: start anew.')
    return content


def name_camera_infos(placed: Iterable[PlacedImage]) -> dict[Path, str]:
    """Give every calibration that the images refer to a name in the output folder."""
    taken: set[str] = set()
    names: dict[Path, str] = {}
    for each in placed:
        record = each.image.listed.record
        if record and record.camera_info and each.partner is None:
            path = path_inside(each.image.listed.root, record.camera_info, 'camera_info file')
            if path not in names and path.is_file():
                names[path] = f'camera_info/{free_stem(path.stem, taken)}.yaml'
    return names


def save_data_yaml(
    job: OutputJob, placed: Iterable[PlacedImage], class_names: Sequence[str]
) -> None:
    """Write the file that trainers of detectors take.

    Raises:
        DataError: The disk refuses.
    """
    subsets = {each.subset for each in placed}
    job.save_extra(DATA_YAML_NAME, data_yaml(class_names, subsets))


def save_extras(
    job: OutputJob,
    placed: Sequence[PlacedImage],
    statistics: Mapping[str, Any],
    class_names: Sequence[str],
    camera_infos: Mapping[Path, str],
) -> None:
    """Write everything that is no image of the set.

    Raises:
        DataError: The disk refuses, or an input cannot be read.
    """
    for path, name in camera_infos.items():
        job.save_extra(name, read_image_bytes(path))
    job.save_extra(STATISTICS_NAME, statistics_bytes(statistics))
    job.save_extra(SHEET_NAME, _sheet(placed))
    if class_names:
        job.save_extra(CLASSES_NAME, ''.join(f'{n}\n' for n in class_names).encode('utf-8'))


def _sheet(placed: Sequence[PlacedImage]) -> bytes:
    """Draw a row of pictures for each domain and subset."""
    rows: dict[tuple[str, str], list[PlacedImage]] = {}
    for each in placed:
        domain = 'pair' if each.partner else each.image.domain
        rows.setdefault((each.subset, domain), []).append(each)
    images: list[Any] = []
    captions: list[str] = []
    for (subset, domain), members in rows.items():
        shown = spread_evenly(members, _SHEET_COLUMNS)
        images += [_picture(each) for each in shown]
        captions += [f'{domain} {subset} {Path(each.file).stem}' for each in shown]
        images += [None] * (_SHEET_COLUMNS - len(shown))
        captions += [''] * (_SHEET_COLUMNS - len(shown))
    cell = (256, 96) if rows and placed[0].partner else (160, 120)
    sheet = contact_sheet(images, captions, columns=_SHEET_COLUMNS, cell=cell)
    return encode_file(sheet, 'png')


def _picture(placed: PlacedImage) -> Any:
    images = filter(None, (placed.image, placed.partner))
    return np.hstack([read_image(image.listed.path) for image in images])
