import json

import numpy as np
import pytest

from sim2real_ros.errors import DataError
from sim2real_ros.evaluation.engine.findings import MAX_REASONS, Findings
from sim2real_ros.evaluation.measure import Measure, Observation
from sim2real_ros.evaluation.quantity import Quantity, Value
from sim2real_ros.evaluation.report.json_files import frames_jsonl
from sim2real_ros.evaluation.results import EvaluationResults


class Score(Measure):
    """Has one quantity and a count."""

    quantities = (Quantity('score', 'Score', 'higher', ''),)

    def of_frame(self, frame):
        """Say nothing."""
        return Observation()


class Kept(Score):
    """Sums up what was kept."""

    quantities = (Quantity('sum', 'Sum', 'neither', ''),)

    def summarise(self, seen):
        """Add."""
        return {'sum': Value(float(np.sum(seen.kept)), len(seen.kept))}


class Failing(Score):
    """Fails in the end."""

    def __init__(self, error):
        """Choose how."""
        self.error = error

    def summarise(self, seen):
        """Fail."""
        raise self.error


def findings(*measures):
    return Findings('cut', 'candidate', 'a model', measures, {})


def score(value, **more):
    return [Observation({'score': value, **more})]


def test_rows_are_those_of_the_frames_whatever_is_missing():
    found = findings(Score())
    found.add('0', None)  # no translation
    found.add('1', score(1.0, count=5))
    found.add('2', [None])  # nothing to look at
    found.add('3', [Observation()])  # nothing to say
    found.add('4', score(4.0))
    found.add('5', None)
    results = found.results()
    assert results.frame_names == ('0', '1', '2', '3', '4', '5')
    np.testing.assert_array_equal(
        results.per_frame['score'], [np.nan, 1, np.nan, np.nan, 4, np.nan]
    )
    assert set(results.per_frame) == {'score'}, 'counts are for the summary alone'
    assert results.frames == 4
    assert results.values['score'].value == 2.5
    assert results.values['score'].count == 2


def test_two_candidates_have_the_same_rows_in_the_files():
    first, second = findings(Score()), findings(Score())
    for number in range(5):
        first.add(f'{number}', score(number))
        second.add(f'{number}', None if number % 2 else score(10 * number))
    columns = (first.results(), second.results())
    lines = [json.loads(line) for line in frames_jsonl(EvaluationResults('', (), columns, {}))]
    assert [each['frame'] for each in lines] == [*'01234', *'01234']
    assert [each['values'] for each in lines[5:]] == [
        {'score': 0}, {}, {'score': 20}, {}, {'score': 40},
    ]  # fmt: skip


def test_a_value_that_is_no_number_is_no_value():
    found = findings(Score())
    for value in (1.0, float('nan'), float('inf'), -float('inf'), 3.0):
        found.add('frame', score(value))
    results = found.results()
    assert results.values['score'].value == 2
    assert np.isfinite(results.per_frame['score']).sum() == 2


def test_kept_arrays_reach_the_summary():
    found = findings(Score(), Kept())
    for number in range(3):
        found.add(f'{number}', [None, Observation(kept=np.array([number]))])
    assert found.results().values == {'sum': Value(3, 3)}


def test_without_frames_there_are_no_values():
    results = findings(Score(), Kept()).results()
    assert (results.frames, results.values, results.per_frame) == (0, {}, {})


@pytest.mark.parametrize(
    ('error', 'text'), [(DataError('too few'), 'too few'), (ValueError('shape'), 'please report')]
)
def test_one_summary_that_fails_does_not_cost_the_others(error, text):
    found = findings(Failing(error), Kept())
    found.add('0', [*score(1.0), Observation(kept=np.array([7]))])
    results = found.results()
    assert results.values == {'sum': Value(7, 1)}
    assert len(results.problems) == 1
    assert text in results.problems[0]
    assert len(found.results().problems) == 1


def test_a_mistake_in_the_program_is_not_hidden():
    found = findings(Failing(TypeError('wrong call')))
    found.add('0', score(1.0))
    with pytest.raises(TypeError, match='wrong call'):
        found.results()


def test_a_summary_that_is_no_number_is_left_out():
    class Endless(Score):
        """Gives infinity."""

        def summarise(self, seen):
            """Divide by zero."""
            return {'score': Value(float('inf'), 1), 'other': Value(1.0, 1)}

    found = findings(Endless())
    found.add('0', score(1.0))
    assert set(found.results().values) == {'other'}


def test_values_of_sets_join_those_of_frames():
    found = findings(Score())
    found.add('0', score(1.0))
    found.values['kid'] = Value(0.5, 1)
    assert set(found.results().values) == {'score', 'kid'}


def test_equal_reasons_are_told_once_and_there_is_an_end_to_them():
    found = findings(Score())
    for number in range(3 * MAX_REASONS):
        found.add_problem(f'{number}', f'{number}.png is gone')
        found.add_problem(f'{number}', 'the same')
    assert found.problems[0] == "300 of the frames, first '0': the same"
    assert len(found.problems) == MAX_REASONS + 1
    assert any('other reasons' in each for each in found.problems)
    counts = [int(each.split()[0]) for each in found.problems]
    assert sum(counts) == 6 * MAX_REASONS
