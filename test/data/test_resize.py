"""resize_images: images, manifests, camera_info, names."""

import cv2
import numpy as np
import pytest
from extract_cases import names_in, picture, read_rgb, simple_bag, tree

from sim2real_ros import cli
from sim2real_ros.camera_model import (
    camera_info_from_yaml,
    camera_info_to_yaml,
    place_camera_info,
)
from sim2real_ros.data.extraction import ExtractOptions, extract_frames
from sim2real_ros.data.resizing import ResizeOptions, resize_images
from sim2real_ros.errors import DataError
from sim2real_ros.files import read_manifest, sha256_of_file
from sim2real_ros.image import place, place_image

NAMES = ('a.png', 'deep/b.png', 'deep/er/c d.png', 'ü.png')


def write_image(path, rgb):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), rgb[..., ::-1])


@pytest.fixture
def folder(tmp_path):
    for number, name in enumerate(NAMES):
        write_image(tmp_path / 'in' / name, picture(number))
    return tmp_path / 'in'


@pytest.mark.parametrize('fit', ['stretch', 'letterbox', 'crop'])
def test_a_tree_keeps_its_names_and_is_fitted_as_asked(tmp_path, folder, fit):
    options = ResizeOptions(size=(30, 40), fit=fit)
    manifest = resize_images(folder, tmp_path / 'out', options)
    assert [r.file for r in manifest.records] == list(NAMES)
    assert names_in(tmp_path / 'out') == sorted([*NAMES, 'manifest.jsonl'])
    placement = place((64, 48), (30, 40), fit)
    for number, record in enumerate(manifest.records):
        expected = place_image(picture(number), placement)
        assert np.array_equal(read_rgb(tmp_path / 'out' / record.file), expected)
        assert record.parent_sha256 == sha256_of_file(folder / record.file)
        assert (record.size, record.original_size, record.placement) == ((30, 40), (64, 48), fit)
        assert (record.source, record.source_name) == (str(folder), record.file)


def test_the_default_size_is_512x384(tmp_path, folder):
    manifest = resize_images(folder, tmp_path / 'out')
    assert {r.size for r in manifest.records} == {(512, 384)}


def test_what_needs_no_change_is_copied_byte_for_byte(tmp_path, folder):
    cv2.imwrite(str(folder / 'j.jpg'), picture(9), [cv2.IMWRITE_JPEG_QUALITY, 50])
    cv2.imwrite(str(folder / 'alpha.png'), np.full((48, 64, 4), 9, np.uint8))
    manifest = resize_images(folder, tmp_path / 'out', ResizeOptions(size=(64, 48)))
    assert len(manifest.records) == len(NAMES) + 2
    for record in manifest.records:
        assert (tmp_path / 'out' / record.file).read_bytes() == (folder / record.file).read_bytes()
        assert record.placement == ''
    again = resize_images(folder, tmp_path / 'q', ResizeOptions(size=(64, 48), quality=95))
    by_name = {r.file: r for r in again.records}
    assert by_name['j.jpg'].sha256 != by_name['j.jpg'].parent_sha256


@pytest.mark.parametrize('image_format', ['png', 'jpg', 'webp'])
def test_other_formats_change_the_suffix_and_never_collide(tmp_path, image_format):
    suffixes = ['.png', '.jpg', '.jpeg', '.webp', '.bmp']
    for number, suffix in enumerate(suffixes):
        write_image(tmp_path / 'in' / f'a{suffix}', picture(number))
    options = ResizeOptions(size=None, format=image_format)
    manifest = resize_images(tmp_path / 'in', tmp_path / 'out', options)
    assert len({r.file for r in manifest.records}) == 5
    assert {r.source_name for r in manifest.records} == {f'a{suffix}' for suffix in suffixes}
    for record in manifest.records:
        number = suffixes.index(record.source_name[1:])
        found = read_rgb(tmp_path / 'out' / record.file)
        assert np.abs(found.astype(int) - picture(number)).mean() < 8
    same = resize_images(tmp_path / 'in', tmp_path / 'same', ResizeOptions(size=(32, 24)))
    assert sorted(r.file for r in same.records) == sorted(
        ['a.png', 'a.jpg', 'a.jpeg', 'a.webp', 'a-2.png']
    )


def test_grey_becomes_rgb_alpha_is_dropped_and_16_bits_are_left_out(tmp_path):
    folder = tmp_path / 'in'
    folder.mkdir()
    cv2.imwrite(str(folder / 'grey.png'), np.full((48, 64), 9, np.uint8))
    cv2.imwrite(str(folder / 'alpha.png'), np.full((48, 64, 4), (3, 2, 1, 0), np.uint8))
    cv2.imwrite(str(folder / 'depth.png'), np.full((48, 64), 900, np.uint16))
    (folder / 'broken.png').write_bytes(b'\x89PNG\r\n\x1a\n')
    manifest = resize_images(folder, tmp_path / 'out', ResizeOptions(size=(32, 24)))
    assert {r.file: r.encoding for r in manifest.records} == {
        'alpha.png': 'bgra8', 'grey.png': 'mono8',
    }  # fmt: skip
    for name, colour in (('grey', [9, 9, 9]), ('alpha', [1, 2, 3])):
        found = cv2.imread(str(tmp_path / f'out/{name}.png'), cv2.IMREAD_UNCHANGED)
        assert found.shape == (24, 32, 3)
        assert found[0, 0, ::-1].tolist() == colour
    assert {o.where: '16 bits' in o.reason for o in manifest.omissions} == {
        'broken.png': False, 'depth.png': True,
    }  # fmt: skip


def test_the_manifest_of_the_input_is_carried_on(tmp_path):
    bag = simple_bag(tmp_path / 'drive', 3)
    extract_frames([bag], tmp_path / 'in', ExtractOptions(size=None))
    before = read_manifest(tmp_path / 'in')
    (tmp_path / 'in/images/000001.png').write_bytes(
        (tmp_path / 'in/images/000002.png').read_bytes()
    )
    options = ResizeOptions(size=(32, 32), fit='letterbox', format='jpg')
    manifest = resize_images(tmp_path / 'in', tmp_path / 'out', options)
    for old, new in zip(before.records, manifest.records, strict=True):
        changed = old.file == 'images/000001.png'
        assert new.file == old.file.replace('.png', '.jpg')
        assert new.original_size == (64, 48)
        assert new.placement == 'letterbox'
        assert new.parent_sha256 == sha256_of_file(tmp_path / 'in' / old.file)
        assert new.camera_info == ('' if changed else old.camera_info)
        for field in ('source', 'topic', 'stamp_ns', 'recorded_ns', 'frame_id', 'sequence'):
            kept = getattr(old, field) == getattr(new, field)
            assert kept is (not changed), field
    assert [o.where for o in manifest.omissions] == ['images/000001.png']
    assert 'differs from its line in the manifest' in manifest.omissions[0].reason

    again = resize_images(tmp_path / 'out', tmp_path / 'crop', ResizeOptions((20, 30), 'crop'))
    assert again.records[0].placement == 'letterbox+crop'
    assert again.records[0].topic == '/cam/image_raw'
    twice = resize_images(tmp_path / 'crop', tmp_path / 'same', ResizeOptions(None))
    assert twice.records[0].placement == 'letterbox+crop'


@pytest.mark.parametrize('fit', ['stretch', 'letterbox', 'crop'])
def test_camera_info_is_resized_along(tmp_path, fit):
    bag = simple_bag(tmp_path / 'drive', 1)
    extract_frames([bag], tmp_path / 'in', ExtractOptions(size=None))
    (tmp_path / 'in/camera_info/notes.yaml').write_text('hello: world')
    manifest = resize_images(tmp_path / 'in', tmp_path / 'out', ResizeOptions((50, 90), fit))
    name = 'camera_info/cam_image_raw.yaml'
    before, after = (
        camera_info_from_yaml((tmp_path / folder / name).read_text()) for folder in ('in', 'out')
    )
    placement = place((64, 48), (50, 90), fit)
    points = placement.map_points(np.array([[before.k[2], before.k[5]]]))
    np.testing.assert_allclose([after.k[2], after.k[5]], points[0])
    assert (after.width, after.height, after.name) == (50, 90, before.name)
    assert list(manifest.files) == [name]
    assert [o.where for o in manifest.omissions] == ['camera_info/notes.yaml']


def test_images_lose_a_camera_info_that_was_not_taken_along_or_is_not_theirs(tmp_path):
    for name, size in (('damaged', (64, 48)), ('other', (32, 24))):
        folder, out = tmp_path / name, tmp_path / f'{name}_out'
        extract_frames(
            [simple_bag(tmp_path / f'{name}_bag', 1)], folder, ExtractOptions(size=None)
        )
        file = folder / 'camera_info/cam_image_raw.yaml'
        if name == 'damaged':
            file.write_text('hello: world')
        else:
            small = place_camera_info(
                camera_info_from_yaml(file.read_text()), place((64, 48), size, 'stretch')
            )
            file.write_text(camera_info_to_yaml(small))
        (record,) = resize_images(folder, out, ResizeOptions((50, 90))).records
        assert record.stamp_ns is not None
        assert record.camera_info == ''


def test_a_damaged_manifest_stops_before_anything_is_written(tmp_path, folder):
    (folder / 'manifest.jsonl').write_text('{"manifest": "other"}\n')
    with pytest.raises(DataError, match='is no manifest'):
        resize_images(folder, tmp_path / 'out')
    assert not (tmp_path / 'out').exists()


def test_hidden_files_pipes_and_folders_are_no_images(tmp_path, folder):
    import os

    (folder / 'folder.png').mkdir()
    os.mkfifo(folder / 'pipe.png')
    (folder / '.hidden.png').write_bytes(b'x')
    (folder / '.cache').mkdir()
    (folder / '.cache/x.png').write_bytes(b'x')
    (folder / 'back\\slash.png').write_bytes(b'x')
    manifest = resize_images(folder, tmp_path / 'out')
    assert [r.file for r in manifest.records] == list(NAMES)
    (omission,) = manifest.omissions
    assert omission.where == 'back\\slash.png'


@pytest.mark.parametrize(
    ('source', 'output', 'message'),
    [
        ('missing', 'out', 'is no folder'),
        ('in/a.png', 'out', 'is no folder'),
        ('empty', 'out', 'No images in'),
        ('in', 'in', 'lies in the input'),
        ('in', 'in/out', 'lies in the input'),
    ],
)
def test_unusable_folders_are_refused(tmp_path, folder, source, output, message):
    (tmp_path / 'empty').mkdir()
    before = tree(tmp_path)
    with pytest.raises(DataError, match=message):
        resize_images(tmp_path / source, tmp_path / output)
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'fit': 'squeeze'}, 'fit is'),
        ({'format': 'gif'}, 'unknown image format'),
        ({'format': 'png', 'quality': 50}, 'png is lossless'),
        ({'quality': 0}, 'expected 1 to 100'),
        ({'size': (0, 3)}, 'each side must be'),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message):
    with pytest.raises(DataError, match=message):
        ResizeOptions(**options)


def test_the_command_and_its_exit_codes(tmp_path, folder, capsys):
    def run(*arguments):
        return cli.main(['resize-images', *map(str, arguments)])

    out = tmp_path / 'out'
    assert run(folder, '-o', out, '--dry-run') == 0
    assert '4 images with 0 label files' in capsys.readouterr().out
    assert not out.exists()
    assert run(folder, '-o', out, '--size', '32x24', '--fit', 'crop', '--jobs', 1) == 0
    assert capsys.readouterr().out == f'4 images in {out}\n'
    assert run(folder, '-o', out, '--size', '32x25') == 1
    assert '--force' in capsys.readouterr().err
    (folder / 'z.png').write_bytes(b'')
    assert run(folder, '-o', out, '--size', 'original', '--format', 'jpg', '--force') == 3
    assert 'left out z.png' in capsys.readouterr().err
    assert run(folder, '-o', out, '--size', '5') == 2
    assert run(folder) == 2
    assert len(read_manifest(out).records) == 4
