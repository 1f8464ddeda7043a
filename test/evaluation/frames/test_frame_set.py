import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from sim2real_ros.errors import DataError
from sim2real_ros.evaluation.frame import LanePose
from sim2real_ros.evaluation.frames.frame_set import BLOCK, Belongings, FrameSet
from sim2real_ros.image.encode_file import encode_file, encode_mask
from sim2real_ros.translation import TranslateOptions, translate

DEMO = Path(__file__).parents[3] / 'tools' / 'demo' / 'drive'


@pytest.fixture
def images():
    random = np.random.default_rng(3)
    return [random.integers(0, 256, (24, 32, 3), dtype=np.uint8) for _ in range(6)]


@pytest.fixture
def folder(tmp_path, images):
    """Two drives, listed in the order of their numbers and not of their letters."""
    for drive in ('b', 'a'):
        (tmp_path / 'frames' / drive).mkdir(parents=True)
        for number, image in zip((2, 10, 1), images, strict=False):
            path = tmp_path / 'frames' / drive / f'{number}.png'
            path.write_bytes(encode_file(image, 'png'))
    return tmp_path / 'frames'


def mask_like(image, value=7):
    return np.full(image.shape[:2], value, np.uint8)


def load_all(frames):
    return [frames.load(each)[0] for each in frames.pending()]


def test_frames_come_in_the_order_of_their_drives(folder):
    names = [each.name for each in FrameSet(folder).pending()]
    assert names == ['a/1.png', 'a/2.png', 'a/10.png', 'b/1.png', 'b/2.png', 'b/10.png']


def test_masks_beside_the_images_are_found_by_convention(folder, images):
    path = folder / 'masks' / 'a' / '2.png'
    path.parent.mkdir(parents=True)
    path.write_bytes(encode_mask(mask_like(images[0])))
    masks = {each.name: each.mask for each in load_all(FrameSet(folder))}
    assert [name for name, mask in masks.items() if mask is not None] == ['a/2.png']
    np.testing.assert_array_equal(masks['a/2.png'], mask_like(images[0]))


def test_a_folder_of_masks_is_matched_by_path_and_then_by_name(folder, images, tmp_path):
    masks = tmp_path / 'labels_elsewhere'
    (masks / 'a').mkdir(parents=True)
    (masks / 'a' / '1.png').write_bytes(encode_mask(mask_like(images[0], 1)))
    (masks / '10.png').write_bytes(encode_mask(mask_like(images[0], 3)))
    found = load_all(FrameSet(folder, belongings=Belongings(masks=masks)))
    values = {each.name: None if each.mask is None else int(each.mask[0, 0]) for each in found}
    # Two frames are called 10: neither takes a mask that only has that name.
    assert values == dict.fromkeys(values, None) | {'a/1.png': 1}


def test_frames_that_are_called_alike_take_no_mask_by_name_alone(folder, images, tmp_path):
    masks = tmp_path / 'flat'
    masks.mkdir()
    for path in ('a/1.png', 'b/1.png', 'a/only.png'):
        (folder / path).write_bytes(encode_file(images[0], 'png'))
    for name in ('1.png', 'only.png'):
        (masks / name).write_bytes(encode_mask(mask_like(images[0])))
    found = load_all(FrameSet(folder, belongings=Belongings(masks=masks)))
    assert [each.name for each in found if each.mask is not None] == ['a/only.png']


def test_frames_of_a_video_are_named_as_they_are_translated(tmp_path, images):
    video = cv2.VideoWriter(str(tmp_path / 'v.avi'), cv2.VideoWriter_fourcc(*'MJPG'), 10, (32, 24))
    for image in images:
        video.write(image)
    video.release()
    translate(
        tmp_path / 'v.avi', tmp_path / 't', TranslateOptions('identity', frames=True, jobs=1)
    )
    made = {path.stem for path in (tmp_path / 't' / 'images').iterdir()}
    assert {each.name for each in FrameSet(tmp_path / 'v.avi').pending()} == made


def test_the_size_asked_for_holds_for_image_and_mask(folder, images, tmp_path):
    masks = tmp_path / 'm'
    masks.mkdir()
    ids = np.zeros((24, 32), np.uint8)
    ids[:, 16:] = 5
    (masks / 'a').mkdir()
    (masks / 'a' / '1.png').write_bytes(encode_mask(ids))
    frames = FrameSet(folder, belongings=Belongings(masks=masks), size=(16, 12))
    first = frames.load(next(iter(frames.pending())))[0]
    assert first.image.shape == (12, 16, 3)
    assert first.mask.shape == (12, 16)
    assert set(np.unique(first.mask)) == {0, 5}
    np.testing.assert_array_equal(first.mask[:, 8:], 5)


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (encode_mask(np.zeros((24, 24), np.uint8)), 'aspect ratio'),
        (encode_mask(np.full((24, 32), 999, np.uint16)), 'one id'),
        (encode_file(np.zeros((24, 32, 3), np.uint8), 'png'), 'one id'),
        (b'no picture', 'cannot be read'),
    ],
)
def test_masks_that_do_not_fit_are_refused(folder, tmp_path, content, message):
    masks = tmp_path / 'm'
    (masks / 'a').mkdir(parents=True)
    (masks / 'a' / '1.png').write_bytes(content)
    frames = FrameSet(folder, belongings=Belongings(masks=masks))
    frame, problems = frames.load(next(iter(frames.pending())))
    assert frame.mask is None
    assert re.search(message, problems[0])


def test_targets_of_another_shape_are_refused_and_others_resized(folder, images, tmp_path):
    targets = tmp_path / 't'
    (targets / 'a').mkdir(parents=True)
    large = cv2.resize(images[2], (64, 48), interpolation=cv2.INTER_NEAREST)
    (targets / 'a' / '1.png').write_bytes(encode_file(large, 'png'))
    (targets / 'a' / '2.png').write_bytes(encode_file(large[:, :40], 'png'))
    frames = FrameSet(folder, belongings=Belongings(targets=targets))
    one, two, *_ = frames.pending()
    np.testing.assert_array_equal(frames.load(one)[0].target, images[2])
    frame, problems = frames.load(two)
    assert frame.target is None
    assert 'aspect ratio' in problems[0]


def test_poses_are_found_by_name_and_by_stamp(folder):
    pose = LanePose(0.1, 0.2)
    frames = FrameSet(folder, belongings=Belongings(poses={'a/2.png': pose}))
    assert [each.pose for each in load_all(frames)] == [None, pose, None, None, None, None]
    stamp = 1700000000100000000
    frames = FrameSet(DEMO, belongings=Belongings(poses={stamp: pose}), limit=3)
    found = {each.stamp_ns: each.pose for each in load_all(frames)}
    assert found.pop(stamp) == pose
    assert set(found.values()) == {None}


def test_a_bag_gives_stamps_and_masks_by_stamp(tmp_path):
    shutil.unpack_archive(DEMO.parent / 'masks.zip', tmp_path / 'masks')
    frames = FrameSet(DEMO, belongings=Belongings(masks=tmp_path / 'masks'), limit=2)
    loaded = load_all(frames)
    assert [each.name for each in loaded] == [str(each.stamp_ns) for each in loaded]
    assert all(each.mask.shape == each.image.shape[:2] for each in loaded)
    assert {2, 3} <= set(np.unique(loaded[0].mask))


@pytest.mark.parametrize('limit', [1, 5, 8, 16, 40, 100, 149, 150, 1000])
def test_a_sample_is_even_and_made_of_neighbours(limit):
    stamps = [each.stamp_ns for each in FrameSet(DEMO, limit=limit).pending()]
    assert len(stamps) == min(limit, 150)
    steps = np.diff(stamps) // 10**8
    assert np.all(steps >= 1)
    # At most one jump for each block.
    assert np.count_nonzero(steps > 1) <= max(0, limit // BLOCK - 1)
    if limit >= 2 * BLOCK:
        assert np.ptp(stamps) > 0.5 * 149 * 10**8


def test_a_folder_without_images_is_refused(tmp_path):
    with pytest.raises(DataError, match='No images'):
        FrameSet(tmp_path)
