import dataclasses
import json

import numpy as np
import pytest

from sim2real_ros.evaluation.bootstrap import bootstrap_mean
from sim2real_ros.evaluation.gap.result_gaps import gap_group, gap_values, with_gap_group
from sim2real_ros.evaluation.quantity import Quantity, Value
from sim2real_ros.evaluation.results import (
    CandidateResults,
    EvaluationResults,
    QuantityGroup,
)

BRIGHTNESS = Quantity('brightness_levels', 'Brightness', 'neither', 'Mean level.', 'levels')
KID = Quantity('kid', 'KID', 'lower', 'Distance of features.')
F1 = Quantity('f1', 'F1', 'higher', 'Found lines.')


def per_frame(mean, count, seed):
    return np.random.default_rng(seed).normal(mean, 5, count)


def column(name, role, frames=None, values=None, **arrays):
    arrays = {key: np.asarray(each) for key, each in arrays.items()}
    means = {key: bootstrap_mean(each[~np.isnan(each)]) for key, each in arrays.items()}
    return CandidateResults(name, role, '', frames or 100, {**means, **(values or {})}, arrays)


def results(*columns, quantities=(BRIGHTNESS, KID, F1)):
    group = QuantityGroup('perception', 'All', '', tuple(quantities))
    return EvaluationResults('test', (group,), tuple(columns), {})


def three(level=110.0, **values):
    return results(
        column('sim', 'sim', brightness_levels=per_frame(80, 100, 0), values=values.get('sim')),
        column('cut', 'candidate', brightness_levels=per_frame(level, 100, 1),
               values=values.get('cut')),
        column('real', 'real', brightness_levels=per_frame(120, 70, 2),
               values=values.get('real')),
    )  # fmt: skip


def test_means_of_frames_are_resampled():
    value = gap_values(three())['cut']['gap_closed_brightness_levels']
    assert value.value == pytest.approx(0.75, abs=0.03)
    assert value.low < value.value < value.high
    # Delta method: var = (t - s)' / g and real's part, each 5 / sqrt(n).
    gap, gained = 40.0, 30.0
    spread = np.hypot(5 / 10 / gap, np.hypot(5 / 10 * (1 - gained / gap) / gap,
                                             5 / 70**0.5 * gained / gap**2))  # fmt: skip
    assert value.high - value.low == pytest.approx(2 * 1.96 * spread, rel=0.25)
    assert value.count == 70


def test_distances_have_intervals_of_their_standard_errors():
    found = gap_values(
        three(
            sim={'kid': Value(0.10, 50, std_error=0.002)},
            cut={'kid': Value(0.04, 50, std_error=0.002)},
            real={'kid': Value(0.02, 50, std_error=0.001)},
        )
    )
    value = found['cut']['gap_closed_kid']
    assert value.value == pytest.approx(0.75)
    spread = np.sqrt(0.002**2 + (0.25 * 0.002) ** 2 + (0.75 * 0.001) ** 2) / 0.08
    assert value.high - value.low == pytest.approx(2 * 1.96 * spread, rel=0.1)


def test_a_value_that_is_no_mean_of_its_frames_is_not_resampled():
    base = three()
    far = {'brightness_levels': Value(500.0, 100, low=480.0, high=520.0)}
    columns = [
        CandidateResults(c.name, c.role, '', 100, far if c.role == 'real' else c.values,
                         c.per_frame) for c in base.candidates
    ]  # fmt: skip
    value = gap_values(results(*columns))['cut']['gap_closed_brightness_levels']
    assert value.value == pytest.approx(30 / 420, abs=0.005)
    assert value.high - value.low < 0.02


def test_nothing_is_said_where_the_noise_is_unknown():
    values = {
        'sim': {'f1': Value(0.2, 10, std_error=0.01)},
        'cut': {'f1': Value(0.5, 10, std_error=0.01)},
        'real': {'f1': Value(0.8, 8, std_error=0.01)},
    }
    assert gap_values(three(**values))['cut']['gap_closed_f1'].value == pytest.approx(0.5)
    for name in values:
        (known,) = values[name].values()
        unknown = {**values, name: {'f1': Value(known.value, known.count)}}
        assert 'gap_closed_f1' not in gap_values(three(**unknown))['cut'], name


@pytest.mark.parametrize(
    ('level', 'share'), [(120, 1), (110, 0.75), (130, 0.75), (160, 0), (200, -1), (40, -1)]
)
def test_to_go_beyond_real_frames_is_to_leave_them_where_no_side_is_better(level, share):
    value = gap_values(three(level))['cut']['gap_closed_brightness_levels']
    assert value.value == pytest.approx(share, abs=0.06)
    assert value.low <= value.value <= value.high <= 1


def test_a_number_without_a_good_side_has_no_gap_within_noise():
    near = results(
        column('sim', 'sim', brightness_levels=per_frame(120, 100, 0)),
        column('cut', 'candidate', brightness_levels=per_frame(90, 100, 1)),
        column('real', 'real', brightness_levels=per_frame(120.3, 70, 2)),
    )
    assert gap_values(near) == {'cut': {}}


def test_the_group_follows_those_that_it_draws_from():
    base = three()
    groups = [
        dataclasses.replace(base.groups[0], key=key, quantities=quantities)
        for key, quantities in (
            ('distribution', (KID,)),
            ('perception', (BRIGHTNESS,)),
            ('structure', (F1,)),
        )
    ]
    full = with_gap_group(dataclasses.replace(base, groups=tuple(groups)))
    assert [each.key for each in full.groups] == ['distribution', 'perception', 'gap', 'structure']


@pytest.mark.parametrize(
    'real',
    [
        Value(0.098, 50, std_error=0.002),  # within noise
        Value(0.15, 50, std_error=0.001),  # no better
        Value(0.10, 50, std_error=0.0),
    ],
)
def test_no_value_where_there_is_no_gap(real):
    found = gap_values(
        three(
            sim={'kid': Value(0.10, 50, std_error=0.002)},
            cut={'kid': Value(0.04, 50, std_error=0.002)},
            real={'kid': real},
        )
    )
    assert set(found['cut']) == {'gap_closed_brightness_levels'}


def test_quantities_that_one_column_lacks_are_left_out():
    found = gap_values(three(sim={'f1': Value(0.1, 9)}, cut={'f1': Value(0.2, 9)}))
    assert set(found['cut']) == {'gap_closed_brightness_levels'}
    alone = results(*three().candidates[:2])
    assert gap_values(alone) == {'cut': {}}
    assert with_gap_group(alone) is alone


def test_holes_in_frames_do_not_matter():
    with_holes = three()
    array = with_holes.candidates[1].per_frame['brightness_levels']
    array[::3] = np.nan
    mended = results(
        with_holes.candidates[0],
        column('cut', 'candidate', brightness_levels=array),
        with_holes.candidates[2],
    )
    value = gap_values(mended)['cut']['gap_closed_brightness_levels']
    assert value.value == pytest.approx(0.75, abs=0.05)
    assert value.low < value.value < value.high


def test_frames_of_sim_and_candidate_are_resampled_together():
    sim = per_frame(80, 100, 0) * 3 - 160
    same = results(
        column('sim', 'sim', brightness_levels=sim),
        column('cut', 'candidate', brightness_levels=sim),
        column('real', 'real', brightness_levels=per_frame(200, 100, 1)),
    )
    value = gap_values(same)['cut']['gap_closed_brightness_levels']
    assert (value.value, value.low, value.high) == (0, 0, 0)


def test_the_group_says_what_the_numbers_are_and_is_written():
    full = with_gap_group(three(cut={'kid': Value(0.04, 5)}))
    group = full.groups[-1]
    assert group == gap_group(three())
    assert [each.key for each in group.quantities] == ['gap_closed_brightness_levels']
    assert (group.quantities[0].better, group.quantities[0].limits[1]) == ('higher', 1)
    by_name = {each.name: each for each in full.candidates}
    assert 'gap_closed_brightness_levels' in by_name['cut'].values
    assert 'kid' in by_name['cut'].values
    assert 'gap_closed_brightness_levels' not in by_name['sim'].values
    json.dumps(full.to_json(), allow_nan=False)
    # Doing it again finds no gaps of gaps.
    assert set(gap_values(full)['cut']) == {'gap_closed_brightness_levels'}


def test_the_same_results_give_the_same_values():
    exact = {'sim': {'kid': Value(0.1, 9, std_error=0.01)},
             'cut': {'kid': Value(0.05, 9, std_error=0.01)},
             'real': {'kid': Value(0.02, 9, low=0.01, high=0.03)}}  # fmt: skip
    assert gap_values(three(**exact)) == gap_values(three(**exact))


def test_real_frames_are_resampled_for_themselves():
    sim = per_frame(80, 100, 0)
    shifted = results(
        column('sim', 'sim', brightness_levels=sim),
        column('cut', 'candidate', brightness_levels=sim + 30),
        column('real', 'real', brightness_levels=sim + 40),
    )
    value = gap_values(shifted)['cut']['gap_closed_brightness_levels']
    spread = 0.75 * np.hypot(0.5, 0.5) / 40
    assert value.high - value.low == pytest.approx(2 * 1.96 * spread, rel=0.25)


def test_the_width_of_an_interval_stands_for_its_standard_error():
    found = gap_values(
        three(
            sim={'f1': Value(0.2, 50, low=0.2 - 0.0196, high=0.2 + 0.0196)},
            cut={'f1': Value(0.2, 50, std_error=0.0)},
            real={'f1': Value(0.8, 50, std_error=0.0)},
        )
    )
    value = found['cut']['gap_closed_f1']
    assert value.high - value.low == pytest.approx(2 * 1.96 * 0.01 / 0.6, rel=0.1)
