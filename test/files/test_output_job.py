import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sim2real_ros.errors import DataError
from sim2real_ros.files import Manifest, ManifestRecord, Omission, OutputJob, read_manifest

KEYS = [f'item {number}' for number in range(6)]


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / 'source'
    folder.mkdir()
    (folder / 'a.txt').write_text('a')
    return folder


def job(tmp_path, source, *, options=None, verb='resize-images', force=False, name='out'):
    return OutputJob(tmp_path / name, verb, options or {'size': (2, 1)}, [source], force=force)


def do(each, key):
    """Finish one item: two of them give nothing."""
    if key in (KEYS[1], KEYS[4]):
        each.commit(key, omission=Omission(key, 'is damaged') if key == KEYS[1] else None)
        return
    saved = each.save(f'images/{key}.png', f'content of {key}'.encode())
    each.commit(key, [ManifestRecord(**saved, size=(2, 1))], state={'last': key})


def run(each, stop_before=None):
    done = []
    with each:
        each.save_extra('classes.txt', b'car')
        for key in KEYS:
            if key == stop_before:
                return done
            if each.finished(key) is None:
                do(each, key)
                done.append(key)
        each.finish()
    return done


def tree(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob('*')
        if path.is_file()
    }


def test_finished_work_has_a_manifest_and_no_journal(tmp_path, source):
    assert run(job(tmp_path, source)) == KEYS
    manifest = read_manifest(tmp_path / 'out')
    assert [r.file for r in manifest.records] == [f'images/{KEYS[n]}.png' for n in (0, 2, 3, 5)]
    assert manifest.omissions == (Omission(KEYS[1], 'is damaged'),)
    assert list(manifest.files) == ['classes.txt']
    assert manifest.sources == ({'path': str(source), 'bytes': 1, 'files': 1},)
    assert len(tree(tmp_path / 'out')) == 6


@pytest.mark.parametrize('stop_before', KEYS)
def test_interrupted_work_goes_on_and_ends_alike(tmp_path, source, stop_before):
    run(job(tmp_path, source, name='straight'))
    first = run(job(tmp_path, source), stop_before)
    second = run(job(tmp_path, source))
    assert first + second == KEYS
    assert tree(tmp_path / 'out') == tree(tmp_path / 'straight')


def test_the_state_of_a_finished_item_comes_back(tmp_path, source):
    run(job(tmp_path, source), KEYS[3])
    again = job(tmp_path, source)
    assert again.finished(KEYS[2]).state == {'last': KEYS[2]}
    assert again.finished(KEYS[1]).omission == Omission(KEYS[1], 'is damaged')
    assert again.finished(KEYS[3]) is None


def test_finished_work_is_not_done_again(tmp_path, source):
    run(job(tmp_path, source))
    before = tree(tmp_path / 'out')
    again = job(tmp_path, source)
    assert again.complete
    with again:
        assert again.finish() == read_manifest(tmp_path / 'out')
    assert tree(tmp_path / 'out') == before


def test_constructing_writes_nothing(tmp_path, source):
    job(tmp_path, source)
    assert not (tmp_path / 'out').exists()


def test_a_lost_or_shortened_file_is_made_again(tmp_path, source):
    run(job(tmp_path, source, name='straight'))
    run(job(tmp_path, source), KEYS[5])
    (tmp_path / 'out/images' / f'{KEYS[0]}.png').write_bytes(b'short')
    (tmp_path / 'out/images' / f'{KEYS[3]}.png').unlink()
    assert run(job(tmp_path, source)) == [KEYS[0], KEYS[3], KEYS[5]]
    assert tree(tmp_path / 'out') == tree(tmp_path / 'straight')


def test_a_changed_finished_result_is_not_called_complete(tmp_path, source):
    run(job(tmp_path, source))
    (tmp_path / 'out/images' / f'{KEYS[0]}.png').unlink()
    with pytest.raises(DataError, match='missing or changed'):
        job(tmp_path, source)
    assert run(job(tmp_path, source, force=True)) == KEYS


@pytest.mark.parametrize('stop_before', [None, KEYS[3]])
def test_other_options_do_not_mix_with_earlier_work(tmp_path, source, stop_before):
    run(job(tmp_path, source), stop_before)
    with pytest.raises(DataError, match=r'with other options.*--force'):
        job(tmp_path, source, options={'size': (4, 4)})
    before = tree(tmp_path / 'out')
    with pytest.raises(DataError, match='with other options'):
        job(tmp_path, source, verb='translate')
    assert tree(tmp_path / 'out') == before


def test_a_changed_source_is_other_work(tmp_path, source):
    run(job(tmp_path, source), KEYS[3])
    (source / 'b.txt').write_text('b')
    with pytest.raises(DataError, match='other input'):
        job(tmp_path, source)


@pytest.mark.parametrize('stop_before', [None, KEYS[3]])
def test_force_removes_what_the_earlier_work_made_and_nothing_else(tmp_path, source, stop_before):
    run(job(tmp_path, source), stop_before)
    (tmp_path / 'out/notes.txt').write_text('mine')
    other = job(tmp_path, source, options={'size': (4, 4)}, force=True)
    with other:
        other.commit('x', [ManifestRecord(**other.save('new.png', b'1'))])
        other.finish()
    assert sorted(tree(tmp_path / 'out')) == ['manifest.jsonl', 'new.png', 'notes.txt']


def test_somebody_elses_folder_is_not_written_to(tmp_path, source):
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out/theirs').write_text('x')
    with pytest.raises(DataError, match=r'is not empty.*--force'):
        job(tmp_path, source)
    run(job(tmp_path, source, force=True))
    assert (tmp_path / 'out/theirs').read_text() == 'x'


def test_a_file_in_place_of_the_folder_is_explained(tmp_path, source):
    (tmp_path / 'out').write_text('x')
    with pytest.raises(DataError, match='is a file'):
        job(tmp_path, source, force=True)


def test_two_processes_do_not_fill_one_folder(tmp_path, source):
    with job(tmp_path, source), pytest.raises(DataError, match='Another process'):
        job(tmp_path, source).__enter__()


@pytest.mark.parametrize('name', ['../x', '/tmp/x', 'a/../../x', 'a\0b'])
def test_nothing_is_written_outside(tmp_path, source, name):
    with job(tmp_path, source) as each, pytest.raises(DataError, match='refused'):
        each.save(name, b'1')
    assert sorted(p.name for p in tmp_path.iterdir()) == ['out', 'source']


def test_hostile_stale_names_remove_nothing_outside(tmp_path, source):
    (tmp_path / 'precious').write_text('x')
    out = tmp_path / 'out'
    out.mkdir()
    lines = [{'verb': 'x', 'fingerprint': 'y'}, {'files': ['../precious']}]
    (out / '.sim2real_journal.jsonl').write_text('\n'.join(map(json.dumps, lines)) + '\n')
    with pytest.raises(DataError, match='would leave'), job(tmp_path, source, force=True):
        pass
    assert (tmp_path / 'precious').exists()


@pytest.mark.parametrize('name', ['source', 'source/a.txt'])
def test_input_is_neither_removed_nor_replaced(tmp_path, name):
    out = tmp_path / 'out'
    (out / 'source').mkdir(parents=True)
    (out / 'source/a.txt').write_text('input')
    Manifest('x', records=(ManifestRecord('source/a.txt', '', 5),)).write(out)
    with pytest.raises(DataError, match=r'is input.*Choose another folder'):
        OutputJob(out, 'y', {}, [out / name], force=True)
    (out / 'manifest.jsonl').unlink()
    with OutputJob(out, 'y', {}, [out / name], force=True) as each:
        with pytest.raises(DataError, match=r'is input.*Choose another folder'):
            each.save('source/a.txt', b'result')
        each.save('source.txt', b'result')
    assert (out / 'source/a.txt').read_text() == 'input'


def test_a_torn_journal_loses_only_its_last_line(tmp_path, source):
    run(job(tmp_path, source), KEYS[3])
    journal = tmp_path / 'out/.sim2real_journal.jsonl'
    journal.write_bytes(journal.read_bytes()[:-5])
    assert run(job(tmp_path, source)) == KEYS[2:]


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
import test_output_job as t
each = t.job(Path(sys.argv[1]), Path(sys.argv[1]) / 'source')
left = int(sys.argv[2])
def on_event(event, arguments):
    global left
    if event in ('open', 'os.rename', 'os.remove', 'os.truncate'):
        if str(arguments[0]).startswith(sys.argv[1] + '/out'):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(on_event)
t.run(each)
"""


def test_killed_at_any_file_operation_it_ends_alike(tmp_path, source):
    run(job(tmp_path, source, name='straight'))
    expected = tree(tmp_path / 'straight')
    kills = 0
    for moment in (1, 2, 3, 4, 5, 7, 9, 10, 12, 14, 15, 16, 17):
        command = [sys.executable, '-c', KILLED, str(tmp_path), str(moment)]
        ended = subprocess.run([*command, str(Path(__file__).parent)], check=False)
        kills += ended.returncode == -signal.SIGKILL
        again = job(tmp_path, source)
        if again.complete:
            with again:
                again.finish()
        else:
            run(again)
        assert tree(tmp_path / 'out') == expected, f'killed at operation {moment}'
        shutil.rmtree(tmp_path / 'out')
    assert kills == 13


def test_force_removes_files_that_were_saved_and_never_finished(tmp_path, source):
    with job(tmp_path, source) as each:
        each.save('images/orphan.png', b'1')
    run(job(tmp_path, source, options={'size': (4, 4)}, force=True))
    assert 'images/orphan.png' not in tree(tmp_path / 'out')


@pytest.mark.parametrize('name', ['source', 'source/deep/er'])
def test_a_result_does_not_go_into_its_input(tmp_path, source, name):
    with pytest.raises(DataError, match='lies in the input'):
        job(tmp_path, source, name=name, force=True)
