import dataclasses

import cv2
import numpy as np
import pytest

from sim2real_ros.quantisation.quality import (
    MAX_PSNR_DB,
    QualityLimits,
    QualityLoss,
    image_loss,
)

BLACK = np.zeros((20, 30, 3), np.uint8)


def boxed(left, width=30):
    image = np.zeros((40, 60, 3), np.uint8)
    image[10:30, left : left + width] = 255
    return image


def loss(*pairs):
    return QualityLoss.of_images(image_loss(first, second) for first, second in pairs)


def test_equal_images_lose_nothing():
    found = loss((boxed(5), boxed(5)), (BLACK, BLACK))
    assert found == QualityLoss(0.0, 0.0, 0, MAX_PSNR_DB, MAX_PSNR_DB, 1.0)
    assert found.squared_error == 0


def test_differences_are_those_of_numpy_in_both_directions():
    generator = np.random.default_rng(0)
    first, second = generator.integers(0, 256, (2, 2, 20, 30, 3), dtype=np.uint8)
    found = loss(*zip(first, second, strict=True))
    difference = first.astype(float) - second
    means = np.abs(difference).mean((1, 2, 3))
    errors = np.square(difference).mean((1, 2, 3))
    assert found.mean_levels == pytest.approx(means.mean())
    assert found.worst_mean_levels == pytest.approx(means.max())
    assert found.max_levels == np.abs(difference).max()
    assert found.psnr_db == pytest.approx(cv2.PSNR(first, second))
    assert found.worst_psnr_db == pytest.approx(10 * np.log10(255**2 / errors.max()))
    assert found.squared_error == pytest.approx(errors.mean())


def test_edges_agree_within_a_pixel_and_no_further():
    assert loss((boxed(5), boxed(6))).edge_agreement > 0.95
    moved = loss((boxed(5), boxed(9))).edge_agreement
    assert 0.3 < moved < 0.8
    assert loss((boxed(9), boxed(5))).edge_agreement == pytest.approx(moved)
    assert loss((boxed(5, 10), boxed(40, 10))).edge_agreement == 0


def test_edges_that_vanish_or_come_count_alike():
    plain = np.zeros_like(boxed(5))
    assert loss((boxed(5), plain)).edge_agreement == 0
    assert loss((plain, boxed(5))).edge_agreement == 0
    # An image without edges takes nothing from the others' agreement.
    assert loss((boxed(5), boxed(5)), (plain, plain)).edge_agreement == 1


LIMITS = QualityLimits(2.0, 34.0, 0.9)
FINE = QualityLoss(1.0, 2.0, 40, 38.0, 34.0, 0.9)


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        ({}, None),
        ({'worst_mean_levels': 2.01}, 'levels off on average'),
        ({'worst_psnr_db': 33.9}, 'PSNR of 33.9 dB'),
        ({'edge_agreement': 0.899}, 'edges agree by 0.899'),
        ({'worst_mean_levels': float('nan')}, 'levels off'),
    ],
)
def test_every_limit_is_kept_to_and_named(change, words):
    found = LIMITS.complaints(dataclasses.replace(FINE, **change))
    assert [words in each for each in found] == [True] * len(found)
    assert len(found) == bool(words)


def test_stricter_limits_are_stricter_in_every_way():
    stricter = LIMITS.stricter()
    assert stricter.max_mean_levels == pytest.approx(1.6)
    assert stricter.min_edge_agreement == pytest.approx(0.92)
    # Four fifths of the root mean square.
    ratio = 10 ** ((LIMITS.min_psnr_db - stricter.min_psnr_db) / 20)
    assert ratio == pytest.approx(0.8)
