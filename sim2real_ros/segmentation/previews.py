"""Pictures to check the result by: the labels as they were written, drawn on their images."""

from collections.abc import Sequence

from sim2real_ros.data.contact_sheet import spread_evenly
from sim2real_ros.files import ManifestRecord, OutputJob, path_inside
from sim2real_ros.image.decode_file import decode_file
from sim2real_ros.image.encode_file import encode_file
from sim2real_ros.labels import ImageLabels, parse_yolo_text
from sim2real_ros.labels.drawing import draw_labels
from sim2real_ros.labels.image_names import stem_of

FOLDER = 'previews'


def write_previews(
    job: OutputJob, records: Sequence[ManifestRecord], classes: Sequence[str], count: int
) -> None:
    """Draw some finished images, evenly spread, into ``previews/``.

    The files are read back, so that the pictures show what a training will see.

    Args:
        job: The output folder, with all images written.
        records: Its images; the first label file of each is its YOLO text.
        classes: Class names.
        count: Number of pictures.

    Raises:
        DataError: The disk refuses.
    """
    for record in spread_evenly(records, count):
        rgb, _ = decode_file(path_inside(job.folder, record.file).read_bytes())
        size = (rgb.shape[1], rgb.shape[0])
        text = path_inside(job.folder, record.labels[0]).read_bytes()
        instances, _ = parse_yolo_text(text, size, record.labels[0])
        picture = draw_labels(rgb, ImageLabels(record.file, size, instances), classes)
        name = stem_of(record.file).removeprefix('images/')
        job.save_extra(f'{FOLDER}/{name}.jpg', encode_file(picture, 'jpg'))
