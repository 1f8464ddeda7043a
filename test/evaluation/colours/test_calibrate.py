import base64
import json
import re
import shutil

import cv2
import numpy as np
import pytest
from colour_scenes import scene, write_frames

from sim2real_ros.data import Skipped
from sim2real_ros.errors import ConfigError, DataError, Sim2RealError
from sim2real_ros.evaluation import bootstrap
from sim2real_ros.evaluation.colours.calibrate import CalibrateOptions, Calibrating
from sim2real_ros.evaluation.colours.calibration_files import (
    _tables,
    calibration_files,
    write_calibration,
)
from sim2real_ros.evaluation.colours.domain import open_domains
from sim2real_ros.evaluation.colours.thresholds import load_thresholds
from sim2real_ros.evaluation.colours.transfer import Cell, TransferMatrix
from sim2real_ros.evaluation.quantity import Value


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    """Intervals are tested elsewhere; here they only take time."""
    monkeypatch.setattr(bootstrap, 'RESAMPLES', 50)


@pytest.fixture(scope='module')
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp('domains')
    write_frames(root / 'sim')
    write_frames(root / 'green', hue_shift=30)
    return root


def work(folders, *sources, **options):
    names = tuple(str(folders / each) if '=' not in each else each for each in sources)
    options.setdefault('jobs', 2)
    return Calibrating(CalibrateOptions(names, **options), folders.parent / 'unused')


def score(calibration, thresholds, domain, colour):
    return calibration.matrix.cell(thresholds, domain, colour).score.value


def test_thresholds_do_where_they_were_fitted_and_fail_elsewhere(folders):
    found = work(folders, 'sim', 'green').run()
    matrix = found.matrix
    assert matrix.thresholds == ('duckietown_real', 'sim', 'green')
    assert matrix.domains == ('sim', 'green')
    for domain, other in (('sim', 'green'), ('green', 'sim')):
        assert score(found, domain, domain, 'yellow') > 0.95
        assert score(found, other, domain, 'yellow') < 0.1
        assert score(found, other, domain, 'white') > 0.95  # which was not shifted
        assert matrix.cell(other, domain, None).ratio.value < 0.8
    assert score(found, 'duckietown_real', 'sim', 'yellow') > 0.95
    assert score(found, 'duckietown_real', 'green', 'yellow') < 0.1
    assert [(each.frames_fitted, each.frames_scored) for each in found.results] == [(8, 4)] * 2
    assert found.problems == []


def test_result_does_not_depend_on_the_number_of_threads(folders):
    one, three = (work(folders, 'sim', jobs=jobs).run() for jobs in (1, 3))
    assert one.matrix == three.matrix
    assert one.results[0].fitted == three.results[0].fitted


def test_model_stands_for_the_first_source_translated_by_it(folders):
    found = work(folders, 'sim', 'same=identity').run()
    own, same = (each.fitted.colours for each in found.results)
    assert own == same
    for colour in ('white', 'yellow', 'red', None):
        assert found.matrix.cell('sim', 'same', colour).ratio.value == 1


def test_apply_to_scores_without_fitting(folders):
    found = work(folders, 'sim', apply_to=(str(folders / 'green'), 'same=identity')).run()
    assert found.matrix.thresholds == ('duckietown_real', 'sim')
    assert found.matrix.cell('sim', 'green', 'white').ratio is None
    assert score(found, 'sim', 'green', 'white') > 0.95
    # Frames that thresholds were fitted on are not used to judge them.
    assert [each.frames_scored for each in found.results] == [4, 4, 4]


def test_frames_of_the_same_name_are_held_out_together(folders, tmp_path):
    write_frames(tmp_path / 'sim')
    write_frames(tmp_path / 'few')
    for number in (0, 5, 9):
        (tmp_path / 'few' / 'images' / f'{number:04d}.png').unlink()
    parts = work(tmp_path, 'sim', 'few')._parts()
    (fitted, tested), (few_fitted, few_tested) = parts['sim'], parts['few']
    assert set(few_fitted) < set(fitted)
    assert set(few_tested) <= set(tested)
    assert few_tested


def test_upper_part_is_ignored(folders, tmp_path):
    write_frames(tmp_path / 'sim', count=6)
    for path in (tmp_path / 'sim' / 'images').iterdir():
        image = cv2.imread(str(path))
        image[:12] = (40, 220, 240)  # yellow sky
        cv2.imwrite(str(path), image)
    assert score(work(tmp_path, 'sim').run(), 'duckietown_real', 'sim', 'yellow') > 0.95
    all_of_it = work(tmp_path, 'sim', skip_top=0.0).run()
    assert score(all_of_it, 'duckietown_real', 'sim', 'yellow') < 0.5


def test_masks_of_another_folder_by_name(folders, tmp_path):
    write_frames(tmp_path / 'bare', with_masks=False)
    masks = str(folders / 'sim' / 'masks')
    found = work(tmp_path, 'bare', masks=masks).run()
    assert found.matrix.cell('bare', 'bare', None).score.value > 0.95
    # A later domain uses its own masks, and these where it has none.
    shutil.copytree(tmp_path / 'bare', tmp_path / 'other')
    found = work(tmp_path, 'bare', 'other', masks=masks).run()
    assert found.matrix.cell('bare', 'other', None).ratio.value == 1
    write_frames(tmp_path / 'plain', colours=('white', 'yellow'))
    found = work(tmp_path, 'bare', 'plain', masks=masks).run()
    assert found.problems == ['plain: no frame to fit on has red']


def test_damage_of_a_source_is_told_once(folders):
    (domain,) = open_domains([str(folders / 'sim')])
    domain.frames.skipped = [Skipped('part of the bag', 'cut off')] * 3
    for _ in range(2):
        assert len(list(domain.read(frozenset(domain.keys()[:2]), 1))) == 2
    assert domain.skipped == [Skipped('part of the bag', 'cut off')]


def test_no_masks(tmp_path):
    write_frames(tmp_path / 'bare', with_masks=False)
    with pytest.raises(DataError, match=r'No frame of bare can be used: .*no mask.*--masks'):
        work(tmp_path, 'bare').run()


def test_masks_without_a_colour(tmp_path):
    write_frames(tmp_path / 'sim')
    for path in (tmp_path / 'sim' / 'masks').iterdir():
        cv2.imwrite(str(path), np.zeros((48, 64), np.uint8))
    with pytest.raises(DataError, match=r'No mask of sim has any of the ids \[2, 3, 4\]'):
        work(tmp_path, 'sim').run()


def test_colour_that_is_absent_in_a_domain(folders, tmp_path):
    write_frames(tmp_path / 'plain', colours=('white', 'yellow'))
    found = work(tmp_path, f'sim={folders / "sim"}', 'plain').run()
    assert 'plain: no frame to fit on has red' in found.problems
    assert found.matrix.cell('sim', 'plain', 'red') is None
    assert found.matrix.cell('plain', 'sim', 'red') is None
    assert found.matrix.cell('sim', 'plain', None).score.value > 0.95
    files = calibration_files(found)
    assert b'red' not in files['thresholds/plain.yaml']


def test_unreadable_frames_and_masks_that_do_not_fit_are_counted(tmp_path):
    folder = write_frames(tmp_path / 'sim')
    (folder / 'images' / '0001.png').write_bytes(b'broken')
    (folder / 'masks' / '0002.png').write_bytes(b'broken')
    cv2.imwrite(str(folder / 'masks' / '0003.png'), np.zeros((48, 40), np.uint8))
    (folder / 'masks' / '0011.png').unlink()
    found = work(tmp_path, 'sim').run()
    skipped = {each.where.split('/')[-1]: each.reason for each in found.results[0].domain.skipped}
    assert sorted(skipped) == ['0001.png', '0002.png', '0003.png', '0011.png']
    assert len(found.results[0].domain.skipped) == 4
    assert 'aspect' in skipped['0003.png']
    assert 'no mask' in skipped['0011.png']
    assert found.problems[0].startswith('sim: 4 frames left out')
    assert found.results[0].frames_fitted + found.results[0].frames_scored == 8


def test_mask_of_another_scale_is_resized(tmp_path):
    folder = write_frames(tmp_path / 'sim')
    for number in range(12):
        large = cv2.resize(scene(number)[1], (128, 96), interpolation=cv2.INTER_NEAREST)
        cv2.imwrite(str(folder / 'masks' / f'{number:04d}.png'), large)
    found = work(tmp_path, 'sim').run()
    assert found.matrix.cell('sim', 'sim', None).score.value > 0.95


@pytest.mark.parametrize(
    ('options', 'text'),
    [
        ({'sources': ()}, 'No source'),
        ({'sources': ('{sim}', '{sim}')}, 'called'),
        ({'sources': ('Sim={sim}', 'sim={sim}')}, 'called'),
        ({'sources': ('duckietown_real={sim}',)}, 'Two rows'),
        ({'sources': ('{sim}',), 'name': '../up'}, 'no name of a domain'),
        ({'sources': ('{sim}', 'nothing_like_it')}, 'nothing_like_it'),
        ({'sources': ('{sim}', 'x=missing.onnx')}, 'missing'),
        ({'sources': ('{sim}',), 'start': 'nothing'}, 'nothing'),
        ({'sources': ('{sim}',), 'thresholds': ('no.yaml',)}, 'no.yaml'),
        ({'sources': ('{sim}',), 'masks': 'no/such/masks'}, 'masks'),
        ({'sources': ('{sim}',), 'test_fraction': 1.0}, 'test-fraction'),
        ({'sources': ('{sim}',), 'beta': 0.0}, 'beta'),
        ({'sources': ('{sim}',), 'skip_top': 1.0}, 'skip-top'),
    ],
)
def test_wrong_options(folders, tmp_path, options, text):
    sources = tuple(each.format(sim=folders / 'sim') for each in options.pop('sources'))
    with pytest.raises(Sim2RealError, match=text):
        Calibrating(CalibrateOptions(sources, **options), tmp_path / 'out')
    assert not (tmp_path / 'out').exists()


def test_colour_without_mask_ids_is_refused(folders, tmp_path):
    path = tmp_path / 'mine.yaml'
    path.write_text('name: mine\ncolours: {blue: {ranges: []}}')
    with pytest.raises(ConfigError, match="'blue' no mask_ids"):
        work(folders, 'sim', start=str(path))


def test_single_frame_cannot_be_parted(tmp_path):
    write_frames(tmp_path / 'sim', count=1)
    with pytest.raises(DataError, match='expected at least 2'):
        work(tmp_path, 'sim').run()


def test_names_of_domains(folders):
    def names(*sources, **options):
        return [each.name for each in open_domains(sources, **options)]

    sim = str(folders / 'sim')
    assert names(sim) == ['sim']
    assert names(f'a b={sim}', 'identity') == ['a b', 'identity']
    assert names(sim, f'x={folders / "green"}', name='raw') == ['raw', 'x']


def test_files_hold_what_was_found(folders, tmp_path):
    out = tmp_path / 'out'
    options = CalibrateOptions((str(folders / 'sim'), str(folders / 'green')), jobs=1)
    findings, problems = write_calibration(Calibrating(options, out))
    assert problems == []
    assert any(line.startswith('duckietown_real on green: mean F1 0.') for line in findings)
    read = load_thresholds(out / 'thresholds' / 'sim.yaml')
    assert read.name == 'sim'
    assert 'fitted on 8 frames' in read.description
    assert re.search(r'F1 on 4 held-out frames: white \d\.\d\d', read.description)

    content = json.loads((out / 'transfer.json').read_text())
    assert len(content['cells']) == 3 * 2 * 4
    cell = _cell(content, 'sim', 'green', 'yellow')
    assert cell['score']['value'] < 0.1
    text = (out / 'transfer.md').read_text()
    own = _shown(_cell(content, 'sim', 'sim', 'yellow')['score'])
    assert f'| sim | {own} | {_shown(cell["score"])} |' in text
    assert f'| sim | 1.00 | {_shown(cell["ratio"])} |' in text.partition('## Transfer ratio')[2]

    page = (out / 'transfer.html').read_text()
    pictures = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    shown = [base64.b64decode(each) for each in pictures]
    assert shown == [(out / f'{n}.png').read_bytes() for n in ('transfer', 'hue_saturation')]
    assert not re.search(r'(src|href)="(?!data:)', page)

    before = {path: path.stat().st_mtime_ns for path in out.rglob('*') if path.is_file()}
    again = Calibrating(options, out)
    assert again.job.complete
    assert write_calibration(again) == [findings, problems]
    assert {path: path.stat().st_mtime_ns for path in before} == before
    with pytest.raises(DataError, match='other'):
        Calibrating(CalibrateOptions((str(folders / 'sim'),)), out)


def _cell(content, *place):
    keys = ('thresholds', 'domain', 'colour')
    (found,) = (each for each in content['cells'] if tuple(map(each.get, keys)) == place)
    return found


def _shown(score):
    text = f'{score["value"]:.2f}'
    if score['low'] == score['high']:
        return text
    return f'{text} [{score["low"]:.2f}, {score["high"]:.2f}]'


def test_tables_show_scores_and_then_ratios():
    cell = Cell(Value(0.5, 9, 0.4, 0.6), Value(0.8, 9, 0.7, 0.9))
    matrix = TransferMatrix(('a',), ('b',), ('c',), cells={('a', 'b', 'c'): cell})
    assert dict(_tables(matrix)) == {
        'F1, mean of colours': [['thresholds', 'b'], ['a', '-']],
        'F1, c': [['thresholds', 'b'], ['a', '0.50 [0.40, 0.60]']],
        'Transfer ratio, mean of colours': [['thresholds', 'b'], ['a', '-']],
        'Transfer ratio, c': [['thresholds', 'b'], ['a', '0.80 [0.70, 0.90]']],
    }


def test_failure_leaves_no_folder(tmp_path):
    write_frames(tmp_path / 'bare', with_masks=False)
    out = tmp_path / 'out'
    with pytest.raises(DataError):
        write_calibration(Calibrating(CalibrateOptions((str(tmp_path / 'bare'),)), out))
    assert not out.exists()


def test_names_cannot_break_page_or_table(folders, tmp_path):
    start = tmp_path / 'mine.yaml'
    start.write_text(
        'name: "<b>|x"\ncolours: {"<i>": {ranges: [{low: [0,0,150], high: [180,100,255]}], '
        'mask_ids: [2]}}'
    )
    files = calibration_files(work(folders, 'sim', start=str(start)).run())
    page = files['transfer.html'].decode()
    assert '<b>' not in page
    assert '<i>' not in page
    assert '&lt;i&gt;' in page
    rows = [line for line in files['transfer.md'].decode().splitlines() if '<b>/x |' in line]
    assert rows
    assert all(row.count('|') in (3, 6) for row in rows)
