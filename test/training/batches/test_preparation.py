import numpy as np
import pytest
from batch_cases import SIZE, coded, coded_ids, noisy
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2real_ros.errors import ConfigError
from sim2real_ros.training.batches.preparation import (
    Preparation,
    testing_preparation,
    training_preparation,
)
from sim2real_ros.training.options import DataOptions

# Not a test, whatever its name begins with.
testing_preparation.__test__ = False

MODES = ['resize-and-crop', 'resize', 'crop', 'scale-width', 'scale-width-and-crop', 'none']


@pytest.mark.parametrize('size', [(286, 286), (30, 100), (64, 48), (65, 47), (7, 3)])
def test_scaling_equals_pillow(size):
    image_module = pytest.importorskip('PIL.Image')
    rgb = noisy(1, (64, 48))
    expected = image_module.fromarray(rgb).resize(size, image_module.Resampling.BICUBIC)
    result = Preparation('size', size).image(rgb)
    assert result.dtype == np.uint8
    assert result.flags.c_contiguous
    difference = np.abs(result.astype(int) - np.asarray(expected))
    # Both round after scaling one direction, with weights of different precision.
    assert difference.max() <= 3
    assert (difference > 1).mean() < 0.002
    assert difference.mean() < 0.3


@pytest.mark.parametrize('size', [(40, 40), (7, 5), (24, 16), (100, 9)])
def test_scaling_of_masks_equals_pillow(size):
    image_module = pytest.importorskip('PIL.Image')
    ids = np.random.default_rng(0).integers(0, 256, (16, 24)).astype(np.uint8)
    expected = image_module.fromarray(ids).resize(size, image_module.Resampling.NEAREST)
    assert np.array_equal(Preparation('size', size).mask(ids), np.asarray(expected))


def test_a_slice_of_a_larger_array_is_scaled_alike():
    both = np.hstack([noisy(1), noisy(2)])
    preparation = Preparation('size', (12, 12))
    for half, number in ((both[:, :24], 1), (both[:, 24:], 2)):
        assert np.array_equal(preparation.image(half), preparation.image(noisy(number)))


def test_the_top_is_cut_off_before_scaling():
    rgb, ids = noisy(3), coded_ids()
    for scaling in ('size', 'width', 'native'):
        whole = Preparation(scaling, (12, 12))
        lower = Preparation(scaling, (12, 12), skip_top=0.25)
        assert np.array_equal(lower.image(rgb), whole.image(rgb[4:]))
        assert np.array_equal(lower.mask(ids), whole.mask(ids[4:]))
        assert lower.size_of(SIZE) == whole.size_of((24, 12))


def test_something_is_left_whatever_is_cut_off():
    assert Preparation('native', (4, 4), skip_top=0.99).size_of((24, 16)) == (24, 1)


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(['size', 'width', 'native']),
    st.tuples(st.integers(4, 40), st.integers(4, 40)),
    st.tuples(st.integers(1, 50), st.integers(1, 50)),
    st.floats(0, 0.99),
    st.sampled_from([1, 4, 8]),
)
def test_the_size_is_known_beforehand(scaling, wanted, size, skip_top, multiple):
    preparation = Preparation(scaling, wanted, skip_top, multiple)
    width, height = preparation.size_of(size)
    assert width % multiple == height % multiple == 0
    assert min(width, height) >= multiple
    assert preparation.image(coded(0, size)).shape == (height, width, 3)
    ids = preparation.mask(coded_ids(size))
    assert ids.shape == (height, width)
    assert set(np.unique(ids)) <= set(np.unique(coded_ids(size)))


@pytest.mark.parametrize(
    ('mode', 'training', 'testing'),
    [
        # An image of 639x482, load size 286x142, crop 64x32; a generator for multiples of 4.
        ('resize-and-crop', (286, 142), (288, 144)),
        ('scale-width', (288, 216), (288, 216)),
        ('scale-width-and-crop', (286, 216), (288, 216)),
        ('crop', (639, 482), (640, 484)),
        ('none', (640, 484), (640, 484)),
    ],
)
def test_sizes_of_each_mode(mode, training, testing):
    options = DataOptions(preprocess=mode, load_size=(286, 142), crop_size=(64, 32))
    assert training_preparation(options, 4).size_of((639, 482)) == training
    assert testing_preparation(options, 4).size_of((639, 482)) == testing


def test_none_rounds_to_four_and_to_what_the_generator_takes():
    options = DataOptions(preprocess='none')
    assert training_preparation(options, 1).size_of((641, 481)) == (640, 480)
    assert training_preparation(options, 32).size_of((641, 481)) == (640, 480)
    assert training_preparation(options, 64).size_of((641, 481)) == (640, 512)
    assert training_preparation(options, 1).size_of((1, 2)) == (4, 4)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'preprocess': 'crop', 'crop_size': (250, 256)}, 'crop_size is 250x256.*such as 252x256'),
        ({'preprocess': 'resize'}, 'load_size is 286x286; expected multiples of 4.*288x288'),
        ({'crop_size': (300, 200)}, 'crop_size is 300x200, larger than load_size, 286x286'),
        ({'crop_size': (200, 300)}, 'crop_size is 200x300, larger than load_size, 286x286'),
        (
            {'preprocess': 'scale-width-and-crop', 'crop_size': (288, 64)},
            'crop_size is 288x64, larger than load_size',
        ),
    ],
)
def test_sizes_that_do_not_suit_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        training_preparation(DataOptions(**changes), 4)


def test_of_scale_width_the_height_does_not_count():
    options = DataOptions(
        preprocess='scale-width-and-crop', load_size=(400, 4), crop_size=(64, 300)
    )
    assert training_preparation(options, 4).size_of((800, 800)) == (400, 400)


def test_a_generator_that_would_suit_a_size_is_told():
    options = DataOptions(preprocess='resize', load_size=(320, 192))
    with pytest.raises(ConfigError, match=r'such as 256x256, or a 320 wide one\.$'):
        training_preparation(options, 256, lambda size: f'a {size[0]} wide one')
    with pytest.raises(ConfigError, match=r'such as 256x256\.$'):
        training_preparation(options, 256, lambda size: '')
