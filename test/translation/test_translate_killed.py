"""Killed at some moment and started again, a translation ends as if nothing had happened."""

import json
import resource
import signal
import subprocess
import sys
import zlib
from pathlib import Path

import bag_cases
import pytest
import translation_cases as cases

from sim2real_ros.cli import main
from sim2real_ros.errors import DataError
from sim2real_ros.image.video_file import VideoFile
from sim2real_ros.translation import TranslateOptions, translate
from sim2real_ros.translation.frame_cache import (
    CHANGED,
    FAILED,
    UNCHANGED,
    Entry,
    FrameCache,
)

DRIVER = Path(__file__).with_name('kill_driver.py')


def run_killed(owner, method, moment, arguments):
    """Run the command in a process of its own until it kills itself."""
    command = [sys.executable, DRIVER, owner, method, moment, *arguments]
    ended = subprocess.run([str(part) for part in command], capture_output=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()


def folder_source(tmp_path):
    source = tmp_path / 'in'
    for seed in range(9):
        cases.write_image(source / 'images' / f'{seed}.png', cases.random_image(seed=seed))
        (source / 'labels').mkdir(exist_ok=True)
        (source / 'labels' / f'{seed}.txt').write_text(f'{seed} .5 .5 .1 .1\n')
    (source / 'images' / '3.png').write_bytes(b'no image')
    (source / 'classes.txt').write_text('duck\n')
    return source


def video_source(tmp_path):
    video = VideoFile(tmp_path / 'in.mp4', 10, (64, 48))
    for seed in range(8):
        video.write(cases.smooth_image(seed=seed))
    video.close()
    return tmp_path / 'in.mp4'


@pytest.mark.parametrize('make', [folder_source, video_source])
@pytest.mark.parametrize('moment', [1, 6])
def test_folder(tmp_path, make, moment):
    source, model = make(tmp_path), cases.negative(tmp_path)
    more = ['--frames'] if make is video_source else []
    arguments = ['translate', source, '--model', model, '--jobs', '2', *more, '-o']
    ended = main([str(part) for part in [*arguments, tmp_path / 'expected']])
    assert ended == (3 if make is folder_source else 0)
    run_killed('OutputJob', 'commit', moment, [*arguments, tmp_path / 'out'])
    assert not (tmp_path / 'out' / 'manifest.jsonl').exists()
    assert main([str(part) for part in [*arguments, tmp_path / 'out']]) == ended
    assert cases.tree(tmp_path / 'out') == cases.tree(tmp_path / 'expected')


def bag_source(tmp_path, bag_format='mcap', count=12):
    content = bag_cases.BagContent(bag_format)
    for index in range(count):
        content.add_raw('/cam', 'rgb8' if index % 3 else 'rgb16', (8, 6), None)
        content.add_string('/chatter', str(index))
        if index % 4 == 0:
            content.add_picture('/other/compressed', cases.random_image(seed=index), 'png')
    return content.write(tmp_path / content.name('in'))


@pytest.mark.parametrize(
    ('bag_format', 'method', 'moment'),
    [
        ('mcap', 'append', 1),
        ('mcap', 'append', 8),
        ('db3', 'append', 9),
        ('ros1', 'append', 9),
        ('mcap', 'remove', 1),
    ],
)
def test_bag(tmp_path, bag_format, method, moment):
    source, model = bag_source(tmp_path, bag_format), cases.negative(tmp_path)
    suffix = '.bag' if bag_format == 'ros1' else ''
    expected, output = tmp_path / f'expected{suffix}', tmp_path / f'out{suffix}'
    arguments = ['translate', source, '--model', model, '--jobs', '2', '-o']
    assert main([str(part) for part in [*arguments, expected]]) == 3
    run_killed('FrameCache', method, moment, [*arguments, output])
    assert output.exists() == (method == 'remove')
    # Where only the last step is missing, nobody can tell any more what was unreadable.
    ended = main([str(part) for part in [*arguments, output]])
    assert ended == (0 if method == 'remove' else 3)
    assert bag_cases.read_back(output) == bag_cases.read_back(expected)
    if output.is_file():
        assert output.read_bytes() == expected.read_bytes()
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {source.name, output.name, expected.name, model.name}


def test_only_what_is_missing_is_translated_again(tmp_path, monkeypatch):
    source, model = bag_source(tmp_path), cases.negative(tmp_path)
    options = TranslateOptions(str(model), jobs=1)
    append, appended = FrameCache.append, []

    def counted(self, entry):
        append(self, entry)
        appended.append(entry)
        if len(appended) == 5:
            raise DataError('stopped')

    monkeypatch.setattr(FrameCache, 'append', counted)
    with pytest.raises(DataError, match='stopped'):
        translate(source, tmp_path / 'out', options)
    assert not (tmp_path / 'out').exists()
    first = translate(source, tmp_path / 'out', options)
    assert len(appended) == 15
    second = translate(
        source, tmp_path / 'whole', TranslateOptions(str(model), jobs=1, quality=90)
    )
    assert first.translated == second.translated == 11
    assert first.problems == second.problems
    assert bag_cases.read_back(tmp_path / 'out') == bag_cases.read_back(tmp_path / 'whole')


def test_other_options_do_not_take_over_unfinished_work(tmp_path, monkeypatch):
    source, model = bag_source(tmp_path), cases.negative(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(FrameCache, 'remove', lambda self: None)
        translate(source, tmp_path / 'out', TranslateOptions('identity'))
    (tmp_path / 'out').rename(tmp_path / 'identity')
    translate(source, tmp_path / 'out', TranslateOptions(str(model)))
    translate(source, tmp_path / 'expected', TranslateOptions(str(model)))
    found = bag_cases.read_back(tmp_path / 'out')
    assert found == bag_cases.read_back(tmp_path / 'expected')
    assert found != bag_cases.read_back(tmp_path / 'identity')


ENTRIES = [Entry(CHANGED, 0, b'new'), Entry(UNCHANGED, 0), Entry(FAILED, 0, b'why'), Entry(1, 0)]
SOURCES = [b'a', b'bb', b'ccc', b'dddd']


def fill_cache(target):
    entries = [e._replace(source_crc=zlib.crc32(s)) for e, s in zip(ENTRIES, SOURCES, strict=True)]
    with FrameCache(target, 'work') as cache:
        for entry in entries:
            cache.append(entry)
    return cache.path, entries


def take_all(target, sources=SOURCES):
    with FrameCache(target, 'work') as cache:
        return [cache.take(source) for source in sources]


def test_cache_gives_back_what_was_put_in(tmp_path):
    _, entries = fill_cache(tmp_path / 'out')
    assert take_all(tmp_path / 'out') == entries
    assert take_all(tmp_path / 'out', [*SOURCES, b'e']) == [*entries, None]


def test_cache_cut_or_damaged_anywhere_gives_only_whole_entries(tmp_path):
    path, entries = fill_cache(tmp_path / 'out')
    content = path.read_bytes()
    begin = content.index(b'\n') + 1
    for position in range(begin, len(content)):
        path.write_bytes(content[:position])
        found = take_all(tmp_path / 'out')
        count = len(found) - found.count(None)
        assert found == entries[:count] + [None] * (4 - count)
        assert path.stat().st_size <= position
        flipped = bytearray(content)
        flipped[position] ^= 0x41
        path.write_bytes(flipped)
        found = take_all(tmp_path / 'out')
        count = len(found) - found.count(None)
        assert count < 4
        assert found[:count] == entries[:count]


def test_cache_goes_on_behind_its_last_whole_entry(tmp_path):
    path, entries = fill_cache(tmp_path / 'out')
    path.write_bytes(path.read_bytes()[:-2])
    with FrameCache(tmp_path / 'out', 'work') as cache:
        for source in SOURCES[:3]:
            assert cache.take(source) is not None
        assert cache.take(SOURCES[3]) is None
        cache.append(entries[3])
    assert take_all(tmp_path / 'out') == entries


def test_cache_is_not_used_for_another_message_or_work(tmp_path):
    _, entries = fill_cache(tmp_path / 'out')
    assert take_all(tmp_path / 'out', [b'a', b'other', b'ccc']) == [entries[0], None, None]
    fill_cache(tmp_path / 'out')
    assert not FrameCache(tmp_path / 'out', 'other work').is_ours
    with FrameCache(tmp_path / 'out', 'other work') as cache:
        assert cache.take(b'a') is None


@pytest.mark.parametrize('header', [b'', b'\n', b'[]\n', b'{', b'\xff\n', b'"x"\n', b'{}' * 50000])
def test_file_that_is_no_cache_is_begun_anew(tmp_path, header):
    path = FrameCache(tmp_path / 'out', 'work').path
    path.write_bytes(header)
    _, entries = fill_cache(tmp_path / 'out')
    assert json.loads(path.read_bytes().split(b'\n')[0])['fingerprint'] == 'work'
    assert take_all(tmp_path / 'out') == entries


def test_two_runs_for_one_bag_are_kept_apart(tmp_path):
    with (
        FrameCache(tmp_path / 'out', 'work'),
        pytest.raises(DataError, match='Another process is writing'),
        FrameCache(tmp_path / 'out', 'work'),
    ):
        pass


def test_existing_bag_is_not_taken_for_the_result_of_a_killed_replacement(tmp_path):
    source, model = bag_source(tmp_path), cases.negative(tmp_path)
    translate(source, tmp_path / 'out', TranslateOptions('identity'))
    old = bag_cases.read_back(tmp_path / 'out')
    arguments = ['translate', source, '--model', model, '--force', '-o', tmp_path / 'out']
    run_killed('FrameCache', 'append', 3, arguments)
    assert bag_cases.read_back(tmp_path / 'out') == old
    with pytest.raises(DataError, match='exists'):
        translate(source, tmp_path / 'out', TranslateOptions(str(model)))
    translate(source, tmp_path / 'out', TranslateOptions(str(model), force=True))
    assert bag_cases.read_back(tmp_path / 'out') != old


def fill_a_full_disk(target):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    entry = Entry(CHANGED, zlib.crc32(b'a'), b'x' * 1000)
    try:
        with FrameCache(target, 'work') as cache:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1500, before[1]))
            cache.append(entry)
            cache.append(entry)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_full_disk_is_explained_and_what_was_finished_is_kept(tmp_path):
    with pytest.raises(DataError, match=r'Cannot write.*run the same command again'):
        fill_a_full_disk(tmp_path / 'out')
    found = take_all(tmp_path / 'out', [b'a', b'a'])
    assert [each and each.content for each in found] == [b'x' * 1000, None]
