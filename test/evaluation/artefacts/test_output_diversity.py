import numpy as np
import pytest

from sim2real_ros.evaluation.artefacts.output_diversity import (
    MAX_COMPARED_FRAMES,
    OutputDiversity,
    even_sample,
)
from sim2real_ros.evaluation.frame import EvaluatedFrame, SimFrame
from sim2real_ros.evaluation.measure import Observations

COUNT = 20


@pytest.fixture
def scenes(random):
    images = []
    for _ in range(COUNT):
        image = np.full((60, 80, 3), 90.0)
        image[:20] += 80
        top, left = random.integers(0, 40, 2)
        image[top : top + 20, left : left + 30] += random.uniform(-80, 80, 3)
        images.append(np.clip(image + random.normal(0, 4, image.shape), 0, 255).astype(np.uint8))
    return images


def summary(inputs, outputs):
    measure = OutputDiversity()
    seen = [
        measure.of_frame(EvaluatedFrame(SimFrame(str(index), before), after))
        for index, (before, after) in enumerate(zip(inputs, outputs, strict=True))
    ]
    found = measure.summarise(Observations({}, [each.kept for each in seen]))
    return {key: value.value for key, value in found.items()}


def test_untouched_frames_are_as_diverse_as_their_inputs(scenes):
    found = summary(scenes, scenes)
    assert found == {'diversity': 1.0, 'reused_outputs_share': 0.0}


def test_a_strong_change_of_colours_takes_nothing_away(scenes):
    outputs = [(each * [0.3, 0.5, 0.4] + [120, 20, 60]).astype(np.uint8) for each in scenes]
    found = summary(scenes, outputs)
    assert found['diversity'] == pytest.approx(1, abs=0.1)
    assert found['reused_outputs_share'] == 0


def test_taking_away_what_all_inputs_share_raises_it(scenes):
    outputs = [each.copy() for each in scenes]
    for each in outputs:
        each[:20] -= np.minimum(each[:20], 80)  # the bright sky of every scene
    assert summary(scenes, outputs)['diversity'] > 1.2


def test_one_picture_for_all_is_found_behind_noise(scenes, random):
    noisy = [
        np.clip(scenes[0] + random.normal(0, 3, scenes[0].shape), 0, 255).astype(np.uint8)
        for _ in scenes
    ]
    found = summary(scenes, noisy)
    assert found['diversity'] < 0.2
    assert found['reused_outputs_share'] == 1


def test_the_share_of_reused_outputs_is_told(scenes):
    outputs = list(scenes)
    outputs[:4] = [scenes[15]] * 4
    # The four, and the one whose own output they repeat.
    assert summary(scenes, outputs)['reused_outputs_share'] == pytest.approx(5 / COUNT)


def test_nothing_is_said_of_equal_inputs_or_one_frame(scenes):
    assert summary([scenes[0]] * 5, scenes[:5]) == {}
    assert summary(scenes[:1], scenes[:1]) == {}
    assert summary([], []) == {}


def test_thousands_of_frames_are_sampled_evenly(scenes):
    measure = OutputDiversity()
    pairs = [
        measure.of_frame(EvaluatedFrame(SimFrame('a', each), each)).kept for each in scenes
    ] * 100
    found = measure.summarise(Observations({}, pairs))
    assert {value.count for value in found.values()} == {MAX_COMPARED_FRAMES}
    chosen = even_sample(np.arange(10_001), 11)
    assert chosen.tolist() == list(range(0, 10_001, 1000))


@pytest.mark.parametrize('level', [0, 255])
def test_constant_images_do_no_harm(scenes, level):
    flat = [np.full((16, 16, 3), level, np.uint8)] * 3
    assert summary(flat, flat) == {}
    against = summary([each[:16, 20:36] for each in scenes[:3]], flat)
    assert all(np.isfinite(value) for value in against.values())
