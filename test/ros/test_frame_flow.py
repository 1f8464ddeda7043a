"""The parts between arrival and publication: mailbox, publishing thread, statistics, verdicts."""

import threading

import pytest

from sim2real_ros.ros.diagnostics import (
    ERROR,
    OK,
    WARN,
    CameraSituation,
    ModelSituation,
    judge_camera,
    judge_model,
)
from sim2real_ros.ros.frame_statistics import FrameCounts, FrameReport, FrameStatistics
from sim2real_ros.ros.latest_frames import LatestFrames
from sim2real_ros.ros.publishing_thread import PublishingThread


def test_mailbox_keeps_the_newest_and_reports_the_drop():
    frames = LatestFrames()
    assert not frames.put('front', 1)
    assert frames.put('front', 2)
    assert frames.take() == ('front', 2)
    assert frames.take(timeout_s=0.0) is None


def test_mailbox_serves_the_longest_waiting_camera_first():
    frames = LatestFrames()
    for key, item in (('fast', 1), ('slow', 1), ('fast', 2), ('fast', 3)):
        frames.put(key, item)
    assert frames.take() == ('fast', 3)
    frames.put('fast', 4)
    assert frames.take() == ('slow', 1)
    assert frames.take() == ('fast', 4)


def test_closing_the_mailbox_wakes_the_taker():
    frames = LatestFrames()
    taken = []
    thread = threading.Thread(target=lambda: taken.append(frames.take()))
    thread.start()
    frames.close()
    thread.join(10)
    assert taken == [None]


def test_more_is_taken_of_what_waits_only():
    frames = LatestFrames()
    for key in ('front', 'rear', 'left', 'right'):
        frames.put(key, key[0])
    assert frames.take() == ('front', 'f')
    assert frames.take_more(lambda key, item: key != 'left', 1) == [('rear', 'r')]
    assert frames.take_more(lambda key, item: key != 'left', 9) == [('right', 'r')]
    assert frames.take_more(lambda key, item: True, 0) == []
    assert frames.take() == ('left', 'l')
    assert frames.take_more(lambda key, item: True, 9) == []


def test_waking_the_taker_costs_no_frame():
    frames = LatestFrames()
    frames.put('front', 1)
    frames.wake()
    assert frames.take() is None
    assert not frames.is_closed
    assert frames.take() == ('front', 1)


def test_jobs_are_published_in_order_and_one_at_a_time():
    publishing, seen, running = PublishingThread(), [], []

    def job(number):
        running.append(number)
        assert len(running) == 1
        seen.append(number)
        running.clear()

    for number in range(200):
        publishing.hand_over(lambda number=number: job(number))
    publishing.wait_until_idle()
    publishing.close()
    assert seen == list(range(200))


def test_statistics_add_up():
    statistics = FrameStatistics()
    for number in range(1, 11):
        statistics.count_received(number * 1000, number)
        statistics.count_published((0, 0, number * 1_000_000, 0, 0))
    statistics.count_dropped()
    statistics.count_lost(3)
    statistics.count_failed('why')
    report = statistics.report()
    assert report.counts == FrameCounts(received=10, published=10, dropped=1, failed=1, lost=3)
    assert report.latency_ms == pytest.approx({'p50': 5.5, 'p95': 9.55, 'p99': 9.91, 'max': 10.0})
    assert report.stage_ms['translate'] == pytest.approx(5.5)
    assert report.last_error == 'why'
    assert (report.last_receive_ns, report.last_stamp_ns) == (10_000, 10)
    assert report.counts.minus(FrameCounts(received=4)).received == 6


def situation(since=None, **changes):
    since = FrameCounts(**({'received': 30, 'published': 30} if since is None else since))
    values = {
        'report': FrameReport(last_error='broken JPEG'), 'since': since, 'period_s': 1.0,
        'usual_rate_hz': 30.0, 'active': True, 'image_listeners': 1, 'info_listeners': 0,
        'publishers': 1, 'unanswered_s': 0.1,
        'silence_s': 0.1, 'age_ms': 5.0, 'stale_after_s': 2.0, 'topics': {'input': '/cam'},
    }  # fmt: skip
    return CameraSituation(**(values | changes))


@pytest.mark.parametrize(
    ('camera', 'level', 'message'),
    [
        (situation(), OK, 'translating'),
        (situation(active=False), OK, 'inactive'),
        (situation(image_listeners=0), OK, 'idle'),
        (situation(image_listeners=0, info_listeners=1), OK, 'passing camera_info on'),
        (situation({'received': 30, 'dropped': 30}, unanswered_s=11.0), ERROR, 'the model hangs'),
        (situation({}, report=FrameReport(is_failing=True)), ERROR, 'frames fail'),
        (situation({'received': 30, 'published': 30}, usual_rate_hz=0.0), OK, 'translating'),
        (situation({'received': 30, 'failed': 30}), ERROR, 'broken JPEG'),
        (
            situation({'received': 30, 'failed': 1, 'published': 29}),
            WARN,
            'frames fail: broken JPEG',
        ),
        (situation({}, publishers=0), WARN, 'nobody publishes /cam'),
        (situation({}, silence_s=3.0), WARN, 'no frame for 3.0 s'),
        (situation({'received': 28, 'published': 28, 'lost': 2}), WARN, 'fastdds.xml'),
        (situation({'received': 30, 'dropped': 20, 'published': 10}), WARN, 'slower than the cam'),
        (situation({'received': 10, 'published': 10}), WARN, 'rate fell to 10.0 Hz'),
        (situation({'received': 16, 'published': 16}), OK, 'translating'),
    ],
)
def test_the_most_urgent_thing_about_a_camera_is_told(camera, level, message):
    found_level, found_message = judge_camera(camera)
    assert found_level == level
    assert message in found_message


@pytest.mark.parametrize(
    ('model', 'level', 'message'),
    [
        (ModelSituation({'provider': 'cpu'}), OK, 'loaded'),
        (ModelSituation({'provider': 'cpu'}, loading=True), OK, 'loading another'),
        (
            ModelSituation({'provider': 'cpu'}, fallback='no driver'),
            WARN,
            'runs on cpu: no driver',
        ),
        (
            ModelSituation({'provider': 'cpu', 'precision': 'float32'}, fallback='no driver'),
            WARN,
            'runs on cpu in float32: no driver',
        ),
        (ModelSituation({'provider': 'cpu'}, refused='bad'), WARN, 'the old one goes on: bad'),
        (ModelSituation({}, refused='bad'), ERROR, 'bad'),
        (ModelSituation({}), OK, 'no model loaded yet'),
    ],
)
def test_the_most_urgent_thing_about_the_model_is_told(model, level, message):
    found_level, found_message = judge_model(model)
    assert found_level == level
    assert message in found_message
