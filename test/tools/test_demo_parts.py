"""The parts of the demo: names, pairs, numbers, pictures and files, without any process."""

import os
import signal
import sys
import time
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from demo_bags import IMAGE, INFO, picture

from sim2real_ros.data.frame import Frame
from sim2real_ros.errors import DataError

FOLDER = Path(__file__).resolve().parents[2] / 'tools/demo'


@pytest.fixture
def parts(monkeypatch):
    """The program's modules, imported as the program imports them."""
    monkeypatch.syspath_prepend(str(FOLDER))
    names = ('bag', 'pictures', 'processes', 'report', 'results', 'run', 'video')
    return SimpleNamespace(**{name: import_module(f'demo_{name}') for name in names})


def demo_camera(parts, bag, **changes):
    values = {
        'bag': bag, 'topic': 'cam/image', 'transport': 'raw', 'info_topic': '', 'frames': 3,
        'size': (64, 48), 'namespace': 'realistic',
    }  # fmt: skip
    return parts.bag.DemoCamera(**(values | changes))


def test_files_of_others_are_kept(parts, tmp_path):
    (tmp_path / 'report.json').write_text('precious')
    with pytest.raises(DataError, match=r"holds 'report.json', which is not from an earlier demo"):
        parts.run.prepare_folder(tmp_path, demo_camera(parts, tmp_path / 'bag'))
    assert (tmp_path / 'report.json').read_text() == 'precious'


def test_results_of_an_earlier_demo_are_replaced(parts, tmp_path):
    for name in ('translated/translated.mcap', 'logs/perception_proxy.log', 'report.json', 'own'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text('earlier')
    parts.run.prepare_folder(tmp_path, demo_camera(parts, tmp_path / 'bag'))
    assert sorted(path.name for path in tmp_path.iterdir()) == ['logs', 'own']


def test_output_never_replaces_its_own_input(parts, tmp_path):
    (tmp_path / 'translated').mkdir()
    (tmp_path / 'logs').mkdir()
    (tmp_path / 'logs/perception_proxy.log').touch()
    with pytest.raises(DataError, match='would be overwritten'):
        parts.run.prepare_folder(tmp_path, demo_camera(parts, tmp_path / 'translated'))
    assert (tmp_path / 'translated').is_dir()


def test_too_small_disk_is_noticed_before_the_run(parts, tmp_path):
    camera = demo_camera(parts, tmp_path / 'bag', frames=10**12)
    with pytest.raises(DataError, match=r'The translated frames take .* GB, and'):
        parts.run.prepare_folder(tmp_path, camera)


# --- parts -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ('image', 'infos', 'expected'),
    [
        ('/cam/image_raw', ['/cam/camera_info', '/x/camera_info'], '/cam/camera_info'),
        ('cam/image/compressed', ['cam/camera_info', 'x'], '/cam/camera_info'),
        ('/image', ['/camera_info', '/x/camera_info'], '/camera_info'),
        ('/compressed', ['/camera_info', '/x'], '/camera_info'),
        ('/gym/observations', ['/only'], '/only'),
        ('/gym/observations', ['/one', '/two'], ''),
        ('/gym/observations', [], ''),
    ],
)
def test_camera_info_is_found(parts, image, infos, expected):
    types = {image: IMAGE, **dict.fromkeys(infos, INFO)}
    assert parts.bag.choose_info(types, image, None) == expected


def test_output_of_an_earlier_run_can_be_played(parts):
    assert parts.bag.free_namespace({'/camera/image_raw': IMAGE}) == 'realistic'
    assert parts.bag.free_namespace({'realistic/image_raw': IMAGE}) == 'realistic_2'


def test_names_of_a_compressed_camera(parts, tmp_path):
    topic, info = 'front/image/compressed', '/front/camera_info'
    camera = demo_camera(parts, tmp_path, topic=topic, transport='compressed', info_topic=info)
    assert (camera.image_topic, camera.base_topic) == ('/front/image/compressed', '/front/image')
    words = parts.processes.node_arguments(camera, 'my "own" model.onnx')
    assert 'image_raw/compressed:=/front/image/compressed' in words
    assert 'camera_info:=/front/camera_info' in words
    assert 'model:="my \\"own\\" model.onnx"' in words


def test_domain_is_legal_and_not_the_users_own(parts, monkeypatch):
    for process, own in ((0, '1'), (100, '101'), (5050, '')):
        monkeypatch.setattr(os, 'getpid', lambda process=process: process)
        monkeypatch.setenv('ROS_DOMAIN_ID', own)
        assert 1 <= parts.processes.choose_domain() <= 101
        assert str(parts.processes.choose_domain()) != own


def test_frames_are_paired_by_stamp_although_some_are_missing(parts):
    originals = [Frame(picture(i, (4, 4)), stamp_ns=stamp) for i, stamp in enumerate([5, 6, 6, 8])]
    translated = [Frame(picture(9, (4, 4)), stamp_ns=stamp) for stamp in (6, 6, 8)]
    pairs = list(parts.pictures.pair_frames(originals, translated, by_stamp=True))
    assert [(a.stamp_ns, b.stamp_ns) for a, b in pairs] == [(6, 6), (6, 6), (8, 8)]
    in_order = list(parts.pictures.pair_frames(originals, translated, by_stamp=False))
    assert [a.stamp_ns for a, _ in in_order] == [5, 6, 6]


def test_latency_is_that_of_equal_stamps(parts):
    sends = parts.report.Moments([1, 2, 3], [0, 10_000_000, 20_000_000])
    receives = parts.report.Moments([1, 3], [2_000_000, 26_000_000])
    latency = parts.report.latency_between(sends, receives)
    assert latency.p50 == pytest.approx(4.0)
    assert latency.p95 == pytest.approx(5.8)
    assert parts.report.latency_between(sends, parts.report.Moments([], [])) is None


def test_frames_that_vanished_are_counted_as_lost(parts, tmp_path):
    sends = parts.report.Moments([1, 2, 3, 4, 5], [1, 2, 3, 4, 5])
    receives = parts.report.Moments([1, 5], [2, 6])
    values = {'model': {}, 'camera': {'frames dropped': '1', 'frames failed': '1'}}
    camera = demo_camera(parts, tmp_path)
    report = parts.report.make_report(camera, sends, receives, 2, values)
    assert report.counts == parts.report.Counts(5, 2, dropped=1, failed=1, lost=1)


def test_rows_are_spread_over_the_drive(parts):
    assert parts.pictures.evenly_spread(150) == [25, 75, 125]
    assert parts.pictures.evenly_spread(2) == [0, 1]
    assert parts.pictures.evenly_spread(1) == [0]
    assert parts.pictures.evenly_spread(0) == []


def test_panels_keep_pixels_where_they_can(parts):
    size = parts.pictures.panel_size
    assert (size((512, 384)), size((1280, 720)), size((100, 80))) == (
        (512, 384), (640, 360), (300, 240),
    )  # fmt: skip
    tiny = Frame(picture(0, (100, 80)))
    panel = parts.pictures.fit_panel(tiny, (300, 240))
    np.testing.assert_array_equal(panel[1::3, 1::3], tiny.image)


def test_text_stays_in_its_space(parts):
    canvas = parts.pictures.strip(100, 30)
    parts.pictures.draw_text(canvas, 'far too long for this strip', (10, 20), 12, width=60)
    columns = np.nonzero((canvas < 200).any(axis=(0, 2)))[0]
    assert 9 <= columns.min() < columns.max() <= 72


@pytest.mark.parametrize('size', [(320, 240), (101, 77)])
def test_video_falls_back_to_what_opencv_writes(parts, tmp_path, monkeypatch, size):
    monkeypatch.setattr(parts.video, 'FORMATS', (('none', '.webm'), ('MJPG', '.avi')))
    video = parts.video.PairVideo(tmp_path / 'film', ('a', 'b'), size, 10.0)
    for index in range(4):
        video.add((Frame(picture(index, size)), Frame(picture(index + 9, size))))
    video.close()
    video.check()
    assert video.path == tmp_path / 'film.avi'
    assert not video.format.plays_in_browsers
    monkeypatch.setattr(parts.video, 'FORMATS', (('none', '.webm'),))
    with pytest.raises(DataError, match=r'writes no video here; tried none in \.webm'):
        parts.video.PairVideo(tmp_path / 'film', ('a', 'b'), size, 10.0)


def test_long_drive_makes_a_short_film(parts, tmp_path, monkeypatch):
    monkeypatch.setattr(parts.video, 'MAX_SECONDS', 0.3)
    video = parts.video.PairVideo(tmp_path / 'film', ('a', 'b'), (64, 48), 10.0)
    for index in range(9):
        video.add((Frame(picture(index, (64, 48))), Frame(picture(index, (64, 48)))))
    video.close()
    video.check()
    assert (video.frames, video.full()) == (3, True)


STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print('ready', flush=True)
time.sleep(600)
"""


def test_process_that_does_not_listen_is_killed(parts, tmp_path, monkeypatch):
    monkeypatch.setattr(parts.processes, 'END_S', 0.1)
    command = [sys.executable, '-c', STUBBORN]
    process = parts.processes.Process('stubborn', command, tmp_path, os.environ)
    while not process.output.read_text():
        assert process.exit_status() is None, process.tail()
        time.sleep(0.01)
    assert process.end() == -signal.SIGKILL


def test_process_that_fails_ends_the_wait_with_its_last_words(parts, tmp_path):
    code = "raise SystemExit('out of luck')"
    commands = {'perception_proxy': [sys.executable, '-c', code]}
    with (
        parts.processes.Processes(commands, tmp_path, 1) as processes,
        pytest.raises(parts.processes.DemoError, match=r'ended with status 1\.(\n.*)+out of luck'),
    ):
        processes.wait(lambda: False, 'never', 60.0)
