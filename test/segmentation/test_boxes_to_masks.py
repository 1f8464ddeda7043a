import json
import zipfile
from pathlib import Path

import mask_scenes as scenes
import numpy as np
import pytest
import sam_graphs as graphs
import yaml

from sim2real_ros.cli import main
from sim2real_ros.errors import DataError, ModelError
from sim2real_ros.files import Manifest, ManifestRecord, read_manifest, sha256_of_bytes
from sim2real_ros.image.decode_file import decode_file, decode_mask
from sim2real_ros.labels import parse_yolo_text, rasterise
from sim2real_ros.labels.formats import read_labels
from sim2real_ros.segmentation.boxes_to_masks import Masking, boxes_to_masks, read_fallbacks
from sim2real_ros.segmentation.mask_options import MaskOptions

SIZES = ((320, 240), (200, 260), (150, 100))
EXACT = MaskOptions(epsilon_px=0.0, previews=0)


def shapes(folder, name, suffix='png'):
    """Return (class id, mask) of the label file of one image, and the lines' words."""
    rgb, _ = decode_file((folder / f'images/{name}.{suffix}').read_bytes())
    text = (folder / f'labels/{name}.txt').read_bytes()
    size = (rgb.shape[1], rgb.shape[0])
    instances, problems = parse_yolo_text(text, size)
    assert not problems
    return [(each.class_id, rasterise(each.parts, size)) for each in instances]


def run(*arguments):
    return main(['boxes-to-masks', *map(str, arguments)])


def test_images_of_different_sizes_get_polygons_of_their_own_size(tmp_path):
    """Third defect of the original script: one image size was assumed for all."""
    truth = scenes.write_set(tmp_path / 'in', SIZES)
    boxes_to_masks(tmp_path / 'in', tmp_path / 'out', EXACT)
    for name, things in truth.items():
        found = shapes(tmp_path / 'out', name)
        assert len(found) == len(things)
        for (_, mask), (_, drawn) in zip(things, found, strict=True):
            assert scenes.iou(mask, drawn) > 0.85


def test_every_line_has_its_class_id_once_and_first(tmp_path):
    """Second defect: the id was written before every value, which class 0 alone survived."""
    truth = scenes.write_set(tmp_path / 'in', SIZES, ('split', 'blob', 'ring', 'split'))
    boxes_to_masks(tmp_path / 'in', tmp_path / 'out', EXACT)
    for name, things in truth.items():
        lines = (tmp_path / f'out/labels/{name}.txt').read_text().splitlines()
        words = [line.split() for line in lines]
        assert [int(each[0]) for each in words] == [class_id for class_id, _ in things]
        for each in words:
            assert len(each) % 2 == 1
            assert all(0 <= float(value) <= 1 and '.' in value for value in each[1:])
    config = yaml.safe_load((tmp_path / 'out/data.yaml').read_text())
    assert config['names'] == dict(enumerate(scenes.CLASSES))


def test_split_objects_and_holes_survive_the_way_to_the_file_and_back(tmp_path):
    """Fourth defect: split objects lost all but one part."""
    truth = scenes.write_set(tmp_path / 'in', SIZES[:1])
    boxes_to_masks(tmp_path / 'in', tmp_path / 'out')
    found = read_labels(tmp_path / 'out', 'yolo').images[0].instances
    kinds = {'ring': (1, 1), 'split': (2, 0)}
    for (class_id, mask), each in zip(truth['000'], found, strict=True):
        parts, holes = kinds.get(list(scenes.COLOURS)[class_id], (1, 0))
        assert (len(each.parts), sum(len(part.holes) for part in each.parts)) == (parts, holes)
        assert scenes.iou(rasterise(each.parts, SIZES[0]), mask) > 0.93


def test_rgb_reaches_the_segmenter_and_not_bgr(tmp_path, monkeypatch):
    """First defect: OpenCV's BGR went into SAM. The models are tested in test_sam_onnx."""
    scenes.write_set(tmp_path / 'in', SIZES[:1], ('blob',))
    seen = []
    work = Masking(tmp_path / 'in', tmp_path / 'out', EXACT, jobs=1)
    segment = work._segmenter.segment

    def watch(rgb, boxes):
        seen.append(rgb)
        return segment(rgb, boxes)

    monkeypatch.setattr(work._segmenter, 'segment', watch)
    work.run()
    expected, _ = scenes.scene(SIZES[0], ('blob',), 0)
    np.testing.assert_array_equal(seen[0], expected)


def test_what_cannot_be_read_is_told_and_the_rest_is_done(tmp_path, capsys):
    """Fifth defect: errors were swallowed."""
    scenes.write_set(tmp_path / 'in', ((150, 100),) * 4)
    images, labels = tmp_path / 'in/images', tmp_path / 'in/labels'
    broken = (images / '001.png').read_bytes()
    (images / '001.png').write_bytes(broken[: len(broken) // 2])
    text = (labels / '002.txt').read_text()
    (labels / '002.txt').write_text(f'{text}1 2.5 0.5 0.1 0.1\nrubbish\n')
    (images / '003.png').unlink()
    assert run(tmp_path / 'in', '-o', tmp_path / 'out') == 3
    manifest = read_manifest(tmp_path / 'out')
    assert [each.file for each in manifest.records] == ['images/000.png', 'images/002.png']
    told = ' | '.join(f'{each.where}: {each.reason}' for each in manifest.omissions)
    assert 'images/001.png' in told
    assert 'images/002.png: line 4: the box' in told
    assert 'labels/002.txt:5: unreadable' in told
    assert 'labels/003.txt: missing image' in told
    assert 'left out' in capsys.readouterr().err
    # Told again when there is nothing left to do.
    assert run(tmp_path / 'in', '-o', tmp_path / 'out') == 3


def test_an_empty_image_of_labels_that_know_its_size_is_called_empty(tmp_path):
    (tmp_path / 'images').mkdir()
    (tmp_path / 'images/a.png').write_bytes(b'')
    box = {'id': 1, 'image_id': 1, 'category_id': 1, 'bbox': [1, 1, 9, 9], 'area': 81}
    content = {
        'images': [{'id': 1, 'file_name': 'a.png', 'width': 32, 'height': 24}],
        'annotations': [box],
        'categories': [{'id': 1, 'name': 'thing'}],
    }
    (tmp_path / 'coco.json').write_text(json.dumps(content))
    manifest = boxes_to_masks(tmp_path / 'coco.json', tmp_path / 'out', images=tmp_path / 'images')
    assert manifest.records == ()
    (omission,) = manifest.omissions
    assert (omission.where, omission.reason) == ('images/a.png', 'the file is empty')


def test_the_folder_is_a_data_set_for_ultralytics(tmp_path):
    folder = tmp_path / 'in'
    scenes.write_set(folder, SIZES[:2], suffix='jpg')
    (folder / 'images/background.png').write_bytes((folder / 'images/000.jpg').read_bytes())
    manifest = boxes_to_masks(folder, tmp_path / 'out', MaskOptions(previews=2))
    out = tmp_path / 'out'
    config = yaml.safe_load((out / 'data.yaml').read_text())
    # A relative `path` would be looked for where the training is started.
    assert 'path' not in config
    assert config['train'] == config['val'] == 'images'
    for record in manifest.records:
        assert (out / record.file).read_bytes() == (folder / record.file).read_bytes()
        assert record.labels == (f'labels/{Path(record.file).stem}.txt',)
    assert (out / 'labels/background.txt').read_bytes() == b''
    assert (out / 'classes.txt').read_text().split() == list(scenes.CLASSES)
    previews = sorted((out / 'previews').iterdir())
    assert [each.name for each in previews] == ['000.jpg', 'background.jpg']
    drawn, _ = decode_file(previews[0].read_bytes())
    plain, _ = decode_file((out / 'images/000.jpg').read_bytes())
    assert drawn.shape == plain.shape
    assert (np.abs(drawn.astype(int) - plain).max(axis=2) > 40).mean() > 0.05


def test_subsets_stay_apart(tmp_path):
    scenes.write_set(tmp_path / 'a', SIZES)
    for kind in ('images', 'labels'):
        for number, subset in ((0, 'train'), (1, 'valid'), (2, 'train')):
            (old,) = (tmp_path / f'a/{kind}').glob(f'00{number}.*')
            new = tmp_path / f'in/{kind}/{subset}/{old.name}'
            new.parent.mkdir(parents=True, exist_ok=True)
            old.rename(new)
    config = {'train': 'images/train', 'val': 'images/valid', 'names': list(scenes.CLASSES)}
    (tmp_path / 'in/data.yaml').write_text(yaml.safe_dump(config))
    manifest = boxes_to_masks(tmp_path / 'in', tmp_path / 'out', EXACT)
    expected = {'images/train/000.png', 'images/train/002.png', 'images/val/001.png'}
    assert {each.file for each in manifest.records} == expected
    assert (tmp_path / 'out/labels/val/001.txt').read_bytes()
    config = yaml.safe_load((tmp_path / 'out/data.yaml').read_text())
    assert (config['train'], config['val']) == ('images/train', 'images/val')


def test_masks_are_written_on_demand_and_say_the_same(tmp_path):
    scenes.write_set(tmp_path / 'in', SIZES[:1])
    manifest = boxes_to_masks(
        tmp_path / 'in', tmp_path / 'out', MaskOptions(masks=True, epsilon_px=0, previews=0)
    )
    out = tmp_path / 'out'
    assert manifest.records[0].labels[1:] == ('masks/000.png', 'instances/000.png')
    semantic = decode_mask((out / 'masks/000.png').read_bytes())
    numbered = decode_mask((out / 'instances/000.png').read_bytes())
    for class_id, mask in shapes(out, '000'):
        assert set(semantic[mask].tolist()) == {class_id + 1}
        assert len(set(numbered[mask].tolist())) == 1
    described = json.loads((out / 'masks.json').read_text())
    assert described['classes'] == {'1': 'duck', '2': 'tyre', '3': 'barrier'}


def test_a_zip_of_labels_and_a_folder_of_images_are_read(tmp_path):
    truth = scenes.write_set(tmp_path / 'in', SIZES[:2])
    with zipfile.ZipFile(tmp_path / 'cvat.zip', 'w') as archive:
        archive.writestr('obj.data', 'classes = 3\nnames = obj.names\ntrain = train.txt\n')
        archive.writestr('obj.names', '\n'.join(scenes.CLASSES))
        names = [f'obj_train_data/{name}.png' for name in truth]
        archive.writestr('train.txt', '\n'.join(f'data/{name}' for name in names))
        for name in truth:
            text = (tmp_path / f'in/labels/{name}.txt').read_text()
            archive.writestr(f'obj_train_data/{name}.txt', text)
    code = run(tmp_path / 'cvat.zip', '--images', tmp_path / 'in/images', '-o', tmp_path / 'out')
    assert code == 0
    files = [each.file for each in read_manifest(tmp_path / 'out').records]
    assert files == ['images/000.png', 'images/001.png']


def test_fallbacks_are_listed_and_warned_of(tmp_path, capsys):
    folder = tmp_path / 'in'
    scenes.write_set(folder, ((150, 100),), ('blob',))
    with (folder / 'labels/000.txt').open('a') as file:
        file.write(scenes.yolo_line(2, (3, 3, 6, 6), (150, 100)))
    assert run(folder, '-o', tmp_path / 'out') == 0
    shown = capsys.readouterr().err
    assert 'warning: 1 of 2 boxes without a shape: fallbacks.csv' in shown
    assert 'do these boxes fit' not in shown
    (line,) = read_fallbacks(tmp_path / 'out')
    assert line == {
        'image': 'images/000.png',
        'instance': '2',
        'class': 'barrier',
        'reason': 'box too small for GrabCut: kept whole',
    }


def test_mostly_fallbacks_ask_whether_boxes_and_pictures_fit(tmp_path, capsys):
    folder = tmp_path / 'in'
    scenes.write_set(folder, ((150, 100),), ('blob',))
    lines = [scenes.yolo_line(2, (at, 3, at + 3, 6), (150, 100)) for at in (3, 20)]
    with (folder / 'labels/000.txt').open('a') as file:
        file.write(''.join(lines))
    assert run(folder, '-o', tmp_path / 'out') == 0
    wanted = '2 of 3 boxes without a shape: fallbacks.csv; do these boxes fit these pictures?'
    assert wanted in capsys.readouterr().err


def test_the_manifest_of_the_images_is_carried_on(tmp_path):
    folder = tmp_path / 'in'
    scenes.write_set(folder, SIZES[:1])
    content = (folder / 'images/000.png').read_bytes()
    (folder / 'camera_info').mkdir()
    (folder / 'camera_info/cam.yaml').write_text('image_width: 320\n')
    record = ManifestRecord(
        'images/000.png',
        sha256_of_bytes(content),
        len(content),
        topic='/cam',
        stamp_ns=17,
        camera_info='camera_info/cam.yaml',
    )
    Manifest('extract-frames', records=(record,)).write(folder)
    (found,) = boxes_to_masks(folder, tmp_path / 'out', EXACT).records
    assert (found.topic, found.stamp_ns, found.sha256) == ('/cam', 17, record.sha256)
    assert (tmp_path / 'out' / found.camera_info).read_text() == 'image_width: 320\n'


def test_images_that_would_share_a_label_file_are_told(tmp_path):
    folder = tmp_path / 'in'
    scenes.write_set(folder, ((150, 100),))
    (folder / 'images/000.jpg').write_bytes((folder / 'images/000.png').read_bytes())
    manifest = boxes_to_masks(folder, tmp_path / 'out', EXACT)
    assert len(manifest.records) == 1
    assert 'would share its label file' in manifest.omissions[0].reason


def test_hostile_names_write_nothing_outside(tmp_path):
    scenes.write_set(tmp_path / 'in', ((150, 100),), ('blob',))
    hostile = ['../../escape.png', '/tmp/escape.png', 'a\\..\\b.png', 'images/000.png']
    coco = {
        'categories': [{'id': 1, 'name': 'duck'}],
        'images': [
            {'id': n, 'file_name': name, 'width': 150, 'height': 100}
            for n, name in enumerate(hostile)
        ],
        'annotations': [
            {'id': n, 'image_id': n, 'category_id': 1, 'bbox': [20, 30, 90, 50]}
            for n in range(len(hostile))
        ],
    }
    (tmp_path / 'in/coco.json').write_text(json.dumps(coco))
    code = run(
        tmp_path / 'in/coco.json', '--images', tmp_path / 'in', '-o', tmp_path / 'deep/er/out'
    )
    assert code == 3
    assert [r.file for r in read_manifest(tmp_path / 'deep/er/out').records] == ['images/000.png']
    assert not list(tmp_path.rglob('escape*'))


def test_images_of_another_kind_than_the_labels_say_keep_their_suffix(tmp_path):
    scenes.write_set(tmp_path / 'in', ((150, 100),), ('blob',))
    coco = {
        'categories': [{'id': 7, 'name': 'duck'}],
        'images': [{'id': 1, 'file_name': '000.jpg', 'width': 150, 'height': 100}],
        'annotations': [{'id': 1, 'image_id': 1, 'category_id': 7, 'bbox': [20, 30, 90, 50]}],
    }
    (tmp_path / 'coco.json').write_text(json.dumps(coco))
    manifest = boxes_to_masks(
        tmp_path / 'coco.json', tmp_path / 'out', EXACT, images=tmp_path / 'in'
    )
    assert manifest.records[0].file == 'images/000.png'
    assert manifest.records[0].labels == ('labels/000.txt',)


def test_dry_run_says_what_would_be_done_and_writes_nothing(tmp_path, capsys):
    scenes.write_set(tmp_path / 'in', SIZES)
    assert run(tmp_path / 'in', '-o', tmp_path / 'out', '--dry-run') == 0
    assert '3 images with 9 boxes to segment by grabcut and 0 polygons' in capsys.readouterr().out
    assert not (tmp_path / 'out').exists()


def test_polygons_go_through_untouched_and_redo_replaces_them(tmp_path):
    scenes.write_set(tmp_path / 'in', SIZES[:1])
    boxes_to_masks(tmp_path / 'in', tmp_path / 'one', EXACT)
    boxes_to_masks(tmp_path / 'one', tmp_path / 'two', EXACT)
    name = 'labels/000.txt'
    for (_, one), (_, two) in zip(
        *(shapes(tmp_path / n, '000') for n in ('one', 'two')), strict=True
    ):
        np.testing.assert_array_equal(one, two)
    text = '0 0.1 0.3 0.2 0.3 0.2 0.7\n'
    (tmp_path / 'in' / name).write_text(text)
    boxes_to_masks(tmp_path / 'in', tmp_path / 'kept', EXACT)
    assert [float(w) for w in (tmp_path / 'kept' / name).read_text().split()] == pytest.approx(
        [float(word) for word in text.split()], abs=1e-5
    )
    boxes_to_masks(tmp_path / 'in', tmp_path / 'redone', MaskOptions(redo=True, previews=0))
    assert (tmp_path / 'redone' / name).read_text() != (tmp_path / 'kept' / name).read_text()


def write_models(folder, **decoder):
    encoder = graphs.nchw_encoder(folder / 'e.onnx')
    decoder = graphs.sam_decoder(folder / 'd.onnx', **decoder)
    return ['--segmenter', 'sam', '--encoder', encoder, '--decoder', decoder]


def test_sam_models_work_through_the_command(tmp_path):
    """The tiny models draw their box where the image is red; blobs are, the others are not."""
    truth = scenes.write_set(tmp_path / 'in', SIZES, ('blob', 'ring'))
    out = tmp_path / 'out'
    assert run(tmp_path / 'in', *write_models(tmp_path), '-o', out, '--previews', 0) == 0
    assert {line['instance'] for line in read_fallbacks(out)} == {'2'}
    for name, things in truth.items():
        (_, drawn), _ = shapes(out, name)
        assert scenes.iou(drawn, things[0][1]) > 0.8


def test_a_failing_model_ends_the_work_and_loses_nothing(tmp_path, capsys):
    scenes.write_set(tmp_path / 'in', SIZES)
    models = write_models(tmp_path, outputs=('masks', 'iou_predictions'), full=no_size)
    assert run(tmp_path / 'in', *models, '-o', tmp_path / 'out', '--jobs', 1) == 1
    assert 'ONNX Runtime failed in the decoder' in capsys.readouterr().err
    assert not (tmp_path / 'out/manifest.jsonl').exists()


def no_size(g, low_res, candidates):
    """Ask for a shape that the masks cannot have."""
    return g.op('Reshape', low_res, np.array([candidates, 7, 7, 7], np.int64))


@pytest.mark.parametrize(
    ('change', 'reason'),
    [
        ({'segmenter': 'magic'}, "segmenter is 'magic', expected one of grabcut, sam"),
        ({'format': 'voc'}, "format is 'voc', expected one of auto"),
        ({'epsilon_px': -1.0}, 'epsilon_px is -1'),
        ({'min_area_px': float('nan')}, 'min_area_px is nan'),
        ({'previews': -3}, 'previews is -3'),
    ],
)
def test_options_that_make_no_sense_are_refused(change, reason):
    with pytest.raises(DataError, match=reason):
        MaskOptions(**change)


def test_missing_models_and_images_are_explained(tmp_path):
    scenes.write_set(tmp_path / 'in', ((100, 80),))
    sam = MaskOptions(segmenter='sam', encoder=tmp_path / 'no.onnx', decoder=tmp_path / 'd.onnx')
    with pytest.raises(ModelError, match='No model file'):
        boxes_to_masks(tmp_path / 'in', tmp_path / 'out', sam)
    with pytest.raises(DataError, match=r'--images FOLDER'):
        boxes_to_masks(tmp_path / 'in/labels', tmp_path / 'out')
    with pytest.raises(DataError, match='lies in the input'):
        boxes_to_masks(tmp_path / 'in', tmp_path / 'in/out')
    assert not (tmp_path / 'out').exists()
