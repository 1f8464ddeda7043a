import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2real_ros.errors import DataError
from sim2real_ros.evaluation.bootstrap import (
    bootstrap_mean,
    bootstrap_statistic,
    interval,
    resample_counts,
    resampled_means,
    value_with_interval,
)
from sim2real_ros.evaluation.gap.closing import (
    gap_closed,
    gap_closed_interval,
    gap_of_samples,
    mean_of,
)


@pytest.mark.parametrize(
    ('sim', 'translated', 'real', 'better', 'share'),
    [
        (0.2, 0.5, 0.8, 'higher', 0.5),
        (0.2, 0.2, 0.8, 'higher', 0.0),
        (0.2, 0.1, 0.8, 'higher', -1 / 6),
        (0.2, 0.9, 0.8, 'higher', 7 / 6),
        (9.0, 3.0, 1.0, 'lower', 0.75),
        (9.0, 3.0, 1.0, 'neither', 0.75),
        (1.0, 3.0, 9.0, 'neither', 0.25),
    ],
)
def test_known_shares(sim, translated, real, better, share):
    assert gap_closed(sim, translated, real, better=better) == pytest.approx(share)


@pytest.mark.parametrize(
    'arguments',
    [
        {'sim': 0.8, 'translated': 0.5, 'real': 0.2, 'better': 'higher'},
        {'sim': 1.0, 'translated': 3.0, 'real': 9.0, 'better': 'lower'},
        {'sim': 0.5, 'translated': 0.6, 'real': 0.5},
        {'sim': 0.5, 'translated': 0.6, 'real': 0.5 + 1e-12},
        {'sim': 0.5, 'translated': 0.6, 'real': 0.55, 'noise': 0.05 + 1e-9},
        {'sim': float('nan'), 'translated': 0.6, 'real': 0.5},
        {'sim': 0.1, 'translated': float('nan'), 'real': 0.5},
        {'sim': 0.1, 'translated': 0.2, 'real': float('inf')},
        {'sim': 0.0, 'translated': 0.0, 'real': 0.0},
    ],
)
def test_no_share_without_a_gap(arguments):
    assert np.isnan(gap_closed(**arguments))


def test_noise_below_the_gap_does_not_matter():
    assert gap_closed(0.5, 0.6, 0.7, noise=0.1) == pytest.approx(0.5)


finite = st.floats(-100, 100).map(lambda x: round(x, 3))


@settings(max_examples=100, deadline=None)
@given(finite, finite, finite, st.floats(0.1, 10), finite)
def test_the_share_does_not_depend_on_unit_or_origin(sim, translated, real, scale, offset):
    share = gap_closed(sim, translated, real)
    other = gap_closed(*(scale * each + offset for each in (sim, translated, real)))
    assert np.isnan(share) == np.isnan(other)
    if not np.isnan(share):
        assert other == pytest.approx(share, rel=1e-6, abs=1e-6)


def planted(seed, count=200, sim=0.3, translated=0.55, real=0.8, shared=0.2, own=0.05):
    """Draw scores of images; what is hard is hard for all three."""
    random = np.random.default_rng(seed)
    hard = random.normal(0, shared, count)
    return [mean + hard + random.normal(0, own, count) for mean in (sim, translated, real)]


def closed(values, **more):
    return gap_closed_interval(*(mean_of(each) for each in values), len(values[0]), **more)


def test_the_interval_of_a_planted_gap():
    found = closed(planted(1))
    assert found.reason == ''
    assert found.share.value == pytest.approx(0.5, abs=0.03)
    assert found.share.low < 0.5 < found.share.high
    assert found.share.high - found.share.low < 0.08
    assert found.gained.value == pytest.approx(found.translated.value - found.sim.value)
    assert found.gap.value == pytest.approx(found.real.value - found.sim.value)


def test_the_resampling_is_paired():
    values = planted(2)
    found = closed(values)
    alone = bootstrap_mean(values[0])
    assert found.sim == alone
    difference = bootstrap_mean(values[1] - values[0])
    assert found.gained.low == pytest.approx(difference.low)
    assert found.gained.high == pytest.approx(difference.high)
    # The images' own difficulty is in both, and leaves the difference.
    assert found.gained.high - found.gained.low < 0.4 * (alone.high - alone.low)


def test_the_interval_covers_the_truth_as_often_as_it_says():
    inside = 0
    for seed in range(60):
        table = np.column_stack(planted(seed, count=60, own=0.2))
        samples = np.concatenate((table.mean(axis=0)[None], resampled_means(table))).T
        share = gap_of_samples(*samples, 60).share
        inside += share.low <= 0.5 <= share.high
    assert 51 <= inside <= 60


def test_any_statistic_will_do():
    values = planted(3)
    scores = [lambda frames, v=v: float(np.median(v[frames])) for v in values]
    found = gap_closed_interval(*scores, 200, seed=5)
    assert found.sim == bootstrap_statistic(scores[0], 200, seed=5)
    assert found.share.value == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize('better', ['higher', 'lower', 'neither'])
def test_direction(better):
    values = planted(4)
    if better == 'lower':
        values = [-each for each in values]
    assert closed(values, better=better).share.value == pytest.approx(0.5, abs=0.03)
    wrong = closed([-each for each in values], better=better)
    if better == 'neither':
        assert wrong.share.value == pytest.approx(0.5, abs=0.03)
    else:
        assert wrong.share is None
        assert 'real is no better than sim' in wrong.reason


def test_a_gap_within_noise_gives_no_share():
    found = closed(planted(5, real=0.301, own=0.3))
    assert found.share is None
    assert 'within noise' in found.reason or 'no better' in found.reason
    noisy = closed(planted(8, real=0.31, own=0.3))
    assert noisy.gap.value > 0
    assert noisy.share is None
    assert 'within noise' in noisy.reason


def test_one_image_says_nothing():
    found = closed([np.array([0.1]), np.array([0.2]), np.array([0.3])])
    assert found.share is None
    assert found.reason == 'one image says nothing about the noise'
    assert found.gained.value == pytest.approx(0.1)


def test_undefined_scores_are_refused():
    with pytest.raises(DataError, match='expected finite numbers'):
        closed([np.full(3, np.nan), np.ones(3), np.ones(3)])


def test_resamples_without_a_score_are_passed():
    def rare(frames):
        return 1.0 if 0 in frames else float('nan')

    found = gap_closed_interval(lambda _: 0.0, lambda _: 0.5, rare, 10)
    assert found.share.value == 0.5
    assert (found.share.low, found.share.high) == (0.5, 0.5)
    assert interval(np.array([np.nan] * 6 + [1.0] * 4)) is None


def test_samples_are_those_of_the_bootstrap():
    values = np.random.default_rng(0).normal(size=40)
    counts = resample_counts(40, seed=9)
    assert counts.shape == (1000, 40)
    assert (counts.sum(axis=1) == 40).all()
    means = counts @ values / 40
    assert value_with_interval(float(values.mean()), 40, means) == bootstrap_mean(values, seed=9)
    holes = np.column_stack((values, np.where(np.arange(40) < 39, np.nan, 2.0)))
    found = resampled_means(holes, seed=9)
    np.testing.assert_allclose(found[:, 0], means)
    assert set(found[:, 1][~np.isnan(found[:, 1])]) == {2.0}
    assert np.isnan(found[:, 1]).sum() == (counts[:, 39] == 0).sum()


def test_resamples_whose_gap_points_the_other_way_do_not_count():
    gap, gained = np.ones(1001), np.concatenate(([0.5], np.linspace(0, 1, 1000)))
    gap[-20:] = -1
    share = gap_of_samples(np.zeros(1001), gained, gap, 50).share
    assert share.low == pytest.approx(0.025 * 980 / 1000, abs=0.001)
    assert share.high == pytest.approx(0.975 * 980 / 1000, abs=0.001)
