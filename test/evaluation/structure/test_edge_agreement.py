import cv2
import numpy as np
import pytest
import structure_scenes as scenes

from sim2real_ros.evaluation.structure.edge_agreement import EdgeAgreement, share_near
from sim2real_ros.evaluation.structure.edges import find_edges, near
from sim2real_ros.evaluation.structure.view import structure_view

F1, PRECISION, RECALL = 'edge_f1', 'edge_precision', 'edge_recall'


def found(sim, translated):
    return scenes.values(EdgeAgreement(), sim, translated)


def square(centre=(100, 60), side=40, size=(200, 120), inside=200, outside=90):
    image = np.full((size[1], size[0], 3), outside, np.uint8)
    x, y = centre
    image[y - side // 2 : y + side // 2, x - side // 2 : x + side // 2] = inside
    return image


def test_edges_of_a_square_are_its_outline_whatever_the_contrast():
    for inside, outside in ((200, 90), (110, 90), (20, 240), (255, 0)):
        edges = find_edges(structure_view(square(inside=inside, outside=outside)))
        rows, columns = np.nonzero(edges.clear)
        assert (columns.min(), columns.max()) == pytest.approx((79.5, 119.5), abs=1)
        assert (rows.min(), rows.max()) == pytest.approx((39.5, 79.5), abs=1)
        assert 120 <= edges.clear.sum() <= 170
        assert not (edges.clear & ~edges.faint).any()


def test_near_is_a_disc():
    edges = np.zeros((9, 9), bool)
    edges[4, 4] = True
    rows, columns = np.mgrid[:9, :9]
    assert (near(edges, 2) == (np.hypot(rows - 4, columns - 4) <= 2)).all()


def test_share_near_equals_a_loop():
    random = np.random.default_rng(0)
    edges, others = random.random((2, 30, 40)) < 0.02
    places = np.argwhere(others)
    hits = [np.hypot(*(places - each).T).min() <= 2 for each in np.argwhere(edges)]
    assert share_near(edges, others) == pytest.approx(np.mean(hits))
    assert 0 < np.mean(hits) < 1


def test_same_image_gives_one():
    for image in (scenes.town(), scenes.drive()[0][0]):
        assert found(image, image) == {F1: 1.0, PRECISION: 1.0, RECALL: 1.0}


@pytest.mark.parametrize('change', scenes.COSMETIC)
def test_light_colour_blur_and_noise_cost_little(change):
    image = scenes.drive()[0][0]
    assert min(found(image, scenes.COSMETIC[change](image)).values()) > 0.97


def test_a_negative_keeps_its_edges():
    image = scenes.drive()[0][0]
    assert found(image, 255 - image)[F1] > 0.99


def test_invented_edges_cost_precision_only():
    before, after = square(), square()
    after[20:60, 20:60] = 200
    values = found(before, after)
    assert values[PRECISION] == pytest.approx(0.5, abs=0.04)
    assert values[RECALL] == 1.0
    assert values[F1] == pytest.approx(2 * values[PRECISION] / (1 + values[PRECISION]))


def test_lost_edges_cost_recall_only():
    before, after = square(), square()
    before[20:60, 20:60] = 200
    values = found(before, after)
    assert values[RECALL] == pytest.approx(0.5, abs=0.04)
    assert values[PRECISION] == 1.0


@pytest.mark.parametrize(('by_px', 'share'), [(1, 1.0), (2, 1.0), (4, 0.5), (9, 0.5)])
def test_moved_edges_are_lost_and_invented_beyond_the_tolerance(by_px, share):
    values = found(square(), scenes.shifted(square(), by_px))
    # The two sides along the movement stay where they are, but for their ends.
    assert values[PRECISION] == pytest.approx(share, abs=0.13)
    assert values[RECALL] == pytest.approx(share, abs=0.13)


def test_planted_defects_cost_more_the_worse_they_are():
    image = scenes.drive()[0][0]
    for defect, key in (
        ([scenes.blurred(image, sigma) for sigma in (1, 3, 6)], RECALL),
        ([scenes.noisy(image, levels) for levels in (5, 30, 60)], PRECISION),
        ([scenes.warped(image, px) for px in (1, 3, 8)], F1),
    ):
        values = [found(image, each).get(key, 1.0) for each in defect]
        assert values == sorted(values, reverse=True)
        assert values[-1] < 0.9


def test_faint_edges_count_as_kept_but_not_as_invented():
    before = square()
    faded = cv2.addWeighted(before, 0.25, np.full_like(before, 90), 0.75, 0)
    strong = before.copy()
    faded[20:100, 150:190] = strong[20:100, 150:190] = 250
    edges = find_edges(structure_view(faded))
    assert edges.faint[:, :140].any()
    assert not edges.clear[:, :140].any()
    assert found(strong, faded)[RECALL] == 1.0
    assert found(faded, strong)[PRECISION] == 1.0


def test_images_without_edges():
    image, grey = square(), square(inside=90)
    assert found(image, grey) == {RECALL: 0.0, F1: 0.0}
    assert found(grey, image) == {PRECISION: 0.0, F1: 0.0}
    assert found(grey, grey) == {}


@pytest.mark.parametrize('name', scenes.featureless())
def test_images_with_little_in_them_give_no_nan(name):
    values = found(*scenes.featureless()[name])
    assert all(0 <= value <= 1 for value in values.values())
