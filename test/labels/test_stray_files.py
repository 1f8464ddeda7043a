"""Data sets among whose files lie others that look like labels."""

import json
from pathlib import Path

import pytest
from sample_files import picture, write_tree

from sim2real_ros.errors import DataError
from sim2real_ros.labels import LabelSource, check_source, read_labels, sniff_format

BOX = '0 0.5 0.5 0.1 0.2\n'
STATISTICS = json.dumps({'images': {'sim': {'train': 1}}, 'left_out': {}})
STRAY: dict[str, str | bytes] = {
    'classes.txt': 'duck\n',
    'contact_sheet.png': picture(),
    'manifest.jsonl': '{"kind": "sim2real"}\n',
    'statistics.json': STATISTICS,
}


def coco(name: str, **more: object) -> str:
    image = {'id': 1, 'file_name': name, 'width': 200, 'height': 100}
    return json.dumps({'images': [image], **more, 'annotations': [], 'categories': []})


@pytest.mark.parametrize(
    'files',
    [
        {'trainA/x.png': picture(), 'labels/trainA/x.txt': BOX},
        {'images/train/x.png': picture(), 'labels/train/x.txt': BOX},
        {
            'images/train/x.png': picture(),
            'labels/train/x.txt': BOX,
            'data.yaml': 'train: images/train\nnames: [duck]\n',
        },
    ],
)
@pytest.mark.parametrize('more', [{}, {'stray.json': coco('y.png')}])
def test_reports_beside_a_data_set_are_no_labels(
    tmp_path: Path, files: dict[str, str | bytes], more: dict[str, str | bytes]
) -> None:
    source = LabelSource(write_tree(tmp_path, {**STRAY, **files, **more}))
    report = check_source(source)
    assert not report.problems
    assert report.label_set.classes == ('duck',)
    assert [each.image for each in report.label_set.images] == [next(iter(files))]
    assert len(report.label_set.images[0].instances) == 1


def test_coco_is_told_by_its_lists_wherever_they_are(tmp_path: Path) -> None:
    late = coco('x.png', info='x' * 2**17)
    write_tree(tmp_path, {'mine.json': late, 'statistics.json': STATISTICS})
    assert sniff_format(tmp_path) == 'coco'
    assert [each.image for each in read_labels(tmp_path).images] == ['x.png']


def test_annotations_go_before_text_files_of_labels(tmp_path: Path) -> None:
    files = {'labels/x.txt': BOX, 'annotations/mine.json': coco('x.png')}
    assert sniff_format(write_tree(tmp_path, files)) == 'coco'


def test_a_damaged_file_of_instances_is_not_passed_over(tmp_path: Path) -> None:
    files = {'a.json': coco('x.png'), 'b.json': coco('y.png')[:40]}
    with pytest.raises(DataError, match=r"'b\.json' is no JSON"):
        read_labels(write_tree(tmp_path, files))


def test_a_folder_of_reports_alone_is_in_no_format(tmp_path: Path) -> None:
    with pytest.raises(DataError, match='no label format'):
        sniff_format(write_tree(tmp_path, {'statistics.json': STATISTICS}))
