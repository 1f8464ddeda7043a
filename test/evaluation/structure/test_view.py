import cv2
import numpy as np
import pytest
import structure_scenes as scenes

from sim2real_ros.evaluation.frame import SimFrame
from sim2real_ros.evaluation.structure import view as view_module
from sim2real_ros.evaluation.structure.view import MAX_SIDE_PX, sim_view, structure_view


def test_luminance_is_bt601_of_rgb():
    red = np.zeros((20, 30, 3), np.uint8)
    red[..., 0] = 255
    assert structure_view(red).luminance[0, 0] == 76
    assert structure_view(red).frame_px == 1


def test_normalised_equals_a_naive_computation():
    image = scenes.town(1, (64, 48))
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float64)
    smooth = cv2.GaussianBlur(grey, (0, 0), 1.2)
    around = np.pad(smooth, 20, mode='reflect')
    row, column = 17, 40
    window = around[row : row + 41, column : column + 41]
    expected = (smooth[row, column] - window.mean()) / (window.std() + 0.25 * smooth.std() + 2)
    assert structure_view(image).normalised[row, column] == pytest.approx(expected, abs=1e-3)


def test_contrast_hardly_matters_and_noise_of_a_flat_image_stays_small():
    image = scenes.town(2)
    before = structure_view(image).normalised
    after = structure_view(scenes.less_contrast(image)).normalised
    assert np.abs(before - after).mean() < 0.05 * before.std()
    flat = scenes.noisy(np.full((100, 100, 3), 128, np.uint8), 2)
    assert structure_view(flat).normalised.std() < 0.3 * before.std()


def test_long_images_are_shrunk_and_know_it():
    image = np.zeros((300, 1280, 3), np.uint8)
    shrunk = structure_view(image)
    assert shrunk.luminance.shape == (150, MAX_SIDE_PX)
    assert shrunk.normalised.shape == (150, MAX_SIDE_PX)
    assert shrunk.frame_px == 2


def test_view_of_a_simulated_frame_is_made_once(monkeypatch):
    made = []
    original = view_module.structure_view
    monkeypatch.setattr(view_module, 'structure_view', lambda rgb: made.append(1) or original(rgb))
    frame = SimFrame('a', scenes.town(3))
    assert sim_view(frame) is sim_view(frame)
    assert len(made) == 1
