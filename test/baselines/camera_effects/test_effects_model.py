import numpy as np
import onnx
import onnxruntime
import pytest

from sim2real_ros.baselines.camera_effects import noise_field as field
from sim2real_ros.baselines.camera_effects.discrete_gaussian import (
    autocorrelation,
    gaussian_kernel,
    sigma_of_correlation,
)
from sim2real_ros.baselines.camera_effects.effects import BOUNDS, EFFECTS, CameraEffects
from sim2real_ros.baselines.camera_effects.graph import build_effects_graph
from sim2real_ros.baselines.camera_effects.reference import EffectsReference
from sim2real_ros.card import ModelCard
from sim2real_ros.errors import ConfigError


def neighbour_correlation(sigma):
    return autocorrelation(sigma)[1]


CARD = ModelCard(name='test')
NOISE = CameraEffects(
    noise_dark_levels=3,
    noise_bright_levels=6,
    chroma_ratio=0.6,
    grain_sigma_px=0.5,
    chroma_grain_sigma_px=0.9,
)
CASES = {
    'none': CameraEffects(),
    'lens': CameraEffects(lens_k1=0.2, lens_k2=-0.05),
    'vignetting': CameraEffects(corner_darkening=0.4),
    'blur': CameraEffects(blur_sigma_px=0.9),
    'gains': CameraEffects(gains=(1.3, 0.9, 0.6)),
    'noise': NOISE,
    'all': CameraEffects(0.1, 0.02, 0.3, 1.4, (1.2, 1.0, 0.8), 6, 2, 1.5, 0.8, 0.4),
}


def session(effects):
    content = build_effects_graph(effects, CARD).SerializeToString()
    return onnxruntime.InferenceSession(content, providers=['CPUExecutionProvider'])


def noisy_image(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)


@pytest.mark.parametrize('name', CASES)
def test_graph_equals_the_reference_at_any_size(name):
    run, reference = session(CASES[name]), EffectsReference(CASES[name])
    for shape in [(1, 1, 1), (1, 3, 300), (3, 37, 53), (1, 270, 130)]:
        image = noisy_image(shape)
        result = run.run(None, {'image': image})[0]
        assert result.shape == image.shape
        difference = np.abs(result.astype(int) - reference(image))
        assert difference.max() <= 1
        assert difference.mean() < 1e-3


@pytest.mark.parametrize('name', CASES)
def test_openvino_equals_onnxruntime(name):
    pytest.importorskip('openvino')
    from sim2real_ros.runtime.backends.openvino_backend import CORE

    content = build_effects_graph(CASES[name], CARD).SerializeToString()
    compiled = CORE.compile_model(
        CORE.read_model(content), 'CPU', {'INFERENCE_PRECISION_HINT': 'f32'}
    )
    image = noisy_image((2, 61, 90))
    difference = np.abs(
        compiled(image)[0].astype(int) - session(CASES[name]).run(None, {'image': image})[0]
    )
    assert difference.max() <= 1


def test_graph_keeps_to_old_and_common_operators():
    model = build_effects_graph(CASES['all'], CARD)
    model = onnx.shape_inference.infer_shapes(model)
    assert model.opset_import[0].version <= 18
    assert not {n.op_type for n in model.graph.node} & {'RandomNormal', 'RandomNormalLike', 'If'}
    assert max(len(v.type.tensor_type.shape.dim) for v in model.graph.value_info) <= 4


def test_no_effect_is_the_identity():
    image = noisy_image((2, 9, 7))
    assert np.array_equal(session(CameraEffects()).run(None, {'image': image})[0], image)
    assert np.array_equal(EffectsReference(CameraEffects())(image), image)


def test_place_of_the_field_by_a_naive_sum():
    for shape in [(1, 1), (5, 3), (37, 600)]:
        image = noisy_image(shape).tolist()
        rows, columns = 0, [0] * shape[1]
        for index, row in enumerate(image[:: field.ROW_STEP]):
            total = sum(sum(pixel) for pixel in row)
            rows += total % 4093 * (31 * index % 509 + 1) % 4093
            columns = [c + sum(pixel) for c, pixel in zip(columns, row, strict=True)]
        weighted = [c % 4093 * (31 * i % 509 + 1) % 4093 for i, c in enumerate(columns)]
        place = (rows + 7 * sum(weighted)) % 4096 * 1597 % 4096
        assert field.field_place(np.array(image, np.uint8)) == divmod(place, 16)


def test_stir_reaches_every_place():
    assert {i * field.STIR % field.PLACES for i in range(field.PLACES)} == set(range(field.PLACES))


def test_checksum_of_the_largest_image_fits_in_32_bits():
    side = 16384
    assert 3 * 255 * side < 2**31
    assert field.MODULUS * field.SPREAD < 2**31
    assert (1 + 7) * field.MODULUS * side < 2**31
    assert field.PLACES * field.STIR < 2**31


def noise_on(image):
    return session(NOISE).run(None, {'image': image[np.newaxis]})[0][0].astype(int) - image


def test_same_frame_same_noise_and_another_frame_other_noise():
    image = np.full((64, 96, 3), 120, np.uint8)
    first = noise_on(image)
    assert np.array_equal(first, noise_on(image))
    for row, column in [(0, 0), (0, 95), (60, 0), (32, 50)]:
        other = image.copy()
        other[row, column] += 1
        correlation = np.corrcoef(first.ravel(), noise_on(other).ravel())[0, 1]
        assert abs(correlation) < 0.1


def test_a_thing_that_only_moves_changes_the_noise():
    noises = []
    for left in (10, 11, 40):
        image = np.full((64, 96, 3), 120, np.uint8)
        image[20:40, left : left + 16] = 200
        noises.append(field.field_place(image))
    assert len(set(noises)) == 3


def test_noise_has_the_planted_moments():
    for value, wanted in ((0, 3.0), (100, np.sqrt(9 + 27 * 100 / 255)), (200, None)):
        image = np.full((256, 256, 3), value, np.float32)
        reference = EffectsReference(NOISE)
        noise = reference._noise(image, noisy_image((4, 4))) - value
        wanted = wanted or np.sqrt(9 + 27 * 200 / 255)
        opponent = noise.astype(np.float64) @ field.OPPONENT_AXES.T
        assert opponent[..., 0].std() == pytest.approx(wanted, rel=0.02)
        assert opponent[..., 1:].std(axis=(0, 1)) / wanted == pytest.approx(0.6, rel=0.05)
        for axis, sigma in ((0, 0.5), (1, 0.9), (2, 0.9)):
            plane = opponent[..., axis]
            found = (plane[:, 1:] * plane[:, :-1]).mean() / plane.var()
            assert found == pytest.approx(neighbour_correlation(sigma), abs=0.02)


def test_opponent_axes_are_orthonormal():
    assert pytest.approx(np.eye(3)) == field.OPPONENT_AXES @ field.OPPONENT_AXES.T


@pytest.mark.parametrize('sigma', [0.1, 0.3, 0.7, 1.5, 3.0])
def test_kernel_has_its_variance(sigma):
    kernel = gaussian_kernel(sigma).astype(np.float64)
    offsets = np.arange(len(kernel)) - len(kernel) // 2
    assert kernel.sum() == pytest.approx(1)
    assert kernel == pytest.approx(kernel[::-1])
    assert (kernel * offsets**2).sum() == pytest.approx(sigma**2, rel=0.03, abs=0.01)


def test_kernels_follow_each_other_and_correlation_inverts():
    # T(n, t) for t = 1, from a table of modified Bessel functions: I0(1), I1(1), I2(1).
    table = np.exp(-1) * np.array([1.2660659, 0.5651591, 0.1357477])
    middle = len(gaussian_kernel(1.0)) // 2
    assert gaussian_kernel(1.0)[middle : middle + 3] == pytest.approx(table, rel=2e-3)
    # The kernel of sigma 0.7 correlated with itself is that of t = 0.98.
    assert neighbour_correlation(np.sqrt(0.5)) == pytest.approx(0.5651591 / 1.2660659, rel=1e-5)
    for sigma in (0.2, 0.8, 1.7):
        assert sigma_of_correlation(
            neighbour_correlation(sigma), 2.0, neighbour_correlation
        ) == pytest.approx(sigma)
    assert sigma_of_correlation(-0.1, 2.0, neighbour_correlation) == 0.0
    assert sigma_of_correlation(0.999, 2.0, neighbour_correlation) == pytest.approx(2.0)


def test_vignetting_darkens_the_corners_by_what_it_says():
    image = np.full((301, 401, 3), 200, np.uint8)
    result = EffectsReference(CameraEffects(corner_darkening=0.4))(image)
    assert result[150, 200, 0] == 200
    assert result[0, 0, 0] == pytest.approx(200 * 0.6, abs=1)
    assert result[150, 0, 0] > result[0, 0, 0]


def test_lens_distortion_samples_where_it_says():
    image = np.zeros((101, 201, 3), np.uint8)
    image[..., 0] = np.arange(201)
    effects = CameraEffects(lens_k1=0.1)
    x, half_diagonal_squared = 60, (101**2 + 201**2) / 4
    wanted = 100 + x * (1 + 0.1 * x**2 / half_diagonal_squared)
    result = EffectsReference(effects)(image)
    assert result[50, 100 + x, 0] == pytest.approx(wanted, abs=0.6)
    assert result[50, 100, 0] == 100


def test_strength_and_switches():
    effects = CASES['all']
    assert effects.active == EFFECTS
    assert effects.scaled(0).active == ()
    assert effects.scaled(1) == effects
    assert effects.scaled(2).noise_dark_levels == 12
    assert effects.scaled(2).corner_darkening == BOUNDS['corner_darkening'][1]
    assert effects.scaled(0.5).gains[0] == pytest.approx(1.2**0.5)
    for effect in EFFECTS:
        assert set(effects.without([effect]).active) == set(EFFECTS) - {effect}
    assert effects.without(EFFECTS) == CameraEffects()


@pytest.mark.parametrize('name', BOUNDS)
def test_parameters_outside_their_bounds_are_refused(name):
    for value in (BOUNDS[name][1] + 0.01, float('nan'), BOUNDS[name][0] - 0.01):
        wrong = (1.0, value, 1.0) if name == 'gains' else value
        with pytest.raises(ConfigError, match=f'{name} must lie in'):
            CameraEffects(**{name: wrong})
