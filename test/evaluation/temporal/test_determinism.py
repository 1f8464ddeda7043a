import numpy as np
import pytest

from sim2real_ros.errors import DataError
from sim2real_ros.evaluation.temporal.determinism import determinism_value, is_deterministic


@pytest.fixture
def frames(random):
    return [random.integers(0, 200, (20, 30, 3)).astype(np.uint8) for _ in range(3)]


def test_a_fixed_function_is_deterministic(frames):
    assert is_deterministic(lambda image: 255 - image, frames)
    found = determinism_value(lambda image: 255 - image, frames)
    assert (found.value, found.count) == (0, 3)


def test_noise_shows_by_its_largest_difference(frames):
    calls = iter(range(6))

    def translate(image):
        output = image.copy()
        output[3, 4, 1] += 7 * next(calls)
        return output

    assert not is_deterministic(translate, frames)
    # Call 0 and call 5 belong to the same frame.
    calls = iter(range(6))
    assert determinism_value(translate, frames).value == 35


def test_a_memory_of_the_frame_before_shows(frames):
    memory = np.zeros_like(frames[0])

    def translate(image):
        nonlocal memory
        output = image // 2 + memory // 2
        memory = image
        return output

    assert not is_deterministic(translate, frames)


def test_translating_in_place_or_into_one_buffer_is_no_difference(frames):
    buffer = np.zeros_like(frames[0])

    def into_buffer(image):
        buffer[...] = image
        return buffer

    def in_place(image):
        image += 5
        return image

    kept = [each.copy() for each in frames]
    assert is_deterministic(into_buffer, frames)
    assert is_deterministic(in_place, frames)
    np.testing.assert_array_equal(frames, kept)


def test_noise_in_a_buffer_that_is_used_again_shows(frames):
    buffer, calls = np.zeros_like(frames[0]), iter(range(6))

    def translate(image):
        buffer[...] = image + next(calls)
        return buffer

    # Frame 0 is translated first and last.
    assert determinism_value(translate, frames).value == 5


def test_differences_down_are_no_wrap_around():
    outputs = iter([np.full((4, 4, 3), 250, np.uint8), np.zeros((4, 4, 3), np.uint8)])
    found = determinism_value(lambda image: next(outputs), [np.zeros((4, 4, 3), np.uint8)])
    assert found.value == 250


def test_no_frames_and_outputs_of_other_sizes_are_refused(frames):
    with pytest.raises(DataError, match='no frames to translate twice'):
        determinism_value(lambda image: image, [])
    sizes = iter([10, 12])
    with pytest.raises(DataError, match='expected the same twice'):
        is_deterministic(lambda image: image[: next(sizes)], frames[:1])
