from dataclasses import replace

import cv2
import numpy as np
import pytest
from dataset_folders import (
    SIZE,
    picture,
    run_and_kill,
    tree,
    write_extracted,
    write_picture,
    write_plain,
    write_translated,
)

from sim2real_ros.cli import INCOMPLETE, main
from sim2real_ros.data.collection import CollectOptions, collect
from sim2real_ros.data.collection import collecting as collecting_module
from sim2real_ros.errors import DataError, ImageError
from sim2real_ros.files import (
    Manifest,
    ManifestRecord,
    read_manifest,
    sha256_of_bytes,
    sha256_of_file,
)

GROUP, FLAT = CollectOptions(mode='group'), CollectOptions(mode='flat')


def read_rgb(path):
    return cv2.imread(str(path))[:, :, ::-1]


@pytest.fixture
def sim(tmp_path):
    return write_extracted(tmp_path / 'sim', 'a.bag', 5, labels=['0 .5 .5 .1 .1\n'])


def test_group_gives_every_frame_a_folder_with_all_results(tmp_path, sim):
    results = [
        write_translated(tmp_path / 'one', sim, 'cyclegan', first=100),
        write_translated(tmp_path / 'two', sim, 'UNIT v2/α', first=200),
    ]
    out = tmp_path / 'out'
    report = collect(results, out, GROUP, sim=[sim])
    assert report.omissions == ()
    folders = sorted(each.name for each in out.iterdir() if each.is_dir())
    assert folders == [f'{n:06d}' for n in range(5)]
    for number, name in enumerate(folders):
        files = sorted(each.name for each in (out / name).iterdir())
        assert files == ['UNIT_v2_α.png', 'bundle.png', 'cyclegan.png', 'sim.png']
        pictures = [picture(number), picture(100 + number), picture(200 + number)]
        assert np.array_equal(read_rgb(out / name / 'bundle.png'), np.hstack(pictures))
        assert (out / name / 'sim.png').read_bytes() == (sim / f'images/{name}.png').read_bytes()
    assert {'index.html', 'contact_sheet.png', 'manifest.jsonl'} < tree(out).keys()


def test_underscores_in_names_do_not_matter(tmp_path):
    names = ['a_1_b_2.png', 'a_1.png', 'a_1_b.png', '__a_1.png']
    sim = write_plain(tmp_path / 'sim', names)
    result = write_plain(tmp_path / 'my_model_run_2', names, first=50)
    collect([result], tmp_path / 'out', GROUP, sim=[sim])
    for number, name in enumerate(names):
        folder = tmp_path / 'out' / ('sim_a_1' if name == '__a_1.png' else name[:-4])
        if name in ('a_1.png', '__a_1.png'):
            continue
        assert np.array_equal(read_rgb(folder / 'my_model_run_2.png'), picture(50 + number))
    # "__a_1" would become "a_1" as well, so both have their folder in front.
    twins = [each for each in (tmp_path / 'out').iterdir() if each.name.endswith('sim_a_1')]
    twins += [each for each in (tmp_path / 'out').iterdir() if each.name.endswith('sim_a_1-2')]
    assert len(twins) == 2


def test_flat_is_one_to_one_with_the_simulated_set(tmp_path, sim):
    (sim / 'classes.txt').write_text('car\n')
    (sim / 'masks').mkdir()
    (sim / 'masks/000003.png').write_bytes(b'mask')
    result = write_translated(tmp_path / 'result', sim, 'cyclegan')
    out = tmp_path / 'out'
    report = collect([result], out, FLAT, sim=[sim])
    assert report.omissions == ()
    ours, theirs = tree(out), tree(sim)
    wanted = ('images/', 'labels/', 'masks/', 'classes.txt')
    assert {n for n in ours if n.startswith(wanted)} == {n for n in theirs if n.startswith(wanted)}
    for name in theirs:
        if name.startswith(wanted[1:]):
            assert ours[name] == theirs[name]
    assert np.array_equal(read_rgb(out / 'images/000004.png'), picture(1004))
    records = read_manifest(out).records
    assert [record.index for record in records] == list(range(5))
    assert records[3].labels == ('labels/000003.txt', 'masks/000003.png')
    assert {record.model for record in records} == {'cyclegan'}


def test_simulated_frames_are_found_by_the_manifest(tmp_path, sim):
    result = write_translated(tmp_path / 'result', sim, 'cyclegan', sources=[sim])
    report = collect([result], tmp_path / 'out', GROUP)
    assert (tmp_path / 'out/000002/sim.png').is_file()
    assert f'simulated frames taken from {str(sim)!r}' in report.matching.notes


def test_only_the_part_that_was_translated_is_expected(tmp_path):
    sim = write_plain(tmp_path / 'sim', ['trainA/a_1.png', 'trainA/a_2.png', 'testA/a_3.png'])
    records = [
        ManifestRecord(
            'trainA/a_1.png', '', 0, parent_sha256=sha256_of_file(sim / 'trainA/a_1.png')
        )
    ]
    result = write_plain(tmp_path / 'result', ['trainA/a_1.png'], first=9)
    Manifest('translate', sources=({'path': str(sim)},), records=tuple(records)).write(result)
    report = collect([result], tmp_path / 'out', FLAT)
    assert [each.where for each in report.omissions] == [str(sim / 'trainA/a_2.png')]
    assert (tmp_path / 'out/images/trainA/a_1.png').is_file()
    (sim / 'labels/trainA').mkdir(parents=True)
    (sim / 'labels/trainA/a_1.txt').write_text('')
    with pytest.raises(DataError, match='other input'):
        collect([result], tmp_path / 'out', FLAT)


def test_real_images_of_a_data_set_await_no_result(tmp_path, sim):
    result = write_translated(tmp_path / 'result', sim, 'cyclegan')
    manifest = read_manifest(sim)
    real = write_picture(sim / 'trainB/r.png', 77)
    record = ManifestRecord('trainB/r.png', sha256_of_bytes(real), len(real), domain='real')
    replace(manifest, records=(*manifest.records, record)).write(sim)
    report = collect([result], tmp_path / 'out', FLAT, sim=[sim])
    assert report.omissions == ()
    assert 'cyclegan: results for 5 of 5 frames' in report.describe()


def test_without_simulated_frames_results_keep_their_names(tmp_path, sim):
    results = [
        write_translated(tmp_path / m, sim, m, first=at) for m, at in (('a', 100), ('b', 200))
    ]
    report = collect(results, tmp_path / 'out', GROUP)
    files = sorted(each.name for each in (tmp_path / 'out/000003').iterdir())
    assert files == ['a.png', 'b.png', 'bundle.png']
    assert any('not found (--sim)' in note for note in report.matching.notes)


def test_frames_are_recognised_by_checksum_whatever_they_are_called(tmp_path, sim):
    result = write_translated(tmp_path / 'result', sim, 'cyclegan')
    renamed = tmp_path / 'renamed'
    for number, file in enumerate(sorted((sim / 'images').iterdir())):
        (renamed / f'x{4 - number}').mkdir(parents=True)
        (renamed / f'x{4 - number}' / 'frame.png').write_bytes(file.read_bytes())
    collect([result], tmp_path / 'out', FLAT, sim=[renamed])
    for number in range(5):
        found = read_rgb(tmp_path / f'out/images/x{4 - number}/frame.png')
        assert np.array_equal(found, picture(1000 + number))


def test_missing_and_superfluous_results_are_reported(tmp_path, sim, capsys):
    result = write_translated(tmp_path / 'result', sim, 'cyclegan', skip=[1, 3])
    (sim / 'manifest.jsonl').unlink()
    (sim / 'images/000004.png').unlink()
    arguments = ['collect', str(result), '--sim', str(sim), '--flat', '-o', str(tmp_path / 'out')]
    assert main(arguments) == INCOMPLETE
    shown = capsys.readouterr()
    assert shown.err.count("'cyclegan' has no result for it") == 2
    assert 'result/images/000004.png: no simulated frame belongs to it' in shown.err
    assert 'results for 2 of 4 frames' in shown.out
    assert sorted(p.name for p in (tmp_path / 'out/images').iterdir()) == [
        '000000.png',
        '000002.png',
    ]


def test_folders_without_manifest_are_matched_by_name_and_it_is_said(tmp_path, sim):
    result = write_plain(tmp_path / 'theirs', [f'{n:06d}.jpg' for n in range(5)], first=70)
    report = collect([result], tmp_path / 'out', FLAT, sim=[sim])
    assert np.array_equal(read_rgb(tmp_path / 'out/images/000002.jpg'), picture(72))
    assert '5 results were matched by equal paths alone' in report.matching.notes
    assert (tmp_path / 'out/labels/000002.txt').is_file()


def test_flat_needs_one_model(tmp_path, sim):
    results = [
        write_translated(tmp_path / m, sim, m, first=at) for m, at in (('a', 100), ('b', 200))
    ]
    with pytest.raises(DataError, match=r"several models: 'a', 'b'.*--model"):
        collect(results, tmp_path / 'out', FLAT, sim=[sim])
    with pytest.raises(DataError, match=r"no results of 'c'; there are some of 'a', 'b'"):
        collect(results, tmp_path / 'out', CollectOptions('flat', 'c'), sim=[sim])
    collect(results, tmp_path / 'out', CollectOptions('flat', 'b'), sim=[sim])
    assert np.array_equal(read_rgb(tmp_path / 'out/images/000001.png'), picture(201))


def test_two_runs_of_one_model_are_told_apart_by_their_folders(tmp_path, sim):
    results = [
        write_translated(tmp_path / m, sim, 'm', first=at) for m, at in (('a', 100), ('b', 200))
    ]
    report = collect(results, tmp_path / 'out', GROUP, sim=[sim])
    assert report.matching.columns == ('m a', 'm b')


def test_model_may_be_called_sim(tmp_path, sim):
    result = write_translated(tmp_path / 'result', sim, 'sim')
    collect([result], tmp_path / 'out', GROUP, sim=[sim])
    files = sorted(each.name for each in (tmp_path / 'out/000000').iterdir())
    assert len(files) == 3
    bundle = read_rgb(tmp_path / 'out/000000/bundle.png')
    assert np.array_equal(bundle, np.hstack([picture(0), picture(1000)]))


def test_unreadable_and_misfitting_results_are_reported(tmp_path, sim):
    result = write_plain(tmp_path / 'theirs', [f'{n:06d}.png' for n in range(5)], first=70)
    (result / '000001.png').write_bytes(b'no image')
    write_picture(result / '000002.png', 9, size=(16, 12))
    report = collect([result], tmp_path / 'out', FLAT, sim=[sim])
    reasons = {each.where[-10:]: each.reason for each in report.omissions}
    assert set(reasons) == {'000001.png', '000002.png'}
    assert 'the result has 16x12 pixels, its frame 32x24' in reasons['000002.png']
    assert not (tmp_path / 'out/images/000001.png').exists()
    assert (tmp_path / 'out/images/000002.png').is_file()


def test_labels_that_changed_on_the_way_are_reported(tmp_path, sim):
    result = write_translated(tmp_path / 'result', sim, 'cyclegan')
    (result / 'labels/000002.txt').write_text('0 .1 .1 .1 .1\n')
    report = collect([result], tmp_path / 'out', FLAT, sim=[sim])
    (omission,) = report.omissions
    assert "differs from the frame's labels" in omission.reason
    assert (tmp_path / 'out/labels/000002.txt').read_text() == '0 .5 .5 .1 .1\n'


def test_damaged_labels_cost_nothing_else(tmp_path, sim):
    result = write_translated(tmp_path / 'result', sim, 'cyclegan')
    (sim / 'labels/000002.txt').write_text('duck\n')
    report = collect([result], tmp_path / 'out', FLAT, sim=[sim])
    (omission,) = report.omissions
    assert "its labels are left out: '" in omission.reason
    assert len(list((tmp_path / 'out/images').iterdir())) == 5
    assert len(list((tmp_path / 'out/labels').iterdir())) == 4


def test_equal_names_do_not_make_frames_of_two_drives_equal(tmp_path, sim):
    other = write_extracted(tmp_path / 'other', 'b.bag', 5, first=50, rate_hz=7)
    result = write_translated(tmp_path / 'result', other, 'cyclegan')
    report = collect([result], tmp_path / 'out', FLAT, sim=[sim])
    assert sorted(p.name for p in (tmp_path / 'out/labels').iterdir()) == ['000000.txt']
    reasons = [each.reason for each in report.omissions]
    assert reasons.count('no simulated frame belongs to it') == 4


def test_strangers_are_refused(tmp_path, sim):
    result = write_plain(tmp_path / 'theirs', ['other.png'], first=70)
    with pytest.raises(DataError, match='None of the 1 results belongs to one of the 5'):
        collect([result], tmp_path / 'out', FLAT, sim=[sim])


def test_dry_run_writes_nothing(tmp_path, sim):
    result = write_translated(tmp_path / 'result', sim, 'cyclegan')
    report = collect([result], tmp_path / 'out', GROUP, sim=[sim], dry_run=True)
    assert 'cyclegan: results for 5 of 5 frames' in report.describe()
    assert not (tmp_path / 'out').exists()
    with pytest.raises(DataError, match='lies in the input'):
        collect([result], result / 'out', GROUP, sim=[sim])


@pytest.mark.parametrize('options', [{'mode': 'x'}, {'video': '../x.mp4'}, {'video': 'x.avi'}])
def test_options_are_checked(options):
    with pytest.raises(DataError, match=r'The (mode|video)'):
        CollectOptions(**options)


def test_video_shows_all_frames_at_the_rate_of_the_stamps(tmp_path, sim):
    result = write_translated(tmp_path / 'result', sim, 'cyclegan')
    options = CollectOptions(video='out.mp4')
    report = collect([result], tmp_path / 'out', options, sim=[sim])
    assert 'out.mp4' in report.manifest.files
    video = cv2.VideoCapture(str(tmp_path / 'out/out.mp4'))
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) == 5
    assert video.get(cv2.CAP_PROP_FPS) == pytest.approx(10)
    done, first = video.read()
    assert done
    assert first.shape == (SIZE[1], 2 * SIZE[0], 3)
    expected = np.hstack([picture(0), picture(1000)]).astype(int)
    assert np.abs(first[:, :, ::-1] - expected).mean() < 25


def test_missing_encoder_is_said_before_the_work(tmp_path, sim, monkeypatch):
    def refuse(*_):
        raise ImageError('OpenCV cannot write .mp4 videos')

    monkeypatch.setattr(collecting_module, 'write_video', refuse)
    result = write_translated(tmp_path / 'result', sim, 'cyclegan')
    with pytest.raises(ImageError, match=r'No video can be written here.*Leave --video out'):
        collect([result], tmp_path / 'out', CollectOptions(video='v.mp4'), sim=[sim])
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize(('mode', 'commits'), [('--group', 1), ('--group', 4), ('--flat', 3)])
def test_killed_run_is_taken_up_again(tmp_path, sim, mode, commits):
    result = write_translated(tmp_path / 'result', sim, 'cyclegan', skip=[2])
    arguments = ['collect', result, '--sim', sim, mode, '--video', '--jobs', 2, '-o']
    arguments = list(map(str, arguments))
    killed, whole = tmp_path / 'killed', tmp_path / 'whole'
    run_and_kill([*arguments, killed], killed, commits)
    assert main([*arguments, str(killed)]) == INCOMPLETE
    assert main([*arguments, str(whole)]) == INCOMPLETE
    assert tree(killed) == tree(whole)
    assert main([*arguments, str(whole)]) == INCOMPLETE
