import dataclasses
import json

import numpy as np
import pytest

from sim2real_ros.card import METADATA_KEY, ModelCard
from sim2real_ros.errors import ModelError
from sim2real_ros.runtime.frame_descriptor import DESCRIPTOR_LENGTH, describe_frame
from sim2real_ros.runtime.input_domain import InputDomain, is_of_this_version
from sim2real_ros.runtime.subspace import Subspace


def random_subspace(length=DESCRIPTOR_LENGTH, count=24, seed=0):
    random = np.random.default_rng(seed)
    rows = np.linalg.qr(random.normal(size=(length, count)))[0].T
    return Subspace(
        random.uniform(0, 1, length),
        random.uniform(0.5, 2, length),
        rows,
        np.sort(random.uniform(0.1, 2, count))[::-1],
        0.05,
    )


def random_domain(seed=0):
    return InputDomain(100, random_subspace(seed=seed), 20.0, 8.0)


def frame(seed=0, size=(64, 48)):
    return np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)


def test_distance_is_that_of_the_whole_covariance():
    """The same by the textbook: invert the covariance that the subspace stands for."""
    space = random_subspace(length=12, count=3)
    covariance = 0.05 * np.eye(12)
    for row, variance in zip(space.components, space.variances, strict=True):
        covariance += (variance - 0.05) * np.outer(row, row)
    vectors = np.random.default_rng(1).normal(size=(20, 12))
    scaled = (vectors - space.mean) * space.scale
    wanted = [np.sqrt(v @ np.linalg.inv(covariance) @ v) for v in scaled]
    np.testing.assert_allclose(space.distances(vectors), wanted, rtol=1e-9)
    np.testing.assert_array_equal(space.distances(space.mean[np.newaxis]), [0])


def test_the_score_is_the_distance_in_units_of_what_is_expected():
    domain = random_domain()
    vectors = np.random.default_rng(2).normal(size=(5, DESCRIPTOR_LENGTH))
    np.testing.assert_allclose(domain.scores(vectors), domain.subspace.distances(vectors) / 20)
    image = frame()
    assert domain.score(image) == domain.scores(describe_frame(image)[np.newaxis])[0]
    assert domain.usual_score == 0.4


def test_the_way_through_a_model_file_keeps_the_score():
    domain = random_domain()
    card = ModelCard('x', input_domain=domain.to_numbers())
    text = card.to_metadata()[METADATA_KEY]
    assert len(text) < 100_000
    again = ModelCard.from_metadata({METADATA_KEY: text})
    assert again == card
    assert is_of_this_version(again.input_domain)
    found = InputDomain.of_card(again)
    assert (found.frames, found.unit_distance, found.usual_distance) == (100, 20.0, 8.0)
    for seed in range(5):
        assert found.score(frame(seed)) == pytest.approx(domain.score(frame(seed)), rel=2e-3)
    # What has been rounded once stays as it is.
    assert found.to_numbers() == card.input_domain


def test_a_card_without_domain_has_none():
    assert InputDomain.of_card(ModelCard('x')) is None


@pytest.mark.parametrize('change', ['version', 'length'])
def test_numbers_of_other_descriptors_are_refused(change):
    numbers = random_domain().to_numbers()
    if change == 'version':
        numbers = dataclasses.replace(numbers, descriptor='colour-gradient-detail/99')
    else:
        shorter = {name: getattr(numbers, name)[:-1] for name in ('mean', 'scale')}
        rows = [row[:-1] for row in numbers.components]
        numbers = dataclasses.replace(numbers, components=rows, **shorter)
    assert not is_of_this_version(numbers)
    with pytest.raises(ModelError, match=r'is made for descriptors.*sim2real fit-domain'):
        InputDomain.of_card(ModelCard('x', input_domain=numbers))


def test_extreme_numbers_that_a_card_may_hold_give_a_finite_score():
    content = json.loads(
        ModelCard('x', input_domain=random_domain().to_numbers()).to_metadata()[METADATA_KEY]
    )
    numbers = content['input_domain']
    for name in ('mean', 'scale'):
        numbers[name] = [1e9] * DESCRIPTOR_LENGTH
    numbers['components'] = [[1e9] * DESCRIPTOR_LENGTH] * 24
    numbers['variances'] = [1e-9] * 24
    numbers['residual_variance'] = numbers['unit_distance'] = 1e-9
    card = ModelCard.from_metadata({METADATA_KEY: json.dumps(content)})
    assert np.isfinite(InputDomain.of_card(card).score(frame()))
