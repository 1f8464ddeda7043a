import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim2real_ros.evaluation.colours.held_out import SEGMENTS, held_out


@given(st.integers(2, 500), st.floats(0.01, 0.99))
def test_blocks_on_both_sides(count, fraction):
    chosen = held_out(count, fraction)
    assert len(chosen) == count
    assert chosen.any()
    assert not chosen.all()
    starts = np.flatnonzero(np.diff(np.concatenate([[0], chosen.astype(int)])) > 0)
    assert len(starts) <= SEGMENTS
    assert abs(chosen.sum() - count * fraction) <= SEGMENTS


def test_a_quarter_of_a_hundred_frames():
    chosen = np.flatnonzero(held_out(100, 0.24))
    assert chosen.tolist() == [*range(19, 25), *range(44, 50), *range(69, 75), *range(94, 100)]


@pytest.mark.parametrize(('count', 'fraction'), [(1, 0.5), (0, 0.5), (9, 0.0), (9, 1.0)])
def test_what_cannot_be_parted(count, fraction):
    with pytest.raises(ValueError, match=r'parted|between'):
        held_out(count, fraction)
