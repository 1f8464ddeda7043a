"""extract_frames: what becomes of the frames of bags, videos and folders."""

import cv2
import numpy as np
import pytest
from extract_cases import (
    COMPRESSED,
    FORMATS,
    IMAGE,
    PERIOD_NS,
    ROS1,
    ROS2,
    START_NS,
    camera_events,
    compressed,
    in_order,
    names_in,
    picture,
    raw,
    read_rgb,
    simple_bag,
    tree,
    write_bag,
)

from sim2real_ros.data.extraction import ExtractOptions, extract_frames
from sim2real_ros.errors import DataError
from sim2real_ros.files import read_manifest, sha256_of_file
from sim2real_ros.image import place, place_image

AS_IS = ExtractOptions(size=None)
SIDES = {'/left/image': 0, 'right/image': 50}


@pytest.mark.parametrize('kind', FORMATS)
def test_frames_of_every_bag_format_come_out_exactly(tmp_path, kind):
    bag = simple_bag(tmp_path / 'drive', kind=kind)
    manifest = extract_frames([bag], tmp_path / 'out', AS_IS)
    assert manifest.omissions == ()
    assert len(manifest.records) == 6
    for index, record in enumerate(manifest.records):
        assert record.file == f'images/{index:06d}.png'
        path = tmp_path / 'out' / record.file
        assert np.array_equal(read_rgb(path), picture(index))
        assert record.sha256 == sha256_of_file(path)
        assert record.bytes == path.stat().st_size
        assert record.stamp_ns == START_NS + index * PERIOD_NS
        assert record.recorded_ns == record.stamp_ns + 10**6
        assert (record.topic, record.frame_id, record.encoding) == (
            '/cam/image_raw',
            'cam',
            'rgb8',
        )
        assert (record.index, record.source, record.sequence) == (index, str(bag), 'drive')
        assert record.size == record.original_size == (64, 48)
        assert record.placement == ''
        assert record.camera_info == 'camera_info/cam_image_raw.yaml'
        assert len(record.perceptual_hash) == 16
    assert manifest == read_manifest(tmp_path / 'out')


@pytest.mark.parametrize('fit', ['stretch', 'letterbox', 'crop'])
def test_images_are_fitted_as_asked(tmp_path, fit):
    bag = simple_bag(tmp_path / 'drive', 2)
    manifest = extract_frames([bag], tmp_path / 'out', ExtractOptions(size=(40, 40), fit=fit))
    for index, record in enumerate(manifest.records):
        expected = place_image(picture(index), place((64, 48), (40, 40), fit))
        assert np.array_equal(read_rgb(tmp_path / 'out' / record.file), expected)
        assert (record.size, record.original_size) == ((40, 40), (64, 48))
        assert record.placement == fit


def test_the_default_is_512x384_png(tmp_path):
    extract_frames([simple_bag(tmp_path / 'drive', 1)], tmp_path / 'out')
    assert read_rgb(tmp_path / 'out/images/000000.png').shape == (384, 512, 3)


@pytest.mark.parametrize('image_format', ['jpg', 'webp'])
def test_lossy_formats_are_close_and_follow_their_quality(tmp_path, image_format):
    bag = simple_bag(tmp_path / 'drive', 1)
    sizes = {}
    for quality in (None, 30):
        options = ExtractOptions(size=None, format=image_format, quality=quality)
        (record,) = extract_frames([bag], tmp_path / str(quality), options).records
        found = read_rgb(tmp_path / str(quality) / record.file)
        sizes[quality] = record.bytes
        if quality is None:
            assert np.abs(found.astype(int) - picture(0)).mean() < 4
    assert sizes[30] < sizes[None] / 2


def test_a_jpeg_of_the_right_size_is_not_compressed_again(tmp_path):
    message = compressed(ROS2, picture(0), START_NS)
    bag = write_bag(tmp_path / 'drive', [('/image/compressed', COMPRESSED, message, START_NS)])
    original = message.data.tobytes()
    (record,) = extract_frames(
        [bag], tmp_path / 'a', ExtractOptions(size=None, format='jpg')
    ).records
    assert (tmp_path / 'a' / record.file).read_bytes() == original
    for name, options in (
        ('quality', ExtractOptions(size=None, format='jpg', quality=90)),
        ('size', ExtractOptions(size=(32, 24), format='jpg')),
    ):
        (record,) = extract_frames([bag], tmp_path / name, options).records
        assert (tmp_path / name / record.file).read_bytes() != original


@pytest.mark.parametrize('kind', ['grey', 'bayer', 'exif'])
def test_a_jpeg_that_others_would_see_differently_is_encoded_anew(tmp_path, kind):
    grey = picture(0)[..., 1]
    if kind == 'exif':
        data = cv2.imencode('.jpg', picture(0)[..., ::-1])[1].tobytes()
        exif = b'Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0'
        data = data[:2] + b'\xff\xe1' + (len(exif) + 2).to_bytes(2, 'big') + exif + data[2:]
        text = 'jpeg'
    else:
        data = cv2.imencode('.jpg', grey)[1].tobytes()
        text = 'bayer_rggb8; jpeg compressed ' if kind == 'bayer' else 'mono8; jpeg compressed '
    message = compressed(ROS2, picture(0), START_NS, text=text)
    message.data = np.frombuffer(data, np.uint8)
    bag = write_bag(tmp_path / 'drive', [('/image', COMPRESSED, message, START_NS)])
    (record,) = extract_frames(
        [bag], tmp_path / 'a', ExtractOptions(size=None, format='jpg')
    ).records
    path = tmp_path / 'a' / record.file
    assert path.read_bytes() != data
    assert record.encoding == text
    assert read_rgb(path).shape == (48, 64, 3)
    assert cv2.imread(str(path), cv2.IMREAD_UNCHANGED).ndim == 3


def test_names_by_index_topic_stamp_and_for_cvat(tmp_path):
    bag = simple_bag(tmp_path / 'drive', 5)
    expected = {
        'index': ['000000', '000002', '000004'],
        'topic': ['cam_image_raw_000000', 'cam_image_raw_000002', 'cam_image_raw_000004'],
        'stamp': [f'{START_NS + n * PERIOD_NS:019d}' for n in (0, 2, 4)],
        'frame': ['frame_00000000', 'frame_00000001', 'frame_00000002'],
    }
    for naming, names in expected.items():
        options = ExtractOptions(names=naming, every=2, size=(8, 6))
        manifest = extract_frames([bag], tmp_path / naming, options)
        assert [r.file for r in manifest.records] == [f'images/{name}.png' for name in names]


def test_equal_stamps_get_names_of_their_own(tmp_path):
    events = [('/i', IMAGE, raw(ROS2, picture(n), 5), 1000 + n) for n in range(3)]
    options = ExtractOptions(names='stamp', size=None)
    manifest = extract_frames([write_bag(tmp_path / 'drive', events)], tmp_path / 'out', options)
    stamp = '0' * 18 + '5'
    assert [r.file for r in manifest.records] == [
        f'images/{stamp}.png', f'images/{stamp}-2.png', f'images/{stamp}-3.png',
    ]  # fmt: skip
    for index, record in enumerate(manifest.records):
        assert np.array_equal(read_rgb(tmp_path / 'out' / record.file), picture(index))


def test_a_zero_stamp_is_replaced_by_the_time_of_recording(tmp_path):
    bag = write_bag(tmp_path / 'drive', [('/i', IMAGE, raw(ROS2, picture(0), 0), 777)])
    (record,) = extract_frames([bag], tmp_path / 'out').records
    assert (record.stamp_ns, record.recorded_ns) == (777, 777)


def test_mixed_sizes_within_a_topic_all_come_out(tmp_path):
    sizes = [(64, 48), (32, 48), (100, 20)]
    events = [
        ('/i', IMAGE, raw(ROS2, picture(n, size), START_NS + n), START_NS + n)
        for n, size in enumerate(sizes)
    ]
    bag = write_bag(tmp_path / 'drive', events)
    manifest = extract_frames([bag], tmp_path / 'out', ExtractOptions(size=(20, 20), fit='crop'))
    assert [r.original_size for r in manifest.records] == sizes
    assert {r.size for r in manifest.records} == {(20, 20)}
    as_they_are = extract_frames([bag], tmp_path / 'as', AS_IS)
    assert [r.size for r in as_they_are.records] == sizes


def test_unreadable_messages_are_left_out_with_their_reasons(tmp_path):
    events = camera_events(count=6)
    depth = raw(ROS2, np.zeros((4, 4), np.uint16), START_NS, encoding='16UC1')
    strange = raw(ROS2, picture(0), START_NS, encoding='martian8')
    short = compressed(ROS2, picture(0), START_NS)
    for index, message in ((1, depth), (2, strange), (4, b'\0\1\0\0\7')):
        events[index] = (*events[index][:2], message, events[index][3])
    bag = write_bag(tmp_path / 'drive', events)
    manifest = extract_frames([bag], tmp_path / 'out', AS_IS)
    assert [r.index for r in manifest.records] == [0, 3, 5]
    reasons = {o.where.rpartition(' ')[2]: o.reason for o in manifest.omissions}
    assert list(reasons) == ['1', '2', '4']
    assert 'depth' in reasons['1']
    assert 'martian8' in reasons['2']
    assert 'no readable' in reasons['4']
    cut = compressed(ROS2, picture(0), START_NS)
    cut.data = short.data[: len(short.data) // 2]
    bag = write_bag(
        tmp_path / 'cut', [('/c', COMPRESSED, cut, 1), *camera_events(count=1, topic='/c')]
    )
    manifest = extract_frames([bag], tmp_path / 'out2', AS_IS)
    assert len(manifest.records) == 1
    assert 'cut off' in manifest.omissions[0].reason


def test_several_topics_and_bags_get_folders_of_their_own(tmp_path):
    (tmp_path / 'a').mkdir()
    cameras = [camera_events(ROS1, 6, name, first=n) for name, n in SIDES.items()]
    one = write_bag(tmp_path / 'a' / 'drive', in_order(*cameras), 'ros1')
    (tmp_path / 'b').mkdir()
    two = simple_bag(tmp_path / 'b' / 'drive', 2)
    only_one = extract_frames([one], tmp_path / 'one', ExtractOptions(('*',), size=None))
    assert {r.file.rpartition('/')[0] for r in only_one.records} == {
        'images/left_image', 'images/right_image',
    }  # fmt: skip
    for record in only_one.records:
        number = SIDES[record.topic] + record.index
        assert np.array_equal(read_rgb(tmp_path / 'one' / record.file), picture(number))
    both = extract_frames([one, two], tmp_path / 'both', ExtractOptions(('*',), size=None))
    assert {r.file.rpartition('/')[0] for r in both.records} == {
        'images/drive/left_image', 'images/drive/right_image', 'images/drive-2/cam_image_raw',
    }  # fmt: skip
    assert {r.sequence for r in both.records} == {'drive', 'drive-2'}


def test_folders_and_videos(tmp_path):
    folder = tmp_path / 'photos'
    (folder / 'deep').mkdir(parents=True)
    for number, name in enumerate(['a.png', 'deep/b.png', 'z.png']):
        cv2.imwrite(str(folder / name), picture(number)[..., ::-1])
    (folder / 'broken.jpg').write_bytes(b'\xff\xd8\xff')
    cv2.imwrite(str(folder / 'depth.png'), np.full((4, 4), 900, np.uint16))
    manifest = extract_frames([folder], tmp_path / 'out', AS_IS)
    assert [r.source_name for r in manifest.records] == ['a.png', 'deep/b.png', 'z.png']
    # Sorted by path: a, broken, deep/b, depth, z.
    assert [r.index for r in manifest.records] == [0, 2, 4]
    assert [r.parent_sha256 for r in manifest.records] == [
        sha256_of_file(folder / r.source_name) for r in manifest.records
    ]
    assert [r.stamp_ns for r in manifest.records] == [None] * 3
    assert len(manifest.omissions) == 2
    assert '16 bits' in next(o.reason for o in manifest.omissions if 'depth' in o.where)

    video = tmp_path / 'drive.avi'
    writer = cv2.VideoWriter(str(video), cv2.VideoWriter_fourcc(*'MJPG'), 10, (64, 48))
    for number in range(6):
        writer.write(picture(number)[..., ::-1])
    writer.release()
    options = ExtractOptions(every=2, size=None, start_s=0.1)
    manifest = extract_frames([video], tmp_path / 'video', options)
    assert [(r.index, r.stamp_ns) for r in manifest.records] == [
        (1, 10**8), (3, 3 * 10**8), (5, 5 * 10**8),
    ]  # fmt: skip
    for record in manifest.records:
        found = read_rgb(tmp_path / 'video' / record.file).astype(int)
        assert np.abs(found - picture(record.index)).mean() < 12
    ended = extract_frames([video], tmp_path / 'ended', ExtractOptions(end_s=0.5))
    assert [r.index for r in ended.records] == [0, 1, 2, 3, 4]


def test_linked_folders_are_left_out_and_said(tmp_path):
    folder = tmp_path / 'photos'
    for name in ('photos/deep/a.png', 'elsewhere/b.png'):
        (tmp_path / name).parent.mkdir(parents=True)
        cv2.imwrite(str(tmp_path / name), picture(1))
    (folder / 'deep/more').symlink_to(tmp_path / 'elsewhere')
    manifest = extract_frames([folder], tmp_path / 'out', AS_IS)
    assert [r.source_name for r in manifest.records] == ['deep/a.png']
    (omission,) = manifest.omissions
    assert omission.reason.startswith('deep/more: links to folders are not followed')


def test_the_result_does_not_depend_on_the_number_of_threads(tmp_path):
    bag = simple_bag(tmp_path / 'drive', 12)
    options = ExtractOptions(drop_similar=3, rate_hz=7, size=(20, 20), fit='letterbox')
    for jobs in (1, 2, 7):
        extract_frames([bag], tmp_path / str(jobs), options, jobs=jobs)
    assert tree(tmp_path / '1') == tree(tmp_path / '2') == tree(tmp_path / '7')


def test_every_line_of_the_manifest_traces_back_to_its_message(tmp_path):
    events = in_order(
        camera_events(ROS1, 8, '/a/image', make=compressed),
        camera_events(ROS1, 8, 'b/image', make=raw, first=20),
    )
    bag = write_bag(tmp_path / 'drive', events, 'ros1')
    options = ExtractOptions(('*',), size=None, every=3, names='stamp')
    by_topic = {t: [e[2] for e in events if e[0] == t] for t in ('/a/image', 'b/image')}
    manifest = extract_frames([bag], tmp_path / 'out', options)
    assert len(manifest.records) == 6
    for record in manifest.records:
        message = by_topic[record.topic][record.index]
        stamp = message.header.stamp
        assert record.stamp_ns == stamp.sec * 10**9 + stamp.nanosec
        if record.topic == 'b/image':
            expected = message.data.reshape(48, 64, 3)
        else:
            expected = cv2.imdecode(message.data, cv2.IMREAD_COLOR)[..., ::-1]
        assert np.array_equal(read_rgb(tmp_path / 'out' / record.file), expected)


def test_nothing_is_left_but_images_camera_info_and_manifest(tmp_path):
    extract_frames([simple_bag(tmp_path / 'drive', 1)], tmp_path / 'out')
    assert names_in(tmp_path / 'out') == [
        'camera_info/cam_image_raw.yaml', 'images/000000.png', 'manifest.jsonl',
    ]  # fmt: skip


@pytest.mark.parametrize(
    ('sources', 'message'),
    [
        ([], 'nothing to extract'),
        (['missing'], 'does not exist'),
        (['folder', 'folder'], 'given twice'),
        (['notes.txt'], 'is no source of frames'),
        (['empty'], 'No images in'),
    ],
)
def test_unusable_sources_are_refused(tmp_path, sources, message):
    (tmp_path / 'notes.txt').write_text('x')
    (tmp_path / 'empty').mkdir()
    (tmp_path / 'folder').mkdir()
    cv2.imwrite(str(tmp_path / 'folder/a.png'), picture(0))
    with pytest.raises(DataError, match=message):
        extract_frames([tmp_path / each for each in sources], tmp_path / 'out')
    assert not (tmp_path / 'out').exists()


def test_an_output_inside_of_a_source_is_refused(tmp_path):
    (tmp_path / 'folder').mkdir()
    cv2.imwrite(str(tmp_path / 'folder/a.png'), picture(0))
    with pytest.raises(DataError, match='lies in the input'):
        extract_frames([tmp_path / 'folder'], tmp_path / 'folder/out')


@pytest.mark.parametrize('option', [{'rate_hz': 1.0}, {'start_s': 1.0}, {'names': 'stamp'}])
def test_folders_have_no_time(tmp_path, option):
    (tmp_path / 'folder').mkdir()
    cv2.imwrite(str(tmp_path / 'folder/a.png'), picture(0))
    with pytest.raises(DataError, match='have no stamps'):
        extract_frames([tmp_path / 'folder'], tmp_path / 'out', ExtractOptions(**option))
