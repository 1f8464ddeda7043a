"""Comparing frames with those of training: which ones, what is remembered, when to warn."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from sim2real_ros.card import ModelCard
from sim2real_ros.ros.diagnostics import OK, WARN, CameraSituation, camera_values, judge_camera
from sim2real_ros.ros.domain_check import DomainCheck
from sim2real_ros.ros.domain_scores import DomainReport, DomainScores
from sim2real_ros.ros.frame_statistics import FrameCounts, FrameReport, FrameStatistics
from sim2real_ros.runtime.frame_descriptor import DESCRIPTOR_LENGTH
from sim2real_ros.runtime.input_domain import InputDomain
from sim2real_ros.runtime.subspace import Subspace


def some_domain():
    length = DESCRIPTOR_LENGTH
    space = Subspace(np.zeros(length), np.ones(length), np.eye(1, length), np.ones(1), 1.0)
    return InputDomain(60, space, 20.0, 9.0)


def translator(domain=None, **changes):
    numbers = None if domain is None else dataclasses.replace(domain.to_numbers(), **changes)
    return SimpleNamespace(model=SimpleNamespace(card=ModelCard('x', input_domain=numbers)))


def turns(check, model, interval, count):
    return [check.due(model, interval) is not None for _ in range(count)]


def test_every_nth_frame_is_checked_from_the_first_one_on():
    model = translator(some_domain())
    check = DomainCheck(FrameStatistics())
    assert turns(check, model, 3, 7) == [True, False, False, True, False, False, True]
    assert turns(DomainCheck(FrameStatistics()), model, 1, 3) == [True] * 3
    assert turns(DomainCheck(FrameStatistics()), model, 0, 3) == [False] * 3


@pytest.mark.parametrize('changes', [None, {'descriptor': 'of-tomorrow/7'}])
def test_models_whose_card_does_not_help_are_never_checked(changes):
    model = translator() if changes is None else translator(some_domain(), **changes)
    assert turns(DomainCheck(FrameStatistics()), model, 1, 3) == [False] * 3


def test_a_new_model_and_switching_off_begin_anew():
    statistics = FrameStatistics()
    check = DomainCheck(statistics)
    first, second, without = (translator(d) for d in (some_domain(), some_domain(), None))
    domain = check.due(first, 2)
    statistics.count_domain_score(domain, 1.5, 1000)
    assert check.due(first, 2) is None
    assert statistics.report().domain.score == 1.5
    other = check.due(second, 2)
    assert statistics.report().domain is None
    # A check of the old model's frame that ends only now says nothing about the new one.
    statistics.count_domain_score(domain, 1.5, 1000)
    assert statistics.report().domain is None
    statistics.count_domain_score(other, 0.5, 1000)
    assert statistics.report().domain.score == 0.5
    assert check.due(without, 2) is None
    assert statistics.report().domain is None
    again = check.due(second, 2)
    statistics.count_domain_score(again, 0.5, 1000)
    assert check.due(second, 0) is None
    assert statistics.report().domain is None
    assert check.due(second, 2) is not None


def judged(scores, *values):
    for value in values:
        scores.add(value, 2_000_000)
    return scores.report().is_unlike


def test_the_median_of_the_newest_scores_counts_with_hysteresis():
    scores = DomainScores(some_domain())
    assert scores.report() is None
    # Too few to judge, however high they are.
    assert not judged(scores, 9, 9, 9, 9)
    assert judged(scores, 9)
    assert scores.report() == DomainReport(9, 0.45, True, 2.0)
    # It stays until the median is below 1, not below 1.1.
    assert judged(scores, *[1.05] * 30)
    assert not judged(scores, *[0.99] * 15)
    assert not judged(scores, *[1.05] * 30)
    assert judged(scores, *[1.11] * 15)


def test_single_strange_frames_are_no_reason_to_warn():
    scores = DomainScores(some_domain())
    assert not any(judged(scores, 0.5, 0.5, 9) for _ in range(30))


def situation(report, **changes):
    values = {
        'report': report, 'since': FrameCounts(received=30, published=30), 'period_s': 1.0,
        'usual_rate_hz': 30.0, 'active': True, 'image_listeners': 1, 'info_listeners': 0,
        'publishers': 1, 'unanswered_s': 0.1, 'silence_s': 0.1, 'age_ms': 5.0,
        'stale_after_s': 2.0, 'topics': {'input': '/cam'},
    }  # fmt: skip
    return CameraSituation(**(values | changes))


UNLIKE = FrameReport(domain=DomainReport(1.734, 0.45, True, 0.5))
MESSAGE = (
    'the frames are unlike those that the model was trained on (score 1.73, expected below 1)'
)


@pytest.mark.parametrize(
    ('camera', 'level', 'message'),
    [
        (situation(UNLIKE), WARN, MESSAGE),
        (situation(FrameReport(domain=DomainReport(1.05, 0.4, False, 0.5))), OK, 'translating'),
        (situation(FrameReport()), OK, 'translating'),
        (situation(UNLIKE, image_listeners=0), OK, 'idle: nobody listens to the output'),
        (situation(UNLIKE, active=False), OK, 'inactive'),
        (situation(UNLIKE, silence_s=3.0), WARN, 'no frame for 3.0 s'),
    ],
)
def test_strange_frames_are_told_after_everything_else(camera, level, message):
    assert judge_camera(camera) == (level, message)


def test_the_values_show_score_usual_score_and_cost():
    values = camera_values(situation(UNLIKE))
    assert values['out of domain score'] == '1.73'
    assert values['usual score of training frames'] == '0.45'
    assert values['domain check p50 (ms)'] == '0.500'
    assert not [key for key in camera_values(situation(FrameReport())) if 'domain' in key]
