"""Folders of images: names, labels, formats and manifests on their way through a model."""

import numpy as np
import pytest
import translation_cases as cases

from sim2real_ros.errors import BackendError, ConfigError, DataError
from sim2real_ros.files import ManifestRecord, OutputJob, read_manifest, sha256_of_bytes
from sim2real_ros.runtime.translator import Translator
from sim2real_ros.translation import TranslateOptions, plan_translation, translate


@pytest.fixture
def negative(tmp_path):
    return cases.negative(tmp_path)


def options(model, **changes):
    return TranslateOptions(str(model), **changes)


def test_tree_of_images_keeps_its_names_and_formats(tmp_path, negative):
    source, output = tmp_path / 'in', tmp_path / 'out'
    names = ('a.png', 'x/b.jpg', 'x/y/c.webp', 'x/y/d.bmp', 'E.PNG', 'f.jpeg')
    for seed, name in enumerate(names):
        cases.write_image(source / name, cases.smooth_image(seed=seed))
    (source / 'notes.md').write_text('not copied')
    report = translate(source, output, options(negative))
    assert report.translated == len(names)
    assert not report.problems
    assert sorted(cases.tree(output)) == sorted([*names, 'manifest.jsonl'])
    for name in names:
        before, after = cases.read_image(source / name), cases.read_image(output / name)
        limit = 0 if name.lower().endswith(('png', 'bmp')) else 16
        assert np.abs(255 - before.astype(int) - after).max() <= limit, name
        assert (output / name).read_bytes()[:3] == (source / name).read_bytes()[:3]


def test_result_is_that_of_the_translator_frame_by_frame(tmp_path):
    source = tmp_path / 'in'
    for seed in range(6):
        cases.write_image(source / f'{seed}.png', cases.random_image(33, 21, seed))
    translate(source, tmp_path / 'out', options(cases.COLOUR, jobs=3))
    translator = Translator.load(cases.COLOUR)
    for seed in range(6):
        expected = translator.translate(cases.random_image(33, 21, seed))
        np.testing.assert_array_equal(cases.read_image(tmp_path / f'out/{seed}.png'), expected)


def test_identity_keeps_every_byte_of_every_kind_of_file(tmp_path):
    source = tmp_path / 'in'
    rgb = cases.random_image()
    alpha = np.dstack([rgb, rgb[..., 0]])
    cases.write_image(source / 'rgb.png', rgb)
    cases.write_image(source / 'rgba.png', alpha)
    cases.write_image(source / 'grey.png', rgb[..., 0])
    cases.write_image(source / 'grey16.png', rgb[..., 0].astype(np.uint16) * 250)
    cases.write_image(source / 'grey.jpg', rgb[..., 0])
    cases.write_image(source / 'colour.jpg', rgb)
    cases.write_image(source / 'colour.webp', rgb)
    cases.write_image(source / 'colour.bmp', rgb)
    translate(source, tmp_path / 'out', options('identity'))
    result = cases.tree(tmp_path / 'out')
    del result['manifest.jsonl']
    assert result == cases.tree(source)


def test_grey_alpha_and_16_bits_stay_what_they_are(tmp_path, negative):
    source, output = tmp_path / 'in', tmp_path / 'out'
    rgb = cases.random_image()
    grey16 = rgb[..., 0].astype(np.uint16) * 257
    cases.write_image(source / 'rgba.png', np.dstack([rgb, rgb[..., 1]]))
    cases.write_image(source / 'grey.png', rgb[..., 0])
    cases.write_image(source / 'grey16.png', grey16)
    translate(source, output, options(negative))
    expected = np.dstack([255 - rgb, rgb[..., 1]])
    np.testing.assert_array_equal(cases.read_image(output / 'rgba.png'), expected)
    np.testing.assert_array_equal(cases.read_image(output / 'grey.png'), 255 - rgb[..., 0])
    np.testing.assert_array_equal(cases.read_image(output / 'grey16.png'), 65535 - grey16)


def test_half_translated_grey16_keeps_the_low_bytes_of_the_other_half(tmp_path, negative):
    values = np.random.default_rng(3).integers(0, 65536, (6, 8), dtype=np.uint16)
    source = cases.write_image(tmp_path / 'in' / 'a.png', values).parent
    translate(source, tmp_path / 'out', options(negative, roi=(0, 0, 0.5, 1)))
    result = cases.read_image(tmp_path / 'out' / 'a.png')
    np.testing.assert_array_equal(result[:, 4:], values[:, 4:])
    assert (result[:, :4] != values[:, :4]).all()


def test_format_can_be_chosen(tmp_path, negative):
    source, output = tmp_path / 'in', tmp_path / 'out'
    rgb = cases.smooth_image()
    cases.write_image(source / 'a.jpg', rgb)
    cases.write_image(source / 'grey16.png', rgb[..., 0].astype(np.uint16) * 257)
    cases.write_image(source / 'rgba.png', np.dstack([rgb, rgb[..., 1]]))
    translate(source, output, options(negative, image_format='jpg'))
    assert sorted(cases.tree(output)) == ['a.jpg', 'grey16.jpg', 'manifest.jsonl', 'rgba.jpg']
    assert cases.read_image(output / 'grey16.jpg').shape == (48, 64)
    assert np.abs(cases.read_image(output / 'rgba.jpg') - (255.0 - rgb)).max() < 16
    low = tmp_path / 'low'
    translate(source, low, options(negative, image_format='webp', quality=5))
    assert (low / 'a.webp').read_bytes()[8:12] == b'WEBP'


def test_two_images_of_one_name_are_refused_before_anything_is_written(tmp_path, negative):
    source = tmp_path / 'in'
    cases.write_image(source / 'a.png', cases.random_image())
    cases.write_image(source / 'a.jpg', cases.random_image())
    with pytest.raises(DataError, match=r"would both become 'a\.png'"):
        translate(source, tmp_path / 'out', options(negative, image_format='png'))
    assert not (tmp_path / 'out').exists()


def test_labels_masks_and_calibration_are_copied(tmp_path, negative):
    source, output = tmp_path / 'in', tmp_path / 'out'
    cases.write_image(source / 'images/d/a.png', cases.random_image())
    cases.write_image(source / 'images/b.png', cases.random_image(seed=1))
    cases.write_image(source / 'masks/d/a.png', cases.random_image()[..., 0])
    extra = {
        'labels/d/a.txt': '0 .5 .5 .1 .1\n',
        'labels/orphan.txt': '',
        'classes.txt': 'duck\n',
        'data.yaml': 'nc: 1\n',
        'camera_info/cam.yaml': 'image_width: 8\n',
    }
    for name, text in extra.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(text)
    translate(source, output, options(negative))
    before, after = cases.tree(source), cases.tree(output)
    for name in (*extra, 'masks/d/a.png'):
        assert after[name] == before[name]
    manifest = read_manifest(output)
    assert [r.labels for r in manifest.records] == [(), ('labels/d/a.txt', 'masks/d/a.png')]
    assert set(manifest.files) == {*extra} - {'labels/d/a.txt'}


def test_only_some_images_and_their_labels(tmp_path, negative):
    source, output = tmp_path / 'in', tmp_path / 'out'
    for folder in ('trainA', 'trainB'):
        cases.write_image(source / folder / 'a.png', cases.random_image())
        (source / 'labels' / folder).mkdir(parents=True)
        (source / 'labels' / folder / 'a.txt').write_text(folder)
    (source / 'classes.txt').write_text('duck\n')
    translate(source, output, options(negative, only=('trainA',)))
    assert sorted(cases.tree(output)) == [
        'classes.txt',
        'labels/trainA/a.txt',
        'manifest.jsonl',
        'trainA/a.png',
    ]
    with pytest.raises(DataError, match=r'No image that trainC/\* chooses'):
        translate(source, tmp_path / 'none', options(negative, only=('trainC/*',)))


def write_set(folder):
    """Write a data set with a manifest, a label and a sheet."""
    rgb = cases.write_image(folder.parent / 'frame.png', cases.random_image()).read_bytes()
    with OutputJob(folder, 'extract-frames', {}, []) as job:
        saved = job.save('images/cam/7.png', rgb)
        job.save('labels/cam/7.txt', b'0 .5 .5 .1 .1\n')
        record = ManifestRecord(
            **saved, size=(8, 6), source='drive.bag', topic='/cam', index=7, stamp_ns=123,
            recorded_ns=124, frame_id='optical', encoding='bgr8', original_size=(16, 12),
            placement='stretch', camera_info='camera_info/cam.yaml', perceptual_hash='0' * 16,
            labels=('labels/cam/7.txt',), domain='sim', subset='train', sequence='d1',
        )  # fmt: skip
        job.commit('7', [record])
        job.save_extra('sheet.png', rgb)
        job.save_extra('camera_info/cam.yaml', b'image_width: 8\n')
        job.finish()
    return record


def test_manifest_keeps_what_was_known_and_adds_the_model(tmp_path, negative):
    record = write_set(tmp_path / 'in')
    translate(tmp_path / 'in', tmp_path / 'out', options(negative))
    found = read_manifest(tmp_path / 'out').records[0]
    for name in ('source', 'topic', 'index', 'stamp_ns', 'recorded_ns', 'frame_id', 'encoding',
                 'original_size', 'placement', 'camera_info', 'labels', 'domain', 'subset',
                 'sequence', 'size', 'file'):  # fmt: skip
        assert getattr(found, name) == getattr(record, name), name
    content = (tmp_path / 'out/images/cam/7.png').read_bytes()
    assert (found.sha256, found.bytes) == (sha256_of_bytes(content), len(content))
    assert found.parent_sha256 == record.sha256
    assert found.model == 'negative'
    assert found.model_sha256 == sha256_of_bytes(negative.read_bytes())
    assert found.perceptual_hash == ''
    # A sheet is no image of the set.
    assert sorted(cases.tree(tmp_path / 'out')) == [
        'camera_info/cam.yaml', 'images/cam/7.png', 'labels/cam/7.txt', 'manifest.jsonl',
    ]  # fmt: skip


def test_images_without_a_manifest_name_their_source(tmp_path, negative):
    source = cases.write_image(tmp_path / 'in' / 'x' / 'a.png', cases.random_image()).parents[1]
    translate(source, tmp_path / 'out', options(negative))
    record = read_manifest(tmp_path / 'out').records[0]
    assert (record.source, record.source_name) == (str(source), 'x/a.png')
    assert record.size == (8, 6)


def test_a_single_image_is_a_folder_of_one(tmp_path, negative):
    rgb = cases.random_image()
    source = cases.write_image(tmp_path / 'a.png', rgb)
    cases.write_image(tmp_path / 'other.png', rgb)
    translate(source, tmp_path / 'out', options(negative))
    assert sorted(cases.tree(tmp_path / 'out')) == ['a.png', 'manifest.jsonl']
    np.testing.assert_array_equal(cases.read_image(tmp_path / 'out/a.png'), 255 - rgb)


def test_unreadable_images_are_left_out_and_told(tmp_path, negative):
    source, output = tmp_path / 'in', tmp_path / 'out'
    good = cases.write_image(source / 'good.png', cases.random_image()).read_bytes()
    (source / 'cut.png').write_bytes(good[:-20])
    (source / 'empty.png').write_bytes(b'')
    (source / 'text.jpg').write_text('no image')
    (source / 'huge.bmp').write_bytes(b'BM' + bytes(16) + b'\xff\xff\xff\x7f' * 2 + bytes(40))
    cases.write_image(source / 'rgb16.png', cases.random_image().astype(np.uint16))
    report = translate(source, output, options(negative))
    assert report.translated == 1
    reasons = dict(problem.split(': ', 1) for problem in report.problems)
    assert set(reasons) == {'cut.png', 'empty.png', 'text.jpg', 'huge.bmp', 'rgb16.png'}
    assert '16' in reasons['rgb16.png']
    assert sorted(cases.tree(output)) == ['good.png', 'manifest.jsonl']
    again = translate(source, output, options(negative))
    assert again.was_complete
    assert again.problems == report.problems


def test_images_that_the_model_cannot_take_are_left_out(tmp_path):
    source = tmp_path / 'in'
    cases.write_image(source / 'a.png', cases.random_image(8, 6))
    cases.write_image(source / 'b.png', cases.random_image(5, 5))
    report = translate(source, tmp_path / 'out', options(cases.choosy(tmp_path)))
    assert report.translated == 1
    assert report.problems[0].startswith('b.png: ONNX Runtime failed')


def test_a_model_that_never_works_ends_the_run(tmp_path):
    source = cases.write_image(tmp_path / 'in' / 'a.png', cases.random_image(5, 5)).parent
    with pytest.raises(BackendError, match='ONNX Runtime failed'):
        translate(source, tmp_path / 'out', options(cases.choosy(tmp_path)))


@pytest.mark.parametrize('strange', ['a\\b.png', 'ü ñ\n.png', '-rf.png', '$(x);.png', '..png'])
def test_strange_names_stay_inside(tmp_path, negative, strange):
    source, output = tmp_path / 'in', tmp_path / 'out'
    cases.write_image(source / 'good.png', cases.random_image())
    (source / strange).write_bytes((source / 'good.png').read_bytes())
    report = translate(source, output, options(negative))
    written = set(cases.tree(output)) - {'manifest.jsonl', 'good.png'}
    refused = '\\' in strange or strange.startswith('.')
    assert written == (set() if refused else {strange})
    assert bool(report.problems) == ('\\' in strange)


def test_undecodable_name_of_the_folder_itself_is_no_trouble(tmp_path, negative):
    source = tmp_path / b'in\xff'.decode('utf-8', 'surrogateescape')
    cases.write_image(source / 'a.png', cases.random_image())
    assert not translate(source, tmp_path / 'out', options(negative)).problems
    record = read_manifest(tmp_path / 'out').records[0]
    assert record.source == str(tmp_path) + '/in\\udcff'


def test_undecodable_name_is_refused_by_name(tmp_path, negative):
    source = cases.write_image(tmp_path / 'in' / 'a.png', cases.random_image()).parent
    bad = source / b'\xff.png'.decode('utf-8', 'surrogateescape')
    bad.write_bytes((source / 'a.png').read_bytes())
    report = translate(source, tmp_path / 'out', options(negative))
    assert report.translated == 1
    assert 'undecodable' in report.problems[0]


@pytest.mark.parametrize('output', ['in', 'in/out'])
def test_source_is_never_written_to(tmp_path, negative, output):
    source = cases.write_image(tmp_path / 'in' / 'a.png', cases.random_image()).parent
    before = cases.tree(source)
    with pytest.raises(DataError, match='lies inside'):
        translate(source, tmp_path / output, options(negative, force=True))
    assert cases.tree(source) == before


def test_looking_writes_nothing(tmp_path, negative):
    source = cases.write_image(tmp_path / 'in' / 'a.png', cases.random_image()).parent
    plan = plan_translation(source, tmp_path / 'out', options(negative))
    assert plan.total == 1
    assert '1 images' in plan.describe()[0]
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize(
    ('change', 'reason'),
    [
        ({'strength': 2.0}, 'strength must lie in'),
        ({'roi': (0.5, 0, 0.6, 1)}, 'roi must lie inside'),
        ({'quality': 0}, r'quality must lie in 1\.\.100'),
        ({'image_format': 'gif'}, "Unknown image format 'gif'"),
        ({'output_size': 'huge'}, "output_size is 'huge'"),
        ({'on_failure': 'pray'}, "on_failure is 'pray'"),
        ({'jobs': 0}, 'jobs must be 1 or more'),
    ],
)
def test_options_are_checked(change, reason):
    with pytest.raises(ConfigError, match=reason):
        options('identity', **change)


def test_folder_refuses_the_size_of_the_model(tmp_path, negative):
    source = cases.write_image(tmp_path / 'in' / 'a.png', cases.random_image()).parent
    with pytest.raises(DataError, match='resize-images'):
        translate(source, tmp_path / 'out', options(negative, output_size='model'))


def test_missing_things_are_named(tmp_path, negative):
    with pytest.raises(DataError, match='does not exist'):
        translate(tmp_path / 'nothing', tmp_path / 'out', options(negative))
    (tmp_path / 'a.xyz').write_text('')
    with pytest.raises(DataError, match='cannot be translated'):
        translate(tmp_path / 'a.xyz', tmp_path / 'out', options(negative))
    with pytest.raises(ConfigError, match=r'there are: .*colour_transfer_duckietown, identity'):
        translate(tmp_path / 'a.xyz', tmp_path / 'out', options('identiy'))


def test_pictures_of_other_formats_are_not_passed_over_in_silence(tmp_path, negative):
    source = tmp_path / 'in'
    cases.write_image(source / 'a.png', cases.random_image())
    for name in ('b.tif', 'c.PPM', 'masks/d.tif', 'notes.txt'):
        (source / name).parent.mkdir(exist_ok=True)
        (source / name).write_bytes(b'x')
    report = translate(source, tmp_path / 'out', TranslateOptions(str(negative)))
    assert [each.split(':')[0] for each in report.problems] == ['b.tif', 'c.PPM']
    assert 'convert it to one of .png' in report.problems[0]
    only = TranslateOptions(str(negative), only=('*.png',))
    assert translate(source, tmp_path / 'only', only).problems == ()


@pytest.mark.parametrize('folder', ['mask', 'Masks', 'a/label'])
def test_folders_of_masks_are_never_translated(tmp_path, negative, folder):
    source = tmp_path / 'in'
    cases.write_image(source / 'rgb/a.png', cases.random_image())
    mask = cases.write_image(source / folder / 'a.png', cases.random_image(seed=1))
    report = translate(source, tmp_path / 'out', TranslateOptions(str(negative)))
    assert report.translated == 1
    assert (tmp_path / 'out' / folder / 'a.png').read_bytes() == mask.read_bytes()


def test_labels_that_lie_above_the_folder_are_mentioned(tmp_path, negative):
    cases.write_image(tmp_path / 'set/images/train/a.png', cases.random_image())
    source = tmp_path / 'set/images'
    report = translate(source, tmp_path / 'bare', TranslateOptions(str(negative)))
    assert report.notes == ()
    (tmp_path / 'set/labels/train').mkdir(parents=True)
    (tmp_path / 'set/labels/train/a.txt').write_text('0 .5 .5 .1 .1\n')
    plan = plan_translation(source, tmp_path / 'out', TranslateOptions(str(negative)))
    (note,) = plan.run().notes
    assert note in plan.describe()
    assert note.endswith(f"translate '{tmp_path / 'set'}' with --only 'images'")
    whole = TranslateOptions(str(negative), only=('images',))
    assert translate(tmp_path / 'set', tmp_path / 'whole', whole).notes == ()
    assert (tmp_path / 'whole/labels/train/a.txt').is_file()


@pytest.mark.parametrize(
    ('text', 'place'),
    [
        ('path: /data/set\ntrain: images\n', '/data/set'),
        ('train: /data/a\n', '/data/a'),
        ('path: .\ntrain: images\n', ''),
        ('- 1', ''),
        ('{', ''),
        ('[' * 5000, ''),
    ],
)
def test_data_yaml_that_leads_to_the_originals_is_mentioned(tmp_path, negative, text, place):
    cases.write_image(tmp_path / 'in/images/a.png', cases.random_image())
    (tmp_path / 'in/data.yaml').write_text(text)
    report = translate(tmp_path / 'in', tmp_path / 'out', TranslateOptions(str(negative)))
    found = [note for note in report.notes if f'names {place!r}: trainers would' in note]
    assert (len(report.notes), len(found)) == ((1, 1) if place else (0, 0))
    assert (tmp_path / 'out/data.yaml').read_text() == text
