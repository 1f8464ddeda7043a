"""The command `sim2real extract-frames`: exit codes, listing, dry run, progress."""

import os
from pathlib import Path

import pytest
from extract_cases import (
    START_NS,
    camera_events,
    in_order,
    names_in,
    read_rgb,
    simple_bag,
    write_bag,
)

from sim2real_ros import cli
from sim2real_ros.data.extraction import ExtractOptions, extract_frames, list_topics
from sim2real_ros.files import read_manifest

SHARED = Path(os.environ.get('SIM2REAL_DATA', Path(__file__).parents[3] / 'shared' / 'data'))
SHARED_BAGS = sorted(SHARED.glob('bags/*')) or [pytest.param(None, id='none')]


def run(*arguments):
    return cli.main(['extract-frames', *map(str, arguments)])


def test_a_run_prints_progress_and_a_summary(tmp_path, capsys):
    bag = simple_bag(tmp_path / 'drive', 4)
    assert run(bag, '-o', tmp_path / 'out', '--every', 2, '--jobs', 1) == 0
    shown = capsys.readouterr()
    assert shown.out == f'2 images in {tmp_path / "out"}\n'
    assert shown.err == '' or 'drive' in shown.err


def test_progress_counts_what_was_read_and_what_was_kept(tmp_path):
    reports = []
    bag = simple_bag(tmp_path / 'drive', 6)
    options = ExtractOptions(size=(8, 6), drop_similar=63)
    extract_frames([bag], tmp_path / 'out', options, progress=lambda *each: reports.append(each))
    assert reports == [('drive', n + 1, 6, 1) for n in range(6)]


def test_dry_run_writes_nothing(tmp_path, capsys):
    bag = simple_bag(tmp_path / 'drive', 4)
    before = names_in(tmp_path)
    assert run(bag, '-o', tmp_path / 'out', '--dry-run') == 0
    assert '/cam/image_raw: 4 frames -> ' in capsys.readouterr().out
    assert names_in(tmp_path) == before
    assert not (tmp_path / 'out').exists()
    run(bag, '-o', tmp_path / 'out')
    assert run(bag, '-o', tmp_path / 'out', '--dry-run') == 0
    assert 'complete already' in capsys.readouterr().out


def test_listing_needs_no_output(tmp_path, capsys):
    events = in_order(camera_events(count=2, topic='/a'), camera_events(count=3, topic='/b'))
    bag = write_bag(tmp_path / 'drive', events)
    assert run(bag, '--list') == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f'{bag}: /a (Image, 2 messages)', f'{bag}: /b (Image, 3 messages)']
    assert names_in(tmp_path) == [n for n in names_in(tmp_path) if n.startswith('drive/')]


@pytest.mark.parametrize(
    ('arguments', 'code'),
    [
        (['-o', 'out'], 2),
        (['BAG'], 2),
        (['BAG', '-o', 'out', '--every', '0'], 2),
        (['BAG', '-o', 'out', '--size', '512'], 2),
        (['BAG', '-o', 'out', '--fit', 'squeeze'], 2),
        (['BAG', '-o', 'out', '--rate', 'nan'], 1),
        (['BAG', '-o', 'out', '--quality', '50'], 1),
        (['BAG', '-o', 'out', '--topic', '/nowhere'], 1),
        (['missing.bag', '-o', 'out'], 1),
        (['BAG', '-o', 'BAG/out'], 1),
    ],
)
def test_wrong_usage_is_2_and_what_cannot_be_done_is_1(
    tmp_path, monkeypatch, capsys, arguments, code
):
    monkeypatch.chdir(tmp_path)
    simple_bag(tmp_path / 'BAG', 2)
    assert run(*arguments) == code
    shown = capsys.readouterr()
    assert 'error: ' in shown.err
    assert 'Traceback' not in shown.err
    assert not (tmp_path / 'out').exists()


def test_what_was_unreadable_is_said_and_gives_3_also_the_second_time(tmp_path, capsys):
    events = camera_events(count=4)
    events[1] = (*events[1][:2], b'\0\1\0\0', events[1][3])
    bag = write_bag(tmp_path / 'drive', events)
    for _ in range(2):
        assert run(bag, '-o', tmp_path / 'out') == 3
        shown = capsys.readouterr()
        assert 'left out' in shown.err
        assert 'message 1' in shown.err
        assert shown.out.startswith('3 images')


def test_options_reach_the_work(tmp_path):
    bag = simple_bag(tmp_path / 'drive', 6)
    code = run(
        bag, '-o', tmp_path / 'out', '--size', 'original', '--format', 'jpg', '--quality', 80,
        '--names', 'stamp', '--start', '0.05', '--end', START_NS / 1e9 + 0.35, '--every', 2,
        '--max-frames', 1, '--type', 'Image', '--topic', 'cam/*', '--drop-similar', 0,
    )  # fmt: skip
    assert code == 0
    manifest = read_manifest(tmp_path / 'out')
    assert [r.file for r in manifest.records] == ['images/1700000000100000000.jpg']
    assert manifest.options['quality'] == 80
    assert manifest.options['end_s'] == 1700000000.35


@pytest.mark.parametrize('bag', SHARED_BAGS, ids=lambda path: path and path.name)
def test_every_recorded_bag_gives_all_of_its_frames(tmp_path, bag):
    if bag is None:
        pytest.skip(f'no recorded bags in {SHARED}: set SIM2REAL_DATA')
    (topic,) = list_topics(bag)
    options = ExtractOptions((topic.name.strip('/'),), size=(64, 48), fit='letterbox')
    manifest = extract_frames([bag], tmp_path / 'out', options)
    assert manifest.omissions == ()
    assert len(manifest.records) == topic.count > 0
    assert all(bool(r.camera_info) == bool(topic.info_topic) for r in manifest.records)
    assert read_rgb(tmp_path / 'out' / manifest.records[-1].file).shape == (48, 64, 3)
