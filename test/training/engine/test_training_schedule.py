import math

import pytest
import torch

from sim2real_ros.training.engine.schedule import Schedule, rate_factor
from sim2real_ros.training.options import ScheduleOptions


def factors(**options):
    schedule = ScheduleOptions(**options)
    return [rate_factor(schedule, i) for i in range(schedule.constant + schedule.decay)]


def test_linear_is_the_list_of_cyclegan():
    # lambda_rule of its authors: 1 - max(0, epoch + epoch_count - n_epochs) / (decay + 1) with
    # epoch_count 1, at the indices 0..199 (reference A2.11).
    expected = [1 - max(0, i + 1 - 100) / 101 for i in range(200)]
    found = factors(policy='linear', constant=100, decay=100)
    assert found == expected
    assert set(found[:100]) == {1}
    assert found[100] == 1 - 1 / 101
    assert found[199] == 1 - 100 / 101


@pytest.mark.parametrize(
    ('policy', 'make'),
    [
        ('cosine', lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, T_max=12)),
        ('step', lambda o: torch.optim.lr_scheduler.StepLR(o, step_size=5, gamma=0.5)),
        ('constant', lambda o: torch.optim.lr_scheduler.ConstantLR(o, factor=1.0)),
    ],
)
def test_other_policies_are_those_of_torch(policy, make):
    optimiser = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    scheduler, expected = make(optimiser), []
    for _ in range(12):
        expected.append(optimiser.param_groups[0]['lr'])
        optimiser.step()
        scheduler.step()
    found = factors(policy=policy, constant=6, decay=6, decay_interval=5, decay_factor=0.5)
    assert found == pytest.approx(expected)


def test_step_of_unit_halves_every_100k():
    schedule = Schedule.of(
        ScheduleOptions(
            unit='steps', policy='step', constant=10**6, decay=0, decay_interval=10**5,
            decay_factor=0.5,
        ), 500, 1
    )  # fmt: skip
    assert schedule.total_steps == 10**6
    assert [schedule.factor(i) for i in (0, 99_999, 100_000, 999_999)] == [1, 1, 0.5, 0.5**9]


def test_an_epoch_is_the_larger_domain_over_all_processes():
    schedule = Schedule.of(ScheduleOptions(constant=2, decay=1), 10, 4)
    assert schedule.steps_per_epoch == math.ceil(10 / 4) == 3
    assert schedule.total_steps == 9
    assert [schedule.factor(i) for i in range(9)] == [1, 1, 1, 1, 1, 1, 0.5, 0.5, 0.5]
    assert schedule.epoch(9) == 3
