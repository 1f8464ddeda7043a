import pytest

pytest.importorskip('rosbags')

from hypothesis import given
from hypothesis import strategies as st

from sim2real_ros.errors import ConfigError
from sim2real_ros.ros.bags.limits import Limits
from sim2real_ros.ros.bags.schedule import Schedule, Tick, TimedMessages, loop_gap_ns
from sim2real_ros.ros.bags.source import CdrMessage

MS = 1_000_000


def messages(*stamps_ms):
    return lambda: iter([CdrMessage('/a', stamp * MS, b'') for stamp in stamps_ms])


def test_due_follows_the_bag_at_every_rate():
    assert Schedule(1000, 50, 1.0).due_ns(1600) == 650
    assert Schedule(1000, 50, 2.0).due_ns(1600) == 350
    assert Schedule(1000, 50, 0.5).due_ns(1600) == 1250


@given(
    stamp=st.integers(0, 2**62),
    start=st.integers(0, 2**62),
    later=st.integers(0, 10**12),
    rate=st.floats(0.01, 100),
)
def test_stamp_is_the_inverse_of_due(stamp, start, later, rate):
    schedule = Schedule(stamp, start, rate)
    assert abs(schedule.stamp_ns(schedule.due_ns(stamp + later)) - stamp - later) <= rate + 1


@pytest.mark.parametrize('rate', [0.0, -1.0, float('nan'), float('inf'), 1e9])
def test_schedule_refuses_impossible_rates(rate):
    with pytest.raises(ConfigError, match=r'expected 0\.001 to 1000'):
        Schedule(0, 0, rate)


def test_one_pass_times_every_message_from_the_start():
    timed = TimedMessages(messages(100, 140, 190), rate=2.0)
    due = [due_ns / MS for due_ns, _ in timed.one_pass(1000 * MS)]
    assert due == [1000, 1020, 1045]


def test_one_pass_puts_ticks_between_messages():
    timed = TimedMessages(messages(100, 150), rate=0.5, clock_hz=25)
    events = [(due / MS, event) for due, event in timed.one_pass(0)]
    ticks = [(due, event.stamp_ns / MS) for due, event in events if isinstance(event, Tick)]
    assert ticks == [(0, 100), (40, 120), (80, 140)]
    assert [due for due, event in events if not isinstance(event, Tick)] == [0, 100]
    assert isinstance(events[0][1], Tick)


def test_one_pass_of_nothing_is_nothing():
    assert list(TimedMessages(messages(), 1.0, 40.0).one_pass(0)) == []


@pytest.mark.parametrize(('duration', 'count', 'gap'), [(90, 10, 10), (0, 1, 0), (0, 0, 0)])
def test_loop_gap_keeps_the_beat(duration, count, gap):
    assert loop_gap_ns(duration, count) == gap


def test_limits_count_messages():
    limits = Limits(max_messages=2)
    assert not limits.full()
    limits.on_message(0.0)
    assert limits.reached(9.0) == ''
    limits.on_message(1.0)
    assert limits.full()
    assert limits.reached(1.0) == '2 messages'


def test_limits_measure_duration_from_the_first_message():
    limits = Limits(duration_s=2.0)
    limits.on_start(0.0)
    assert limits.reached(100.0) == ''
    limits.on_message(100.0)
    assert limits.reached(101.9) == ''
    assert limits.reached(102.0) == '2 s recorded'


def test_limits_measure_silence_from_the_last_message():
    limits = Limits(idle_timeout_s=1.0)
    limits.on_start(0.0)
    assert limits.reached(50.0) == ''
    limits.on_message(50.0)
    limits.on_message(50.9)
    assert limits.reached(51.5) == ''
    assert limits.reached(51.9) == '1 s of silence'


def test_limits_lose_patience_only_before_the_first_message():
    limits = Limits(wait_timeout_s=3.0)
    assert limits.reached(10.0) == ''
    limits.on_start(10.0)
    assert limits.reached(13.0) == '3 s without any message'
    limits.on_message(13.0)
    assert limits.reached(99.0) == ''


@pytest.mark.parametrize('value', [0, -1, float('nan'), float('inf')])
def test_limits_refuse_what_is_not_positive(value):
    with pytest.raises(ConfigError, match=r'idle_timeout_s.*expected a positive number'):
        Limits(idle_timeout_s=value)
