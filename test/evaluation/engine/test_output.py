import json

import pytest

from sim2real_ros.errors import DataError
from sim2real_ros.evaluation.engine import output
from sim2real_ros.evaluation.engine.output import check_output, write_evaluation
from sim2real_ros.evaluation.quantity import Quantity, Value
from sim2real_ros.evaluation.results import CandidateResults, EvaluationResults, QuantityGroup

GROUP = QuantityGroup('g', 'Group', '', (Quantity('f1', 'F1', 'higher', ''),))
RESULTS = EvaluationResults(
    'test', (GROUP,), (CandidateResults('cut', 'candidate', '', 3, {'f1': Value(0.5, 3)}),), {}
)


def test_all_files_are_written(tmp_path):
    folder = tmp_path / 'deep' / 'out'
    check_output(folder, [])
    write_evaluation(RESULTS, folder)
    assert {each.name for each in folder.iterdir()} == {
        'report.html', 'results.json', 'frames.jsonl', 'table.md',
    }  # fmt: skip
    numbers = json.loads((folder / 'results.json').read_text())
    assert numbers['candidates'][0]['values'] == {'f1': {'value': 0.5, 'count': 3}}
    assert '0.500' in (folder / 'table.md').read_text()


def test_an_evaluation_is_replaced_only_if_wanted(tmp_path):
    write_evaluation(RESULTS, tmp_path)
    with pytest.raises(DataError, match='--force'):
        check_output(tmp_path, [])
    check_output(tmp_path, [], force=True)


def test_what_is_no_evaluation_is_never_replaced(tmp_path):
    (tmp_path / 'mine.txt').write_text('precious')
    with pytest.raises(DataError, match='other files'):
        check_output(tmp_path, [], force=True)
    with pytest.raises(DataError, match='is a file'):
        check_output(tmp_path / 'mine.txt', [], force=True)


def test_inputs_are_not_written_to(tmp_path):
    (tmp_path / 'link').symlink_to(tmp_path / 'sim')
    (tmp_path / 'sim').mkdir()
    for place in ('sim', 'sim/out', 'link/out', 'other/../sim/out'):
        with pytest.raises(DataError, match='lies in the input'):
            check_output(tmp_path / place, [tmp_path / 'sim'])
    check_output(tmp_path / 'simulated', [tmp_path / 'sim'])
    check_output(tmp_path / 'new', [tmp_path / 'drive.bag'])


def test_numbers_come_last_as_they_say_that_all_is_there(tmp_path, monkeypatch):
    def fail(results):
        raise DataError('the disk is full')

    monkeypatch.setattr(output, 'markdown_table', fail)
    with pytest.raises(DataError, match='full'):
        write_evaluation(RESULTS, tmp_path)
    assert not (tmp_path / 'results.json').exists()
