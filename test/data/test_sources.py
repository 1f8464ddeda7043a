import cv2
import numpy as np
import pytest
from bag_writer import (
    COMPRESSED,
    IMAGE,
    compressed_message,
    images,
    raw_message,
    write_bag1,
    write_bag2,
)
from rosbags.rosbag2 import StoragePlugin
from rosbags.typesys import Stores, get_typestore

from sim2real_ros.data import SOURCES, Spread, open_source
from sim2real_ros.data.folder_source import FolderSource
from sim2real_ros.errors import DataError

ROS2, ROS1 = get_typestore(Stores.ROS2_JAZZY), get_typestore(Stores.ROS1_NOETIC)


def write_png(path, rgb):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), rgb[..., ::-1])


def make_folder(folder):
    for index, rgb in enumerate(images()):
        write_png(folder / f'{index}.png', rgb)
    return folder


def make_video(folder):
    path = folder / 'drive.avi'
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), 10, (32, 24))
    for level in (40, 120, 200):
        writer.write(np.full((24, 32, 3), (0, 0, level), np.uint8))
    writer.release()
    return path


def raw_topic(count=3):
    return IMAGE, [raw_message(ROS2, rgb, 10**9 * (i + 1)) for i, rgb in enumerate(images(count))]


MAKERS = {
    'bag': lambda folder: write_bag2(folder / 'bag', {'/image_raw': raw_topic()}),
    'video': make_video,
    'folder': lambda folder: make_folder(folder / 'images'),
}


@pytest.mark.parametrize('kind', SOURCES)
def test_every_source_keeps_the_contract(kind, tmp_path):
    source = open_source(MAKERS[kind](tmp_path))
    assert type(source) is SOURCES[kind]
    assert source.info().kind == kind
    assert source.info().frame_count == 3
    first, again = list(source), list(source)
    assert len(first) == len(again) == 3
    assert source.skipped == []
    for one, two in zip(first, again, strict=True):
        assert one.image.dtype == np.uint8
        assert one.image.ndim == 3
        assert one.image.shape[2] == 3
        assert one.image.flags.c_contiguous
        assert np.array_equal(one.image, two.image)


@pytest.mark.parametrize('storage', [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
@pytest.mark.parametrize('kind', [IMAGE, COMPRESSED])
def test_ros2_bag_yields_pixels_stamps_and_frame_ids(kind, storage, tmp_path):
    build = raw_message if kind == IMAGE else compressed_message
    messages = [build(ROS2, rgb, 7 * 10**9 + i) for i, rgb in enumerate(images())]
    path = write_bag2(tmp_path / 'bag', {'/front/image': (kind, messages)}, storage)
    suffix = '*.mcap' if storage is StoragePlugin.MCAP else '*.db3'
    for place in (path, next(path.glob(suffix))):
        frames = list(open_source(place))
        for index, (frame, rgb) in enumerate(zip(frames, images(), strict=True)):
            assert np.array_equal(frame.image, rgb)
            assert frame.stamp_ns == 7 * 10**9 + index
            assert (frame.frame_id, frame.topic) == ('cam', '/front/image')


@pytest.mark.parametrize('topic', ['/camera/image', 'camera/image'])
@pytest.mark.parametrize('wanted', [None, '/camera/image', 'camera/image'])
def test_ros1_bag_finds_a_topic_with_or_without_slash(topic, wanted, tmp_path):
    messages = [compressed_message(ROS1, rgb, 5, ros1=True) for rgb in images()]
    path = write_bag1(tmp_path / 'old.bag', {topic: (COMPRESSED, messages)})
    frames = list(open_source(path, wanted))
    assert [frame.topic for frame in frames] == [topic] * 3
    assert all(np.array_equal(f.image, rgb) for f, rgb in zip(frames, images(), strict=True))


def test_bgr_message_becomes_rgb(tmp_path):
    (rgb,) = images(1)
    message = raw_message(ROS2, np.ascontiguousarray(rgb[..., ::-1]), 1, encoding='bgr8')
    (frame,) = open_source(write_bag2(tmp_path / 'bag', {'/image': (IMAGE, [message])}))
    assert np.array_equal(frame.image, rgb)


def test_zero_stamp_is_replaced_by_the_time_of_recording(tmp_path):
    message = raw_message(ROS2, images(1)[0], 0)
    (frame,) = open_source(write_bag2(tmp_path / 'bag', {'/image': (IMAGE, [message])}))
    assert frame.stamp_ns == 1000


def test_several_image_topics_must_be_chosen_from(tmp_path):
    path = write_bag2(tmp_path / 'bag', {'/left': raw_topic(), '/right': raw_topic(2)})
    with pytest.raises(DataError, match='choose one: /left, /right'):
        open_source(path)
    with pytest.raises(DataError, match=r"no image topic '/up'; it has: /left, /right"):
        open_source(path, '/up')
    assert len(list(open_source(path, 'right'))) == 2
    assert open_source(path, 'right').info().image_topics == {'/left': IMAGE, '/right': IMAGE}


def test_bag_without_images_is_refused(tmp_path):
    text = ROS2.types['std_msgs/msg/String']('hello')
    path = write_bag2(tmp_path / 'bag', {'/chatter': ('std_msgs/msg/String', [text])})
    with pytest.raises(DataError, match='has no image topic'):
        open_source(path)


def test_unreadable_messages_in_the_middle_are_skipped_with_reasons(tmp_path):
    good = [raw_message(ROS2, rgb, 1) for rgb in images(2)]
    short = raw_message(ROS2, images(1)[0][:3], 1)
    short.height = 6
    depth = raw_message(ROS2, images(1)[0], 1, encoding='16UC1')
    messages = [good[0], short, depth, b'\0\1\0\0\1', good[1]]
    source = open_source(write_bag2(tmp_path / 'bag', {'/image': (IMAGE, messages)}))
    assert len(list(source)) == 2
    assert [each.where for each in source.skipped] == ['message 1', 'message 2', 'message 3']
    assert all(each.reason for each in source.skipped)


@pytest.mark.parametrize('name', ['broken.bag', 'broken.mcap', 'broken.db3'])
@pytest.mark.parametrize('content', [b'', b'no bag at all' * 100])
def test_damaged_bag_is_refused(name, content, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=r'Cannot read the bag|has no image topic'):
        list(open_source(tmp_path / name))


@pytest.mark.parametrize('keep', [0.2, 0.5, 0.9])
def test_truncated_bag_gives_the_frames_before_the_damage(keep, tmp_path):
    messages = raw_topic(50)
    path = next(write_bag2(tmp_path / 'bag', {'/image': messages}).glob('*.mcap'))
    content = path.read_bytes()
    broken = tmp_path / 'broken.mcap'
    broken.write_bytes(content[: int(len(content) * keep)])
    source = open_source(broken)
    readable = list(source)
    assert 50 * keep / 2 < len(readable) <= 50
    for frame, rgb in zip(readable, images(50), strict=False):
        assert np.array_equal(frame.image, rgb)
    assert len(readable) == 50 or 'breaks off' in source.skipped[-1].reason


def test_folder_of_a_killed_recorder_is_a_bag(tmp_path):
    path = write_bag2(tmp_path / 'bag', {'/image': raw_topic(3)})
    (path / 'metadata.yaml').unlink()
    source = open_source(path)
    assert source.info().kind == 'bag'
    assert source.info().frame_count == len(list(source)) == 3


def test_folder_is_sorted_and_skips_what_is_no_image(tmp_path):
    folder = make_folder(tmp_path / 'images')
    (folder / '1b.jpg').write_bytes(b'not a jpeg')
    (folder / '1c.png').write_bytes(b'')
    write_png(folder / '1d.jpg', images()[0])
    whole = (folder / '1d.jpg').read_bytes()
    (folder / '1d.jpg').write_bytes(whole[: len(whole) - 20])
    assert cv2.imwrite(str(folder / '1e.png'), np.full((4, 4), 900, np.uint16))
    (folder / 'notes.txt').write_text('no image')
    source = open_source(folder)
    frames = list(source)
    assert [frame.name for frame in frames] == ['0.png', '1.png', '2.png']
    assert all(np.array_equal(f.image, rgb) for f, rgb in zip(frames, images(), strict=True))
    assert [each.where for each in source.skipped] == ['1b.jpg', '1c.png', '1d.jpg', '1e.png']
    reasons = [each.reason for each in source.skipped[1:]]
    for said, reason in zip(('empty', 'cut off', '16 bits'), reasons, strict=True):
        assert said in reason


@pytest.mark.parametrize('suffix', ['.png', '.jpg', '.JPEG', '.webp', '.bmp'])
def test_folder_reads_every_promised_format(suffix, tmp_path):
    rgb = np.full((16, 16, 3), (200, 100, 50), np.uint8)
    write_png(tmp_path / f'image{suffix}', rgb)
    (frame,) = open_source(tmp_path)
    assert np.abs(frame.image.astype(int) - rgb).max() <= 4


def test_subfolders_are_read_where_there_is_nothing_else_or_on_demand(tmp_path):
    write_png(tmp_path / 'deep' / 'a.png', images(1)[0])
    assert [frame.name for frame in FolderSource(tmp_path)] == ['deep/a.png']
    write_png(tmp_path / 'b.png', images(1)[0])
    assert [frame.name for frame in FolderSource(tmp_path)] == ['b.png']
    both = FolderSource(tmp_path, recursive=True)
    assert [frame.name for frame in both] == ['b.png', 'deep/a.png']


def test_single_image_is_a_folder_of_one(tmp_path):
    write_png(tmp_path / 'one.png', images(1)[0])
    (frame,) = open_source(tmp_path / 'one.png')
    assert np.array_equal(frame.image, images(1)[0])


def test_grey_and_transparent_files_become_rgb(tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), np.full((4, 4), 7, np.uint8))
    cv2.imwrite(str(tmp_path / 'b.png'), np.full((4, 4, 4), (3, 2, 1, 0), np.uint8))
    grey, transparent = open_source(tmp_path)
    assert grey.image[0, 0].tolist() == [7, 7, 7]
    assert transparent.image[0, 0].tolist() == [1, 2, 3]


def test_video_yields_rgb_and_stamps(tmp_path):
    frames = list(open_source(make_video(tmp_path)))
    assert [frame.stamp_ns for frame in frames] == [0, 10**8, 2 * 10**8]
    for frame, level in zip(frames, (40, 120, 200), strict=True):
        assert np.abs(frame.image[12, 16].astype(int) - (level, 0, 0)).max() < 12


def test_damaged_video_is_refused(tmp_path):
    (tmp_path / 'broken.mp4').write_bytes(b'no video')
    with pytest.raises(DataError, match=r'cannot open .*broken\.mp4'):
        open_source(tmp_path / 'broken.mp4')


def test_topic_outside_a_bag_is_refused(tmp_path):
    for path in (make_folder(tmp_path / 'images'), make_video(tmp_path)):
        with pytest.raises(DataError, match='is no bag, so it has no topic'):
            open_source(path, '/image')


def test_missing_and_unknown_paths_are_refused(tmp_path):
    with pytest.raises(DataError, match='does not exist'):
        open_source(tmp_path / 'nothing')
    (tmp_path / 'notes.txt').write_text('text')
    with pytest.raises(DataError, match='is no image source'):
        open_source(tmp_path / 'notes.txt')


def test_spread_takes_frames_from_beginning_to_end(tmp_path):
    for index in range(10):
        write_png(tmp_path / f'{index}.png', images(1)[0])
    source = open_source(tmp_path)
    assert [f.name[0] for f in Spread(source, 4)] == ['0', '3', '5', '8']
    assert len(list(Spread(source, 100))) == len(list(Spread(source))) == 10
    assert (Spread(source, 4).expected, Spread(source).expected) == (4, 10)
    with pytest.raises(DataError, match='must be 0'):
        Spread(source, -1)


def test_a_video_is_read_only_as_far_as_wanted(tmp_path):
    asked = []

    def wanted(index, stamp_ns):
        asked.append((index, stamp_ns))
        return None if index == 2 else index == 1

    source = open_source(make_video(tmp_path))
    ((index, stamp_ns, bgr),) = source.pick(wanted)
    assert asked == [(0, 0), (1, 10**8), (2, 2 * 10**8)]
    assert (index, stamp_ns) == (1, 10**8)
    assert abs(int(bgr[12, 16, 2]) - 120) < 12
    assert source.skipped == []
