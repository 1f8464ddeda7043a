"""Which frames extract-frames takes."""

import itertools

import numpy as np
import pytest
from extract_cases import (
    IMAGE,
    PERIOD_NS,
    ROS2,
    START_NS,
    camera_events,
    in_order,
    picture,
    raw,
    simple_bag,
    write_bag,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2real_ros.data.extraction import ExtractOptions, extract_frames
from sim2real_ros.data.extraction.selection import RateGate
from sim2real_ros.errors import DataError
from sim2real_ros.image.difference_hash import difference_hash, hamming_distance

START_S = START_NS / 1e9


def taken(tmp_path, bag, name='out', **options):
    """Indices of the frames that come out."""
    manifest = extract_frames([bag], tmp_path / name, ExtractOptions(size=(8, 6), **options))
    return [record.index for record in manifest.records]


@pytest.fixture
def bag(tmp_path):
    return simple_bag(tmp_path / 'drive', 10)


@pytest.mark.parametrize(
    ('options', 'indices'),
    [
        ({'every': 4}, [0, 4, 8]),
        ({'max_frames': 3}, [0, 1, 2]),
        ({'every': 3, 'max_frames': 2}, [0, 3]),
        ({'start_s': 0.35}, [4, 5, 6, 7, 8, 9]),
        ({'end_s': 0.3}, [0, 1, 2]),
        ({'start_s': 0.301}, [3, 4, 5, 6, 7, 8, 9]),
        ({'end_s': 0.301}, [0, 1, 2]),
        ({'start_s': 0.15, 'end_s': 0.55, 'every': 2}, [2, 4]),
        ({'start_s': START_S + 0.75}, [8, 9]),
        ({'end_s': START_S + 0.05}, [0]),
        ({'start_s': 5.0}, []),
        ({'rate_hz': 5.0}, [0, 2, 4, 6, 8]),
        ({'rate_hz': 2.5, 'start_s': 0.05}, [1, 5, 9]),
        ({'rate_hz': 100.0}, list(range(10))),
    ],
)
def test_time_range_steps_rate_and_limit(tmp_path, bag, options, indices):
    assert taken(tmp_path, bag, **options) == indices


def test_the_beginning_is_that_of_the_bag_and_not_of_the_topic(tmp_path):
    events = in_order(
        camera_events(topic='/early', count=10),
        [(t, k, m, at + 3 * PERIOD_NS) for t, k, m, at in camera_events(topic='/late', count=5)],
    )
    bag = write_bag(tmp_path / 'drive', events)
    assert taken(tmp_path, bag, topics=('/late',), start_s=0.45) == [2, 3, 4]


def test_the_limit_counts_for_each_topic(tmp_path):
    events = in_order(camera_events(topic='/a'), camera_events(topic='/b'))
    assert taken(tmp_path, write_bag(tmp_path / 'd', events), topics=('*',), max_frames=2) == [
        0, 0, 1, 1,
    ]  # fmt: skip


def test_an_unreadable_message_does_not_count(tmp_path):
    events = camera_events(count=5)
    events[0] = (*events[0][:2], b'\0\1\0\0', events[0][3])
    assert taken(tmp_path, write_bag(tmp_path / 'd', events), max_frames=2) == [1, 2]


def test_similar_images_are_dropped_against_the_last_one_kept(tmp_path):
    numbers = [1, 1, 1, 2, 2, 1, 1, 3]
    events = [
        ('/i', IMAGE, raw(ROS2, picture(n), START_NS + at), START_NS + at)
        for at, n in enumerate(numbers)
    ]
    bag = write_bag(tmp_path / 'drive', events)
    assert taken(tmp_path, bag, 'all') == list(range(8))
    assert taken(tmp_path, bag, 'some', drop_similar=3) == [0, 3, 5, 7]
    assert taken(tmp_path, bag, 'limit', drop_similar=3, max_frames=2) == [0, 3]
    assert taken(tmp_path, bag, 'few', drop_similar=63) == [0]


def test_so_many_bits_are_similar_and_one_more_is_not(tmp_path):
    pictures = picture(1), picture(2)
    bits = hamming_distance(*map(difference_hash, pictures))
    events = [('/i', IMAGE, raw(ROS2, p, 10 + n), 10 + n) for n, p in enumerate(pictures)]
    bag = write_bag(tmp_path / 'drive', events)
    assert taken(tmp_path, bag, 'same', drop_similar=bits) == [0]
    assert taken(tmp_path, bag, 'other', drop_similar=bits - 1) == [0, 1]


def test_noise_is_similar_and_another_picture_is_not(tmp_path):
    noisy = [
        np.clip(
            picture(1).astype(int) + np.random.default_rng(n).integers(-8, 9, (48, 64, 3)), 0, 255
        )
        for n in range(3)
    ]
    pictures = [*(each.astype(np.uint8) for each in noisy), picture(2)]
    events = [('/i', IMAGE, raw(ROS2, p, 10 + n), 10 + n) for n, p in enumerate(pictures)]
    assert taken(tmp_path, write_bag(tmp_path / 'd', events), drop_similar=6) == [0, 3]


def passed(rate_hz, stamps):
    gate = RateGate(rate_hz)
    return [stamp for stamp in stamps if gate.lets_pass(stamp)]


@pytest.mark.parametrize('source_hz', [10, 12, 15, 20, 25, 29.97, 30, 50, 60])
def test_jitter_does_not_change_the_rate(source_hz):
    random = np.random.default_rng(int(source_hz))
    times = np.arange(0, 20, 1 / source_hz) + random.normal(0, 0.002, int(np.ceil(20 * source_hz)))
    out = passed(10, [START_NS + int(t * 1e9) for t in times])
    assert 198 <= len(out) <= 201
    assert min(np.diff(out)) > 0.04e9
    assert max(np.diff(out)) < 0.19e9


@settings(max_examples=60, derandomize=True)
@given(
    st.lists(st.integers(0, 3 * 10**9), min_size=1, max_size=60),
    st.sampled_from([0.5, 3.0, 10.0]),
)
def test_a_rate_is_never_exceeded_over_rising_stamps(stamps, rate_hz):
    stamps = sorted(stamps)
    out = passed(rate_hz, stamps)
    assert out[0] == stamps[0]
    assert len(out) <= (stamps[-1] - stamps[0]) / 1e9 * rate_hz + 1.5 + 1e-9


def test_a_bag_in_a_loop_starts_anew():
    stamps = [n * 10**8 for n in range(10)] * 2
    assert passed(2, stamps) == [0, 5 * 10**8] * 2


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'every': 0}, 'every is 0'),
        ({'rate_hz': -1.0}, 'rate is -1'),
        ({'rate_hz': float('nan')}, 'rate is nan'),
        ({'start_s': -2.0}, 'start is -2'),
        ({'end_s': float('inf')}, 'end is inf'),
        ({'max_frames': -1}, 'max_frames is -1'),
        ({'drop_similar': 64}, 'drop_similar is 64'),
        ({'size': (0, 4)}, 'size is 0x4'),
        ({'fit': 'squeeze'}, 'fit is'),
        ({'format': 'gif'}, 'unknown image format'),
        ({'quality': 50}, 'png is lossless'),
        ({'format': 'jpg', 'quality': 101}, 'expected 1 to 100'),
        ({'names': 'colour'}, 'names is'),
        ({'message_type': 'Imu'}, 'type is'),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message):
    with pytest.raises(DataError, match=message):
        ExtractOptions(**options)


def test_all_selections_combine_alike_for_every_order_of_topics(tmp_path):
    events = in_order(camera_events(topic='/a', count=8), camera_events(topic='/b', count=8))
    bag = write_bag(tmp_path / 'd', events)
    for number, topics in enumerate(itertools.permutations(['/a', '/b'])):
        assert taken(tmp_path, bag, str(number), topics=topics, rate_hz=5.0, max_frames=3) == [
            0, 0, 2, 2, 4, 4,
        ]  # fmt: skip
