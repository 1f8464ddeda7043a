"""Which topics extract-frames takes, and what it makes of hostile names."""

import pytest
from extract_cases import (
    COMPRESSED,
    IMAGE,
    ROS1,
    ROS2,
    START_NS,
    camera_events,
    compressed,
    in_order,
    info_events,
    names_in,
    picture,
    raw,
    simple_bag,
    write_bag,
)

from sim2real_ros import cli
from sim2real_ros.data.extraction import ExtractOptions, extract_frames, list_topics, topic_lines
from sim2real_ros.errors import DataError


def frame(topic, msgtype=IMAGE, store=ROS2, at=START_NS):
    make = raw if msgtype == IMAGE else compressed
    return (topic, msgtype, make(store, picture(0), at), at)


@pytest.fixture
def bag(tmp_path):
    events = [
        frame('/front/image_raw'),
        frame('/front/image_raw/compressed', COMPRESSED),
        frame('/rear/image_raw', at=START_NS + 1),
        frame('rear/image_raw2', at=START_NS + 2),
        *info_events(count=2, topic='/front/camera_info'),
    ]
    return write_bag(tmp_path / 'drive', events)


def topics_taken(tmp_path, bag, *patterns, **options):
    options = ExtractOptions(patterns, size=(8, 6), **options)
    return sorted({r.topic for r in extract_frames([bag], tmp_path / 'out', options).records})


@pytest.mark.parametrize(
    ('patterns', 'topics'),
    [
        (['/rear/image_raw'], ['/rear/image_raw']),
        (['rear/image_raw'], ['/rear/image_raw']),
        (['/rear/image_raw2'], ['rear/image_raw2']),
        (['/front/*'], ['/front/image_raw', '/front/image_raw/compressed']),
        (['*/image_raw'], ['/front/image_raw', '/rear/image_raw']),
        (['/rear/image_raw', 'front/image_raw'], ['/front/image_raw', '/rear/image_raw']),
        (['*/image_raw?'], ['rear/image_raw2']),
    ],
)
def test_topics_by_name_and_glob_with_or_without_slash(tmp_path, bag, patterns, topics):
    assert topics_taken(tmp_path, bag, *patterns) == topics


def test_all_topics_and_those_of_a_type(tmp_path, bag):
    assert len(topics_taken(tmp_path, bag, '*')) == 4
    only = extract_frames(
        [bag], tmp_path / 'type', ExtractOptions(message_type='CompressedImage', size=(8, 6))
    )
    assert {r.topic for r in only.records} == {'/front/image_raw/compressed'}


def test_a_camera_may_be_named_without_its_transport(tmp_path):
    bag = write_bag(tmp_path / 'd', [frame('/c/image/compressed', COMPRESSED), frame('/other')])
    assert topics_taken(tmp_path, bag, '/c/image') == ['/c/image/compressed']


def test_several_topics_must_be_chosen_from_and_are_listed(tmp_path, bag):
    with pytest.raises(DataError, match=r'several image topics.*--topic') as refused:
        extract_frames([bag], tmp_path / 'out')
    assert '/rear/image_raw (Image, 1 messages)' in str(refused.value)
    assert '/front/image_raw/compressed (CompressedImage, 1 messages' in str(refused.value)
    assert not (tmp_path / 'out').exists()
    with pytest.raises(DataError, match=r"no image topic '/up'; it has: /front"):
        extract_frames([bag], tmp_path / 'out', ExtractOptions(('/rear/*', '/up')))
    (tmp_path / 'pictures').mkdir()
    (tmp_path / 'pictures/a.png').write_bytes(b'')
    with pytest.raises(DataError, match='is no bag, so it has no topics'):
        extract_frames([tmp_path / 'pictures'], tmp_path / 'out', ExtractOptions(('/up',)))


def test_a_bag_without_images_is_refused(tmp_path):
    bag = write_bag(tmp_path / 'd', info_events())
    with pytest.raises(DataError, match='has no topic of type Image or CompressedImage'):
        extract_frames([bag], tmp_path / 'out')
    assert topic_lines([bag]) == [f'{bag}: no image topics']


def test_listing_names_type_count_and_camera_info(tmp_path, bag):
    found = {each.name: each for each in list_topics(bag)}
    assert list(found) == sorted(found)
    assert found['/front/image_raw'].info_topic == '/front/camera_info'
    assert found['/front/image_raw/compressed'].info_topic == '/front/camera_info'
    assert found['/rear/image_raw'].info_topic == ''
    assert found['/rear/image_raw'].count == 1
    assert 'camera_info on /front/camera_info' in '\n'.join(topic_lines([bag]))


HOSTILE = [
    '../../x', '/abs/olute', '..', '/', 'a\0b', 'ünï/çödé', 'a b', 'A b', 'a_b', 'con', 'x' * 300,
    'new\nline', '[x]', '*',
]  # fmt: skip


def test_hostile_topics_stay_inside_and_apart(tmp_path):
    events = [frame(topic, at=START_NS + n) for n, topic in enumerate(HOSTILE)]
    bag = write_bag(tmp_path / 'evil', events)
    before = names_in(tmp_path)
    for naming in ('index', 'topic'):
        options = ExtractOptions(('*',), names=naming, size=(8, 6))
        manifest = extract_frames([bag], tmp_path / naming, options)
        assert len({r.file for r in manifest.records}) == len(HOSTILE)
        assert {r.topic for r in manifest.records} == set(HOSTILE)
        folders = {r.file.casefold().split('/')[1] for r in manifest.records}
        assert len(folders) == len(HOSTILE)
    outside = [n for n in names_in(tmp_path) if not n.startswith(('index/', 'topic/'))]
    assert outside == before
    assert len(names_in(tmp_path / 'index')) == len(HOSTILE) + 1


def test_nothing_that_a_terminal_would_obey_is_shown(tmp_path, capsys):
    events = [frame('\x1b[2J\n/a'), ('\x1b[31m', IMAGE, b'\0\1', START_NS)]
    bag = write_bag(tmp_path / 'evil', events)
    for arguments in (
        ['--list'],
        ['-o', tmp_path / 'out'],
        ['-o', tmp_path / 'out', '--topic', '*'],
    ):
        cli.main(['extract-frames', str(bag), *map(str, arguments)])
    cli.main(
        ['extract-frames', str(bag), '-o', str(tmp_path / 'new'), '--topic', '*', '--dry-run']
    )
    shown = capsys.readouterr()
    assert '\x1b' not in shown.out + shown.err
    assert '\\x1b[2J' in shown.out
    assert 'left out' in shown.err


def test_a_topic_with_glob_characters_is_found_by_its_name(tmp_path):
    bag = write_bag(tmp_path / 'evil', [frame('[x]'), frame('x', at=START_NS + 1)])
    assert topics_taken(tmp_path, bag, '[x]') == ['[x]']


def test_topics_that_differ_by_their_slash_stay_apart(tmp_path):
    events = in_order(
        camera_events(ROS1, 2, '/cam/image'), camera_events(ROS1, 3, 'cam/image', first=9)
    )
    bag = write_bag(tmp_path / 'd', events, 'ros1')
    manifest = extract_frames([bag], tmp_path / 'out', ExtractOptions(('cam/image',), size=(8, 6)))
    assert [r.topic for r in manifest.records].count('/cam/image') == 2
    assert len({r.file for r in manifest.records}) == 5


def test_undecodable_paths_do_not_break_the_manifest(tmp_path):
    folder = tmp_path / 'caf\udce9'
    folder.mkdir()
    bag = simple_bag(folder / 'drive', 1)
    (record,) = extract_frames([bag], tmp_path / 'out').records
    assert '\\udce9' in record.source
