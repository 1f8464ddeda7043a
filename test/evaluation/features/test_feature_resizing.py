import numpy as np
import pytest
from cleanfid.resize import make_resizer

from sim2real_ros.evaluation.features.resizing import resized


@pytest.mark.parametrize('size', [(299, 299), (224, 224), (48, 20), (128, 96)])
@pytest.mark.parametrize('height_width', [(96, 128), (384, 512), (16, 16), (301, 299)])
def test_resizing_is_that_of_clean_fid(size, height_width):
    image = np.random.default_rng(1).integers(0, 256, (*height_width, 3), np.uint8)
    expected = make_resizer('PIL', False, 'bicubic', size)(image)
    found = resized(image, size)
    assert found.shape == (size[1], size[0], 3)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_resizing_cuts_overshoots_and_keeps_fractions():
    step = np.zeros((8, 8, 3), np.uint8)
    step[:, 4:] = 255
    found = resized(step, (32, 32))
    assert found.min() == 0
    assert found.max() == 255
    assert (found % 1 != 0).any()


def test_resizing_averages_what_it_makes_smaller():
    fine = np.indices((120, 120)).sum(axis=0)[..., None] % 2 * np.full(3, 255)
    np.testing.assert_allclose(resized(fine.astype(np.uint8), (30, 30)), 127.5, atol=3)


def test_resizing_takes_views_and_leaves_its_input_alone():
    image = np.random.default_rng(1).integers(0, 256, (20, 30, 3), np.uint8)
    before = image.copy()
    flipped = resized(image[:, ::-1, ::-1], (10, 10))
    np.testing.assert_allclose(flipped[:, ::-1, ::-1], resized(image, (10, 10)), atol=1e-3)
    np.testing.assert_array_equal(image, before)
