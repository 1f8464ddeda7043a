"""The demo, really run: a bag through the node in its own process, and what it leaves behind."""

import json
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import psutil
import pytest
from demo_bags import (
    FRAMES,
    IMAGE,
    INFO,
    PERIOD_NS,
    SIZE,
    START_NS,
    picture,
    write_raw_bag,
    write_ros1_bag,
)
from rosbags.highlevel import AnyReader

from sim2real_ros.baselines.graph_builder import GraphBuilder
from sim2real_ros.card import ModelCard
from sim2real_ros.data import open_source
from sim2real_ros.runtime.translator import DEFAULT_WARM_UP_SIZE, Translator

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / 'tools/demo.py'
MODEL = ROOT / 'models/bilateral_grid_duckietown.onnx'
PATIENCE_S = 120.0

without_ros = pytest.mark.skipif(find_spec('rclpy') is None, reason='rclpy is not installed')


def needs_ros(test):
    return pytest.mark.dds(without_ros(test))


def write_failing_model(path):
    """A model that passes every trial, and then fails at the frames' size."""
    width, height = DEFAULT_WARM_UP_SIZE
    assert (width, height) != SIZE
    graph, card = GraphBuilder(), ModelCard(name='failing')
    shape = graph.constant([1, height, width, 3], np.int64)
    graph.add('Reshape', card.input, shape, output=card.output)
    path.write_bytes(graph.build(card).SerializeToString())
    return path


def command(*arguments):
    return [sys.executable, str(PROGRAM), *map(str, arguments)]


def run(*arguments):
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )


def read_report(folder):
    return json.loads((folder / 'report.json').read_text())


@pytest.fixture(scope='module')
def played(tmp_path_factory):
    """One run with a raw bag and the default model."""
    folder = tmp_path_factory.mktemp('played')
    bag = write_raw_bag(folder / 'bag')
    result = run('--bag', bag, '--output', folder / 'out')
    assert result.returncode == 0, result.stdout + result.stderr
    report = read_report(folder / 'out')
    return SimpleNamespace(bag=bag, out=folder / 'out', text=result.stdout, report=report)


# --- one whole run ---------------------------------------------------------------------------


@needs_ros
def test_every_frame_comes_out(played):
    counts = {'sent': FRAMES, 'received': FRAMES, 'dropped': 0, 'failed': 0, 'lost': 0}
    assert played.report['counts'] == counts


@needs_ros
def test_table_tells_model_provider_latency_and_files(played):
    for expected in (
        'model                bilateral_grid_duckietown (cut), fused',
        'licence              trained on Duckietown images',
        f'frames in            {FRAMES} ',
        f'frames out           {FRAMES} ',
        f'picture              {played.out}/side_by_side.png',
        f'video                {played.out}/side_by_side.webm',
        f'translated bag       {played.out}/translated',
    ):
        assert f'  {expected}' in played.text
    assert played.report['model']['provider'] in played.text
    for latency in ('node_latency', 'end_to_end_latency'):
        assert 0 < played.report[latency]['p50'] <= played.report[latency]['p95'] < 10_000


@needs_ros
def test_recorded_bag_holds_the_translation_of_every_frame(played):
    translator = Translator.load(MODEL)
    recorded = list(open_source(played.out / 'translated', '/realistic/image_raw'))
    assert [frame.stamp_ns for frame in recorded] == [
        START_NS + index * PERIOD_NS for index in range(FRAMES)
    ]
    for index, frame in enumerate(recorded):
        np.testing.assert_array_equal(frame.image, translator.translate(picture(index)))


@needs_ros
def test_camera_info_comes_along(played):
    with AnyReader([played.out / 'translated']) as reader:
        found = {(each.topic, each.msgtype, each.msgcount) for each in reader.connections}
    assert found == {
        ('/realistic/image_raw', IMAGE, FRAMES),
        ('/realistic/camera_info', INFO, FRAMES),
    }
    assert played.report['camera']['info_topic'] == '/camera/camera_info'


@needs_ros
def test_picture_shows_frames_beside_their_translations(played):
    sheet = cv2.imread(str(played.out / 'side_by_side.png'))[..., ::-1]
    translator = Translator.load(MODEL)
    assert len(played.report['panels']) == 3
    for row in played.report['panels']:
        original, translated = (
            sheet[y : y + height, x : x + width]
            for x, y, width, height in (row['original'], row['translated'])
        )
        index = (row['stamp_ns'] - START_NS) // PERIOD_NS
        np.testing.assert_array_equal(original, picture(index))
        np.testing.assert_array_equal(translated, translator.translate(picture(index)))
        assert not np.array_equal(original, translated)


@needs_ros
def test_video_shows_every_pair_at_the_speed_of_the_bag(played):
    capture = cv2.VideoCapture(str(played.out / 'side_by_side.webm'))
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(1e9 / PERIOD_NS)
    frames = []
    while (answer := capture.read())[0]:
        frames.append(answer[1][..., ::-1])
    assert len(frames) == FRAMES
    middle = frames[FRAMES // 2][-SIZE[1] :].astype(int)
    expected = picture(FRAMES // 2)
    assert np.abs(middle[:, : SIZE[0]] - expected).mean() < 12
    translated = Translator.load(MODEL).translate(expected)
    assert np.abs(middle[:, SIZE[0] :] - translated).mean() < 12


# --- other runs ------------------------------------------------------------------------------


@needs_ros
def test_ros1_bag_with_compressed_images_and_bare_topic_name(tmp_path):
    bag, out = write_ros1_bag(tmp_path / 'old.bag'), tmp_path / 'out'
    several = run('--bag', bag, '--output', out)
    assert several.returncode == 1
    assert 'choose one: front/image/compressed, rear/image/compressed' in several.stderr
    assert not out.exists()
    result = run('--bag', bag, '--output', out, '--topic', '/rear/image', '--model', 'identity')
    assert result.returncode == 0, result.stderr
    report = read_report(out)
    assert (report['counts']['sent'], report['counts']['received']) == (3, 3)
    assert report['camera']['transport'] == 'compressed'
    originals = list(open_source(bag, 'rear/image/compressed'))
    for before, after in zip(originals, open_source(out / 'translated'), strict=True):
        np.testing.assert_array_equal(before.image, after.image)


@needs_ros
def test_refused_model_ends_the_demo_with_the_reason(tmp_path):
    bag = write_raw_bag(tmp_path / 'bag', frames=2)
    (tmp_path / 'bad.onnx').write_bytes(b'no model')
    result = run('--bag', bag, '--output', tmp_path / 'out', '--model', tmp_path / 'bad.onnx')
    assert result.returncode == 1
    assert 'The node did not start: ' in result.stderr
    assert 'bad.onnx' in result.stderr
    assert 'Traceback' not in result.stderr


@needs_ros
def test_no_frame_out_shows_what_the_node_said(tmp_path):
    bag, out = write_raw_bag(tmp_path / 'bag', frames=3), tmp_path / 'out'
    model = write_failing_model(tmp_path / 'failing.onnx')
    result = run('--bag', bag, '--output', out, '--model', model)
    assert result.returncode == 1
    assert 'No frame came out' in result.stderr
    assert 'The last lines of perception_proxy:' in result.stderr


@needs_ros
@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM], ids=['SIGINT', 'SIGTERM'])
def test_interrupted_demo_leaves_no_process(tmp_path, number):
    arguments = ['--output', tmp_path / 'out', '--model', 'identity', '--rate', '0.1']
    with subprocess.Popen(
        command(*arguments), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as demo:
        recording = tmp_path / 'out/translated.partial'
        wait_until(lambda: recording.exists() and any(recording.iterdir()), 'recording')
        children = psutil.Process(demo.pid).children(recursive=True)
        assert len(children) >= 4
        demo.send_signal(number)
        _, error = demo.communicate(timeout=PATIENCE_S)
    assert demo.returncode == 130
    assert 'interrupted' in error
    assert 'Traceback' not in error
    wait_until(lambda: not any(map(psutil.Process.is_running, children)), 'end of the children')


def wait_until(condition, what):
    end_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end_s, f'not within {PATIENCE_S} s: {what}'
        time.sleep(0.05)


# --- what is refused before anything starts --------------------------------------------------


def test_help_shows_examples_for_make():
    result = run('--help')
    assert result.returncode == 0
    assert 'make demo BAG=' in result.stdout


@pytest.mark.parametrize(
    ('arguments', 'expected'),
    [
        (['--topic', '/nowhere'], "no image topic '/nowhere'; it has: /sim/camera/image_raw/comp"),
        (['--camera-info', '/nowhere'], 'it has: /sim/camera/camera_info'),
        (['--bag', PROGRAM], 'is no bag; expected a ROS 1 .bag file'),
        (['--bag', 'nowhere.mcap'], 'does not exist; expected a ROS 1 .bag file'),
    ],
)
def test_impossible_wishes_are_refused(tmp_path, arguments, expected):
    result = run(*arguments, '--output', tmp_path / 'out')
    assert result.returncode == 1
    assert expected in result.stderr
    assert 'Traceback' not in result.stderr
    assert not (tmp_path / 'out').exists()
