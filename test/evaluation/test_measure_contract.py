"""What every measure promises, whatever it measures."""

import dataclasses
import re
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from all_measures import CANDIDATE, LABELLED, SIZE, all_groups, all_measures, summary_of

from sim2real_ros.evaluation.engine.measure_table import measures_of
from sim2real_ros.evaluation.frame import EvaluatedFrame, LanePose, Previous, SimFrame

UNITS = {'px': 'px', 'levels': 'levels', 'dB': 'db', 'cm': 'cm', 'deg': 'deg', 'frames': 'frames'}
"""How a key tells its unit."""

ABOUT_THE_INPUT = {'out_of_domain_score', 'out_of_domain_share', 'out_of_domain_score_p95'}
"""Of the simulated frames, whatever the translation is."""

NEVER_PERFECT = {
    'warp_error',  # motion compensation leaves something of the input itself
    'warp_error_levels',
    'warp_error_ratio',  # 1 for the untranslated frames
}
SIZES = [(16, 16), (17, 33), (640, 480), (2000, 40)]
KINDS = ('scene', 'black', 'white', 'constant', 'noise', 'grey')


@pytest.fixture(scope='module')
def groups(tmp_path_factory):
    return all_groups(tmp_path_factory.mktemp('networks'))


@pytest.fixture(scope='module')
def measures(groups):
    return all_measures(groups)


def picture(kind, size):
    """Draw uint8 RGB of one kind; equal calls give equal pictures."""
    width, height = size
    random = np.random.default_rng(1)
    if kind in ('black', 'white', 'constant'):
        colour = {'black': 0, 'white': 255, 'constant': (90, 140, 60)}[kind]
        return np.full((height, width, 3), colour, np.uint8)
    if kind == 'noise':
        return random.integers(0, 256, (height, width, 3), np.uint8)
    image = np.full((height, width, 3), (120, 160, 210), np.uint8)
    image[height // 3 :] = (60, 60, 62)
    for x in range(0, width, 40):
        end = (x + width // 8, height)
        cv2.line(image, (x, height // 3), end, (240, 240, 240), max(2, width // 60))
        cv2.circle(image, (x + 20, height // 2), max(2, height // 12), (240, 190, 20), -1)
    image = cv2.GaussianBlur(image, (0, 0), 0.7)
    if kind == 'grey':
        return cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return image


def mask_of(size):
    width, height = size
    mask = np.zeros((height, width), np.uint8)
    mask[height // 3 :] = 2
    cv2.circle(mask, (width // 2, height // 2), max(2, height // 6), 5, -1)
    cv2.circle(mask, (width // 4, height // 2), max(2, height // 8), 3, -1)
    return mask


def full_frame(image, translated=None, name=LABELLED):
    """Return a frame that has everything that a measure may need; it moved a little."""
    size = image.shape[1], image.shape[0]
    translated = image if translated is None else translated
    same = translated is image
    before = np.roll(image, 2, axis=1)
    sim = SimFrame(name, image, 2, 'd', mask_of(size), image, LanePose(0.01, 0.02))
    earlier = SimFrame('before', before, 1, 'd', mask_of(size), before, LanePose(0.01, 0.02))
    moved = before if same else np.roll(translated, 2, axis=1)
    return EvaluatedFrame(sim, translated, Previous(earlier, moved))


def shown(observation):
    kept = None if observation.kept is None else observation.kept.tobytes()
    return dict(observation.values), kept


def check_values(values, quantities, where):
    """Check that numbers are finite and within the limits of their quantity."""
    limits = {each.key: each.limits for each in quantities}
    for key, value in values.items():
        assert np.isfinite(value), (where, key)
        low, high = limits.get(key, (None, None))
        assert low is None or value >= low, (where, key, value)
        assert high is None or value <= high, (where, key, value)


def test_quantities_are_told_apart_and_explained(groups):
    keys, titles = [], []
    for group in groups:
        shown_group = group.quantity_group()
        for each in shown_group.quantities:
            keys.append(each.key)
            titles.append(each.title)
            assert re.fullmatch(r'[a-z0-9_]+', each.key)
            text = re.sub(r'\b(?:vs|e\.g|i\.e)\.', '', each.description)
            assert text.endswith('.'), each.key
            assert 1 <= len(re.findall(r'[.!?](?=\s|$)', text)) <= 3, each.key
            assert len(each.description) <= 420, each.key
            low, high = each.limits
            assert low is None or high is None or low < high
            assert 0 <= each.decimals <= 5
            if each.unit in UNITS:
                assert f'_{UNITS[each.unit]}' in each.key, f'{each.key} has no {each.unit}'
            else:
                assert each.unit in ('', 'per frame'), each.key
    assert len(set(keys)) == len(keys)
    assert len(set(titles)) == len(titles)


def test_each_measure_is_in_one_group_and_candidates_get_their_own(groups, measures):
    asked = measures_of(groups, CANDIDATE)
    assert len({type(each).__name__ for each in asked}) > 15
    others = measures_of(groups, 'another')
    assert {type(each).__name__ for each in asked} - {type(each).__name__ for each in others} == {
        'OutOfDomain'
    }
    assert {id(each) for each in asked} <= {id(each) for each in measures}


def test_untranslated_frames_are_perfect(measures):
    frames = [full_frame(np.roll(picture('scene', (256, 192)), x, 1), name=str(x)) for x in (0, 9)]
    seen = set()
    for measure in measures:
        if not {'translation', 'target'} & measure.needs:
            continue
        values = summary_of(measure, [measure.of_frame(frame) for frame in frames])
        for each in measure.quantities:
            if each.better == 'neither' or each.key in ABOUT_THE_INPUT | NEVER_PERFECT:
                continue
            best = each.limits[1] if each.better == 'higher' else each.limits[0]
            if each.key in values:
                assert values[each.key].value == pytest.approx(best, abs=1e-6), each.key
                seen.add(each.key)
    assert {'edge_f1', 'sift_match_ratio', 'psnr_db', 'flicker_levels', 'objects_moved_share',
            'labels_against_sim_miou', 'local_chroma_correlation', 'reused_outputs_share',
            'border_stripe_levels', 'frozen_outputs_share', 'ms_ssim'} <= seen  # fmt: skip


def test_what_is_steady_or_signed_is_so_for_untranslated_frames(measures):
    frame = full_frame(picture('scene', (256, 192)))
    values = {}
    for measure in measures:
        values |= {k: v.value for k, v in summary_of(measure, [measure.of_frame(frame)]).items()}
    assert values['warp_error_ratio'] == pytest.approx(1)
    assert values['lane_d_pull_cm_real'] == 0
    assert values['lane_phi_pull_deg_sim'] == 0


@pytest.mark.parametrize('size', SIZES, ids=str)
def test_no_picture_breaks_a_measure(measures, size):
    small = size[0] * size[1] < 10_000
    sims = KINDS if small else ('scene',)
    seen = {id(each): [] for each in measures}
    for before in sims:
        for after in KINDS:
            frame = full_frame(picture(before, size), picture(after, size), 'other')
            for measure in measures:
                where = type(measure).__name__, before, after, size
                found = measure.of_frame(frame)
                check_values(found.values, measure.quantities, where)
                seen[id(measure)].append(found)
    for measure in measures:
        values = summary_of(measure, seen[id(measure)])
        assert set(values) <= {each.key for each in measure.quantities}
        plain = {key: value.value for key, value in values.items()}
        check_values(plain, measure.quantities, type(measure).__name__)
        for value in values.values():
            assert value.count >= 1
            assert (value.low is None) == (value.high is None)
            assert value.low is None or value.low <= value.high


def test_measures_are_pure(measures):
    def frames():
        scene = picture('scene', SIZE)
        return [full_frame(scene), full_frame(scene, 255 - scene), full_frame(scene, scene // 2)]

    for measure in measures:
        once = frames()
        first = [shown(measure.of_frame(frame)) for frame in once]
        again = [shown(measure.of_frame(frame)) for frame in once]
        assert first == again, type(measure).__name__
        assert first == [shown(measure.of_frame(frame)) for frame in frames()]
        for used, fresh in zip(once, frames(), strict=True):
            assert np.array_equal(used.translated, fresh.translated)
            assert np.array_equal(used.previous.translated, fresh.previous.translated)
            for field in ('image', 'mask', 'target'):
                assert np.array_equal(getattr(used.sim, field), getattr(fresh.sim, field))


def test_threads_see_what_one_thread_sees(measures):
    scene = picture('scene', SIZE)

    def frames():
        return [full_frame(scene, np.roll(scene, x, 0), str(x)) for x in range(8)]

    def look(frame):
        return [shown(measure.of_frame(frame)) for measure in measures]

    alone = [look(frame) for frame in frames()]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(look, frames()))
        # All threads at one frame, which shares what was computed once.
        shared = frames()[3]
        crowd = list(pool.map(look, [shared] * 8))
    assert together == alone
    assert crowd == [alone[3]] * 8


def test_measures_need_nothing_but_what_they_say(measures):
    scene = picture('scene', (256, 192))
    for measure in measures:
        frame = full_frame(scene, 255 - scene if 'translation' in measure.needs else None)
        kept = {
            field: getattr(frame.sim, field) if field in measure.needs else None
            for field in ('mask', 'target', 'pose')
        }
        reduced = dataclasses.replace(
            frame,
            sim=SimFrame(LABELLED, frame.sim.image, **kept),
            previous=frame.previous if 'previous' in measure.needs else None,
        )
        found = measure.of_frame(reduced)
        assert found.values or found.kept is not None, type(measure).__name__
        assert not found.values or set(found.values) & {each.key for each in measure.quantities}
