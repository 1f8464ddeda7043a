import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from label_cases import blobs
from pycocotools import mask as coco_mask

from sim2real_ros.errors import DataError
from sim2real_ros.labels.coco_rle import decode_runs, decompress_runs, encode_runs

pytestmark = pytest.mark.filterwarnings('ignore:__array__ implementation')

MASKS = st.tuples(st.integers(1, 12), st.integers(1, 12), st.integers(0, 2**31)).map(
    lambda case: np.random.default_rng(case[2]).random(case[:2]) < (case[2] % 11) / 10
)


def theirs(mask: np.ndarray) -> str:
    return coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))['counts'].decode()


@settings(max_examples=200, deadline=None, derandomize=True)
@given(MASKS)
def test_runs_equal_those_of_pycocotools_both_ways(mask: np.ndarray) -> None:
    height, width = mask.shape
    runs = encode_runs(mask)
    assert decompress_runs(theirs(mask)) == runs
    assert (decode_runs(runs, (width, height)) == mask).all()
    plain = coco_mask.frPyObjects({'size': [height, width], 'counts': runs}, height, width)
    assert (coco_mask.decode(plain) == mask).all()


@pytest.mark.parametrize('seed', range(3))
def test_long_runs_equal_those_of_pycocotools(seed: int) -> None:
    mask = blobs(seed, (1280, 720), blur=40.0)
    assert decompress_runs(theirs(mask)) == encode_runs(mask)


def test_the_first_run_is_outside() -> None:
    assert encode_runs(np.array([[True, False], [True, False]])) == [0, 2, 2]
    assert encode_runs(np.zeros((2, 3), bool)) == [6]


@pytest.mark.parametrize(
    ('runs', 'found'),
    [
        ([3], 'sum up to 3, expected 4'),
        ([5, -1], 'no whole number'),
        ([1, 2.0, 1], 'no whole number'),
        ([10**30], 'no whole number'),
        ([True, 3], 'no whole number'),
        ([], 'sum up to 0'),
    ],
)
def test_runs_that_do_not_fill_the_mask_are_refused(runs: list[int], found: str) -> None:
    with pytest.raises(DataError, match=found):
        decode_runs(runs, (2, 2))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text(max_size=40))
def test_arbitrary_text_is_read_or_refused(text: str) -> None:
    try:
        runs = decompress_runs(text)
    except DataError:
        return
    assert all(isinstance(run, int) for run in runs)


@pytest.mark.parametrize('text', ['o', 'zz', '0' * 5 + 'o', 'o' * 100])
def test_text_that_is_cut_off_or_out_of_range_is_refused(text: str) -> None:
    with pytest.raises(DataError, match=r'cut off|out of place'):
        decompress_runs(text)
