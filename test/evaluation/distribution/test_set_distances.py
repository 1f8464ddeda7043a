import numpy as np
import pytest

from sim2real_ros.evaluation.distribution.density_coverage import density_coverage
from sim2real_ros.evaluation.distribution.feature_statistics import FeatureStatistics
from sim2real_ros.evaluation.distribution.frechet_distance import frechet_distance
from sim2real_ros.evaluation.distribution.kernel_distance import kernel_distance, squared_mmd
from sim2real_ros.evaluation.distribution.set_distances import (
    SetDistanceOptions,
    distribution_quantities,
    distribution_values,
    real_split_values,
)

KEYS = {'kid_net', 'frechet_distance_net', 'density_net', 'coverage_net'}


def statistics(features, **options):
    result = FeatureStatistics(features.shape[1], **options)
    result.add(features)
    return result


@pytest.fixture
def random():
    return np.random.default_rng(11)


def rows(random, count, shift=0.0, dimensions=8):
    return (random.normal(size=(count, dimensions)) + shift).astype(np.float32)


def test_values_are_those_of_the_single_functions(random):
    ours, theirs = rows(random, 120, 0.3), rows(random, 80)
    values, warnings = distribution_values(statistics(ours), statistics(theirs), 'net', False)
    assert set(values) == KEYS
    kid = kernel_distance(ours, theirs)
    assert values['kid_net'].value == kid.mean
    assert values['kid_net'].std_error == kid.std_error
    expected = frechet_distance(statistics(ours), statistics(theirs))
    assert values['frechet_distance_net'].value == expected
    neighbours = density_coverage(ours, theirs)
    assert values['density_net'].value == neighbours.density
    assert values['coverage_net'].value == neighbours.coverage
    assert values['coverage_net'].count == 80
    assert {values[key].count for key in KEYS - {'coverage_net'}} == {120}
    assert warnings == ()


def test_only_inception_is_called_fid(random):
    found = {quantity.key for quantity in distribution_quantities('inception', True)}
    assert found == {'fid', 'kid_inception', 'density_inception', 'coverage_inception'}
    first, second = statistics(rows(random, 60)), statistics(rows(random, 60))
    assert set(distribution_values(first, second, 'inception', True)[0]) == found
    for quantity in distribution_quantities('net', False):
        assert quantity.key in KEYS
        assert 'FID' not in quantity.title
        assert 'KID' not in quantity.title
    titles = {quantity.title for quantity in distribution_quantities('inception', True)}
    assert {'FID', 'KID'} <= titles


def test_quantities_say_what_they_are():
    for is_fid in (True, False):
        quantities = distribution_quantities('net', is_fid)
        assert len({quantity.key for quantity in quantities}) == len(quantities) == 4
        for quantity in quantities:
            assert quantity.source
            assert len(quantity.description) > 60
            assert quantity.better == (
                'lower' if 'distance' in quantity.description[:30] else 'higher'
            )


def test_values_move_the_right_way(random):
    real = rows(random, 150)
    near, far = rows(random, 150, 0.2), rows(random, 150, 1.0)
    collapsed = rows(random, 150) * np.float32(0.05)
    found = [
        distribution_values(statistics(each), statistics(real), 'net', False)[0]
        for each in (real, near, far, collapsed)
    ]
    same, close, distant, collapse = ({k: v.value for k, v in each.items()} for each in found)
    for key in ('kid_net', 'frechet_distance_net'):
        assert same[key] < close[key] < distant[key]
        assert collapse[key] > close[key]
    for key in ('density_net', 'coverage_net'):
        assert distant[key] < close[key]
    assert collapse['coverage_net'] < same['coverage_net'] - 0.3
    assert same['frechet_distance_net'] == pytest.approx(0, abs=1e-9)
    assert same['coverage_net'] == 1


def test_values_do_not_depend_on_the_order(random):
    ours, real = rows(random, 90, 0.3), rows(random, 70)
    shuffled = random.permutation(ours)
    first, second = (
        distribution_values(statistics(each), statistics(real), 'net', False)[0]
        for each in (ours, shuffled)
    )
    for key in KEYS - {'kid_net'}:
        assert first[key].value == pytest.approx(second[key].value, rel=1e-9)
    # Other subsets are drawn.
    error = first['kid_net'].std_error
    assert first['kid_net'].value == pytest.approx(second['kid_net'].value, abs=error)


def test_kid_of_clean_fid_takes_all_images(random):
    ours, real = rows(random, 60, 0.3), rows(random, 60)
    options = SetDistanceOptions(is_clean_fid_kid=True)
    value = distribution_values(statistics(ours), statistics(real), 'net', False, options)[0]
    assert value['kid_net'].value == pytest.approx(squared_mmd(ours, real), rel=1e-9)
    assert value['kid_net'].std_error > 0


def test_few_images_are_warned_of(random):
    def warned(first, second, dimensions=8):
        found = distribution_values(
            statistics(rows(random, first, dimensions=dimensions)),
            statistics(rows(random, second, dimensions=dimensions)),
            'net',
            False,
        )
        return set(found[0]), ' '.join(found[1])

    keys, text = warned(60, 60, 100)
    assert keys == KEYS
    assert 'fewer than its 100 features' in text
    assert 'kernel distance (net) rests' not in text
    keys, text = warned(49, 200)
    assert keys == KEYS
    assert 'kernel distance (net) rests on 49 against 200' in text
    assert 'features: it is' not in text
    keys, text = warned(60, 5)
    assert keys == {'kid_net', 'frechet_distance_net'}
    assert 'more than 5 real images, found 5' in text
    for counts in ((1, 60), (60, 1), (0, 0)):
        keys, text = warned(*counts)
        assert keys == set()
        assert 'at least 2' in text


def test_constant_features_give_no_nan():
    black = np.zeros((30, 8), np.float32)
    for other in (black, black + 1):
        values, _ = distribution_values(statistics(black), statistics(other), 'net', False)
        assert all(np.isfinite(value.value) for value in values.values())


def test_repeated_real_images_are_warned_of(random):
    real = np.concatenate([np.repeat(rows(random, 10), 6, axis=0), rows(random, 40)])
    values, warnings = distribution_values(statistics(real), statistics(real), 'net', False)
    assert '60 of 100 real images have 5 copies or more' in ' '.join(warnings)
    assert values['coverage_net'].value == pytest.approx(0.4)
    real = np.concatenate([np.repeat(rows(random, 10), 5, axis=0), rows(random, 40)])
    values, warnings = distribution_values(statistics(real), statistics(real), 'net', False)
    assert 'copies or more' not in ' '.join(warnings)
    assert values['coverage_net'].value == 1


def test_halves_of_the_real_images_are_the_floor(random):
    drifting = rows(random, 200) + np.linspace(0, 3, 200, dtype=np.float32)[:, None]
    interleaved, contiguous = real_split_values(statistics(drifting), 'net', False)
    assert set(interleaved) == set(contiguous) == KEYS
    expected = distribution_values(
        statistics(drifting[::2]), statistics(drifting[1::2]), 'net', False
    )[0]
    assert interleaved == expected
    expected = distribution_values(
        statistics(drifting[:100]), statistics(drifting[100:]), 'net', False
    )[0]
    assert contiguous == expected
    # Neighbours are alike, the two ends of the drive are not.
    assert abs(interleaved['kid_net'].value) < 0.3 * contiguous['kid_net'].value
    assert interleaved['coverage_net'].value > contiguous['coverage_net'].value


def test_halves_of_a_large_set_come_from_its_sample(random):
    real = statistics(rows(random, 400), sample=100)
    interleaved, _ = real_split_values(real, 'net', False)
    assert interleaved['kid_net'].count == 50


def test_three_images_have_no_halves(random):
    assert real_split_values(statistics(rows(random, 3)), 'net', False) == ({}, {})
    few = real_split_values(statistics(rows(random, 4)), 'net', False)[0]
    assert set(few) == {'kid_net', 'frechet_distance_net'}
