import math

import numpy as np
import pytest
from planted import frames, scene

from sim2real_ros.baselines.camera_effects.blur_fit import edge_variance
from sim2real_ros.baselines.camera_effects.effects import CameraEffects
from sim2real_ros.baselines.camera_effects.estimate import bounded
from sim2real_ros.baselines.camera_effects.fit import (
    FitOptions,
    estimate_table,
    fit_camera_effects,
)
from sim2real_ros.baselines.camera_effects.reference import blur
from sim2real_ros.data import Frame
from sim2real_ros.errors import ConfigError, DataError

DEFAULTS = FitOptions()
ALL = FitOptions(('vignetting', 'blur', 'white_balance', 'noise'))
PLANTED = CameraEffects(
    corner_darkening=0.3,
    blur_sigma_px=0.9,
    noise_dark_levels=3,
    noise_bright_levels=5,
    chroma_ratio=0.7,
    grain_sigma_px=0.6,
    chroma_grain_sigma_px=0.9,
)


def fitted(effects, options=DEFAULTS, count=24):
    """Fit scenes against other scenes seen by a camera with these effects."""
    return fit_camera_effects(
        frames(range(count)), frames(range(500, 500 + count), effects), options
    )


@pytest.fixture(scope='module')
def found():
    return fitted(PLANTED).effects


def test_planted_effects_are_recovered_from_other_scenes(found):
    assert found.corner_darkening == pytest.approx(0.3, abs=0.06)
    assert found.blur_sigma_px == pytest.approx(0.9, abs=0.1)
    assert found.noise_dark_levels == pytest.approx(3, abs=0.5)
    assert found.noise_bright_levels == pytest.approx(5, abs=0.6)
    assert found.chroma_ratio == pytest.approx(0.7, abs=0.1)
    assert found.grain_sigma_px == pytest.approx(0.6, abs=0.1)
    assert found.chroma_grain_sigma_px == pytest.approx(0.9, abs=0.15)


@pytest.mark.parametrize('sigma', [0.5, 1.5])
def test_planted_blur_alone(sigma):
    fit = fitted(CameraEffects(blur_sigma_px=sigma))
    assert fit.effects.blur_sigma_px == pytest.approx(sigma, abs=0.12)
    assert fit.effects.active == ('blur',)


def test_planted_white_noise_alone():
    planted = CameraEffects(noise_dark_levels=4, noise_bright_levels=4, chroma_ratio=1)
    fit = fitted(planted)
    assert fit.effects.active == ('noise',)
    assert fit.effects.noise_dark_levels == pytest.approx(4, abs=0.5)
    assert fit.effects.noise_bright_levels == pytest.approx(4, abs=0.5)
    assert fit.effects.grain_sigma_px < 0.25


def test_noise_that_the_simulator_has_is_not_added_again():
    noise = {'noise_dark_levels': 4, 'noise_bright_levels': 4}
    sim = frames(range(24), CameraEffects(**noise))
    noise = {'noise_dark_levels': 5, 'noise_bright_levels': 5}
    real = frames(range(500, 524), CameraEffects(**noise))
    effects = fit_camera_effects(sim, real, FitOptions(('noise',))).effects
    assert effects.noise_dark_levels == pytest.approx(3, abs=0.6)


def test_planted_gains_alone():
    planted = CameraEffects(gains=(1.1, 0.8, 0.6))
    scenes = range(40)
    fit = fit_camera_effects(
        frames(scenes), frames(scenes, planted), FitOptions(('white_balance',))
    )
    assert fit.effects.gains == pytest.approx((1.1, 0.8, 0.6), rel=0.05)


def test_equal_folders_give_no_effect():
    fit = fit_camera_effects(frames(range(20)), frames(range(20)), ALL)
    assert fit.effects == CameraEffects()
    assert len(fit.estimates) == 10


def test_other_scenes_of_the_same_camera_give_next_to_nothing():
    fit = fitted(None, ALL)
    assert fit.effects.blur_sigma_px < 0.3
    assert fit.effects.corner_darkening < 0.05
    assert fit.effects.noise_bright_levels < 0.5


def test_a_bright_sky_is_no_vignetting():
    def with_sky(seeds):
        ramp = np.linspace(1.0, 0.3, 192)[:, np.newaxis, np.newaxis]
        for seed in seeds:
            yield Frame((scene(seed) * ramp).astype(np.uint8))

    for sim, real in ((frames, with_sky), (with_sky, frames)):
        fit = fit_camera_effects(sim(range(20)), real(range(20)), FitOptions(('vignetting',)))
        assert fit.effects.corner_darkening == 0


def test_strength_scales_what_goes_into_the_model_and_not_what_was_found():
    fit = fitted(PLANTED, FitOptions(('blur',), strength=0.5), count=10)
    assert fit.effects.blur_sigma_px == pytest.approx(0.5 * fit.estimates[0].used)
    assert fit.metrics['effects_strength'] == 0.5
    assert fit.metrics['blur_sigma_px'] == pytest.approx(fit.estimates[0].used, abs=1e-4)


def test_effects_that_are_left_out_stay_out():
    assert fitted(PLANTED, FitOptions(('blur',)), count=10).effects.active == ('blur',)
    assert fitted(PLANTED, FitOptions(()), count=10).effects.active == ()


def test_lens_distortion_is_taken_as_given():
    fit = fitted(None, FitOptions((), lens=(0.1, -0.02)), count=6)
    assert (fit.effects.lens_k1, fit.effects.lens_k2) == (0.1, -0.02)


def test_same_frames_give_the_same_numbers():
    assert fitted(PLANTED, count=8).estimates == fitted(PLANTED, count=8).estimates


def test_effects_are_fitted_on_what_the_generator_makes():
    def brighter(image):
        return np.clip(image.astype(int) + 20, 0, 255).astype(np.uint8)

    fit = fit_camera_effects(
        frames(range(8)), frames(range(8)), FitOptions(('white_balance',)), before=brighter
    )
    assert np.array_equal(fit.translated[0], brighter(fit.sim[0]))
    assert min(fit.effects.gains) < 0.9


def test_real_frames_are_brought_to_the_size_of_the_simulated_ones():
    real = [*frames(range(4)), *frames(range(4), size=(320, 240))]
    fit = fit_camera_effects(frames(range(8), size=(128, 96)), real, ALL)
    assert fit.size == (128, 96)
    assert {image.shape for image in fit.real + fit.sim} == {(96, 128, 3)}
    assert fit.frame_counts == (8, 8)
    small = fit_camera_effects(frames(range(8)), real, FitOptions(size=(64, 48)))
    assert small.size == (64, 48)


@pytest.mark.parametrize('value', [0, 128, 255])
def test_plain_frames_give_no_effect_and_say_why(value):
    plain = [Frame(np.full((96, 128, 3), value, np.uint8))] * 6
    fit = fit_camera_effects(frames(range(6)), plain, FitOptions())
    assert fit.effects.active in ((), ('vignetting',))
    assert fit.effects.corner_darkening == 0
    assert 'real frames have enough edges' in estimate_table(fit)


@pytest.mark.parametrize('count', [0, 1, 4])
@pytest.mark.parametrize('domain', ['sim', 'real'])
def test_too_few_frames_are_refused(domain, count):
    given = {'sim': list(frames(range(6))), 'real': list(frames(range(6)))}
    given[domain] = given[domain][:count]
    with pytest.raises(DataError, match=rf'{count} frames of the {domain} .* at least 5'):
        fit_camera_effects(given['sim'], given['real'], FitOptions())


def test_tiny_frames_are_refused():
    tiny = list(frames(range(6), size=(20, 40)))
    with pytest.raises(DataError, match='20x40, too small'):
        fit_camera_effects(tiny, tiny, FitOptions())


@pytest.mark.parametrize(
    ('options', 'reason'),
    [
        ({'effects': ('lens_distortion',)}, 'Cannot fit'),
        ({'effects': ('magic',)}, "Cannot fit .'magic'"),
        ({'strength': 2.1}, 'strength must lie'),
        ({'strength': math.nan}, 'strength must lie'),
        ({'size': (16, 64)}, 'size must be'),
        ({'lens': (0.6, 0.0)}, 'lens_k1 must lie'),
    ],
)
def test_wrong_options_are_refused(options, reason):
    with pytest.raises(ConfigError, match=reason):
        FitOptions(**options)


def test_width_of_an_edge_grows_by_the_blur():
    step = np.full((80, 120), 40, np.float32)
    step[:, 60:] = 200
    one, two = (edge_variance(blur(step, sigma)) for sigma in (1.0, 1.6))
    assert two - one == pytest.approx(1.6**2 - 1, rel=0.15)
    assert edge_variance(np.full((80, 120), 40, np.float32)) is None


def test_an_estimate_counts_from_two_errors_on_and_up_to_its_bound():
    assert bounded('x', 1.0, 0.6, 3.0).used == 0
    assert bounded('x', 1.0, 0.4, 3.0).used == 1.0
    assert bounded('x', 9.0, 0.4, 3.0).used == 3.0
    assert bounded('x', -1.0, 0.1, 3.0).used == 0
