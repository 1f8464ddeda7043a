import numpy as np
import pytest

from sim2real_ros.errors import ImageError
from sim2real_ros.evaluation.colours.histogram import HsvHistogram


def test_counts_equal_a_loop_over_pixels():
    random = np.random.default_rng(0)
    histogram = HsvHistogram(['a', 'b'])
    total = np.zeros((180, 64, 64), np.int64)
    positives = {'a': total.copy(), 'b': total.copy()}
    for _ in range(3):
        hsv = random.integers(0, (180, 256, 256), (9, 8, 3)).astype(np.uint8)
        hsv[0, 0], hsv[0, 1] = (0, 0, 0), (179, 255, 255)
        masks = {name: random.random((9, 8)) < 0.5 for name in 'ab'}
        histogram.add(hsv, masks)
        for y, x in np.ndindex(9, 8):
            h, s, v = map(int, hsv[y, x])
            total[h, s // 4, v // 4] += 1
            for name, mask in masks.items():
                positives[name][h, s // 4, v // 4] += mask[y, x]
    assert np.array_equal(histogram.total, total)
    assert all(np.array_equal(histogram.positives[name], positives[name]) for name in 'ab')
    assert histogram.frames == 3


def test_memory_does_not_grow_with_frames():
    histogram = HsvHistogram(['a'])
    before = histogram.total.nbytes + histogram.positives['a'].nbytes
    for _ in range(5):
        histogram.add(np.zeros((4, 4, 3), np.uint8), {'a': np.ones((4, 4), bool)})
    assert histogram.total.nbytes + histogram.positives['a'].nbytes == before
    assert histogram.total[0, 0, 0] == histogram.positives['a'].sum() == 80


def test_mask_of_another_size_is_refused():
    with pytest.raises(ImageError, match=r'\(4, 5\)'):
        HsvHistogram(['a']).add(np.zeros((4, 4, 3), np.uint8), {'a': np.ones((4, 5), bool)})
