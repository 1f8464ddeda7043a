import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from sim2real_ros.errors import ImageError
from sim2real_ros.evaluation.frame import EvaluatedFrame, SimFrame
from sim2real_ros.evaluation.pairs.psnr import MAX_PSNR_DB, Psnr, psnr_db


def random_image(seed, shape=(24, 32, 3)):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def evaluated(translated, target):
    return EvaluatedFrame(SimFrame('a.png', translated, target=target), translated)


def test_equal_images_give_the_cap():
    assert psnr_db(random_image(0), random_image(0)) == MAX_PSNR_DB == 100.0


def test_one_level_everywhere_and_black_against_white():
    grey = np.full((16, 16, 3), 100, np.uint8)
    assert psnr_db(grey, grey + 1) == pytest.approx(20 * np.log10(255))
    assert psnr_db(np.zeros_like(grey), np.full_like(grey, 255)) == 0.0


def test_psnr_equals_scikit_image():
    image, target = random_image(1), random_image(2)
    expected = peak_signal_noise_ratio(target, image, data_range=255)
    assert psnr_db(image, target) == pytest.approx(expected, abs=1e-9)


def test_measure_compares_with_the_target_and_not_with_sim():
    target = random_image(3)
    frame = EvaluatedFrame(SimFrame('a', random_image(4), target=target), target.copy())
    assert Psnr().of_frame(frame).values == {'psnr_db': 100.0}
    assert Psnr().needs == {'target'}


def test_target_of_another_size_is_refused():
    with pytest.raises(ImageError, match=r'a\.png.*30x20.*32x24'):
        Psnr().of_frame(evaluated(random_image(5), random_image(6, (20, 30, 3))))


def test_missing_target_is_refused():
    with pytest.raises(ImageError, match='no target'):
        Psnr().of_frame(evaluated(random_image(5), None))
