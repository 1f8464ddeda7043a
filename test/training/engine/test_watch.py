import math
import re
from operator import attrgetter

import pytest
import torch
from torch import nn

from sim2real_ros.errors import TrainingError
from sim2real_ros.training.engine.watch import (
    COLLAPSE_PATIENCE_LOOKS,
    COLLAPSE_PATIENCE_STEPS,
    FP16_PATIENCE_STEPS,
    WARNED_FROM_STEP,
    WON_PATIENCE_LOOKS,
    Watch,
)
from sim2real_ros.training.methods import METHODS
from sim2real_ros.training.options import OptimiserOptions, TrainingConfig


def losses(**values):
    return {name: torch.tensor(float(value)) for name, value in values.items()}


@pytest.fixture
def config():
    return TrainingConfig('any', discriminator_optimiser=OptimiserOptions(4e-4))


@pytest.fixture
def networks():
    return nn.ModuleDict({'generator': nn.Conv2d(3, 3, 1), 'discriminator': nn.BatchNorm2d(3)})


@pytest.fixture
def watch(config):
    return Watch(config, 'fp32')


def test_watch_lets_finite_numbers_pass(watch, networks):
    for step in range(5):
        watch.saw(step, losses(cycle=1e30, discriminator=0))
        watch.check(step, networks)
    watch.saw(5, {})
    watch.check(5)


@pytest.mark.parametrize(('value', 'word'), [(math.nan, 'nan'), (math.inf, 'inf')])
def test_watch_names_loss_and_step(watch, networks, value, word):
    watch.saw(7, losses(cycle=1, identity=2))
    watch.saw(8, losses(cycle=1, identity=value))
    # From the next step on everything is spoilt; the first one is to be blamed.
    watch.saw(9, losses(cycle=math.nan, identity=math.nan))
    with pytest.raises(
        TrainingError, match=rf"step 9\): loss 'identity' is {word} since step 8\."
    ):
        watch.check(9, networks)


def test_watch_remembers_one_bad_step_that_the_next_ones_hide(watch):
    watch.saw(1, losses(cycle=math.nan))
    watch.saw(2, losses(cycle=1))
    with pytest.raises(TrainingError, match='since step 1'):
        watch.check(2)


def test_watch_takes_losses_that_come_and_go(watch):
    watch.saw(3, losses(adversarial=1))
    watch.saw(4, losses(adversarial=1, cycle=math.inf))
    watch.saw(5, losses(cycle=1, adversarial=math.nan))
    with pytest.raises(TrainingError, match="loss 'cycle' is inf since step 4") as caught:
        watch.check(5)
    assert 'adversarial' not in str(caught.value)


@pytest.mark.parametrize(
    ('name', 'spoil'),
    [
        ('generator', lambda n: n['generator'].weight.data[0, 0].fill_(math.nan)),
        ('discriminator', lambda n: n['discriminator'].running_var.fill_(math.inf)),
    ],
)
def test_watch_finds_bad_weights(watch, networks, name, spoil):
    watch.saw(1, losses(cycle=1))
    spoil(networks)
    with pytest.raises(TrainingError, match=f"weights of '{name}' are not finite"):
        watch.check(1, networks)


def test_watch_does_not_wait_for_the_device_at_each_step(watch):
    # Values of meta tensors do not exist: any look at one of them fails.
    for step in range(3):
        watch.saw(step, {'cycle': torch.zeros((), device='meta')})
    with pytest.raises((NotImplementedError, RuntimeError), match='meta'):
        watch.check(3)


def test_watch_lets_fp16_overflow_for_a_while(config, networks):
    watch = Watch(config, 'fp16-mixed')
    for round_start in (0, 2 * FP16_PATIENCE_STEPS):
        for step in range(FP16_PATIENCE_STEPS - 1):
            watch.saw(round_start + step, losses(cycle=math.inf))
        watch.saw(round_start + FP16_PATIENCE_STEPS, losses(cycle=1))
    watch.check(1000, networks)
    for step in range(FP16_PATIENCE_STEPS):
        watch.saw(2000 + step, losses(cycle=math.inf))
    with pytest.raises(TrainingError, match=r'since step 2000\. .* bf16-mixed or fp32'):
        watch.check(2100, networks)


@pytest.mark.parametrize(
    ('precision', 'bad', 'advice'),
    [
        ('fp32', 'cycle', r'lower optimiser\.learning_rate \(now 0\.0002\) to a half\.$'),
        ('bf16-mixed', 'cycle', r'set precision to fp32 and lower optimiser\.learning_rate'),
        ('fp32', 'discriminator_real', r'discriminator_optimiser\.learning_rate \(now 0\.0004\)'),
        ('fp32', 'gradient_penalty', r'discriminator_optimiser\.learning_rate'),
    ],
)
def test_watch_advises(config, precision, bad, advice):
    watch = Watch(config, precision)
    watch.saw(10, losses(**{bad: math.nan, 'fine': 1}))
    with pytest.raises(TrainingError, match=advice):
        watch.check(10)


def test_watch_suspects_the_images_at_the_first_step(watch):
    watch.saw(0, losses(cycle=math.nan))
    with pytest.raises(TrainingError, match='look at the images'):
        watch.check(0)


def test_watch_warns_of_low_diversity_once_per_episode(watch):
    assert watch.warnings_of_metrics(301, {'diversity': 0.9, 'reused': 0.0}) == []
    (warning,) = watch.warnings_of_metrics(302, {'diversity': 0.3, 'reused': 0.0})
    assert 'differ 30% as much' in warning
    # Frames that are alike are found by one number first, then by the other: one episode.
    assert watch.warnings_of_metrics(303, {'diversity': 0.3, 'reused': 0.5}) == []
    assert watch.warnings_of_metrics(304, {'diversity': 0.5, 'reused': 0.5}) == []
    assert watch.warnings_of_metrics(305, {'diversity': 0.9, 'reused': 0.0}) == []
    assert len(watch.warnings_of_metrics(306, {'diversity': 0.2, 'reused': 0.5})) == 1


def test_watch_does_not_suspect_a_run_that_has_just_begun(watch):
    flat = {'diversity': 0.01, 'reused': 0.9}
    for step in (2, 20, WARNED_FROM_STEP - 1):
        assert watch.warnings_of_metrics(step, flat) == []
    assert len(watch.warnings_of_metrics(WARNED_FROM_STEP, flat)) == 1


@pytest.mark.parametrize('method', sorted(METHODS))
def test_watch_advises_only_what_a_method_has(method):
    config = METHODS[method].Config()
    (warning,) = Watch(config, 'fp32').warnings_of_metrics(500, {'diversity': 0.01})
    keys = re.findall(r'[a-z0-9_.]+_(?:weight|rate)', warning)
    assert 'extra_losses.gradient_weight' in keys
    for key in keys:
        assert isinstance(attrgetter(key)(config), float), key
    assert ('a larger cycle_weight or identity_weight' in warning) == (method == 'cyclegan')
    assert ('a larger nce_weight' in warning) == (method == 'cut')


def test_watch_warns_of_reused_frames(watch):
    assert watch.warnings_of_metrics(501, {'diversity': 1.0, 'reused': 0.2}) == []
    (warning,) = watch.warnings_of_metrics(502, {'diversity': 1.0, 'reused': 0.3})
    assert 'Translated frames differ 100% as much as their inputs do; 30% look like' in warning


def test_watch_says_nothing_without_a_measurement(watch):
    assert watch.warnings_of_metrics(1, {}) == []
    assert watch.warnings_of_metrics(1, {'kid': 0.1}) == []


@pytest.mark.parametrize(
    'metrics', [{'diversity': 0.05, 'reused': 0.2}, {'diversity': 1.2, 'reused': 0.95}]
)
def test_watch_stops_a_collapse_that_lasts(watch, metrics):
    interval = COLLAPSE_PATIENCE_STEPS // (COLLAPSE_PATIENCE_LOOKS - 1)
    for look in range(COLLAPSE_PATIENCE_LOOKS - 1):
        watch.warnings_of_metrics(500 + look * interval, metrics)
    with pytest.raises(TrainingError, match='has collapsed: since step 500 it gives the same few'):
        watch.warnings_of_metrics(500 + COLLAPSE_PATIENCE_STEPS, metrics)


def test_watch_lets_a_run_find_its_way(watch):
    flat = {'diversity': 0.0, 'reused': 1.0}
    # Many looks, but few steps.
    for step in range(100):
        watch.warnings_of_metrics(step, flat)
    # It recovers, and the count starts again.
    watch.warnings_of_metrics(100, {'diversity': 0.8, 'reused': 0.0})
    for step in (2000, 2900):
        watch.warnings_of_metrics(step, flat)


def test_watch_hints_at_a_discriminator_that_won(watch):
    won, open_game = {'discriminator': 0.001, 'cycle': 0.001}, {'discriminator': 0.3}
    for _ in range(WON_PATIENCE_LOOKS - 1):
        assert watch.warnings_of_losses(won) == []
    (hint,) = watch.warnings_of_losses(won)
    assert "'discriminator' stays below" in hint
    assert 'now 0.0004' in hint
    assert watch.warnings_of_losses(won) == []
    assert watch.warnings_of_losses(open_game) == []
    for _ in range(WON_PATIENCE_LOOKS - 1):
        assert watch.warnings_of_losses(won) == []
    assert len(watch.warnings_of_losses(won)) == 1


def test_watch_remembers_over_an_interruption(watch, config):
    won, flat = {'discriminator': 0.001}, {'diversity': 0.05, 'reused': 0.3}
    for _ in range(WON_PATIENCE_LOOKS - 1):
        watch.warnings_of_losses(won)
    assert len(watch.warnings_of_metrics(500, flat)) == 1
    watch.warnings_of_metrics(600, flat)
    resumed = Watch(config, 'fp32', watch.memory())
    assert resumed.memory() == watch.memory()
    assert len(resumed.warnings_of_losses(won)) == 1
    with pytest.raises(TrainingError, match='has collapsed: since step 500'):
        resumed.warnings_of_metrics(500 + COLLAPSE_PATIENCE_STEPS, flat)
    # What was said before is not said again.
    resumed = Watch(config, 'fp32', watch.memory())
    assert resumed.warnings_of_metrics(700, flat) == []


def test_watch_does_not_take_a_short_win_for_a_victory(watch):
    for number in range(5 * WON_PATIENCE_LOOKS):
        value = 0.4 if number % WON_PATIENCE_LOOKS == 0 else 0.001
        assert watch.warnings_of_losses({'discriminator': value}) == []
