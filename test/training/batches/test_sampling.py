from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2real_ros.training.batches.sampling import REAL, SIM, Sampler, draw_changes

counts = st.integers(1, 40)


@settings(max_examples=60, deadline=None)
@given(counts, counts, st.integers(0, 5), st.integers(0, 2**31 - 1))
def test_an_epoch_shows_every_image_about_equally_often(sims, reals, epoch, seed):
    sampler = Sampler(seed, sims, reals, paired=False)
    length = sampler.images_per_epoch
    assert length == max(sims, reals)
    shown = [sampler.numbers(epoch * length + place) for place in range(length)]
    for domain, count in ((0, sims), (1, reals)):
        times = Counter(numbers[domain] for numbers in shown)
        assert set(times) == set(range(count))
        assert set(times.values()) <= {length // count, -(-length // count)}


def test_partners_and_orders_change_from_epoch_to_epoch():
    sampler = Sampler(7, 50, 50, paired=False)
    epochs = [[sampler.numbers(50 * epoch + n) for n in range(50)] for epoch in range(2)]
    assert [s for s, _ in epochs[0]] != [s for s, _ in epochs[1]]
    assert len(set(epochs[0]) & set(epochs[1])) < 10
    assert sum(s == r for s, r in epochs[0]) < 10


def test_partners_of_pairs_stay_together():
    sampler = Sampler(7, 20, 20, paired=True)
    shown = [sampler.numbers(n) for n in range(40)]
    assert all(sim == real for sim, real in shown)
    assert sorted(sim for sim, _ in shown[:20]) == list(range(20))
    assert shown[:20] != shown[20:]


def test_the_seed_decides():
    one, same, other = (Sampler(seed, 30, 30, paired=False) for seed in (1, 1, 2))
    assert [one.numbers(n) for n in range(30)] == [same.numbers(n) for n in range(30)]
    assert [one.numbers(n) for n in range(30)] != [other.numbers(n) for n in range(30)]


def test_replacements_are_all_images_of_the_domain():
    sampler = Sampler(3, 6, 9, paired=False)
    assert sorted(sampler.replacements(5, SIM)) == list(range(6))
    assert sorted(sampler.replacements(5, REAL)) == list(range(9))
    assert [*sampler.replacements(5, REAL)] != [*sampler.replacements(6, REAL)]


def test_changes_are_even_and_independent():
    drawn = [draw_changes(11, n, SIM, flip=True, colour_jitter=0.3) for n in range(4000)]
    values = np.array([[c.left, c.top, c.mirrored, *c.colours] for c in drawn])
    # A mean of 4000 even draws from 0..1 has a standard deviation of 0.0046.
    np.testing.assert_allclose(values[:, :2].mean(0), 0.5, atol=0.02)
    assert abs(values[:, 2].mean() - 0.5) < 0.035
    assert values[:, 3:].min() >= 0.7
    assert values[:, 3:].max() <= 1.3
    np.testing.assert_allclose(values[:, 3:].mean(0), 1, atol=0.02)
    np.testing.assert_allclose(values[:, 3:].std(0), 0.6 / 12**0.5, atol=0.01)
    correlation = np.corrcoef(values.T) - np.eye(6)
    assert np.abs(correlation).max() < 0.07


@pytest.mark.parametrize('other', [(11, 5, REAL), (11, 6, SIM), (12, 5, SIM)])
def test_seed_sample_and_domain_change_everything(other):
    one, again = (draw_changes(11, 5, SIM, flip=True, colour_jitter=0.1) for _ in range(2))
    assert one == again
    assert draw_changes(*other, flip=True, colour_jitter=0.1).left != one.left


def test_what_is_switched_off_stays_off():
    drawn = [draw_changes(0, n, SIM, flip=False, colour_jitter=0) for n in range(50)]
    assert not any(each.mirrored for each in drawn)
    assert {each.colours for each in drawn} == {(1, 1, 1)}
