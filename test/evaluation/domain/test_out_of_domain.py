import numpy as np
import pytest
from road_frames import road_drive

from sim2real_ros.evaluation.domain import out_of_domain
from sim2real_ros.evaluation.domain.fit import fit_input_domain
from sim2real_ros.evaluation.domain.out_of_domain import HIGH_SCORE, SCORE, SHARE, OutOfDomain
from sim2real_ros.evaluation.frame import EvaluatedFrame, SimFrame
from sim2real_ros.evaluation.measure import Observations


@pytest.fixture(scope='module')
def domain():
    return fit_input_domain(road_drive(100))


def frames(images):
    return [EvaluatedFrame(SimFrame(str(n), image), image) for n, image in enumerate(images)]


def summary(measure, images):
    values = [measure.of_frame(frame).values[SCORE] for frame in frames(images)]
    return measure.summarise(Observations({SCORE: np.array(values)})), values


def test_the_frame_is_scored_and_not_its_translation(domain):
    image = next(road_drive(1, seed=3))
    frame = EvaluatedFrame(SimFrame('x', image), np.zeros_like(image))
    assert OutOfDomain(domain).of_frame(frame).values == {SCORE: domain.score(image)}


def test_two_candidates_share_the_costly_part(domain, monkeypatch):
    other = fit_input_domain(image[::-1] for image in road_drive(60))
    calls = []
    describe = out_of_domain.describe_frame
    monkeypatch.setattr(
        out_of_domain, 'describe_frame', lambda image: calls.append(1) or describe(image)
    )
    frame = frames(road_drive(1))[0]
    first, second = (OutOfDomain(each).of_frame(frame).values[SCORE] for each in (domain, other))
    assert len(calls) == 1
    assert first < 1 < second


def test_a_planted_stretch_shows_in_share_and_quantile(domain):
    known = list(road_drive(40, seed=3))
    found, values = summary(OutOfDomain(domain), known)
    strange, _ = summary(OutOfDomain(domain), [image[::-1] for image in known[:10]] + known[10:])
    assert found[SCORE].value == pytest.approx(np.mean(values))
    assert found[HIGH_SCORE].value == pytest.approx(np.quantile(values, 0.95))
    assert found[SHARE].value <= 0.1
    assert strange[SHARE].value == pytest.approx(found[SHARE].value + 0.25, abs=0.05)
    assert strange[HIGH_SCORE].value > 1.5 > found[HIGH_SCORE].value
    assert strange[SCORE].value > found[SCORE].value
    for value in strange.values():
        assert value.low <= value.value <= value.high
        assert value.count == 40


def test_a_score_of_exactly_1_is_in_the_domain(domain):
    found = OutOfDomain(domain).summarise(
        Observations({SCORE: np.array([1.0, 1.0, 1.001, np.nan])})
    )
    assert found[SHARE].value == pytest.approx(1 / 3)


def test_nothing_is_said_of_nothing(domain):
    assert OutOfDomain(domain).summarise(Observations({})) == {}


@pytest.mark.parametrize('level', [0, 128, 255])
def test_constant_frames_get_a_number(domain, level):
    image = np.full((16, 16, 3), level, np.uint8)
    (frame,) = frames([image])
    assert OutOfDomain(domain).of_frame(frame).values[SCORE] > 1


def test_quantities_are_those_that_are_computed(domain):
    keys = [quantity.key for quantity in OutOfDomain.quantities]
    found, _ = summary(OutOfDomain(domain), list(road_drive(3)))
    assert list(found) == keys
    assert OutOfDomain.needs == {'translation'}
