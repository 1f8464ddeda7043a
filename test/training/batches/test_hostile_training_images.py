import re
import shutil

import cv2
import numpy as np
import pytest
from batch_cases import (
    SIZE,
    coded,
    coded_ids,
    levels,
    numbers_of,
    opened,
    turned_jpeg,
    write,
    write_coded,
    write_folders,
    write_mask,
)

from sim2real_ros.errors import DataError
from sim2real_ros.image.encode_file import encode_mask
from sim2real_ros.image.palette_png import with_palette

CACHE = pytest.mark.parametrize('cache', [True, False])


@CACHE
@pytest.mark.parametrize('preprocess', ['crop', 'resize-and-crop'])
def test_without_a_readable_image_training_is_refused(tmp_path, cache, preprocess):
    write_folders(tmp_path)
    for path in (tmp_path / 'real').iterdir():
        path.write_bytes(b'no image')
    message = r"None of 3 images can be read, such as .*100\.png': no image"
    with pytest.raises(DataError, match=message):
        opened(tmp_path, cache=cache, preprocess=preprocess).batch(0)


@CACHE
@pytest.mark.parametrize('preprocess', ['crop', 'resize-and-crop'])
def test_without_a_whole_pair_training_is_refused(tmp_path, cache, preprocess):
    write_coded(tmp_path / 'sim', 2)
    write_coded(tmp_path / 'real', 2)
    (tmp_path / 'sim/000.png').write_bytes(b'x')
    (tmp_path / 'real/001.png').write_bytes(b'x')
    with pytest.raises(DataError, match=r"none of 2 pairs both images .* such as .*000\.png'"):
        opened(tmp_path, 'paired', cache=cache, preprocess=preprocess).batch(0)


@CACHE
def test_a_crop_that_does_not_fit_is_named_before_training(tmp_path, cache):
    write_folders(tmp_path)
    write(tmp_path / 'sim/003.png', coded(3, (30, 7)))
    message = (
        r"1 of 5 images are smaller than data\.crop_size, 8x8: .*003\.png' is 30x7 after 'crop'"
    )
    with pytest.raises(DataError, match=message):
        opened(tmp_path, cache=cache)


@CACHE
def test_what_is_cut_off_counts_for_the_crop(tmp_path, cache):
    write_folders(tmp_path)
    opened(tmp_path, cache=cache, skip_top=0.5)
    with pytest.raises(DataError, match=r"000\.png' is 24x6 after 'crop' \(skip_top 0\.6\)"):
        opened(tmp_path, cache=cache, skip_top=0.6)


@CACHE
def test_a_scaled_image_can_be_too_low_for_the_crop(tmp_path, cache):
    write_folders(tmp_path)
    with pytest.raises(DataError, match=r"is 16x11 after 'scale-width-and-crop'"):
        opened(
            tmp_path, cache=cache, preprocess='scale-width-and-crop', load_size=(16, 16),
            crop_size=(8, 12),
        )  # fmt: skip


@CACHE
@pytest.mark.parametrize('batch_size', [1, 2])
def test_whole_images_of_mixed_sizes_are_refused(tmp_path, cache, batch_size):
    write_folders(tmp_path)
    write(tmp_path / 'real/101.png', coded(1, (20, 20)))
    message = (
        rf"Whole images \(preprocess 'none', batch_size {batch_size}\) must have one size, found "
        r"7 of 24x16 such as .*, 1 of 20x20 such as .*101\.png'\. Choose preprocess 'resize'"
    )
    with pytest.raises(DataError, match=message.replace('such as .*, 1', 'such as .*; 1')):
        opened(tmp_path, cache=cache, preprocess='none', batch_size=batch_size)


@CACHE
def test_whole_pairs_may_differ_from_pair_to_pair_one_at_a_time(tmp_path, cache):
    for folder in ('sim', 'real'):
        write(tmp_path / folder / '0.png', coded(0, (24, 16)))
        write(tmp_path / folder / '1.png', coded(1, (16, 24)))
    data = opened(tmp_path, 'paired', cache=cache, preprocess='none')
    assert {tuple(data.batch(step).sim.shape) for step in range(2)} == {
        (1, 3, 16, 24),
        (1, 3, 24, 16),
    }
    with pytest.raises(DataError, match=r'batch_size 2\) must have one size'):
        opened(tmp_path, 'paired', 2, cache=cache, preprocess='none')


@CACHE
def test_partners_of_different_sizes_are_refused(tmp_path, cache):
    write_coded(tmp_path / 'sim', 2)
    write_coded(tmp_path / 'real', 2)
    write(tmp_path / 'real/001.png', coded(1, (24, 17)))
    message = r"sim/001\.png' is 24x16, .*real/001\.png' is 24x17\. Bring them to one size"
    with pytest.raises(DataError, match=message):
        opened(tmp_path, 'paired', cache=cache)
    opened(tmp_path, 'paired', cache=cache, preprocess='resize-and-crop').batch(0)


@CACHE
def test_mixed_sizes_can_be_cropped(tmp_path, cache):
    write_folders(tmp_path)
    write(tmp_path / 'sim/000.png', coded(0, (8, 40)))
    data = opened(tmp_path, cache=cache, batch_size=5)
    assert sorted(numbers_of(data.batch(0).sim)) == [0, 1, 2, 3, 4]


@CACHE
def test_odd_sizes_are_rounded_and_that_is_said(tmp_path, cache):
    write_folders(tmp_path, size=(25, 17))
    data = opened(tmp_path, cache=cache, preprocess='none')
    assert data.batch(0).sim.shape == (1, 3, 16, 24)
    notes = [note for note in data.description['notes'] if 'rounded' in note]
    assert notes == [
        "preprocess 'none': sides are rounded to multiples of 4, such as 25x17 to 24x16"
    ]
    even = opened(tmp_path, cache=cache, preprocess='none', size_multiple=1, skip_top=0.06)
    assert [note for note in even.description['notes'] if '25x16 to 24x16' in note]


def test_what_needs_no_rounding_is_not_noted(tmp_path):
    write_folders(tmp_path)
    notes = opened(tmp_path, preprocess='none').description['notes']
    assert not any('rounded' in note for note in notes)


@CACHE
def test_grey_alpha_and_turned_images_are_read_as_viewers_do(tmp_path, cache):
    grey = np.full((16, 24), 90, np.uint8)
    alpha = np.dstack([coded(5)[..., ::-1], np.zeros((16, 24), np.uint8)])
    (tmp_path / 'sim').mkdir()
    (tmp_path / 'real').mkdir()
    assert cv2.imwrite(str(tmp_path / 'sim/0.png'), grey)
    assert cv2.imwrite(str(tmp_path / 'real/0.png'), alpha)
    whole = {'preprocess': 'none', 'flip': False, 'cache': cache}
    batch = opened(tmp_path, **whole).batch(0)
    assert (levels(batch.sim) == 90).all()
    assert np.array_equal(levels(batch.real)[0], coded(5))

    picture = np.zeros((24, 16, 3), np.uint8)
    picture[:12] = 255
    (tmp_path / 'sim/0.png').unlink()
    (tmp_path / 'sim/0.jpg').write_bytes(turned_jpeg(picture, 6))
    image = levels(opened(tmp_path, **whole).batch(0).sim)[0]
    # Orientation 6: the first row is at the right.
    assert image.shape == (16, 24, 3)
    assert (image[:, 12:] > 250).all()
    assert (image[:, :12] < 5).all()


@CACHE
def test_sixteen_bits_are_left_out(tmp_path, cache):
    write_folders(tmp_path)
    assert cv2.imwrite(str(tmp_path / 'sim/000.png'), np.full((16, 24), 40000, np.uint16))
    assert cv2.imwrite(str(tmp_path / 'sim/001.png'), np.full((16, 24, 3), 40000, np.uint16))
    data = opened(tmp_path, cache=cache)
    shown = {numbers_of(data.batch(step).sim)[0] for step in range(20)}
    assert shown == {2, 3, 4}
    assert [each.where[-7:] for each in data.skipped] == ['000.png', '001.png']
    assert all('16' in each.reason for each in data.skipped)


@CACHE
def test_a_file_of_two_halves_must_have_two_equal_ones(tmp_path, cache):
    for number in range(3):
        write(tmp_path / f'set/train/{number}.png', coded(number, (48, 16)))
    write(tmp_path / 'set/train/3.png', coded(3, (49, 16)))
    data = opened(tmp_path, 'paired', root=str(tmp_path / 'set'), cache=cache)
    assert {numbers_of(data.batch(step).sim)[0] for step in range(12)} == {0, 1, 2}
    (skipped,) = data.skipped
    assert '49 pixels wide, expected two images of equal width' in skipped.reason


@CACHE
def test_a_crop_must_fit_into_half_of_a_file_of_two(tmp_path, cache):
    write(tmp_path / 'set/train/0.png', coded(0, (48, 16)))
    root = str(tmp_path / 'set')
    opened(tmp_path, 'paired', root=root, cache=cache, crop_size=(24, 16))
    with pytest.raises(DataError, match=r"0\.png' is 24x16 after 'crop'"):
        opened(tmp_path, 'paired', root=root, cache=cache, crop_size=(28, 16))


def test_palette_masks_are_read_by_their_indices(tmp_path):
    write_folders(tmp_path, sim=1)
    colours = [(200, 3 * n, 7) for n in range(40)]
    (tmp_path / 'masks').mkdir()
    (tmp_path / 'masks/000.png').write_bytes(with_palette(encode_mask(coded_ids()), colours))
    data = opened(tmp_path, masks=str(tmp_path / 'masks'), flip=False, preprocess='none')
    assert np.array_equal(data.batch(0).sim_mask[0].numpy(), coded_ids())


def test_grey_masks_saved_in_colour_are_understood(tmp_path):
    write_folders(tmp_path, sim=1)
    write_mask(tmp_path / 'masks/000.png', np.dstack([coded_ids()] * 3))
    data = opened(tmp_path, masks=str(tmp_path / 'masks'), flip=False, preprocess='none')
    assert np.array_equal(data.batch(0).sim_mask[0].numpy(), coded_ids())


@CACHE
@pytest.mark.parametrize(
    ('mask', 'reason'),
    [
        (
            np.dstack([coded_ids(), coded_ids() + 1, coded_ids()]),
            'has colours; expected class ids',
        ),
        (coded_ids().astype(np.uint16) + 1000, r'has the id 1034; expected class ids'),
        (coded_ids((24, 15)), 'its mask is 24x15 pixels, expected those of the image, 24x16'),
        (None, 'the file is empty'),
    ],
)
def test_an_image_with_an_unusable_mask_is_left_out(tmp_path, cache, mask, reason):
    write_folders(tmp_path, sim=3)
    for number in (0, 1, 2):
        write_mask(tmp_path / f'masks/{number:03d}.png', coded_ids())
    if mask is None:
        (tmp_path / 'masks/001.png').write_bytes(b'')
    else:
        write_mask(tmp_path / 'masks/001.png', mask)
    data = opened(tmp_path, cache=cache, masks=str(tmp_path / 'masks'))
    assert {numbers_of(data.batch(step).sim)[0] for step in range(9)} == {0, 2}
    (skipped,) = data.skipped
    assert skipped.where.endswith('sim/001.png')
    assert re.search(reason, skipped.reason)


def test_an_image_without_mask_is_not_labelled_and_that_is_said(tmp_path):
    write_folders(tmp_path, sim=3)
    write_mask(tmp_path / 'masks/001.png', coded_ids())
    data = opened(tmp_path, batch_size=3, masks=str(tmp_path / 'masks'))
    batch = data.batch(0)
    labelled = (batch.sim_mask != 255).flatten(1).all(1).tolist()
    assert labelled == [number == 1 for number in numbers_of(batch.sim)]
    assert (
        "2 of 3 sim images have no mask and count as not labelled, such as '000.png'"
        in (data.description['notes'])
    )


def test_masks_of_other_images_are_refused(tmp_path):
    write_folders(tmp_path)
    write_mask(tmp_path / 'masks/other.png', coded_ids())
    with pytest.raises(DataError, match=r"has the name of an image in .*expected '000' with one"):
        opened(tmp_path, masks=str(tmp_path / 'masks'))
    with pytest.raises(DataError, match=r"nothing', the folder of masks, does not exist"):
        opened(tmp_path, masks=str(tmp_path / 'nothing'))


@pytest.mark.parametrize('direction', ['AtoB', 'BtoA'])
def test_masks_of_a_data_set_are_found_beside_its_images(tmp_path, direction):
    root = tmp_path / 'set'
    for letter, source in (('A', 'AtoB'), ('B', 'BtoA')):
        write_coded(root / f'train{letter}', 2)
        if source == direction:
            write_mask(root / f'masks/train{letter}/000.png', coded_ids())
    data = opened(tmp_path, root=str(root), direction=direction, batch_size=2)
    assert data.description['masks'] == str(root / f'masks/train{"AB"[direction == "BtoA"]}')
    assert sorted((data.batch(0).sim_mask != 255).flatten(1).any(1).tolist()) == [False, True]
    other = 'BtoA' if direction == 'AtoB' else 'AtoB'
    assert opened(tmp_path, root=str(root), direction=other).batch(0).sim_mask is None


def test_masks_elsewhere_may_have_the_folders_of_the_data_set(tmp_path):
    root = tmp_path / 'set'
    for letter in 'AB':
        write_coded(root / f'train{letter}', 2)
    write_mask(tmp_path / 'ids/trainA/001.png', coded_ids())
    for masks in ('ids', 'ids/trainA'):
        data = opened(tmp_path, root=str(root), masks=str(tmp_path / masks))
        assert data.description['masks'] == str(tmp_path / 'ids/trainA')


@pytest.mark.parametrize('kind', ['unpaired', 'paired'])
def test_unreadable_held_out_images_are_replaced_by_the_next(tmp_path, kind):
    write_coded(tmp_path / 'sim', 1)
    shutil.copytree(tmp_path / 'sim', tmp_path / 'real')
    write_coded(tmp_path / 'test_sim', 3)
    shutil.copytree(tmp_path / 'test_sim', tmp_path / 'test_real')
    (tmp_path / 'test_sim/001.png').write_bytes(b'x')
    tests = {'test_sim': str(tmp_path / 'test_sim'), 'test_real': str(tmp_path / 'test_real')}
    data = opened(tmp_path, kind, **tests)
    assert [int(image[0, 0, 2]) for image in data.held_out_sim] == [0, 2, 2]
    expected = [0, 2, 2] if kind == 'paired' else [0, 1, 2]
    assert [int(image[0, 0, 2]) for image in data.held_out_real] == expected
    assert 'test_sim/001.png' in {each.where[-16:] for each in data.skipped}
    (tmp_path / 'test_sim/000.png').write_bytes(b'x')
    (tmp_path / 'test_sim/002.png').write_bytes(b'x')
    with pytest.raises(DataError, match='None of 3 images that are held out can be read'):
        data.held_out_sim[0]


def test_held_out_images_of_which_none_is_readable_are_refused_at_once(tmp_path):
    write_folders(tmp_path)
    (tmp_path / 'tests').mkdir()
    (tmp_path / 'tests/000.png').write_bytes(b'x')
    with pytest.raises(DataError, match='None of 1 images that are held out can be read'):
        opened(tmp_path, test_real=str(tmp_path / 'tests'))


@CACHE
def test_unknown_class_ids_are_found_at_once(tmp_path, cache):
    write_folders(tmp_path, sim=4)
    ids = np.zeros(SIZE[::-1], np.uint8)
    for number, (value, other) in {0: (1, 255), 2: (2, 0), 3: (7, 3)}.items():
        ids[:2], ids[2:4] = value, other
        write_mask(tmp_path / f'masks/{number:03d}.png', ids)
    masks = {'masks': str(tmp_path / 'masks'), 'cache': cache}
    for _ in range(2):  # The second time from the cache.
        with pytest.raises(
            DataError, match=r'ids \[3, 7\], the first .*masks/003\.png.* 0\.\.2 or'
        ):
            opened(tmp_path, classes=3, **masks)
    assert opened(tmp_path, classes=8, **masks).batch(0).sim_mask is not None
    assert opened(tmp_path, **masks)
    (tmp_path / 'masks/003.png').write_bytes(b'')
    assert opened(tmp_path, classes=3, **masks)
    with pytest.raises(DataError, match=r'ids \[2\]'):
        opened(tmp_path, classes=2, **masks)


def test_held_out_images_are_a_sequence(tmp_path):
    write_folders(tmp_path)
    held_out = opened(tmp_path).held_out_sim
    assert len(held_out) == 5
    assert [int(image[0, 0, 2]) for image in held_out[1:3]] == [1, 2]
    assert int(held_out[-1][0, 0, 2]) == 4
    with pytest.raises(IndexError, match='image 5 of 5'):
        held_out[5]
