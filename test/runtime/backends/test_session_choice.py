"""Falling back: what is skipped, what is told."""

import pytest

from sim2real_ros.errors import BackendError
from sim2real_ros.runtime.backends.backend import BackendOptions
from sim2real_ros.runtime.backends.session_choice import (
    AttemptError,
    PrecisionError,
    ProviderError,
    choose_session,
    fallback_reason,
)
from sim2real_ros.runtime.backends.session_plan import TENSORFLOAT32, Attempt, attempts

PLAN = attempts(['tensorrt', 'cuda'], 'auto', static=True)


def chosen_with(failures, plan=PLAN):
    """Open with failures {(provider, precision or None, graph or None): error}."""
    tried = []

    def open_attempt(attempt):
        tried.append(attempt)
        for (provider, precision, graph), error in failures.items():
            if (
                provider == attempt.provider
                and precision in (None, attempt.precision)
                and graph in (None, attempt.cuda_graph)
            ):
                raise error
        return str(attempt)

    return choose_session(plan, open_attempt), tried


def test_the_first_that_works_is_taken():
    chosen, tried = chosen_with({})
    assert chosen.attempt == PLAN[0]
    assert tried == [PLAN[0]]
    assert chosen.refusals == ()
    assert chosen.session == 'tensorrt in float16 with a CUDA graph'


def test_a_missing_provider_is_tried_once():
    chosen, tried = chosen_with({('tensorrt', None, None): ProviderError('gone')})
    assert chosen.attempt == Attempt('cuda', TENSORFLOAT32, True)
    assert [a.provider for a in tried] == ['tensorrt', 'cuda']


def test_an_inexact_precision_is_left_on_its_provider_alone():
    chosen, tried = chosen_with(
        {
            ('tensorrt', 'float16', None): PrecisionError('coarse'),
            ('tensorrt', TENSORFLOAT32, None): PrecisionError('coarse, too'),
        }
    )
    assert chosen.attempt == Attempt('cuda', TENSORFLOAT32, True)
    assert len(tried) == 3


def test_a_failing_graph_leaves_everything_else():
    chosen, _ = chosen_with({('tensorrt', 'float16', True): AttemptError('no graph')})
    assert chosen.attempt == Attempt('tensorrt', 'float16')


def test_the_cpu_is_the_last_resort():
    failures = {(p, None, None): AttemptError(f'{p} broke') for p in ('tensorrt', 'cuda')}
    chosen, tried = chosen_with(failures)
    assert chosen.attempt == Attempt('cpu', 'float32')
    assert tried == PLAN


def test_what_the_cpu_refuses_is_an_error():
    everything = {(p, None, None): ProviderError('x') for p in ('tensorrt', 'cuda')}
    with pytest.raises(BackendError, match='cannot load'):
        chosen_with({**everything, ('cpu', None, None): BackendError('cannot load')})
    with pytest.raises(AttemptError, match='the last'):
        chosen_with({**everything, ('cpu', None, None): AttemptError('the last')})


def reason(failures, options, expected, plan=PLAN):
    return fallback_reason(options, chosen_with(failures, plan)[0], expected)


def test_nothing_is_told_of_what_nobody_asked_for():
    auto = BackendOptions()
    assert reason({}, auto, 'tensorrt') == ''
    assert reason({('tensorrt', 'float16', None): PrecisionError('x')}, auto, 'tensorrt') == ''
    assert reason({('tensorrt', None, True): AttemptError('x')}, auto, 'tensorrt') == ''


def test_a_lost_provider_is_told_with_all_reasons_once():
    failures = {
        ('tensorrt', 'float16', None): AttemptError('first'),
        ('tensorrt', TENSORFLOAT32, None): AttemptError('second'),
        ('cuda', TENSORFLOAT32, True): AttemptError('of another provider'),
    }
    assert reason(failures, BackendOptions('tensorrt'), 'tensorrt') == 'first; second'


def test_a_lost_precision_is_told():
    plan = attempts(['tensorrt'], 'float16', static=True)
    failures = {('tensorrt', 'float16', None): PrecisionError('NaN')}
    options = BackendOptions('tensorrt', precision='float16')
    assert reason(failures, options, 'tensorrt', plan) == 'NaN'


@pytest.mark.parametrize('precision', ['float16', 'bfloat16'])
def test_a_precision_that_no_provider_has_is_told(precision):
    options = BackendOptions(precision=precision)
    on_cpu = reason({}, options, 'cpu', attempts([], precision, static=True))
    assert 'float32 only; the back end openvino' in on_cpu
    on_cuda = reason({}, options, 'cuda', attempts(['cuda'], precision, static=True))
    assert 'the cuda provider computes in the precision of the file' in on_cuda
