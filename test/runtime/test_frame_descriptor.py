import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2real_ros.runtime.frame_descriptor import (
    COLOUR_LENGTH,
    DESCRIPTOR_LENGTH,
    GRADIENT_LENGTH,
    describe_frame,
)


def colours(rgb):
    return describe_frame(rgb)[:COLOUR_LENGTH].reshape(6, 8, 3)


def gradients(rgb):
    return describe_frame(rgb)[COLOUR_LENGTH : COLOUR_LENGTH + GRADIENT_LENGTH].reshape(3, 4, 6)


def detail(rgb):
    return describe_frame(rgb)[COLOUR_LENGTH + GRADIENT_LENGTH :].reshape(3, 2)


def noise(width, height, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@given(
    st.integers(1, 700),
    st.integers(1, 500),
    st.sampled_from(['noise', 'black', 'white', 'grey']),
)
@settings(max_examples=40, deadline=None)
def test_every_size_and_content_gives_finite_numbers(width, height, content):
    level = {'black': 0, 'white': 255, 'grey': 128}.get(content)
    image = noise(width, height) if level is None else np.full((height, width, 3), level, np.uint8)
    found = describe_frame(image)
    assert (found.shape, found.dtype) == ((DESCRIPTOR_LENGTH,), np.float32)
    assert np.isfinite(found).all()
    assert found.min() >= 0


def test_colours_are_the_roots_of_the_means_of_cells():
    cells = noise(8, 6)
    # Every cell is one colour, so that its mean is known.
    image = cells.repeat(64, axis=0).repeat(64, axis=1)
    np.testing.assert_allclose(colours(image), np.sqrt(cells / 255), atol=1e-5)


@pytest.mark.parametrize(('angle', 'direction'), [(0, 3), (90, 0), (60, 1), (120, 5)])
def test_an_edge_shows_in_its_direction_and_place(angle, direction):
    """The direction of an edge is that in which brightness changes; y points down."""
    image = np.zeros((384, 512, 3), np.uint8)
    offset = 40 * np.array([np.cos(np.radians(angle)), -np.sin(np.radians(angle))])
    middle = np.array([512 * 5 / 8, 384 / 2])
    ends = [tuple(int(v) for v in middle + sign * offset) for sign in (-1, 1)]
    cv2.line(image, *ends, (255, 255, 255), 16, cv2.LINE_AA)
    found = gradients(image)
    cell = found[1, 2]
    assert cell.argmax() == direction
    assert found[0].max() == 0
    assert found[2].max() == 0
    assert found[:, 0].max() == 0
    # Both sides of the line count alike, though one rises where the other falls.
    inverse = gradients(255 - image)[1, 2]
    assert inverse.argmax() == direction


def test_directions_between_two_bins_are_shared():
    ramp = np.add.outer(np.arange(192) * np.sin(np.radians(15)), np.arange(256) * np.cos(0.2618))
    image = np.repeat(np.clip(ramp / ramp.max() * 255, 0, 255)[..., None], 3, axis=2)
    cell = gradients(image.astype(np.uint8))[1, 1] ** 2
    assert cell[0] == pytest.approx(cell[1], rel=0.2)
    assert cell[2:].max() < 0.1 * cell[0]


def test_detail_falls_with_blur_and_rises_with_noise_in_its_place():
    image = cv2.GaussianBlur(noise(512, 384), (0, 0), 3)
    plain = detail(image)
    assert (detail(cv2.GaussianBlur(image, (0, 0), 4)) < 0.8 * plain).all()
    noisy = image.copy()
    noisy[:128, 256:] = noise(256, 128, seed=1)
    changed = detail(noisy) / plain
    assert changed[0, 1] > 1.5
    np.testing.assert_allclose(np.delete(changed.reshape(-1), 1), 1, atol=0.1)


def test_the_size_of_the_image_hardly_matters():
    image = cv2.GaussianBlur(noise(1280, 960), (0, 0), 12)
    wanted = describe_frame(image)
    for size in ((512, 384), (640, 480), (900, 700), (1023, 767)):
        found = describe_frame(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
        assert np.abs(found - wanted).max() < 0.05, size


def test_views_are_read_as_their_copies():
    image = noise(300, 200)
    for view in (image[::-1], image[:, ::-1], image[..., ::-1], image[10:, 20:], image[::2]):
        np.testing.assert_array_equal(describe_frame(view), describe_frame(view.copy()))
