import numpy as np
import pytest

from sim2real_ros.evaluation.distribution.memorising import (
    memorising_quantities,
    memorising_values,
)

DISTANCE = 'nearest_training_distance_net'
RATIO = 'nearest_training_ratio_net'
SHARE = 'memorised_share_net'


@pytest.fixture
def random():
    return np.random.default_rng(3)


def rows(random, count):
    return np.abs(random.normal(size=(count, 16)))


def values(*sets):
    found, warnings = memorising_values(*sets, 'net')
    return {key: value.value for key, value in found.items()}, warnings


def test_new_images_are_as_far_as_held_out_ones(random):
    training, held_out = rows(random, 300), rows(random, 200)
    found, warnings = values(rows(random, 200), training, held_out)
    assert found[RATIO] == pytest.approx(1, abs=0.1)
    assert found[SHARE] <= 0.04
    assert warnings == ()


def test_held_out_images_themselves_are_no_copies(random):
    training, held_out = rows(random, 300), rows(random, 200)
    # One of 200 is nearer than the second nearest, which is the limit.
    assert values(held_out, training, held_out)[0][SHARE] == pytest.approx(1 / 200)


def test_copies_are_found(random):
    training, held_out = rows(random, 300), rows(random, 200)
    noisy = training[:150] + random.normal(0, 0.01, size=(150, 16))
    found, _ = values(noisy, training, held_out)
    assert found[RATIO] < 0.1
    assert found[SHARE] == 1
    half = np.concatenate([noisy[:50], rows(random, 50)])
    assert values(half, training, held_out)[0][SHARE] == pytest.approx(0.5, abs=0.05)
    exact, _ = values(training[:20], training, held_out)
    assert exact[DISTANCE] == pytest.approx(0, abs=1e-12)
    assert exact[SHARE] == 1


def test_images_from_elsewhere_are_far(random):
    training, held_out = rows(random, 300), rows(random, 200)
    found, _ = values(-rows(random, 50), training, held_out)
    assert found[RATIO] > 3
    assert found[SHARE] == 0


def test_values_by_hand():
    def at(*degrees):
        angles = np.deg2rad(degrees)
        return np.stack([np.cos(angles), np.sin(angles)], axis=1)

    training, held_out = at(0, 90), at(20, 70, 110)
    found, warnings = values(at(10, 50, 85), training, held_out)
    usual = 1 - np.cos(np.deg2rad(20))
    # Nearest: 10, 40 and 5 degrees; their median is 10. Held out: 20 degrees, all of them.
    middle = 1 - np.cos(np.deg2rad(10))
    assert found[DISTANCE] == pytest.approx(middle)
    assert found[RATIO] == pytest.approx(middle / usual)
    assert found[SHARE] == pytest.approx(2 / 3)
    assert 'rests on 3 held-out' in warnings[0]


def test_held_out_images_that_are_copies_are_warned_of(random):
    training = rows(random, 100)
    found, warnings = values(rows(random, 50), training, training[:60])
    assert set(found) == {DISTANCE}
    assert 'copies of training images' in warnings[0]
    some = np.concatenate([training[:5], rows(random, 100)])
    found, warnings = values(rows(random, 50), training, some)
    assert set(found) == {DISTANCE, RATIO}
    assert len(warnings) == 1


def test_nothing_is_said_without_images(random):
    some = rows(random, 5)
    for sets in ((some[:0], some, some), (some, some[:0], some), (some, some, some[:0])):
        assert memorising_values(*sets, 'net') == ({}, ())


def test_values_have_intervals_and_quantities(random):
    found, _ = memorising_values(*(rows(random, n) for n in (60, 80, 120)), 'net')
    assert set(found) == {quantity.key for quantity in memorising_quantities('net')}
    for value in found.values():
        assert value.count == 60
        assert value.low <= value.value <= value.high


def test_black_images_give_no_nan():
    black = np.zeros((10, 4))
    found, _ = memorising_values(black, black, black, 'net')
    assert all(np.isfinite(value.value) for value in found.values())
