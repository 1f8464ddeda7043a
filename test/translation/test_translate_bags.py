"""Bags: what is translated, and above all what stays as it was."""

import os
from pathlib import Path

import bag_cases
import numpy as np
import pytest
import translation_cases as cases
from bag_cases import FORMATS, BagContent

from sim2real_ros.errors import BackendError, DataError
from sim2real_ros.image import ENCODINGS, decode, decompress, encode_into, layout_like
from sim2real_ros.runtime.blend import Blend, Blender
from sim2real_ros.runtime.translator import Translator
from sim2real_ros.translation import TranslateOptions, plan_translation, translate

DATA = Path(os.environ.get('SIM2REAL_DATA') or cases.REPOSITORY.parent / 'shared' / 'data')
VARIANTS = {'tight': {}, 'padded': {'padding': 5}, 'big': {'big': 1}, 'trailing': {'trailing': 3}}


@pytest.fixture
def negative(tmp_path):
    return cases.negative(tmp_path)


def options(model, **changes):
    return TranslateOptions(str(model), **changes)


def every_encoding(bag_format, size=(8, 6)):
    """Fill a bag with all raw encodings, compressed images and other messages in between."""
    content = BagContent(bag_format)
    for encoding in ENCODINGS:
        for variant, more in VARIANTS.items():
            content.add_raw(f'/{encoding}/{variant}/image', encoding, size, None, **more)
        content.add_string('/chatter', encoding)
        content.add_info('/camera_info', size)
    for codec in ('jpeg', 'png'):
        content.add_picture(f'/{codec}/image/compressed', cases.random_image(*size), codec)
    return content


@pytest.mark.parametrize('bag_format', FORMATS)
def test_identity_gives_the_same_bag_for_every_encoding(tmp_path, bag_format):
    content = every_encoding(bag_format)
    source = content.write(tmp_path / content.name('in'))
    output = tmp_path / content.name('out')
    report = translate(source, output, options('identity'))
    assert report.translated == len(ENCODINGS) * len(VARIANTS) + 2
    assert not report.problems
    assert bag_cases.read_back(output) == content.messages
    assert bag_cases.connections_of(output) == bag_cases.connections_of(source)
    if bag_format == 'mcap':
        before, after = (bag_cases.read_mcap(next(p.glob('*.mcap'))) for p in (source, output))
        assert before == after
        assert len(after) == len(content.messages)


@pytest.mark.parametrize('suffix', ['mcap', 'db3'])
def test_bare_file_stays_a_bare_file(tmp_path, suffix):
    content = every_encoding(suffix)
    source = next(content.write(tmp_path / 'in').glob(f'*.{suffix}'))
    output = tmp_path / f'out.{suffix}'
    translate(source, output, options('identity'))
    assert output.is_file()
    assert bag_cases.read_back(output) == content.messages


def expected_image(message, translator, blend):
    """Do for one raw message what the node does, with the parts that it uses."""
    rgb = decode(message)
    result = translator.translate(rgb)
    Blender(blend).apply(rgb, result)
    layout = layout_like(message)
    buffer = np.empty(layout.size_bytes, np.uint8)
    encode_into(buffer, layout, result, source=message, decoded=rgb)
    return buffer


@pytest.mark.parametrize('bag_format', FORMATS)
def test_raw_images_are_what_the_node_would_publish(tmp_path, bag_format):
    content = every_encoding(bag_format)
    source = content.write(tmp_path / content.name('in'))
    output = tmp_path / content.name('out')
    blend = Blend(0.75, (0.25, 0, 0.75, 1), 2.0)
    chosen = options(
        cases.COLOUR, strength=0.75, roi=(0.25, 0, 0.75, 1), feather_px=2.0, topics=('*/image',)
    )
    translate(source, output, chosen)
    translator = Translator.load(cases.COLOUR)
    originals, results = bag_cases.contents(source), bag_cases.contents(output)
    differing = 0
    for encoding in ENCODINGS:
        for variant in VARIANTS:
            topic = f'/{encoding}/{variant}/image'
            before, after = originals[topic][0], results[topic][0]
            expected = expected_image(before, translator, blend)
            np.testing.assert_array_equal(after.data, expected, topic)
            for field in ('header', 'height', 'width', 'encoding', 'is_bigendian', 'step'):
                assert repr(getattr(after, field)) == repr(getattr(before, field))
            differing += not np.array_equal(after.data, before.data)
    assert differing == len(ENCODINGS) * len(VARIANTS)
    others = [m for m in content.messages if not m[0].endswith('/image')]
    assert [m for m in bag_cases.read_back(output) if not m[0].endswith('/image')] == others


@pytest.mark.parametrize('codec', ['jpeg', 'png'])
def test_compressed_images_keep_their_codec(tmp_path, negative, codec):
    content = BagContent('mcap')
    rgb = cases.smooth_image()
    content.add_picture('/cam/image/compressed', rgb, codec)
    source = content.write(tmp_path / 'in')
    translate(source, tmp_path / 'out', options(negative, quality=95))
    before = bag_cases.contents(source)['/cam/image/compressed'][0]
    after = bag_cases.contents(tmp_path / 'out')['/cam/image/compressed'][0]
    assert repr(after.header) == repr(before.header)
    assert after.format == f'rgb8; {codec} compressed bgr8'
    decoded = decode(decompress(after.data, after.format)).astype(int)
    expected = 255 - decode(decompress(before.data, before.format)).astype(int)
    assert np.abs(decoded - expected).max() <= (0 if codec == 'png' else 12)


@pytest.mark.parametrize('jobs', [1, 4])
def test_many_frames_keep_their_order_and_neighbours(tmp_path, jobs):
    content = BagContent('mcap')
    for index in range(60):
        content.add_picture('/cam/compressed', cases.random_image(40, 30, index), 'png')
        content.add_string('/chatter', str(index))
    source = content.write(tmp_path / 'in')
    counted = []
    translate(
        source, tmp_path / 'out', options(cases.COLOUR, jobs=jobs),
        lambda kind, done: counted.append((kind, done)),
    )  # fmt: skip
    translator = Translator.load(cases.COLOUR)
    after = bag_cases.read_back(tmp_path / 'out')
    assert [m[:3] for m in after] == [m[:3] for m in content.messages]
    for index, message in enumerate(bag_cases.contents(tmp_path / 'out')['/cam/compressed']):
        expected = translator.translate(cases.random_image(40, 30, index))
        found = decode(decompress(message.data, message.format))
        np.testing.assert_array_equal(found, expected)
    assert counted == [('bag', number) for number in range(1, 61)]


def test_topics_are_chosen_by_name_and_glob(tmp_path, negative):
    content = BagContent('mcap')
    for topic in ('/left/image', '/right/image', 'no_slash'):
        content.add_raw(topic, 'rgb8', (8, 6), None)
    source = content.write(tmp_path / 'in')
    for number, (wanted, expected) in enumerate(
        [
            ((), {'/left/image', '/right/image', 'no_slash'}),
            (('left/image',), {'/left/image'}),
            (('/no_slash',), {'no_slash'}),
            (('*/image',), {'/left/image', '/right/image'}),
        ]
    ):
        output = tmp_path / f'out{number}'
        translate(source, output, options(negative, topics=wanted))
        pairs = zip(content.messages, bag_cases.read_back(output), strict=True)
        assert {one[0] for one, other in pairs if one != other} == expected
    with pytest.raises(DataError, match=r"no camera image topic '/up'; it has: '/left/image', "):
        translate(source, tmp_path / 'none', options(negative, topics=('/up',)))


def test_depth_is_left_alone_and_told(tmp_path, negative):
    content = BagContent('mcap')
    content.add_raw('/depth/raw', '32FC1', (8, 6), None)
    content.add_compressed('/depth/raw/compressedDepth', b'\0' * 12, '32FC1; compressedDepth')
    content.add_compressed('/depth/png', b'\0' * 12, '16UC1; png compressed ')
    content.add_raw('/cam', 'rgb8', (8, 6), None)
    source = content.write(tmp_path / 'in')
    report = translate(source, tmp_path / 'out', options(negative))
    assert report.translated == 1
    assert not report.problems
    assert len(report.notes) == 3
    after = bag_cases.read_back(tmp_path / 'out')
    assert after[:3] == content.messages[:3]
    with pytest.raises(DataError, match='it carries depth'):
        translate(source, tmp_path / 'no', options(negative, topics=('/depth/raw',)))


def damaged_bag(tmp_path, bag_format='mcap'):
    content = BagContent(bag_format)
    content.add_raw('/cam', 'rgb8', (8, 6), None)
    content.add_raw('/cam', 'rgb8', (8, 6), b'short')
    content.add('/cam', bag_cases.IMAGE, b'\0\1\0\0damaged')
    content.add_raw('/cam', 'rgb16', (8, 6), None)
    content.add_raw('/cam', 'rgb8', (8, 6), None)
    return content, content.write(tmp_path / content.name('in'))


@pytest.mark.parametrize('bag_format', FORMATS)
@pytest.mark.parametrize('policy', ['keep', 'drop'])
def test_messages_that_cannot_be_translated_are_kept_or_dropped(
    tmp_path, negative, policy, bag_format
):
    content, source = damaged_bag(tmp_path, bag_format)
    output = tmp_path / content.name('out')
    report = translate(source, output, options(negative, on_failure=policy))
    assert report.translated == 2
    assert len(report.problems) == 3
    after = bag_cases.read_back(output)
    if policy == 'keep':
        assert after[1:4] == content.messages[1:4]
        assert 'stays as it was' in report.problems[0]
    else:
        assert [m[2] for m in after] == [content.messages[0][2], content.messages[4][2]]
        assert 'is dropped' in report.problems[0]
    assert after[0] != content.messages[0]
    assert after[-1] != content.messages[-1]


def test_a_model_that_never_works_ends_the_run(tmp_path):
    content = BagContent('mcap')
    content.add_raw('/cam', 'rgb8', (5, 5), None)
    source = content.write(tmp_path / 'in')
    with pytest.raises(BackendError, match='ONNX Runtime failed'):
        translate(source, tmp_path / 'out', options(cases.choosy(tmp_path)))
    assert sorted(p.name for p in tmp_path.iterdir()) == ['choosy.onnx', 'in']


def test_frames_that_the_model_cannot_take_stay(tmp_path):
    content = BagContent('mcap')
    content.add_raw('/cam', 'rgb8', (8, 6), None)
    content.add_raw('/cam', 'rgb8', (5, 5), None)
    source = content.write(tmp_path / 'in')
    report = translate(source, tmp_path / 'out', options(cases.choosy(tmp_path)))
    assert report.translated == 1
    assert 'ONNX Runtime failed' in report.problems[0]
    assert bag_cases.read_back(tmp_path / 'out')[1] == content.messages[1]


def camera_bag(bag_format, before=(32, 24)):
    content = BagContent(bag_format)
    content.add_info('/a/camera_info', before)
    content.add_raw('/a/image_raw', 'bgr8', before, None)
    content.add_info('/b/camera_info', before)
    content.add_picture('/b/image_raw/compressed', cases.random_image(*before), 'png')
    content.add_info('/other/camera_info', before)
    return content


@pytest.mark.parametrize('bag_format', FORMATS)
def test_camera_info_follows_the_size_of_the_model(tmp_path, bag_format):
    content = camera_bag(bag_format)
    source = content.write(tmp_path / content.name('in'))
    output = tmp_path / content.name('out')
    model = cases.fixed_size_negative(tmp_path, 16, 6)
    translate(source, output, options(model, output_size='model'))
    image = bag_cases.contents(output)['/a/image_raw'][0]
    assert (image.width, image.height, image.step, len(image.data)) == (16, 6, 48, 16 * 6 * 3)
    picture = bag_cases.contents(output)['/b/image_raw/compressed'][0]
    assert decode(decompress(picture.data, picture.format)).shape == (6, 16, 3)
    for topic in ('/a/camera_info', '/b/camera_info'):
        before, after = (bag_cases.contents(p)[topic][0] for p in (source, output))
        assert (after.width, after.height) == (16, 6)
        k = after.K if bag_format == 'ros1' else after.k
        p = after.P if bag_format == 'ros1' else after.p
        np.testing.assert_allclose(k, [5, 0, 8, 0, 2.5, 3, 0, 0, 1])
        np.testing.assert_allclose(p, [5, 0, 8, 0.75, 0, 2.5, 3, 0.625, 0, 0, 1, 0])
        assert repr(after.header) == repr(before.header)
    assert bag_cases.read_back(output)[4] == content.messages[4]


def test_camera_info_belongs_to_the_images_of_its_own_size(tmp_path):
    content = BagContent('mcap')
    for _ in range(2):
        content.add_raw('/cam/preview', 'rgb8', (16, 12), None)
        content.add_raw('/cam/image', 'rgb8', (32, 24), None)
        content.add_info('/cam/camera_info', (32, 24), focal=20.0)
        content.add_raw('/cam/preview', 'rgb8', (16, 12), None)
        content.add_info('/cam/camera_info', (32, 24), focal=20.0)
    source = content.write(tmp_path / 'in')
    model = cases.fixed_size_negative(tmp_path, 8, 6)
    translate(source, tmp_path / 'out', options(model, output_size='model'))
    found = bag_cases.contents(tmp_path / 'out')['/cam/camera_info']
    assert [(each.width, each.height, each.k[0]) for each in found] == [(8, 6, 5.0)] * 4


def test_camera_info_of_another_size_follows_the_images_that_are_there(tmp_path):
    content = BagContent('mcap')
    for size in ((32, 24), (64, 48)):
        content.add_info('/cam/camera_info', (96, 72), focal=40.0)
        content.add_raw('/cam/image', 'rgb8', size, None)
        content.add_info('/cam/camera_info', (96, 72), focal=40.0)
    source = content.write(tmp_path / 'in')
    model = cases.fixed_size_negative(tmp_path, 8, 6)
    translate(source, tmp_path / 'out', options(model, output_size='model'))
    found = bag_cases.contents(tmp_path / 'out')['/cam/camera_info']
    assert [each.k[0] for each in found] == [10, 10, 10, 5]


def test_camera_info_is_untouched_at_the_size_of_the_input(tmp_path):
    content = camera_bag('mcap')
    source = content.write(tmp_path / 'in')
    translate(source, tmp_path / 'out', options(cases.fixed_size_negative(tmp_path, 16, 6)))
    after = bag_cases.read_back(tmp_path / 'out')
    assert [after[i] for i in (0, 2, 4)] == [content.messages[i] for i in (0, 2, 4)]
    assert after[1] != content.messages[1]


def test_existing_bag_is_replaced_on_demand_only(tmp_path, negative):
    content, source = damaged_bag(tmp_path)
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out' / 'mine').write_text('mine')
    with pytest.raises(DataError, match='exist'):
        translate(source, tmp_path / 'out', options(negative))
    assert [p.name for p in (tmp_path / 'out').iterdir()] == ['mine']
    first, second = tmp_path / 'first', tmp_path / 'second'
    translate(source, first, options('identity'))
    translate(source, first, options(negative, force=True))
    translate(source, second, options(negative))
    assert bag_cases.read_back(first) == bag_cases.read_back(second)
    assert bag_cases.read_back(first) != content.messages


@pytest.mark.parametrize(
    ('bag_format', 'name', 'reason'),
    [
        ('ros1', 'out.mcap', r'expected a file \.bag'),
        ('ros1', 'out', r'expected a file \.bag'),
        ('mcap', 'out.mcap', 'expected a folder'),
    ],
)
def test_a_bag_keeps_its_format(tmp_path, negative, bag_format, name, reason):
    content = camera_bag(bag_format)
    source = content.write(tmp_path / content.name('in'))
    with pytest.raises(DataError, match=reason):
        plan_translation(source, tmp_path / name, options(negative))


def test_looking_lists_topics_and_writes_nothing(tmp_path, negative):
    source = camera_bag('mcap').write(tmp_path / 'in')
    before = cases.tree(tmp_path)
    plan = plan_translation(source, tmp_path / 'out', options(negative, output_size='model'))
    text = '\n'.join(plan.describe())
    assert plan.total == 2
    assert "'/a/image_raw': 1 Image messages through negative" in text
    assert "'/b/camera_info': scaled" in text
    assert '1 other connections' in text
    assert cases.tree(tmp_path) == before


def test_bag_without_camera_images(tmp_path, negative):
    content = BagContent('mcap')
    content.add_string('/chatter', 'hello')
    with pytest.raises(DataError, match='no camera image topic; it has: none'):
        translate(content.write(tmp_path / 'in'), tmp_path / 'out', options(negative))


@pytest.mark.parametrize('topic', ['/../../x/image', '/a b/\n', '/' + 'x' * 300, '/ü/image'])
def test_hostile_topics_are_names_and_no_paths(tmp_path, negative, topic):
    content = BagContent('mcap')
    content.add_raw(topic, 'rgb8', (8, 6), None)
    source = content.write(tmp_path / 'in')
    translate(source, tmp_path / 'out', options(negative))
    assert [m[0] for m in bag_cases.read_back(tmp_path / 'out')] == [topic]
    assert sorted(p.name for p in tmp_path.iterdir()) == ['in', 'negative.onnx', 'out']


def shared_bags():
    return sorted((DATA / 'bags').iterdir()) if (DATA / 'bags').is_dir() else []


@pytest.mark.skipif(not shared_bags(), reason=f'no real bags in {DATA} (SIM2REAL_DATA)')
@pytest.mark.parametrize('source', shared_bags(), ids=lambda path: path.name)
def test_real_bags_through_identity(tmp_path, source):
    output = tmp_path / source.name
    report = translate(source, output, options('identity'))
    assert not report.problems
    assert bag_cases.read_back(output) == bag_cases.read_back(source)
    assert bag_cases.connections_of(output) == bag_cases.connections_of(source)


def test_truncated_bag_gives_what_is_readable(tmp_path, negative):
    content = BagContent('mcap')
    for index in range(40):
        content.add_raw('/cam', 'rgb8', (32, 24), cases.random_image(32, 24, index).tobytes())
    file = next(content.write(tmp_path / 'in').glob('*.mcap'))
    cut = tmp_path / 'cut.mcap'
    cut.write_bytes(file.read_bytes()[: file.stat().st_size * 2 // 3])
    report = translate(cut, tmp_path / 'out.mcap', options(negative))
    assert 0 < report.translated < 40
    assert report.problems
    after = bag_cases.read_mcap(tmp_path / 'out.mcap')
    assert len(after) == report.translated
