import cv2
import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity
from torchmetrics.functional.image import (
    multiscale_structural_similarity_index_measure,
    structural_similarity_index_measure,
)

from sim2real_ros.errors import ImageError
from sim2real_ros.evaluation.frame import EvaluatedFrame, SimFrame
from sim2real_ros.evaluation.pairs.ms_ssim import MIN_SIDE_PX, MsSsim, ms_ssim
from sim2real_ros.evaluation.pairs.ssim import Ssim, ssim


def scene(seed, shape=(192, 201, 3)):
    """Random patches with soft edges: structure on several scales."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (shape[0] // 16, shape[1] // 16, 3), np.uint8)
    large = cv2.resize(coarse, shape[1::-1], interpolation=cv2.INTER_CUBIC)
    return cv2.add(large, random.integers(0, 20, shape, np.uint8))


def disturbed(image, seed=9, levels=25):
    noise = np.random.default_rng(seed).normal(0, levels, image.shape)
    return np.clip(cv2.GaussianBlur(image, (0, 0), 2) * 0.9 + noise + 10, 0, 255).astype(np.uint8)


def as_tensor(image):
    return torch.from_numpy(image).permute(2, 0, 1)[None].double()


@pytest.mark.parametrize('shape', [(192, 201, 3), (16, 16, 3), (11, 40, 3)])
def test_ssim_equals_scikit_image_and_torchmetrics(shape):
    rng = np.random.default_rng(3)
    image = scene(0) if shape[0] > 100 else rng.integers(0, 256, shape, np.uint8)
    other = disturbed(image)
    by_scikit = structural_similarity(
        image, other, gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
        data_range=255, channel_axis=2,
    )  # fmt: skip
    assert ssim(image, other) == pytest.approx(by_scikit, abs=1e-9)
    _, of_windows = structural_similarity_index_measure(
        as_tensor(image), as_tensor(other), data_range=255.0, return_full_image=True
    )
    inside = of_windows[..., 5:-5, 5:-5].mean()
    assert ssim(image, other) == pytest.approx(float(inside), abs=1e-6)


def ms_ssim_of_torch(image, other):
    """Scale by scale with what torchmetrics computes inside the border."""
    first, second = as_tensor(image), as_tensor(other)
    product = 1.0
    for scale, weight in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
        _, of_windows = structural_similarity_index_measure(
            first, second, data_range=255.0, return_full_image=True
        )
        _, contrast = structural_similarity_index_measure(
            first, second, data_range=255.0, return_contrast_sensitivity=True
        )
        product *= float(of_windows[..., 5:-5, 5:-5].mean() if scale == 4 else contrast) ** weight
        first, second = (torch.nn.functional.avg_pool2d(each, 2) for each in (first, second))
    return product


@pytest.mark.parametrize('shape', [(176, 176, 3), (177, 187, 3)])
def test_ms_ssim_equals_torchmetrics(shape):
    image = scene(1, shape)
    other = disturbed(image)
    expected = ms_ssim_of_torch(image, other)
    assert 0.1 < expected < 0.99
    assert ms_ssim(image, other) == pytest.approx(expected, abs=1e-6)
    with_border = multiscale_structural_similarity_index_measure(
        as_tensor(image), as_tensor(other), data_range=255.0
    )
    assert ms_ssim(image, other) == pytest.approx(float(with_border), abs=0.002)


def test_negative_structure_counts_as_zero_in_ms_ssim():
    image = scene(2)
    assert ssim(image, 255 - image) < 0
    assert ms_ssim(image, 255 - image) == 0.0


def test_equal_black_and_grey_images_give_one():
    for image in (
        scene(3),
        np.zeros((180, 180, 3), np.uint8),
        np.full((180, 180, 3), 7, np.uint8),
    ):
        assert ssim(image, image) == pytest.approx(1.0, abs=1e-12)
        assert ms_ssim(image, image) == pytest.approx(1.0, abs=1e-12)


def test_ssim_falls_with_noise():
    image = scene(4)
    values = [ssim(image, disturbed(image, levels=levels)) for levels in (2, 10, 40)]
    assert values == sorted(values, reverse=True)
    assert values[-1] < 0.5 * values[0]


def test_ms_ssim_says_nothing_about_small_images():
    image = scene(5, (MIN_SIDE_PX - 1, 300, 3))
    frame = EvaluatedFrame(SimFrame('a', image, target=image), image)
    assert MsSsim().of_frame(frame).values == {}
    assert Ssim().of_frame(frame).values == {'ssim': pytest.approx(1.0)}


@pytest.mark.parametrize('measure', [Ssim(), MsSsim()])
def test_measures_compare_with_the_target_and_refuse_other_sizes(measure):
    image, target = scene(6), scene(7)
    frame = EvaluatedFrame(SimFrame('a', image, target=target), target.copy())
    (value,) = measure.of_frame(frame).values.values()
    assert value == pytest.approx(1.0)
    small = EvaluatedFrame(SimFrame('a', image, target=target[:-1]), image)
    with pytest.raises(ImageError, match='201x191'):
        measure.of_frame(small)
