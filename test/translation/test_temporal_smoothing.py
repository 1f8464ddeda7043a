"""Smoothing over time: every camera in its order, whatever the threads and accidents."""

import json
from itertools import pairwise

import bag_cases
import numpy as np
import planted_grid
import pytest
import translation_cases as cases
from planted_grid import SMOOTHING_S, frame

from sim2real_ros.data.video_source import VideoSource
from sim2real_ros.errors import DataError
from sim2real_ros.evaluation.frame import EvaluatedFrame, Previous, SimFrame
from sim2real_ros.evaluation.temporal.flicker import BRIGHTNESS, FLICKER, STEADY, Flicker
from sim2real_ros.files import OutputJob, read_manifest
from sim2real_ros.image import decode
from sim2real_ros.image.video_file import VideoFile
from sim2real_ros.translation import TranslateOptions, translate
from sim2real_ros.translation.frame_cache import FrameCache
from sim2real_ros.translation.model_pool import ModelPool


@pytest.fixture
def planted(monkeypatch):
    return planted_grid.plant(monkeypatch)


def options(**changes):
    values = {'temporal_smoothing_s': SMOOTHING_S, 'jobs': 3, **changes}
    return TranslateOptions('identity', **values)


def folder_of(path, names, first=0):
    for number, name in enumerate(names, first):
        cases.write_image(path / name, frame(number))
    return path


def video_of(path, count=8, rate_hz=10):
    video = VideoFile(path, rate_hz, (64, 48))
    for number in range(count):
        video.write(frame(number))
    video.close()
    return path


def bag_of(path, cameras, count=8):
    """Write a bag in which the cameras take turns, at 10 Hz each."""
    content = bag_cases.BagContent('mcap')
    image = content.store.types[bag_cases.IMAGE]
    for number in range(count):
        for camera in cameras:
            header = content.header(5_000_000_000 + number * 100_000_000)
            pixels = picture_of(camera, number).reshape(-1)
            content.add(camera, bag_cases.IMAGE, image(header, 48, 64, 'rgb8', 0, 192, pixels))
    return content.write(path)


def picture_of(camera, number):
    return frame(number + 100 * len(camera), scene=len(camera))


def test_frames_of_a_video_are_smoothed_in_their_order(tmp_path, planted):
    source = video_of(tmp_path / 'in.avi')
    for jobs in (1, 4):
        translate(source, tmp_path / f'out{jobs}', options(frames=True, jobs=jobs))
    plain = translate(source, tmp_path / 'source', TranslateOptions('identity', frames=True))
    assert plain.translated == 8
    found = cases.tree(tmp_path / 'out1/images')
    assert found == cases.tree(tmp_path / 'out4/images')
    assert found != cases.tree(tmp_path / 'source/images')


def test_video_of_a_camera_equals_the_average_by_hand(tmp_path, planted, monkeypatch):
    source = video_of(tmp_path / 'in.avi')
    translate(source, tmp_path / 'out', options(frames=True))
    names = [f'images/frame_{number:08d}.png' for number in range(8)]
    frames = [each.image for each in VideoSource(source)]
    by_hand = planted_grid.expected(frames, [number / 10 for number in range(8)])
    for name, picture in zip(names, by_hand, strict=True):
        np.testing.assert_array_equal(cases.read_image(tmp_path / 'out' / name), picture)
    # A video of it is made of the same frames.
    written = []
    monkeypatch.setattr(VideoFile, 'write', lambda self, image: written.append(image))
    translate(source, tmp_path / 'out.avi', options())
    np.testing.assert_array_equal(written, by_hand)


def test_cameras_of_a_bag_do_not_mix(tmp_path, planted):
    topics = ('/left', '/right/image')
    translate(bag_of(tmp_path / 'in', topics), tmp_path / 'out', options())
    found = bag_cases.contents(tmp_path / 'out')
    for topic in topics:
        frames = [picture_of(topic, number) for number in range(8)]
        by_hand = planted_grid.expected(frames, [5 + number / 10 for number in range(8)])
        for message, picture in zip(found[topic], by_hand, strict=True):
            np.testing.assert_array_equal(decode(message), picture)


def test_drives_of_a_folder_are_smoothed_each_in_its_order(tmp_path, planted):
    """By name: 2 comes before 10, and two cameras lie in one folder."""
    numbers = [2, 10, 1, 9, 3]
    names = [f'run/{n}_{side}.png' for n in numbers for side in ('left', 'right')]
    source = folder_of(tmp_path / 'in', names)
    translate(source, tmp_path / 'out', options())
    for side in ('left', 'right'):
        drive = [f'run/{n}_{side}.png' for n in sorted(numbers)]
        frames = [cases.read_image(source / name) for name in drive]
        by_hand = planted_grid.expected(frames, [None] * 5)
        for name, picture in zip(drive, by_hand, strict=True):
            np.testing.assert_array_equal(cases.read_image(tmp_path / 'out' / name), picture)


def test_manifest_gives_stamps_and_drives(tmp_path, planted):
    """The translated frames of a video are a folder whose manifest knows the stamps."""
    source = video_of(tmp_path / 'in.avi', rate_hz=4)
    translate(source, tmp_path / 'set', TranslateOptions('identity', frames=True, strength=0))
    records = read_manifest(tmp_path / 'set').records
    assert [record.stamp_ns for record in records] == [n * 250_000_000 for n in range(8)]
    translate(tmp_path / 'set', tmp_path / 'out', options())
    frames = [cases.read_image(tmp_path / 'set' / record.file) for record in records]
    by_hand = planted_grid.expected(frames, [n / 4 for n in range(8)])
    for record, picture in zip(records, by_hand, strict=True):
        np.testing.assert_array_equal(cases.read_image(tmp_path / 'out' / record.file), picture)


def stop_after(monkeypatch, owner, method, count):
    """Let a method fail at its nth call."""
    original, calls = getattr(owner, method), []

    def counted(self, *args, **more):
        calls.append(None)
        if len(calls) == count:
            raise DataError('stopped')
        return original(self, *args, **more)

    monkeypatch.setattr(owner, method, counted)


SOURCES = {
    'folder': (lambda tmp: folder_of(tmp / 'in', [f'{n}.png' for n in range(8)]), {}),
    'frames': (lambda tmp: video_of(tmp / 'in.avi'), {'frames': True}),
}


@pytest.mark.parametrize('kind', SOURCES)
@pytest.mark.parametrize('moment', [1, 2, 7])
def test_stopped_folder_ends_with_the_same_bytes(tmp_path, planted, monkeypatch, kind, moment):
    make, more = SOURCES[kind]
    source = make(tmp_path)
    translate(source, tmp_path / 'expected', options(**more))
    with monkeypatch.context() as patch:
        stop_after(patch, OutputJob, 'commit', moment)
        with pytest.raises(DataError, match='stopped'):
            translate(source, tmp_path / 'out', options(**more))
    translate(source, tmp_path / 'out', options(**more))
    assert cases.tree(tmp_path / 'out') == cases.tree(tmp_path / 'expected')


@pytest.mark.parametrize('moment', [1, 2, 13])
def test_stopped_bag_ends_with_the_same_bytes(tmp_path, planted, monkeypatch, moment):
    source = bag_of(tmp_path / 'in', ('/left', '/right/image'))
    translate(source, tmp_path / 'expected', options())
    with monkeypatch.context() as patch:
        stop_after(patch, FrameCache, 'append', moment)
        with pytest.raises(DataError, match='stopped'):
            translate(source, tmp_path / 'out', options(jobs=1))
    assert not (tmp_path / 'out').exists()
    translate(source, tmp_path / 'out', options())
    assert bag_cases.read_back(tmp_path / 'out') == bag_cases.read_back(tmp_path / 'expected')


def test_only_unfinished_drives_are_looked_at_again(tmp_path, planted, monkeypatch):
    names = [f'{drive}_{number}.png' for drive in 'ab' for number in range(4)]
    source = folder_of(tmp_path / 'in', names)
    with monkeypatch.context() as patch:
        stop_after(patch, OutputJob, 'commit', 7)
        with pytest.raises(DataError, match='stopped'):
            translate(source, tmp_path / 'out', options(jobs=1))
    translate(source, tmp_path / 'out', options(jobs=1))
    # The first drive and half of the second are written: the second's four frames run again.
    assert len(planted[-1].contexts) == 4


def test_unreadable_frame_holds_nobody_up(tmp_path, planted):
    source = folder_of(tmp_path / 'in', [f'{n}.png' for n in range(8)])
    (source / '3.png').write_bytes(b'no image')
    report = translate(source, tmp_path / 'out', options())
    assert (report.translated, len(report.problems)) == (7, 1)
    rest = [n for n in range(8) if n != 3]
    by_hand = planted_grid.expected([frame(n) for n in rest], [None] * 7)
    for number, picture in zip(rest, by_hand, strict=True):
        found = cases.read_image(tmp_path / f'out/{number}.png')
        np.testing.assert_array_equal(found, picture)


def test_sessions_are_many_without_smoothing_and_one_with(planted):
    card = type('Card', (), {'size': None, 'size_multiple': 1})
    model = type('Model', (), {'card': card, 'content': b''})
    assert not ModelPool.load(model, options(temporal_smoothing_s=0.0)).smooths
    assert len(planted) == 3
    assert ModelPool.load(model, options()).smooths
    assert len(planted) == 4


def test_without_smoothing_no_frame_has_a_memory(tmp_path, planted):
    source = folder_of(tmp_path / 'in', ['1.png', '2.png'])
    translate(source, tmp_path / 'out', options(temporal_smoothing_s=0.0, detail_strength=0.25))
    contexts = [context for backend in planted for context in backend.contexts]
    assert [c.memory for c in contexts] == [None, None]
    assert {c.detail_strength for c in contexts} == {0.25}


def flicker_of(frames, translated):
    """Return the means of the three measures of flicker over all pairs of frames."""
    pairs = pairwise(zip(frames, translated, strict=True))
    seen = [
        Flicker()
        .of_frame(
            EvaluatedFrame(SimFrame('b', after[0]), after[1], Previous(SimFrame('a', b[0]), b[1]))
        )
        .values
        for b, after in pairs
    ]
    return [float(np.mean([v[q.key] for v in seen])) for q in (FLICKER, STEADY, BRIGHTNESS)]


def test_smoothing_lowers_the_flicker_of_a_flickering_network():
    frames = [frame(number) for number in range(24)]
    stamps_s = [number / 30 for number in range(24)]
    plain, short, long = (
        flicker_of(frames[4:], planted_grid.expected(frames, stamps_s, smoothing_s)[4:])
        for smoothing_s in (0.0, 0.1, 0.5)
    )
    for without, some, much in zip(plain, short, long, strict=True):
        assert without > 1
        assert some < 0.6 * without
        assert much < 0.75 * some
    # What is left of the first is the noise of the frames, which every gain changes.
    assert long[2] < 0.15 * plain[2]


def test_steady_frames_are_untouched_to_the_last_bit():
    frames = [frame(0)] * 10
    stamps_s = [number / 30 for number in range(10)]
    plain, smooth = (planted_grid.expected(frames, stamps_s, s) for s in (0.0, 0.5))
    np.testing.assert_array_equal(smooth, plain)
    assert flicker_of(frames, smooth)[0] == 0


def test_cut_has_its_own_colours_at_once():
    frames = [frame(number) for number in range(10)] + [frame(10, scene=3)]
    stamps_s = [number / 30 for number in range(11)]
    smooth = planted_grid.expected(frames, stamps_s, 5.0)
    plain = planted_grid.expected(frames, stamps_s, 0.0)
    np.testing.assert_array_equal(smooth[10], plain[10])
    assert np.abs(smooth[9].astype(int) - plain[9]).max() > 5


def test_choice_is_part_of_the_work(tmp_path, planted):
    source = folder_of(tmp_path / 'in', ['1.png', '2.png'])
    translate(source, tmp_path / 'out', options())
    for changes in ({'temporal_smoothing_s': 0.3}, {'detail_strength': 0.5}):
        with pytest.raises(DataError, match='other'):
            translate(source, tmp_path / 'out', options(**changes))
    assert translate(source, tmp_path / 'out', options()).was_complete
    assert 'temporal_smoothing_s' in json.dumps(read_manifest(tmp_path / 'out').options)
