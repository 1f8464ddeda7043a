import numpy as np
import pytest
import structure_scenes as scenes

from sim2real_ros.evaluation.structure.keypoint_matches import SIM_KEYPOINTS, KeypointMatches
from sim2real_ros.evaluation.structure.keypoints import (
    Keypoints,
    confident_matches,
    find_keypoints,
    found_again,
)
from sim2real_ros.evaluation.structure.view import structure_view

RATIO, AGAIN = 'sift_match_ratio', 'sift_repeatability'
MEDIAN, MEAN = 'sift_median_displacement_px', 'sift_mean_displacement_px'
COUNT = 'keypoints_per_frame'


def found(sim, translated):
    return scenes.values(KeypointMatches(), sim, translated)


def keypoints(points, rows, sizes=None):
    count = len(points)
    return Keypoints(
        np.array(points, np.float32).reshape(-1, 2),
        np.array(sizes or [4.0] * count, np.float32),
        np.array(rows, np.float32).reshape(count, -1),
        1000.0,
    )


def test_same_image_gives_one_and_no_displacement():
    repeated = np.tile(scenes.town(7, (64, 48), 8), (4, 4, 1))
    for image in (scenes.town(), scenes.drive()[0][0], repeated):
        values = found(image, image)
        assert (values[RATIO], values[AGAIN]) == (1.0, 1.0)
        assert (values[MEDIAN], values[MEAN]) == (0.0, 0.0)


@pytest.mark.parametrize('change', scenes.HARMLESS)
def test_light_and_contrast_cost_little(change):
    image = scenes.drive()[1][0]
    values = found(image, scenes.HARMLESS[change](image))
    assert values[RATIO] > 0.75
    assert values[AGAIN] > 0.75
    assert values[MEDIAN] < 0.3


@pytest.mark.parametrize(('right', 'down'), [(4, 0), (0, -6), (8, 6)])
def test_shift_is_found_as_displacement(right, down):
    image = scenes.drive()[0][0]
    values = found(image, scenes.shifted(image, right, down))
    expected = np.hypot(right, down)
    assert values[MEDIAN] == pytest.approx(expected, abs=0.1)
    assert values[MEAN] == pytest.approx(expected, abs=0.4)
    assert values[RATIO] < 0.02
    assert values[AGAIN] < 0.1


def test_matches_by_chance_say_nothing_about_displacement():
    first, second, third = (image for image, _ in scenes.drive())
    for before, after in (
        (first, second),
        (second, third),
        (third, first),
        (second, 255 - second),
    ):
        assert set(found(before, after)) == {RATIO, AGAIN, COUNT}


def test_shift_of_two_pixels_is_in_place_yet_measured():
    image = scenes.drive()[0][0]
    values = found(image, scenes.shifted(image, 2))
    assert values[RATIO] > 0.85
    assert values[MEDIAN] == pytest.approx(2, abs=0.1)


def test_displacement_of_a_shrunk_image_is_in_pixels_of_the_frame():
    large = np.kron(scenes.drive()[2][0], np.ones((3, 3, 1), np.uint8))
    values = found(large, scenes.shifted(large, 12))
    assert values[MEDIAN] == pytest.approx(12, abs=0.4)


def test_planted_defects_lower_the_ratio_and_repeatability():
    image = scenes.drive()[0][0]
    for defect in (
        [scenes.blurred(image, sigma) for sigma in (1, 3)],
        [scenes.noisy(image, levels) for levels in (5, 50)],
        [scenes.warped(image, px) for px in (1, 6)],
    ):
        ratios = [found(image, each) for each in defect]
        for key in (RATIO, AGAIN):
            assert [each[key] for each in ratios] == sorted(
                [each[key] for each in ratios], reverse=True
            )
            assert ratios[-1][key] < 0.6


def test_another_scene_has_no_matches():
    values = found(scenes.drive()[0][0], scenes.drive()[1][0])
    assert values[RATIO] < 0.02
    assert values[AGAIN] < 0.1


def test_blur_leaves_fewer_keypoints_and_noise_makes_more():
    image = scenes.drive()[0][0]
    counts = [
        found(image, i)[COUNT] for i in (scenes.blurred(image, 3), image, scenes.noisy(image))
    ]
    assert counts[0] < counts[1] < counts[2] <= 800


def test_number_of_keypoints_is_bounded_and_the_strongest_come_first():
    view = structure_view(scenes.noisy(scenes.town(0, (640, 480), 200), 20))
    many, few = find_keypoints(view, SIM_KEYPOINTS), find_keypoints(view, 30)
    assert (len(many), len(few)) == (SIM_KEYPOINTS, 30)
    assert (few.points_px == many.points_px[:30]).all()


def test_matches_must_be_mutual_clear_and_near():
    first = keypoints([(10, 10), (50, 50), (90, 90)], [[0, 0], [10, 0], [0, 100]])
    second = keypoints([(13, 14), (50, 50), (90, 290)], [[0, 1], [11, 0], [0, 100]])
    matches = confident_matches(first, second)
    assert matches.first.tolist() == [0, 1]
    assert matches.second.tolist() == [0, 1]
    assert matches.displacement_px == pytest.approx([5, 0])


def test_ambiguous_matches_are_dropped_unless_they_are_the_same_place():
    first = keypoints([(10, 10)], [[0, 0]])
    rows = [[0, 9], [0, 10]]
    assert confident_matches(first, keypoints([(10, 10), (60, 10)], rows)).first.tolist() == []
    assert confident_matches(first, keypoints([(10, 10), (11, 10)], rows)).first.tolist() == [0]
    clear = [[0, 7], [0, 10]]
    assert confident_matches(first, keypoints([(10, 10), (60, 10)], clear)).first.tolist() == [0]


def test_only_mutual_best_matches_count():
    first = keypoints([(10, 10), (30, 30)], [[0, 0], [0, 4]])
    second = keypoints([(30, 30)], [[0, 5]])
    assert confident_matches(first, second).first.tolist() == [1]


def test_found_again_needs_the_place_and_a_like_size():
    first = keypoints([(10, 10), (20, 20), (30, 30)], [[0]] * 3, [4.0, 4.0, 4.0])
    second = keypoints([(10, 11.4), (20, 21.6), (30, 30)], [[0]] * 3, [5.0, 4.0, 6.5])
    assert found_again(first, second, 1.5).tolist() == [True, False, False]


@pytest.mark.parametrize('name', scenes.featureless())
def test_images_with_little_in_them_give_no_nan(name):
    values = found(*scenes.featureless()[name])
    assert not any(np.isnan(value) for value in values.values())
    if name in ('black', 'grey', 'white to black'):
        assert values == {COUNT: 0.0}


def test_an_empty_translation_matches_nothing_and_has_no_displacement():
    image = scenes.town()
    assert found(image, np.zeros_like(image)) == {COUNT: 0.0, RATIO: 0.0, AGAIN: 0.0}
