"""resize-images: labels and masks go where the pixels go; accidents."""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from extract_cases import journal_lines, names_in, picture, tree

from sim2real_ros.data.resizing import ResizeOptions, resize_images
from sim2real_ros.files import sha256_of_file
from sim2real_ros.image import place, place_mask
from sim2real_ros.image.encode_file import encode_mask
from sim2real_ros.image.palette_png import decode_ids, palette_of, with_palette

ROOT = Path(__file__).parents[2]


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, np.ndarray):
        assert cv2.imwrite(str(path), content)
    else:
        path.write_text(content)


def data_set(folder, size=(64, 48), count=1):
    width, height = size
    for number in range(count):
        name = f'drive/{number:03d}'
        write(folder / f'images/{name}.png', picture(number, size))
        mask = np.zeros((height, width), np.uint8)
        mask[10:20, 20:40], mask[30:, :10] = 3, 200
        write(folder / f'masks/{name}.png', mask)
        # A box of class 3 around the first part of the mask, the same as polygon, one at the edge.
        write(
            folder / f'labels/{name}.txt',
            f'3 {30 / width} {15 / height} {20 / width} {10 / height}\n'
            f'4 {20 / width} {10 / height} {40 / width} {10 / height} {40 / width} '
            f'{20 / height} {20 / width} {20 / height}\n'
            f'5 {2 / width} 0.5 {4 / width} 0.5\n',
        )
    write(folder / 'classes.txt', 'a\nb\nc\nd\ne\nf\n')
    return folder


def lines_of(folder, name='drive/000'):
    return [
        [float(word) for word in line.split()]
        for line in (folder / f'labels/{name}.txt').read_text().splitlines()
    ]


def box_px(line, size):
    x, y, w, h = np.array(line[1:]) * (*size, *size)
    return [x - w / 2, y - h / 2, x + w / 2, y + h / 2]


@pytest.mark.parametrize('fit', ['letterbox', 'crop'])
@pytest.mark.parametrize('size', [(64, 64), (96, 48), (20, 50)])
def test_boxes_polygons_and_masks_follow_the_pixels(tmp_path, fit, size):
    folder = data_set(tmp_path / 'in')
    manifest = resize_images(folder, tmp_path / 'out', ResizeOptions(size, fit))
    assert manifest.omissions == ()
    (record,) = manifest.records
    assert record.labels == ('labels/drive/000.txt', 'masks/drive/000.png')
    placement = place((64, 48), size, fit)
    x0, y0 = placement.map_points(np.array([20.0, 10.0])).tolist()
    x1, y1 = placement.map_points(np.array([40.0, 20.0])).tolist()
    expected = [max(x0, 0), max(y0, 0), min(x1, size[0]), min(y1, size[1])]
    by_class = {int(line[0]): line for line in lines_of(tmp_path / 'out')}
    np.testing.assert_allclose(box_px(by_class[3], size), expected, atol=1e-3)
    corners = np.reshape(by_class[4][1:], (-1, 2)) * size
    np.testing.assert_allclose([*corners.min(0), *corners.max(0)], expected, atol=1e-3)
    mask = cv2.imread(str(tmp_path / 'out/masks/drive/000.png'), cv2.IMREAD_UNCHANGED)
    original = cv2.imread(str(folder / 'masks/drive/000.png'), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(mask, place_mask(original, placement))
    # Mask and box are about the same pixels.
    rows, columns = np.nonzero(mask == 3)
    found = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    np.testing.assert_allclose(found, expected, atol=1)


def test_what_is_cropped_away_vanishes_and_what_is_cut_is_clipped(tmp_path):
    folder = data_set(tmp_path / 'in')
    resize_images(folder, tmp_path / 'out', ResizeOptions((24, 48), 'crop'))
    # The crop takes x from 20 to 44: class 5, at x 0 to 4, is outside.
    assert [int(line[0]) for line in lines_of(tmp_path / 'out')] == [3, 4]
    resize_images(folder, tmp_path / 'narrow', ResizeOptions((12, 48), 'crop'))
    # Here from 26 to 38: of 20 to 40 the whole width is left.
    line = lines_of(tmp_path / 'narrow')[0]
    np.testing.assert_allclose(box_px(line, (12, 48)), [0, 10, 12, 20], atol=1e-3)


def test_stretching_keeps_label_files_as_they_are(tmp_path):
    folder = data_set(tmp_path / 'in')
    path = folder / 'labels/drive/000.txt'
    path.write_text(path.read_text() + 'my notes 1 2\n')
    manifest = resize_images(folder, tmp_path / 'out', ResizeOptions((13, 77)))
    assert (tmp_path / 'out/labels/drive/000.txt').read_bytes() == path.read_bytes()
    assert manifest.omissions == ()


def test_unreadable_lines_are_left_out_and_said(tmp_path):
    folder = data_set(tmp_path / 'in')
    path = folder / 'labels/drive/000.txt'
    path.write_text('x y z\n' + path.read_text() + '1 nan 0 0 0\n')
    manifest = resize_images(folder, tmp_path / 'out', ResizeOptions((64, 64), 'letterbox'))
    assert [o.where for o in manifest.omissions] == [
        'labels/drive/000.txt line 1', 'labels/drive/000.txt line 5',
    ]  # fmt: skip
    assert len(lines_of(tmp_path / 'out')) == 3


def test_an_empty_label_file_stays_and_strays_are_said(tmp_path):
    folder = data_set(tmp_path / 'in')
    write(folder / 'images/empty.png', picture(5))
    write(folder / 'labels/empty.txt', '')
    write(folder / 'labels/nobody.txt', '0 .5 .5 .5 .5\n')
    manifest = resize_images(folder, tmp_path / 'out', ResizeOptions((64, 64), 'letterbox'))
    assert (tmp_path / 'out/labels/empty.txt').read_bytes() == b''
    assert [(o.where, o.reason) for o in manifest.omissions] == [
        ('labels/nobody.txt', 'labels without an image')
    ]
    assert manifest.files == {'classes.txt': sha256_of_file(folder / 'classes.txt')}


def test_a_mask_of_another_size_and_the_labels_of_a_broken_image_are_left_out(tmp_path):
    folder = data_set(tmp_path / 'in', count=2)
    write(folder / 'masks/drive/000.png', np.zeros((5, 5), np.uint8))
    (folder / 'images/drive/001.png').write_bytes(b'broken')
    manifest = resize_images(folder, tmp_path / 'out', ResizeOptions((64, 64), 'letterbox'))
    assert [r.labels for r in manifest.records] == [('labels/drive/000.txt',)]
    assert [o.where for o in manifest.omissions] == [
        'masks/drive/000.png', 'images/drive/001.png', 'labels/drive/001.txt',
        'masks/drive/001.png',
    ]  # fmt: skip


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
@pytest.mark.parametrize('masks', [('mask',), ('.',)])
def test_masks_elsewhere_are_named_by_their_folder(tmp_path, dtype, masks):
    mask = (np.arange(48 * 64).reshape(48, 64) % 251).astype(dtype) * (
        1 if dtype == np.uint8 else 9
    )
    write(tmp_path / 'in/mask/a.png', mask)
    write(tmp_path / 'in/mask/colour.png', picture(0))
    if masks == ('mask',):
        write(tmp_path / 'in/rgb/a.png', picture(1))
    options = ResizeOptions((31, 17), 'letterbox', mask_folders=masks)
    manifest = resize_images(tmp_path / 'in', tmp_path / 'out', options)
    assert [r.file for r in manifest.records] == (['rgb/a.png'] if masks == ('mask',) else [])
    assert list(manifest.files) == ['mask/a.png', 'mask/colour.png']
    found = cv2.imread(str(tmp_path / 'out/mask/a.png'), cv2.IMREAD_UNCHANGED)
    assert found.dtype == dtype
    assert np.array_equal(found, place_mask(mask, place((64, 48), (31, 17), 'letterbox')))
    colours = {tuple(c) for c in picture(0).reshape(-1, 3).tolist()} | {(0, 0, 0)}
    found = cv2.imread(str(tmp_path / 'out/mask/colour.png'))
    assert {tuple(c) for c in found.reshape(-1, 3).tolist()} <= colours


def test_a_mask_with_a_palette_keeps_ids_and_colours(tmp_path):
    ids = (np.arange(48 * 64).reshape(48, 64) // 512).astype(np.uint8)
    colours = [(n, 2 * n, 255 - n) for n in range(8)]
    content = with_palette(encode_mask(ids), colours)
    data_set(tmp_path / 'in')
    (tmp_path / 'in/masks/drive/000.png').write_bytes(content)
    resize_images(tmp_path / 'in', tmp_path / 'out', ResizeOptions((50, 50), 'letterbox'))
    result = (tmp_path / 'out/masks/drive/000.png').read_bytes()
    assert list(palette_of(result)) == colours
    expected = place_mask(ids, place((64, 48), (50, 50), 'letterbox'))
    assert np.array_equal(decode_ids(result), expected)


def test_images_that_share_a_label_file_do_not_fight_for_it(tmp_path):
    folder = data_set(tmp_path / 'in')
    write(folder / 'images/drive/000.jpg', picture(1))
    manifest = resize_images(folder, tmp_path / 'out', ResizeOptions((64, 64), 'letterbox', 'png'))
    assert [r.file for r in manifest.records] == [
        'images/drive/000-2.png', 'images/drive/000.png',
    ]  # fmt: skip
    assert [len(r.labels) for r in manifest.records] == [2, 0]
    assert manifest.records[0].labels[0] == 'labels/drive/000-2.txt'
    assert len(manifest.omissions) == 2


def test_a_new_name_never_takes_the_labels_of_another_image(tmp_path):
    folder = tmp_path / 'in'
    for number, name in enumerate(['a.png', 'a.bmp', 'a-2.jpg']):
        write(folder / f'images/{name}', picture(number))
    write(folder / 'labels/a.txt', '1 0.5 0.5 0.2 0.2\n')
    write(folder / 'labels/a-2.txt', '2 0.5 0.5 0.4 0.4\n')
    manifest = resize_images(folder, tmp_path / 'out', ResizeOptions((32, 24)))
    found = {r.source_name: r.labels for r in manifest.records}
    assert found == {
        'images/a-2.jpg': ('labels/a-2.txt',),
        'images/a.bmp': ('labels/a-3.txt',),
        'images/a.png': (),
    }
    assert (tmp_path / 'out/labels/a-2.txt').read_text().startswith('2 ')
    assert (tmp_path / 'out/labels/a-3.txt').read_text().startswith('1 ')


def test_masks_that_would_share_a_name_are_not_written_over_each_other(tmp_path):
    folder = data_set(tmp_path / 'in')
    for name, level in (('drive/000.bmp', 1), ('x.bmp', 2), ('x.png', 3)):
        write(folder / f'masks/{name}', np.full((48, 64), level, np.uint8))
    manifest = resize_images(folder, tmp_path / 'out', ResizeOptions((32, 24)))
    assert {o.where: o.reason for o in manifest.omissions} == {
        'masks/drive/000.bmp': "would get the name of 'masks/drive/000.png'",
        'masks/x.bmp': "would get the name of 'masks/x.png'",
    }
    assert set(decode_ids((tmp_path / 'out/masks/x.png').read_bytes()).flat) == {3}
    ids = decode_ids((tmp_path / 'out/masks/drive/000.png').read_bytes())
    assert set(ids.flat) == {0, 3, 200}


def test_linked_folders_are_left_out_and_said(tmp_path):
    folder = data_set(tmp_path / 'in')
    write(tmp_path / 'elsewhere/b.png', picture(1))
    (folder / 'images/more').symlink_to(tmp_path / 'elsewhere')
    manifest = resize_images(folder, tmp_path / 'out')
    assert [r.file for r in manifest.records] == ['images/drive/000.png']
    (omission,) = manifest.omissions
    assert omission.where == 'images/more'
    assert 'links to folders are not followed' in omission.reason


def test_an_image_that_a_manifest_calls_the_label_of_another_stays_an_image(tmp_path):
    folder = data_set(tmp_path / 'in', count=2)
    resize_images(folder, tmp_path / 'whole', ResizeOptions(None))
    path = tmp_path / 'whole/manifest.jsonl'
    text = path.read_text()
    assert text.count('"masks/drive/000.png"') == 1
    path.write_text(text.replace('"masks/drive/000.png"', '"images/drive/001.png"'))
    manifest = resize_images(tmp_path / 'whole', tmp_path / 'out', ResizeOptions((32, 24)))
    masks = [tuple(each for each in r.labels if each.endswith('.png')) for r in manifest.records]
    assert masks == [('masks/drive/000.png',), ('masks/drive/001.png',)]


SLOWED = """
import sys, time
from sim2real_ros.data.resizing import one_image
encode = one_image.encode_file
def slow(*arguments):
    time.sleep(0.02)
    return encode(*arguments)
one_image.encode_file = slow
from sim2real_ros.cli import main
sys.exit(main(sys.argv[1:]))
"""


def kill_after(arguments, folder, lines):
    process = subprocess.Popen(
        [sys.executable, '-c', SLOWED, 'resize-images', *map(str, arguments)],
        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        if journal_lines(folder) >= lines:
            process.send_signal(signal.SIGKILL)
            break
        time.sleep(0.002)
    return process.wait() == -signal.SIGKILL


def test_killed_at_any_point_and_repeated_it_ends_alike(tmp_path):
    folder, out = data_set(tmp_path / 'in', count=20), tmp_path / 'out'
    write(folder / 'masks/lonely.png', np.eye(9, dtype=np.uint8))
    write(folder / 'masks/alone.png', np.eye(8, dtype=np.uint8))
    write(folder / 'labels/drive/004.txt', 'x\n0 .5 .5 .2 .2\ny\n')
    (folder / 'images/drive/011.png').write_bytes(b'broken')
    options = ResizeOptions((50, 50), 'crop')
    resize_images(folder, tmp_path / 'straight', options)
    expected = tree(tmp_path / 'straight')
    arguments = [folder, '-o', out, '--size', '50x50', '--fit', 'crop']
    kills = 0
    for lines in (0, 6, 15):
        kills += kill_after([*arguments, '--jobs', 2], out, lines)
        kills += kill_after([*arguments, '--jobs', 3], out, lines + 3)
        resize_images(folder, out, options)
        assert tree(out) == expected, f'killed at line {lines}'
        shutil.rmtree(out)
    assert kills >= 4


def test_lost_files_of_unfinished_work_are_made_again(tmp_path, monkeypatch):
    from sim2real_ros.files import output_job

    folder, out = data_set(tmp_path / 'in', count=6), tmp_path / 'out'
    write(folder / 'masks/lonely.png', np.eye(9, dtype=np.uint8))
    options = ResizeOptions((50, 50), 'letterbox')
    resize_images(folder, tmp_path / 'straight', options)
    with monkeypatch.context() as patch:
        patch.setattr(output_job.OutputJob, 'finish', _stop)
        with pytest.raises(KeyboardInterrupt):
            resize_images(folder, out, options)
    (out / 'images/drive/003.png').unlink()
    (out / 'masks/lonely.png').unlink()
    resize_images(folder, out, options)
    assert tree(out) == tree(tmp_path / 'straight')
    assert 'masks/lonely.png' in names_in(out)


def _stop(_):
    raise KeyboardInterrupt
