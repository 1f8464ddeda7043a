import itertools

import cv2
import numpy as np
import pytest
from road_frames import road_drive, road_frame

from sim2real_ros.card import ModelCard
from sim2real_ros.errors import DataError
from sim2real_ros.evaluation.domain.fit import fit_input_domain
from sim2real_ros.runtime.input_domain import InputDomain


@pytest.fixture(scope='module')
def domain():
    return fit_input_domain(road_drive(150))


def scores(domain, frames):
    return np.array([domain.score(frame) for frame in frames])


def test_another_drive_on_such_a_road_is_in_the_domain(domain):
    found = scores(domain, road_drive(60, seed=7))
    assert np.median(found) < 0.8
    assert (found < 1).mean() > 0.9
    assert domain.usual_score == pytest.approx(np.median(found), abs=0.2)


def test_harmless_changes_stay_in_the_domain(domain):
    frames = list(road_drive(30, seed=7))
    changed = {
        'another size': [cv2.resize(f, (640, 480)) for f in frames],
        'jpeg': [cv2.imdecode(cv2.imencode('.jpg', f, [1, 60])[1], 1) for f in frames],
        'a little darker': [(f * 0.9).astype(np.uint8) for f in frames],
    }
    for name, images in changed.items():
        assert np.median(scores(domain, images)) < 0.95, name


def test_what_was_never_seen_is_far_outside(domain):
    frames = list(road_drive(20, seed=7))
    random = np.random.default_rng(0)
    turned = cv2.getRotationMatrix2D((128, 96), 15, 1)
    outside = {
        'upside down': [f[::-1] for f in frames],
        'tilted': [cv2.warpAffine(f, turned, (256, 192), borderMode=1) for f in frames],
        'a camera that looks up': [np.roll(f, 40, axis=0) for f in frames],
        'dark': [f // 4 for f in frames],
        'other colours': [f[..., ::-1] for f in frames],
        'blurred': [cv2.GaussianBlur(f, (0, 0), 6) for f in frames],
        'noisy': [np.clip(f + random.normal(0, 60, f.shape), 0, 255).astype('u1') for f in frames],
        'no road': [road_frame()[:20].repeat(10, axis=0)],
        'black': [np.zeros((192, 256, 3), np.uint8)],
        'pure noise': [random.integers(0, 256, (192, 256, 3), np.uint8)],
    }
    for name, images in outside.items():
        assert scores(domain, images).min() > 1, name


def test_a_turn_that_was_never_driven_is_outside():
    straight = fit_input_domain(road_frame(0.1 * np.sin(n), seed=n) for n in range(80))
    ahead = [straight.score(road_frame(turn, seed=99)) for turn in (0.0, 0.3, 0.6, 0.9)]
    assert ahead[0] < 1
    assert ahead[2] > 1.1
    assert ahead == sorted(ahead)


def test_the_same_frames_give_the_same_numbers():
    first, second = (fit_input_domain(road_drive(60)).to_numbers() for _ in range(2))
    assert first == second
    assert first.frames == 60
    assert len(first.components) == 15


def test_long_streams_are_thinned_out_evenly():
    frames = [road_frame(0.0, seed=n) for n in range(4)]
    drive = [road_frame(0.8, seed=n) for n in range(4)]
    # The second half differs, so that a fit on the first frames alone would not know it.
    half = itertools.islice(itertools.cycle(frames), 150)
    other = itertools.islice(itertools.cycle(drive), 150)
    domain = fit_input_domain(itertools.chain(half, other), max_frames=50)
    assert domain.frames == 300
    assert scores(domain, frames + drive).max() < 1.1


def test_frames_that_are_all_the_same_give_a_usable_domain():
    domain = fit_input_domain([road_frame()] * 50)
    known = InputDomain.of_card(ModelCard('x', input_domain=domain.to_numbers()))
    assert known.score(road_frame()) < 0.3
    # The noise of another moment is no other world.
    assert known.score(road_frame(seed=5)) < 1
    assert known.score(road_frame(0.5)) > 1
    black = fit_input_domain([np.zeros((16, 16, 3), np.uint8)] * 50)
    assert black.score(np.zeros((16, 16, 3), np.uint8)) == 0
    assert black.score(road_frame()) > 10


@pytest.mark.parametrize('count', [0, 1, 49])
def test_too_few_frames_are_refused(count):
    with pytest.raises(DataError, match=f'{count} frames are too few .* at least 50'):
        fit_input_domain(road_drive(count))


def test_a_limit_below_the_least_number_is_refused():
    with pytest.raises(ValueError, match='max_frames must be 50 or more, not 49'):
        fit_input_domain([], max_frames=49)
