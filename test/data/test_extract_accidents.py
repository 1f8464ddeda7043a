"""extract-frames is killed, runs out of disk, or meets damaged bags."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import pytest
from extract_cases import (
    START_NS,
    camera_events,
    in_order,
    info_events,
    journal_lines,
    names_in,
    picture,
    read_rgb,
    simple_bag,
    tree,
    write_bag,
)

from sim2real_ros.data.extraction import ExtractOptions, extract_frames
from sim2real_ros.errors import DataError
from sim2real_ros.files import output_job, read_manifest

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, '-m', 'sim2real_ros.cli', 'extract-frames']
# Frames wait until the parent has read the journal far enough, so a kill hits where it should.
SLOWED = """
import sys, time
from pathlib import Path
from sim2real_ros.data.extraction import source_work
encode = source_work.encode_file
def slow(*arguments):
    time.sleep(0.02)
    return encode(*arguments)
source_work.encode_file = slow
from sim2real_ros.cli import main
sys.exit(main(sys.argv[1:]))
"""


def slowed(*arguments):
    return subprocess.Popen(
        [sys.executable, '-c', SLOWED, 'extract-frames', *map(str, arguments)],
        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def kill_after(process, folder, lines):
    """Kill a run when its journal has so many lines; return whether it was still at work."""
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        if journal_lines(folder) >= lines:
            process.send_signal(signal.SIGKILL)
            break
        time.sleep(0.002)
    return process.wait() == -signal.SIGKILL


def busy_bag(path):
    """Two cameras, infos that change, similar pictures and an unreadable message."""
    left = camera_events(count=30, topic='/left/image')
    right = [
        (topic, kind, left[n - n % 3][2], at)
        for n, (topic, kind, _, at) in enumerate(camera_events(count=30, topic='/right/image'))
    ]
    left[7] = (*left[7][:2], b'\0\1\0\0', left[7][3])
    name = '/left/camera_info'
    later = info_events(count=20, topic=name, focal=70.0)
    infos = [
        *info_events(count=10, topic=name),
        *((*event[:3], event[3] + 10**9) for event in later),
        *info_events(count=3, topic='/right/camera_info', size=(1, 1)),
    ]
    return write_bag(path, in_order(left, right, infos))


SETTINGS = (
    *('--topic', '*', '--size', '32x24', '--drop-similar', '2', '--rate', '8'),
    *('--max-frames', '15', '--names', 'frame'),
)


def test_killed_at_any_point_and_repeated_it_ends_alike(tmp_path):
    bag, out = busy_bag(tmp_path / 'drive'), tmp_path / 'out'
    straight = [*COMMAND, str(bag), *SETTINGS, '-o', str(tmp_path / 'straight')]
    done = subprocess.run(straight, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    expected = tree(tmp_path / 'straight')
    assert len([n for n in expected if n.startswith('images/')]) > 15
    kills = 0
    for lines in (0, 9, 22):
        kills += kill_after(slowed(bag, *SETTINGS, '-o', out, '--jobs', '2'), out, lines)
        # Killed again on the way, now with another number of threads.
        kills += kill_after(slowed(bag, *SETTINGS, '-o', out, '--jobs', '3'), out, lines + 4)
        options = ExtractOptions(
            ('*',), size=(32, 24), drop_similar=2, rate_hz=8.0, max_frames=15, names='frame'
        )
        extract_frames([bag], out, options)
        assert tree(out) == expected, f'killed at line {lines}'
        shutil.rmtree(out)
    assert kills >= 4


def test_lost_images_of_unfinished_work_are_made_again(tmp_path, monkeypatch):
    bag, out = simple_bag(tmp_path / 'drive', 9), tmp_path / 'out'
    options = ExtractOptions(size=(20, 20), names='frame', drop_similar=1)
    extract_frames([bag], tmp_path / 'straight', options)
    with monkeypatch.context() as patch:
        patch.setattr(output_job.OutputJob, 'finish', _stop)
        with pytest.raises(KeyboardInterrupt):
            extract_frames([bag], out, options)
    assert journal_lines(out) == 9
    (out / 'images/frame_00000002.png').unlink()
    (out / 'images/frame_00000005.png').write_bytes(b'short')
    extract_frames([bag], out, options)
    assert tree(out) == tree(tmp_path / 'straight')


def _stop(_):
    raise KeyboardInterrupt


def test_a_finished_run_is_not_repeated_and_other_options_are_refused(tmp_path):
    bag, out = simple_bag(tmp_path / 'drive', 3), tmp_path / 'out'
    manifest = extract_frames([bag], out)
    stamps = {name: (out / name).stat().st_mtime_ns for name in names_in(out)}
    assert extract_frames([bag], out) == manifest
    assert {name: (out / name).stat().st_mtime_ns for name in names_in(out)} == stamps
    with pytest.raises(DataError, match=r'other options.*--force'):
        extract_frames([bag], out, ExtractOptions(every=2))
    extract_frames([bag], out, ExtractOptions(every=2), force=True)
    assert names_in(out / 'images') == ['000000.png', '000002.png']


def test_a_full_disk_is_explained_and_what_was_finished_is_kept(tmp_path):
    bag, out = simple_bag(tmp_path / 'drive', 30), tmp_path / 'out'
    extract_frames([bag], tmp_path / 'straight')
    room = max(p.stat().st_size for p in (tmp_path / 'straight/images').iterdir()) - 1000
    code = (
        f'import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room}))\n{SLOWED}'
    )
    done = subprocess.run(
        [sys.executable, '-c', code, 'extract-frames', str(bag), '-o', str(out)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith('error: Cannot write')
    assert 'kept' in done.stderr
    assert 'Traceback' not in done.stderr
    assert not (out / 'manifest.jsonl').exists()
    extract_frames([bag], out)
    assert tree(out) == tree(tmp_path / 'straight')


@pytest.mark.skipif(not hasattr(resource, 'RLIMIT_FSIZE'), reason='POSIX only')
@pytest.mark.parametrize('room', [3000, 9000])
def test_a_disk_that_fills_up_under_the_journal_ends_in_one_line(tmp_path, room):
    bag, out = simple_bag(tmp_path / 'drive', 40), tmp_path / 'out'
    options = ['--size', '8x6', '--format', 'jpg']
    code = (
        f'import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room}))\n{SLOWED}'
    )
    done = subprocess.run(
        [sys.executable, '-c', code, 'extract-frames', str(bag), '-o', str(out), *options],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert 'Traceback' not in done.stderr
    assert '.sim2real_journal' in done.stderr
    extract_frames([bag], out, ExtractOptions(size=(8, 6), format='jpg'))
    extract_frames([bag], tmp_path / 'straight', ExtractOptions(size=(8, 6), format='jpg'))
    assert tree(out) == tree(tmp_path / 'straight')


@pytest.mark.parametrize('kind', ['mcap', 'sqlite3', 'ros1'])
@pytest.mark.parametrize('keep', [0.3, 0.6, 0.95])
def test_of_a_truncated_bag_the_readable_frames_are_kept_and_the_rest_is_said(
    tmp_path, kind, keep
):
    path = simple_bag(tmp_path / 'drive', 40, kind)
    file = path if path.is_file() else next(p for p in path.iterdir() if p.suffix != '.yaml')
    broken = tmp_path / f'broken{file.suffix}'
    content = file.read_bytes()
    broken.write_bytes(content[: int(len(content) * keep)])
    out = tmp_path / 'out'
    try:
        manifest = extract_frames([broken], out, ExtractOptions(size=None))
    except DataError as error:
        assert str(broken) in str(error)  # noqa: PT017
        assert not out.exists()
        return
    assert 0 < len(manifest.records) < 40
    assert manifest.omissions
    for record in manifest.records:
        assert np_equal(out / record.file, record.index)
    assert read_manifest(out) == manifest


@pytest.mark.parametrize('kind', ['sqlite3_message', 'video'])
def test_damage_behind_the_last_wanted_image_is_not_told_by_some_numbers_of_threads(
    tmp_path, kind
):
    if kind == 'video':
        path = file = tmp_path / 'drive.avi'
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), 10, (64, 48))
        for number in range(12):
            writer.write(picture(number)[..., ::-1])
        writer.release()
    else:
        path = simple_bag(tmp_path / 'drive', 12, kind, size=(160, 120))
        file = next(each for each in path.iterdir() if each.suffix == '.db3')
    content = file.read_bytes()
    file.write_bytes(content[: len(content) * 7 // 10])
    told = extract_frames([path], tmp_path / 'all', ExtractOptions(size=None)).omissions
    found = len(read_manifest(tmp_path / 'all').records)
    assert 4 < found < 12
    for wanted in (1, found - 2, found - 1):
        options = ExtractOptions(size=None, max_frames=wanted)
        results = [
            extract_frames([path], tmp_path / f'{wanted} {jobs}', options, jobs=jobs)
            for jobs in (1, 3, 8)
        ]
        assert [len(each.records) for each in results] == [wanted] * 3
        assert results[0].omissions == results[1].omissions == results[2].omissions
        assert len(results[0].omissions) < len(told)


def np_equal(path, number):
    return bool((read_rgb(path) == picture(number)).all())


def test_an_image_that_cannot_be_encoded_leaves_names_and_order_as_they_are(tmp_path, monkeypatch):
    from sim2real_ros.data.extraction import source_work
    from sim2real_ros.errors import ImageError

    bag, calls, encode = simple_bag(tmp_path / 'drive', 6), [], source_work.encode_file

    def fail_second(rgb, *arguments):
        if (rgb == picture(1)).all():
            calls.append(1)
            raise ImageError('too wide')
        return encode(rgb, *arguments)

    monkeypatch.setattr(source_work, 'encode_file', fail_second)
    options = ExtractOptions(size=None, names='frame')
    straight = extract_frames([bag], tmp_path / 'straight', options)
    assert [r.file[-6:-4] for r in straight.records] == ['00', '02', '03', '04', '05']
    assert [o.reason for o in straight.omissions] == ['too wide']
    with monkeypatch.context() as patch:
        patch.setattr(output_job.OutputJob, 'finish', _stop)
        with pytest.raises(KeyboardInterrupt):
            extract_frames([bag], tmp_path / 'out', options)
    (tmp_path / 'out/images/frame_00000004.png').unlink()
    extract_frames([bag], tmp_path / 'out', options)
    assert tree(tmp_path / 'out') == tree(tmp_path / 'straight')


def test_a_changed_bag_is_other_work(tmp_path):
    bag = simple_bag(tmp_path / 'drive', 3)
    extract_frames([bag], tmp_path / 'out')
    file = next(bag.glob('*.mcap'))
    os.utime(file, ns=(START_NS, START_NS))
    with pytest.raises(DataError, match='other input'):
        extract_frames([bag], tmp_path / 'out')
