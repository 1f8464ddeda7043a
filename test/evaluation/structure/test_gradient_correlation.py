import numpy as np
import pytest
import structure_scenes as scenes

from sim2real_ros.evaluation.structure.gradient_correlation import (
    GradientCorrelation,
    correlation,
)
from sim2real_ros.evaluation.structure.slopes import slopes, without_sign

SIGNED, UNSIGNED = 'gradient_correlation', 'edge_direction_correlation'


def correlations(sim, translated):
    found = scenes.values(GradientCorrelation(), sim, translated)
    return found[SIGNED], found[UNSIGNED]


def test_slopes_of_a_ramp_are_its_steps():
    rows, columns = np.mgrid[:12, :15].astype(np.float32)
    found = slopes(3 * columns - 2 * rows)
    assert found[1:-1, 1:-1] == pytest.approx(3 - 2j)


def test_opposite_slopes_are_equal_without_sign_and_keep_their_length():
    gradient = np.array([[3 + 4j, -3 - 4j, 4 - 3j, 0]], np.complex64)
    doubled = without_sign(gradient)
    assert doubled[0, 0] == pytest.approx(doubled[0, 1])
    assert np.abs(doubled) == pytest.approx(np.abs(gradient), abs=1e-6)
    # What is at right angles becomes the opposite.
    assert doubled[0, 2] == pytest.approx(-doubled[0, 0])


def test_correlation_equals_a_loop_over_pixels():
    random = np.random.default_rng(0)
    a, b = (random.normal(size=(4, 5, 2)) for _ in range(2))
    dot = sum(x @ y for x, y in zip(a.reshape(-1, 2), b.reshape(-1, 2), strict=True))
    expected = dot / np.sqrt((a**2).sum() * (b**2).sum())
    as_complex = [(each[..., 0] + 1j * each[..., 1]).astype(np.complex64) for each in (a, b)]
    assert correlation(*as_complex) == pytest.approx(expected, abs=1e-6)


def test_same_image_gives_one_and_its_negative_minus_one():
    for image in (scenes.town(), scenes.drive()[0][0]):
        assert correlations(image, image) == pytest.approx((1, 1), abs=1e-6)
        assert correlations(image, 255 - image) == pytest.approx((-1, 1), abs=0.01)


def test_unrelated_images_give_about_zero():
    assert correlations(scenes.town(1), scenes.town(2)) == pytest.approx((0, 0), abs=0.12)


@pytest.mark.parametrize('change', scenes.HARMLESS)
def test_light_and_contrast_hardly_matter(change):
    image = scenes.drive()[1][0]
    assert min(correlations(image, scenes.HARMLESS[change](image))) > 0.95


def test_planted_defects_cost_more_the_worse_they_are():
    image = scenes.drive()[0][0]
    for defect in (
        [scenes.blurred(image, sigma) for sigma in (1, 2, 4)],
        [scenes.noisy(image, levels) for levels in (5, 20, 50)],
        [scenes.warped(image, px) for px in (1, 3, 8)],
        [scenes.shifted(image, px) for px in (1, 2, 5)],
    ):
        found = [correlations(image, each) for each in defect]
        for kind in range(2):
            assert [each[kind] for each in found] == sorted(
                [each[kind] for each in found], reverse=True
            )
            assert found[-1][kind] < 0.75


@pytest.mark.parametrize('name', scenes.featureless())
def test_images_with_little_in_them_give_no_nan(name):
    found = scenes.values(GradientCorrelation(), *scenes.featureless()[name])
    assert all(-1 <= value <= 1 for value in found.values())
    if name not in ('small', 'thin', 'one colour'):
        assert found == {}
