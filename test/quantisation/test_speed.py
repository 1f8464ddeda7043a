import pytest

from sim2real_ros.quantisation.speed import MAX_CALLS, Speed, measure_speed


class Machine:
    """A clock that only programs move; every call of a program takes the next of its times."""

    def __init__(self):
        self.now_s = 0.0
        self.calls = []

    def program(self, name, seconds):
        def run():
            self.calls.append(name)
            count = self.calls.count(name)
            self.now_s += seconds(count) if callable(seconds) else seconds

        return run

    def clock(self):
        return self.now_s


def measured(float_s, int8_s, rounds=5):
    machine = Machine()
    programs = machine.program('float', float_s), machine.program('int8', int8_s)
    return measure_speed(*programs, rounds=rounds, clock=machine.clock), machine


def test_the_ratio_is_that_of_the_medians():
    speed, _ = measured(0.3, 0.1)
    assert speed.float_ms == pytest.approx(300)
    assert speed.int8_ms == pytest.approx(100)
    assert speed.ratio == pytest.approx(3)
    assert Speed(10, 20).ratio == 0.5


def test_single_slow_blocks_do_not_count():
    speed, _ = measured(lambda count: 9.0 if count in (1, 4, 5) else 0.2, 0.1)
    assert speed.ratio == pytest.approx(2)


def test_programs_take_turns_in_changing_order():
    _, machine = measured(0.1, 0.1, rounds=4)
    # One call each to warm up, one each to learn how long a block is, then four rounds.
    turns = ['float', 'int8', 'float', 'int8']
    rounds = ['float', 'int8', 'int8', 'float', 'float', 'int8', 'int8', 'float']
    assert machine.calls == turns + rounds


def test_quick_programs_run_often_in_a_block():
    speed, machine = measured(0.005, 0.0, rounds=3)
    assert machine.calls.count('float') == 2 + 3 * 10
    assert machine.calls.count('int8') == 2 + 3 * MAX_CALLS
    assert speed.float_ms == pytest.approx(5)
