import numpy as np
import pytest

from sim2real_ros.evaluation.artefacts.frozen_output import FrozenOutput, longest_run
from sim2real_ros.evaluation.frame import EvaluatedFrame, Previous, SimFrame
from sim2real_ros.evaluation.measure import Observations


@pytest.fixture
def drive(random):
    """A wide picture that passes by."""
    blocks = random.integers(40, 200, (6, 20, 3)).astype(np.uint8)
    wide = blocks.repeat(16, axis=0).repeat(16, axis=1)
    return [wide[:, shift : shift + 128] for shift in range(0, 40, 2)]


def summary(inputs, outputs):
    measure, rows = FrozenOutput(), []
    sims = [SimFrame(str(index), each) for index, each in enumerate(inputs)]
    for index, sim in enumerate(sims):
        if index == 0:
            rows.append({})
            continue
        previous = Previous(sims[index - 1], outputs[index - 1])
        rows.append(measure.of_frame(EvaluatedFrame(sim, outputs[index], previous)).values)
    column = np.array([row.get('frozen_outputs_share', np.nan) for row in rows])
    found = measure.summarise(Observations({'frozen_outputs_share': column}))
    return {key: value.value for key, value in found.items()}


def test_outputs_that_follow_are_not_frozen(drive):
    for outputs in (drive, [255 - each for each in drive], [each // 4 + 90 for each in drive]):
        assert summary(drive, outputs) == {
            'frozen_outputs_share': 0,
            'longest_frozen_run_frames': 0,
        }


def test_frozen_stretches_are_counted_behind_noise_and_brightness(drive, random):
    outputs = list(drive)
    outputs[3:8] = [drive[2]] * 5
    outputs[12:14] = [drive[11]] * 2
    outputs = [
        np.clip(each + random.normal(0, 2, each.shape) + index % 3 * 5, 0, 255).astype(np.uint8)
        for index, each in enumerate(outputs)
    ]
    found = summary(drive, outputs)
    assert found['frozen_outputs_share'] == pytest.approx(7 / 19)
    assert found['longest_frozen_run_frames'] == 5


def test_a_standing_input_may_have_a_standing_output(drive):
    inputs = [drive[0]] * 6
    assert summary(inputs, inputs) == {}


def test_a_changed_output_of_a_standing_input_is_not_frozen(drive):
    assert summary([drive[0]] * 5, drive[:5]) == {}


def test_the_demo_drive_is_not_frozen_and_its_first_frame_repeated_is(demo_drive):
    images = [image for image, _ in demo_drive]
    assert summary(images, images)['frozen_outputs_share'] == 0
    assert summary(images, [images[0]] * len(images))['longest_frozen_run_frames'] == 14


def test_small_grey_and_constant_images_do_no_harm():
    flat = [np.full((16, 16, 3), level, np.uint8) for level in (0, 90, 255)]
    assert summary(flat, flat) == {}


@pytest.mark.parametrize(
    ('flags', 'longest'),
    [([], 0), ([0], 0), ([1], 1), ([1, 1, 0, 1], 2), ([0, 1, 0, 1, 1, 1], 3)],
)
def test_longest_run(flags, longest):
    assert longest_run(np.array(flags, bool)) == longest
