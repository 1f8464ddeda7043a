import cv2
import numpy as np
import pytest
import structure_scenes as scenes

from sim2real_ros.errors import ConfigError, ImageError
from sim2real_ros.evaluation.frame import EvaluatedFrame, SimFrame
from sim2real_ros.evaluation.measure import Observations
from sim2real_ros.evaluation.structure.appeared_objects import appeared_boxes
from sim2real_ros.evaluation.structure.edges import find_edges
from sim2real_ros.evaluation.structure.object_regions import object_regions
from sim2real_ros.evaluation.structure.objects import JUDGED, ObjectFates
from sim2real_ros.evaluation.structure.view import structure_view

MOVED, VANISHED, APPEARED = 'objects_moved', 'objects_vanished', 'objects_appeared'
PLACES = ((60, 120), (170, 60))


def counts(sim, mask, translated, object_ids=(scenes.OBJECT,)):
    values = scenes.values(ObjectFates(object_ids), sim, translated, mask)
    return values[JUDGED], values.get(MOVED), values.get(VANISHED), values[APPEARED]


def drawn(*objects):
    return scenes.road(objects)[0]


def test_regions_are_connected_parts_of_the_ids():
    mask = np.zeros((40, 60), np.uint8)
    mask[5:15, 5:15] = 5
    mask[15:20, 15:20] = 5
    mask[30:38, 40:50] = 5
    mask[30:38, 50:60] = 7
    mask[0, 59] = 5
    regions = object_regions(mask, (5,), (60, 40), 0.01)
    assert [(r.top, r.left, int(r.inside.sum())) for r in regions] == [(5, 5, 125), (30, 40, 80)]
    assert len(object_regions(mask, None, (60, 40), 0.01)) == 3
    assert len(object_regions(mask, (5,), (60, 40), 0)) == 3
    (half,) = object_regions(mask, (7,), (30, 20), 0.01)
    assert (half.top, half.left, half.inside.shape) == (15, 25, (4, 5))


def test_unchanged_scene_keeps_its_objects():
    sim, mask = scenes.road(PLACES)
    assert counts(sim, mask, sim) == (2, 0, 0, 0)


@pytest.mark.parametrize('number', range(len(scenes.DRIVE_FRAMES)))
def test_cosmetic_changes_of_the_drive_move_and_remove_nothing(number):
    sim, mask = scenes.drive()[number]
    for name, change in {'negative': lambda rgb: 255 - rgb, **scenes.COSMETIC}.items():
        judged, *changes = counts(sim, mask, change(sim))
        assert judged >= 3
        assert changes == [0, 0, 0], name


@pytest.mark.parametrize(('right', 'down'), [(6, 0), (0, -10), (-14, 9)])
def test_object_pasted_beside_its_place_has_moved(right, down):
    sim, mask = scenes.road(PLACES)
    moved = drawn((60 + right, 120 + down), PLACES[1])
    for change in (lambda rgb: rgb, *scenes.COSMETIC.values()):
        assert counts(sim, mask, change(moved)) == (2, 1, 0, 0)


def test_object_moved_by_less_than_the_tolerance_is_kept():
    sim, mask = scenes.road(PLACES)
    assert counts(sim, mask, drawn((62, 120), PLACES[1])) == (2, 0, 0, 0)


def test_object_pasted_far_away_vanished_here_and_appeared_there():
    sim, mask = scenes.road(PLACES)
    assert counts(sim, mask, drawn((60, 45), PLACES[1])) == (2, 0, 1, 1)


def test_painted_over_object_has_vanished():
    sim, mask = scenes.road(PLACES)
    for change in (lambda rgb: rgb, *scenes.COSMETIC.values()):
        assert counts(sim, mask, change(drawn(PLACES[1]))) == (2, 0, 1, 0)
    assert counts(sim, mask, drawn()) == (2, 0, 2, 0)


def test_object_beside_its_double_vanished_and_did_not_move_into_it():
    sim, mask = scenes.road(((100, 100), (124, 100)))
    mask[:, 112:] = 0
    assert counts(sim, mask, drawn((124, 100))) == (1, 0, 1, 0)


def test_new_object_has_appeared():
    sim, mask = scenes.road(PLACES)
    for change in (lambda rgb: rgb, *scenes.COSMETIC.values()):
        assert counts(sim, mask, change(drawn(*PLACES, (90, 40)))) == (2, 0, 0, 1)
    assert counts(sim, mask, drawn(*PLACES, (90, 40), (170, 150))) == (2, 0, 0, 2)


def test_object_drawn_in_another_way_is_kept():
    sim, mask = scenes.road(PLACES)
    flat = sim.copy()
    cv2.fillPoly(flat, [np.array([(57, 102), (63, 102), (75, 138), (45, 138)])], (30, 30, 200))
    assert counts(sim, mask, cv2.GaussianBlur(flat, (0, 0), 0.7)) == (2, 0, 0, 0)


@pytest.mark.parametrize('levels', [8, 16])
def test_textures_are_no_new_objects(levels):
    sim, mask = scenes.drive()[0]
    random = np.random.default_rng(0)
    grain = cv2.GaussianBlur(random.normal(size=mask.shape).astype(np.float32), (0, 0), 2)
    textured = np.clip(sim + (grain / grain.std() * levels)[..., None], 0, 255).astype(np.uint8)
    assert counts(sim, mask, textured)[1:] == (0, 0, 0)


@pytest.mark.parametrize('number', range(len(scenes.DRIVE_FRAMES)))
def test_edges_that_moved_a_little_are_no_new_objects(number):
    sim, mask = scenes.drive()[number]
    assert counts(sim, mask, scenes.shifted(sim, 6, 5))[3] == 0


def test_planted_changes_of_the_drive_are_found():
    (sim, mask), *_ = scenes.drive()
    duck, inside = sim[152:214, 424:502].copy(), mask[152:214, 424:502] == scenes.OBJECT
    gone = sim.copy()
    gone[150:218, 420:506] = cv2.resize(sim[219:260, 400:440], (86, 68))
    added, moved = sim.copy(), gone.copy()
    added[270:332, 150:228][inside] = duck[inside]
    moved[152:214, 412:490][inside] = duck[inside]
    assert counts(sim, mask, gone)[1:3] == (0, 1)
    assert counts(sim, mask, added)[1:] == (0, 0, 1)
    assert counts(sim, mask, moved)[1:3] == (1, 0)


def test_another_scene_has_lost_its_objects():
    (sim, mask), (other, _), *_ = scenes.drive()
    judged, moved, vanished, appeared = counts(sim, mask, other)
    assert vanished + moved >= 0.6 * judged
    assert appeared >= 3


def test_ids_that_are_not_asked_for_do_not_count():
    sim, mask = scenes.road(PLACES)
    assert counts(sim, mask, drawn(), object_ids=(9,)) == (0, None, None, 0)
    # The lines of the road, id 2, are there still.
    assert counts(sim, mask, drawn(), object_ids=None) == (4, 0, 2, 0)


def test_explained_places_are_no_news():
    sim, after = drawn(), drawn((90, 90))
    view = structure_view(after)
    edges = find_edges(view), find_edges(structure_view(sim))
    ((left, top, width, height),) = appeared_boxes(view, *edges)
    assert left <= 80 <= 100 <= left + width
    assert top <= 85 <= 100 <= top + height
    assert appeared_boxes(view, *edges, [(left, top, width, height)]) == []


def test_shares_weigh_objects_not_frames():
    sim, mask = scenes.road(PLACES)
    lonely, lonely_mask = scenes.road(PLACES[:1])
    measure = ObjectFates()
    pairs = [(sim, sim, mask), (lonely, drawn(), lonely_mask)]
    seen = [scenes.values(ObjectFates((scenes.OBJECT,)), a, b, m) for a, b, m in pairs]
    names = {name for each in seen for name in each}
    columns = {name: np.array([each.get(name, np.nan) for each in seen]) for name in names}
    values = measure.summarise(Observations(columns))
    assert values['objects_vanished_share'].value == pytest.approx(1 / 3)
    assert values['objects_vanished'].value == pytest.approx(1 / 2)
    assert values['objects_moved_share'].value == 0
    assert values['objects_vanished_share'].count == 2
    nothing = {JUDGED: np.zeros(2), APPEARED: np.zeros(2)}
    assert list(measure.summarise(Observations(nothing))) == [APPEARED]


def test_objects_are_prepared_once_per_frame_for_one_measure():
    sim, mask = scenes.road(PLACES)
    measure, frame = ObjectFates((scenes.OBJECT,)), SimFrame('a', sim, mask=mask)
    first = measure.of_frame(EvaluatedFrame(frame, drawn()))
    assert frame.once(measure._sought) is frame.once(measure._sought)
    assert measure.of_frame(EvaluatedFrame(frame, drawn())).values == first.values


def test_masks_of_another_size_and_wrong_options_are_refused():
    sim, mask = scenes.road(PLACES)
    with pytest.raises(ImageError, match='shape'):
        counts(sim, mask[:-1], sim)
    with pytest.raises(ConfigError, match=r'0\.\.255'):
        ObjectFates((256,))
    with pytest.raises(ConfigError, match='min_area_share'):
        ObjectFates(min_area_share=2)


@pytest.mark.parametrize('name', scenes.featureless())
def test_images_with_little_in_them_give_no_nan(name):
    sim, translated = scenes.featureless()[name]
    mask = np.zeros(sim.shape[:2], np.uint8)
    mask[2:12, 3:14] = scenes.OBJECT
    values = scenes.values(ObjectFates(), sim, translated, mask)
    assert not any(np.isnan(value) for value in values.values())
