import dataclasses

import pytest
from example_results import example_results

from sim2real_ros.evaluation.quantity import Quantity, Value
from sim2real_ros.evaluation.report.comparison import compare, interval_of
from sim2real_ros.evaluation.results import CandidateResults, EvaluationResults, QuantityGroup


def row_of(values, better='higher', limits=(None, None), roles=None):
    """Compare candidates with these values; the first one is sim unless roles say otherwise."""
    roles = roles or ['sim', *['candidate'] * (len(values) - 1)]
    quantity = Quantity('q', 'Q', better, '', limits=limits)
    candidates = tuple(
        CandidateResults(f'{role}{n}', role, '', 9, {} if value is None else {'q': value})
        for n, (role, value) in enumerate(zip(roles, values, strict=True))
    )
    group = QuantityGroup('g', 'G', '', (quantity,))
    ((row,),) = (s.rows for s in compare(EvaluationResults('', (group,), candidates, {})))
    return row


def of(value, reach=None):
    return Value(value, 9) if reach is None else Value(value, 9, value - reach, value + reach)


@pytest.mark.parametrize(('better', 'best'), [('higher', 2), ('lower', 1)])
def test_best_is_the_best_candidate_and_never_sim_or_real(better, best):
    roles = ['sim', 'candidate', 'candidate', 'candidate', 'real']
    values = [of(100 if better == 'higher' else -100), of(1), of(5), of(3)]
    row = row_of([*values, values[0]], better, roles=roles)
    assert [place for place, cell in enumerate(row.cells) if cell.rank == 'best'] == [best]


def test_candidates_whose_interval_overlaps_the_best_are_close_to_it():
    row = row_of([None, of(5, 1), of(4, 0.5), of(3.4, 0.5), of(4.4), None])
    assert [cell.rank for cell in row.cells] == ['', 'best', 'close', '', '', '']


def test_intervals_that_touch_overlap():
    assert row_of([None, of(5, 1), of(3, 1)]).cells[2].rank == 'close'
    assert row_of([None, of(5, 1), of(2.999, 1)]).cells[2].rank == ''
    row = row_of([of(10, 1), of(12, 1), of(8, 1), of(12.001, 1), of(7.999, 1)])
    assert [cell.verdict for cell in row.cells] == ['', '', '', 'better', 'worse']


def test_all_that_share_the_best_value_are_best():
    row = row_of([None, of(5), of(5), of(1)])
    assert [cell.rank for cell in row.cells] == ['', 'best', 'best', '']


@pytest.mark.parametrize(
    ('values', 'better'),
    [
        ([of(0), of(5)], 'higher'),
        ([of(0), of(5), None], 'higher'),
        ([of(0), of(5), of(5)], 'higher'),
        ([of(0), of(5), of(9)], 'neither'),
    ],
)
def test_nothing_is_best_where_there_is_nothing_to_choose(values, better):
    assert {cell.rank for cell in row_of(values, better).cells} == {''}


def test_a_difference_means_something_only_where_intervals_are_apart():
    row = row_of([of(10, 1), of(13, 1), of(7, 1), of(11.9, 1), of(30)])
    assert [cell.verdict for cell in row.cells] == ['', 'better', 'worse', '', '']
    assert [cell.difference for cell in row.cells] == [None, 3, -3, pytest.approx(1.9), 20]
    row = row_of([of(10, 1), of(13, 1), of(7, 1)], 'lower')
    assert [cell.verdict for cell in row.cells] == ['', 'worse', 'better']
    row = row_of([of(10, 1), of(13, 1)], 'neither')
    assert (row.cells[1].difference, row.cells[1].verdict) == (3, '')
    assert row_of([of(10), of(13, 1)]).cells[1].verdict == ''


def test_there_is_no_difference_without_sim_nor_for_real_frames():
    row = row_of([of(10, 1), of(13, 1)], roles=['candidate', 'real'])
    assert [cell.difference for cell in row.cells] == [None, None]
    row = row_of([of(10, 1), of(13, 1)], roles=['sim', 'real'])
    assert [cell.difference for cell in row.cells] == [None, None]


@pytest.mark.parametrize(
    ('better', 'sim', 'limits'), [('higher', 1, (0, 1)), ('lower', 0, (0, None))]
)
def test_frames_compared_with_themselves_are_nothing_to_lag_behind(better, sim, limits):
    for value in (of(sim, 0), of(sim)):
        row = row_of([value, of(0.5, 0.1)], better, limits)
        assert (row.cells[1].difference, row.cells[1].verdict) == (None, '')
    assert row_of([of(sim, 0.001), of(0.5, 0.1)], better, limits).cells[1].verdict == 'worse'
    assert row_of([of(sim, 0), of(0.5, 0.1)], better).cells[1].verdict == 'worse'


def test_interval_is_that_of_the_measure_or_comes_from_the_standard_error():
    assert interval_of(Value(5, 9, 4, 7, std_error=100)) == (4, 7)
    assert interval_of(Value(5, 9, std_error=0.5)) == pytest.approx((4.02, 5.98))
    assert interval_of(Value(5, 9)) is None
    assert interval_of(Value(5, 9, low=4)) is None
    assert interval_of(Value(5, 9, 4, float('inf'))) is None


def test_what_nobody_has_is_left_out():
    results = example_results(frames=4)
    sections = compare(results)
    assert [len(section.rows) for section in sections] == [4, 4, 2]
    empty = QuantityGroup('empty', 'Empty', '', ())
    unknown = QuantityGroup('unknown', 'Unknown', '', (Quantity('no', 'No', 'higher', ''),))
    more = dataclasses.replace(results, groups=(empty, *results.groups, unknown))
    assert compare(more) == sections
    nothing = tuple(dataclasses.replace(each, values={}) for each in results.candidates)
    assert compare(dataclasses.replace(results, candidates=nothing)) == ()
    assert compare(dataclasses.replace(results, candidates=())) == ()


def test_a_value_that_is_no_number_is_no_value():
    row = row_of([of(1), Value(float('inf'), 3), Value(float('nan'), 3), of(2)])
    assert [cell.value is None for cell in row.cells] == [False, True, True, False]
    assert {cell.rank for cell in row.cells} == {''}
