import numpy as np
import pytest

from sim2real_ros.evaluation.artefacts.thumbnail import structure_distance, thumbnail


def test_thumbnail_averages_blocks(random):
    image = random.integers(0, 256, (64, 96, 3)).astype(np.uint8)
    naive = image.reshape(16, 4, 16, 6, 3).astype(float).mean(axis=(1, 3))
    np.testing.assert_allclose(thumbnail(image), naive, atol=1e-3)


def test_structure_distance_of_known_cases(random):
    small = random.uniform(0, 255, (16, 16, 3)).astype(np.float32)
    other = random.uniform(0, 255, (16, 16, 3)).astype(np.float32)
    assert structure_distance(small, small) == 0
    assert structure_distance(small, small * 0.4 + 30) == pytest.approx(0, abs=1e-5)
    assert structure_distance(small, 255 - small) == pytest.approx(np.sqrt(2), abs=1e-3)
    assert structure_distance(small, other) == pytest.approx(1, abs=0.1)
