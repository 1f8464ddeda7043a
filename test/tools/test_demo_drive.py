"""The bundled demo drive, and the program that renders it."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from rosbags.highlevel import AnyReader
from rosbags.typesys import Stores, get_typestore

DEMO = Path(__file__).resolve().parents[2] / 'tools' / 'demo'
PROGRAM = DEMO / 'render_drive.py'
IMAGE_TOPIC = '/sim/camera/image_raw/compressed'
INFO_TOPIC = '/sim/camera/camera_info'
SIZE, FRAMES, START_NS, PERIOD_NS = (512, 384), 150, 1_700_000_000_000_000_000, 100_000_000
SURFACE, BACKGROUND, WHITE, YELLOW, RED, OBJECT = range(6)
LINES = [(255, 255, 255), (255, 220, 0), (220, 20, 20)]
PALETTE = [(90, 90, 90), (150, 200, 250), *LINES, (240, 120, 40)]


def read_labels(png: bytes) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Turn a palette PNG into ids with an independent reader; unknown colours become 255."""
    rgb = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    labels = np.full(rgb.shape[:2], 255, np.uint8)
    for label, colour in enumerate(PALETTE):
        labels[(rgb == colour).all(axis=2)] = label
    return labels


def read_drive(folder: Path) -> SimpleNamespace:
    """Read bag and masks: images and infos as (stamp_ns, message), masks by file name."""
    messages: dict[str, list[tuple[int, Any]]] = {IMAGE_TOPIC: [], INFO_TOPIC: []}
    store = get_typestore(Stores.ROS2_JAZZY)
    with AnyReader([folder / 'drive'], default_typestore=store) as reader:
        qos = {c.topic: c.ext.offered_qos_profiles for c in reader.connections}
        for connection, stamp_ns, raw in reader.messages():
            message = reader.deserialize(raw, connection.msgtype)
            messages[connection.topic].append((stamp_ns, message))
    with zipfile.ZipFile(folder / 'masks.zip') as archive:
        masks = {name: archive.read(name) for name in archive.namelist()}
    return SimpleNamespace(
        images=messages[IMAGE_TOPIC], infos=messages[INFO_TOPIC], masks=masks, qos=qos
    )


def decoded(drive: SimpleNamespace) -> Iterator[tuple[Any, Any]]:
    """Yield RGB picture and labels of every frame."""
    for stamp_ns, message in drive.images:
        bgr = cv2.imdecode(message.data, cv2.IMREAD_UNCHANGED)
        yield bgr[..., ::-1], read_labels(drive.masks[f'{stamp_ns}.png'])


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(PROGRAM), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **environment},
        check=False,
    )


@pytest.fixture(scope='module')
def drive() -> SimpleNamespace:
    return read_drive(DEMO)


@pytest.fixture(scope='module')
def frames(drive: SimpleNamespace) -> list[tuple[Any, Any]]:
    return list(decoded(drive))


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The program's modules, imported as the program imports them."""
    monkeypatch.syspath_prepend(str(DEMO))
    names = ('camera', 'objects', 'output', 'scene', 'shapes', 'track')
    return SimpleNamespace(**{name: import_module(f'drive_{name}') for name in names})


def test_drive_is_small() -> None:
    total = sum(path.stat().st_size for path in (DEMO / 'drive').iterdir())
    assert total + (DEMO / 'masks.zip').stat().st_size <= 5_000_000


def test_drive_stamps_are_regular_and_equal_on_both_topics(drive: SimpleNamespace) -> None:
    expected = [START_NS + i * PERIOD_NS for i in range(FRAMES)]
    for messages in (drive.images, drive.infos):
        assert [stamp_ns for stamp_ns, _ in messages] == expected
        headers = [message.header for _, message in messages]
        assert [h.stamp.sec * 10**9 + h.stamp.nanosec for h in headers] == expected
        assert {h.frame_id for h in headers} == {'camera_optical_frame'}


def test_drive_records_reliable_publishers(drive: SimpleNamespace) -> None:
    assert {topic: [q.reliability.name for q in qos] for topic, qos in drive.qos.items()} == {
        IMAGE_TOPIC: ['RELIABLE'],
        INFO_TOPIC: ['RELIABLE'],
    }


def test_drive_images_decode_to_the_size_of_camera_info(
    drive: SimpleNamespace, frames: list[tuple[Any, Any]]
) -> None:
    assert {message.format for _, message in drive.images} == {'rgb8; jpeg compressed bgr8'}
    assert {rgb.shape for rgb, _ in frames} == {(SIZE[1], SIZE[0], 3)}
    assert {(info.width, info.height) for _, info in drive.infos} == {SIZE}


def test_drive_camera_info_is_a_centred_pinhole(drive: SimpleNamespace) -> None:
    for _, info in drive.infos:
        assert info.distortion_model == 'plumb_bob'
        assert info.d.tolist() == [0.0] * 5
        assert info.k.tolist() == [320.0, 0, 255.5, 0, 320.0, 191.5, 0, 0, 1]
        assert info.p.reshape(3, 4)[:, :3].ravel().tolist() == info.k.tolist()
        assert info.p.reshape(3, 4)[:, 3].tolist() == [0.0] * 3
        assert info.r.tolist() == np.eye(3).ravel().tolist()


def test_masks_match_frames_one_to_one(
    drive: SimpleNamespace, frames: list[tuple[Any, Any]]
) -> None:
    assert list(drive.masks) == [f'{stamp_ns}.png' for stamp_ns, _ in drive.images]
    assert all(labels.shape == rgb.shape[:2] for rgb, labels in frames)
    assert all(labels.max() <= OBJECT for _, labels in frames), 'a colour outside the palette'


def test_masks_hold_every_label(frames: list[tuple[Any, Any]]) -> None:
    shown = [set(np.unique(labels).tolist()) for _, labels in frames]
    assert all(s >= {SURFACE, BACKGROUND, WHITE, YELLOW, OBJECT} for s in shown)
    assert sum(RED in s for s in shown) >= 20


def test_masks_agree_with_the_pictures(frames: list[tuple[Any, Any]]) -> None:
    """Inside a line, away from its blended edge, the picture has the line's colour."""
    inside = {label: [] for label in (WHITE, YELLOW, RED)}
    for rgb, labels in frames:
        for label, pixels in inside.items():
            core = cv2.erode((labels == label).astype(np.uint8), np.ones((5, 5), np.uint8))
            pixels.append(rgb[core > 0].astype(int))
    white, yellow, red = (np.concatenate(pixels) for pixels in inside.values())
    assert min(len(white), len(yellow), len(red)) > 5000
    assert np.mean(white.min(axis=1) > 190) > 0.99
    assert np.mean((yellow[:, 1] > 150) & (yellow[:, 2] < 90)) > 0.99
    assert np.mean((red[:, 0] > 150) & (red[:, 1:].max(axis=1) < 70)) > 0.99


def test_white_masks_are_aligned_to_the_pixel(frames: list[tuple[Any, Any]]) -> None:
    """Bright neutral pixels of the lower half are the white line, best without any shift."""

    def agreement(shift: tuple[int, int]) -> float:
        both = either = 0
        for rgb, labels in frames[::10]:
            half = slice(rgb.shape[0] // 2, rgb.shape[0])
            moved = np.roll(labels, shift, axis=(0, 1))[half] == WHITE
            # The anti-aliased edge is half line and half asphalt: the threshold is their middle.
            bright = (rgb[half].min(axis=2) > 150) & (labels[half] != OBJECT)
            both += int((moved & bright).sum())
            either += int((moved | bright).sum())
        return both / either

    centred = agreement((0, 0))
    assert centred > 0.97
    assert all(agreement(shift) < centred for shift in ((0, 1), (0, -1), (1, 0), (-1, 0)))


def test_help_shows_examples() -> None:
    result = run('--help')
    assert result.returncode == 0
    assert 'examples:' in result.stdout
    assert '--force' in result.stdout


@pytest.mark.parametrize(
    ('arguments', 'expected'),
    [
        (['--size', '512'], "found '512', expected WIDTHxHEIGHT"),
        (['--size', '5x5'], 'each from 32 to 1280'),
        (['--frames', '0'], "found '0', expected a whole number from 1"),
        (['--quality', 'best'], "found 'best', expected a whole number from 1 to 100"),
    ],
)
def test_wrong_arguments_are_refused(arguments: list[str], expected: str) -> None:
    result = run(*arguments)
    assert result.returncode == 2
    assert expected in result.stderr


def test_earlier_drive_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / 'masks.zip').write_bytes(b'precious')
    result = run('--output', str(tmp_path))
    assert result.returncode == 1
    assert 'holds masks.zip already' in result.stderr
    assert '--force' in result.stderr
    assert (tmp_path / 'masks.zip').read_bytes() == b'precious'


def test_missing_renderer_is_named(tmp_path: Path) -> None:
    (tmp_path / 'pybullet.py').write_text("raise ImportError('hidden')\n")
    result = run('--output', str(tmp_path / 'out'), PYTHONPATH=str(tmp_path))
    assert result.returncode == 1
    assert 'pip install pybullet' in result.stderr
    assert 'Traceback' not in result.stderr
    assert not (tmp_path / 'out').exists()


def test_interrupted_drive_leaves_the_earlier_one(parts: SimpleNamespace, tmp_path: Path) -> None:
    size = 64, 48
    camera = parts.camera.Intrinsics(*size)
    picture, labels = np.zeros((48, 64, 3), np.uint8), np.full((48, 64), RED, np.uint8)
    frame = parts.output.DriveFrame(START_NS, picture, labels)
    parts.output.write_drive(tmp_path, [frame], camera, quality=90)
    before = {path: path.read_bytes() for path in tmp_path.rglob('*') if path.is_file()}

    def broken() -> Iterator[Any]:
        yield frame
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        parts.output.write_drive(tmp_path, broken(), camera, quality=90, force=True)
    after = {path: path.read_bytes() for path in tmp_path.rglob('*') if path.is_file()}
    assert after == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ['drive', 'masks.zip']


def test_force_replaces_the_earlier_drive(parts: SimpleNamespace, tmp_path: Path) -> None:
    camera = parts.camera.Intrinsics(64, 48)
    picture, labels = np.zeros((48, 64, 3), np.uint8), np.zeros((48, 64), np.uint8)
    frames = [parts.output.DriveFrame(START_NS + i, picture, labels) for i in range(3)]
    parts.output.write_drive(tmp_path, frames[:1], camera, quality=90)
    with pytest.raises(parts.output.DataError, match=r'holds drive and masks\.zip already'):
        parts.output.write_drive(tmp_path, frames, camera, quality=90)
    parts.output.write_drive(tmp_path, frames, camera, quality=90, force=True)
    assert [len(read_drive(tmp_path).images), len(read_drive(tmp_path).masks)] == [3, 3]
    assert sorted(path.name for path in tmp_path.iterdir()) == ['drive', 'masks.zip']


def test_palette_png_keeps_every_label(parts: SimpleNamespace) -> None:
    labels = np.random.default_rng(0).integers(0, 6, (37, 53)).astype(np.uint8)
    assert np.array_equal(read_labels(parts.output.palette_png(labels)), labels)


def test_track_closes_after_one_turn(parts: SimpleNamespace) -> None:
    square = parts.track.rounded_track([(0, 0), (4, 0), (4, 4), (0, 4)], 1.0)
    assert square.length_m == pytest.approx(8 + 2 * np.pi, rel=1e-3)
    along = np.linspace(0, square.length_m, 50)
    assert square.at(along + square.length_m, 0.1) == pytest.approx(square.at(along, 0.1))
    turned = square.heading(along + square.length_m) - square.heading(along)
    assert turned == pytest.approx(np.full(50, 2 * np.pi))


def test_track_refuses_an_arc_that_does_not_fit(parts: SimpleNamespace) -> None:
    with pytest.raises(ValueError, match=r'use a smaller radius than 5\.0 m'):
        parts.track.rounded_track([(0, 0), (4, 0), (4, 4), (0, 4)], 5.0)


def test_render_is_deterministic(tmp_path: Path) -> None:
    pytest.importorskip('pybullet', reason='pybullet renders the drive: pip install pybullet')
    for name in ('a', 'b'):
        options = ['--frames', '2', '--size', '96x72', '--output', str(tmp_path / name)]
        result = run(*options)
        assert result.returncode == 0, result.stderr
    drive = read_drive(tmp_path / 'a')
    assert [len(drive.images), len(drive.infos), len(drive.masks)] == [2, 2, 2]
    for rgb, labels in decoded(drive):
        assert rgb.shape == (72, 96, 3)
        assert set(np.unique(labels)) >= {SURFACE, BACKGROUND, WHITE, YELLOW, OBJECT}
    for name in ('masks.zip', 'drive/drive.mcap'):
        assert (tmp_path / 'a' / name).read_bytes() == (tmp_path / 'b' / name).read_bytes()


def test_render_agrees_with_camera_info(parts: SimpleNamespace) -> None:
    """A ball is seen where K says: at f * (right / ahead, down / ahead) from the centre."""
    pytest.importorskip('pybullet', reason='pybullet renders the drive: pip install pybullet')
    ahead, right, down = 1.5, 0.4, -0.25
    ball = parts.shapes.ellipsoid((0.02, 0.02, 0.02), 0.0, sides=24)

    class Fixed(parts.scene.Scene):
        def camera(self, time_s: float) -> tuple[Any, Any]:
            return np.zeros(3), np.array([1.0, 0.0, 0.0])

    town = parts.scene.build_scene(1)
    part = parts.objects.Part(ball.moved(ahead, -right, -down), (1.0, 1.0, 1.0))
    camera = parts.camera.Intrinsics(*SIZE)
    with parts.camera.Camera(Fixed(town.track, [part], [], town.wobble), camera, 1) as renderer:
        _, labels = renderer.render(0.0)
    v, u = (axis.mean() for axis in np.nonzero(labels == OBJECT))
    assert u == pytest.approx(255.5 + 320.0 * right / ahead, abs=0.25)
    assert v == pytest.approx(191.5 + 320.0 * down / ahead, abs=0.25)
