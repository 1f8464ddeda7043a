import cv2
import numpy as np
import pytest
import torch

from sim2real_ros.errors import ConfigError
from sim2real_ros.evaluation.colours.thresholds import (
    ColourThresholds,
    HsvRange,
    LineColour,
    load_thresholds,
    to_hsv,
)
from sim2real_ros.evaluation.perception.shipped import perception_file
from sim2real_ros.training.engine.configuration import with_absolute_paths
from sim2real_ros.training.losses.colour_consistency import (
    HUE_MARGIN,
    SATURATION_MARGIN,
    VALUE_MARGIN,
    colour_consistency,
    colour_pairs,
    hsv,
)
from sim2real_ros.training.losses.extra import ExtraLosses
from sim2real_ros.training.losses.region import Region
from sim2real_ros.training.options import ExtraLossOptions, TrainingConfig

SIM = load_thresholds(perception_file('duckietown_sim'))
REAL = load_thresholds(perception_file('duckietown_real'))


def frame(*columns, height=8, width=4):
    """Stripes of HSV colours (OpenCV's 8 bits), as the networks see them."""
    pixels = np.array(columns, np.uint8)[None].repeat(height, 0).repeat(width, 1)
    rgb = cv2.cvtColor(pixels, cv2.COLOR_HSV2RGB)
    return torch.from_numpy(rgb).permute(2, 0, 1)[None].double() / 127.5 - 1


def pairs(*names):
    return tuple(pair for pair in colour_pairs(SIM, REAL) if pair.name in names)


def test_hsv_equals_opencvs():
    levels = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    image = torch.from_numpy(levels).permute(2, 0, 1)[None].double() / 127.5 - 1
    found = hsv(image)[0].permute(1, 2, 0).numpy()
    difference = np.abs(found - to_hsv(levels))
    # OpenCV rounds; 179.6 becomes 0.
    difference[..., 0] = np.minimum(difference[..., 0], 180 - difference[..., 0])
    assert difference.max() <= 0.6
    grey = hsv(torch.zeros(1, 3, 1, 1))
    assert grey.flatten().tolist() == [0, 0, 127.5]


def test_what_both_detectors_see_alike_costs_nothing():
    sim = frame((25, 200, 200), (0, 0, 220), (100, 30, 90), (5, 200, 150))
    real = frame((35, 200, 200), (0, 0, 220), (100, 30, 90), (5, 200, 150))
    assert colour_consistency(real, sim, colour_pairs(SIM, REAL)).item() == 0


def test_a_yellow_that_only_the_simulator_knows_costs_its_distance():
    # 2 of 4 stripes are yellow in simulation; one has a hue 5 below the robot's range.
    sim = frame((28, 200, 200), (20, 200, 200), (100, 30, 90), (100, 30, 90))
    hue = hsv(sim)[0, 0, 0, 4].item()
    loss = colour_consistency(sim, sim, pairs('yellow')).item()
    other = hsv(sim)[0, 0, 0, 0].item()
    low = REAL.colours['yellow'].ranges[0].low[0] + HUE_MARGIN
    wanted = (max(0, low - hue) + max(0, low - other)) / 10 / 2
    assert loss == pytest.approx(wanted)
    assert wanted > 0.2


def test_a_false_yellow_costs_how_deep_it_is_inside():
    sim = frame((25, 200, 200), (25, 200, 200), (100, 200, 200), (100, 30, 90))
    translated = frame((35, 220, 200), (35, 220, 200), (35, 160, 200), (100, 30, 90))
    saturation = hsv(translated)[0, 1, 0, 8].item()
    box = REAL.colours['yellow'].ranges[0]
    by_saturation = (saturation - box.low[1] + SATURATION_MARGIN) / 50
    by_value = (200 - box.low[2] + VALUE_MARGIN) / 50
    loss = colour_consistency(translated, sim, pairs('yellow')).item()
    # One stripe of errors, two of yellow.
    assert loss == pytest.approx(min(by_saturation, by_value, 1.0 + HUE_MARGIN / 10) / 2, abs=0.01)


def test_gradients_lead_to_what_the_robot_sees():
    sim = frame((20, 200, 200), (100, 30, 90), (0, 0, 220), (110, 60, 60)).float()
    change = torch.zeros_like(sim, requires_grad=True)
    optimiser = torch.optim.Adam([change], 0.01)
    for _ in range(200):
        loss = colour_consistency((sim + change).clamp(-1, 1), sim, colour_pairs(SIM, REAL))
        optimiser.zero_grad()
        loss.backward()
        assert torch.isfinite(change.grad).all()
        optimiser.step()
    assert loss.item() < 0.02
    result = ((sim + change).clamp(-1, 1) * 127.5 + 127.5).round().byte()
    found = REAL.pixels(to_hsv(result[0].detach().permute(1, 2, 0).numpy()), 'yellow')
    assert found[:, :4].mean() > 0.9
    assert found[:, 4:].mean() < 0.1


def test_the_region_and_few_pixels():
    sim = frame((20, 200, 200), (100, 30, 90))
    assert colour_consistency(sim, sim, pairs('yellow')).item() > 0.2
    sim[:, :, 4:] = frame((100, 30, 90), (100, 30, 90))[:, :, 4:]
    lower = Region(ExtraLossOptions(region_top=0.5))
    assert colour_consistency(sim, sim, pairs('yellow'), lower).item() == 0
    # One pixel of 20,000 weighs less than the share that counts as the least.
    large = frame((100, 30, 90), height=100, width=200)
    large[:, :, 0, 0] = sim[:, :, 0, 0]
    assert 0 < colour_consistency(large, large, pairs('yellow')).item() < 0.01


def test_the_top_is_free():
    sim, grey = frame((20, 200, 200), (100, 30, 90)), frame((100, 30, 90), (100, 30, 90))
    assert colour_consistency(grey, sim, pairs('yellow')).item() > 0.2
    upper = torch.cat([grey[:, :, :4], sim[:, :, 4:]], 2)
    lower = torch.cat([sim[:, :, :4], grey[:, :, 4:]], 2)
    found = [
        colour_consistency(each, sim, pairs('yellow'), top=0.5).item() for each in (upper, lower)
    ]
    same = colour_consistency(sim, sim, pairs('yellow')).item()
    assert found[0] == pytest.approx(same)
    assert found[1] > 2 * same


def test_black_white_and_grey_have_finite_gradients():
    for value in (-1.0, 0.0, 1.0):
        image = torch.full((1, 3, 4, 4), value, requires_grad=True)
        colour_consistency(image, image.detach(), colour_pairs(SIM, REAL)).backward()
        assert torch.isfinite(image.grad).all()


def test_colours_in_common():
    assert [pair.name for pair in colour_pairs(SIM, REAL)] == ['white', 'yellow', 'red']
    green = LineColour((HsvRange((50, 100, 100), (70, 255, 255)),))
    with pytest.raises(ConfigError, match='no colour in common'):
        colour_pairs(ColourThresholds('mine', {'green': green}), REAL)


def test_a_run_that_is_exported_needs_no_thresholds(tmp_path, monkeypatch):
    (tmp_path / 'mine.yaml').write_text('')
    monkeypatch.chdir(tmp_path)
    losses = ExtraLossOptions(colour_weight=1.0, sim_thresholds='mine.yaml')
    config = with_absolute_paths(TrainingConfig(method='any', extra_losses=losses))
    assert config.extra_losses.sim_thresholds == str(tmp_path / 'mine.yaml')
    assert config.extra_losses.real_thresholds == 'duckietown_real'
    with pytest.raises(ConfigError):
        ExtraLosses(config.extra_losses)
    assert ExtraLosses(config.without_files().extra_losses).networks == {}


def test_extra_losses_use_the_named_thresholds(tmp_path):
    sim = frame((20, 200, 200), (100, 30, 90)).float()
    extra = ExtraLosses(ExtraLossOptions(colour_weight=3.0))
    losses = extra.generator_losses(sim, sim, None)
    assert set(losses) == {'colour'}
    wanted = 3 * colour_consistency(sim, sim, colour_pairs(SIM, REAL))
    torch.testing.assert_close(losses['colour'], wanted)
    same = ExtraLosses(ExtraLossOptions(colour_weight=3.0, real_thresholds='duckietown_sim'))
    assert same.generator_losses(sim, sim, None)['colour'] < losses['colour']
    with pytest.raises(ConfigError, match='neither a file'):
        ExtraLosses(ExtraLossOptions(colour_weight=1.0, sim_thresholds='nothing'))
    missing = str(tmp_path / 'none.yaml')
    with pytest.raises(ConfigError, match=r'none\.yaml'):
        ExtraLosses(ExtraLossOptions(colour_weight=1.0, sim_thresholds=missing))
