import numpy as np
import pytest

from sim2real_ros.baselines.colour_space import COLOUR_SPACES
from sim2real_ros.baselines.colour_statistics import ColourStatistics
from sim2real_ros.baselines.colour_transfer import DEFAULT_SPACES, METHODS, fit_colour_transfer
from sim2real_ros.errors import ConfigError, DataError

RGB = COLOUR_SPACES['rgb']


def colours(seed=0, count=4000):
    generator = np.random.default_rng(seed)
    mixing = generator.uniform(-20, 20, (3, 3)) + 30 * np.eye(3)
    return generator.normal(0, 1, (count, 3)) @ mixing + generator.uniform(80, 160, 3)


def naive_power(matrix, exponent):
    """Compute a matrix power by singular values, another way than the code under test."""
    left, values, right = np.linalg.svd(matrix)
    return left @ np.diag(values**exponent) @ right


def fit(source, target, method, space=RGB):
    statistics = [ColourStatistics.of(space.from_rgb(pixels)) for pixels in (source, target)]
    return fit_colour_transfer(*statistics, method, space)


@pytest.mark.parametrize('method', ['coral', 'mkl'])
def test_full_methods_match_mean_and_covariance(method):
    source, target = colours(1), colours(2)
    result = fit(source, target, method).affine(source)
    assert np.allclose(result.mean(axis=0), target.mean(axis=0))
    assert np.allclose(np.cov(result.T), np.cov(target.T))


def test_reinhard_matches_mean_and_deviation_and_keeps_axes_apart():
    source, target = colours(1), colours(2)
    transfer = fit(source, target, 'reinhard')
    result = transfer.affine(source)
    assert np.allclose(result.mean(axis=0), target.mean(axis=0))
    assert np.allclose(result.std(axis=0), target.std(axis=0))
    assert np.count_nonzero(transfer.affine.matrix) == 3


def test_methods_equal_their_formulas():
    source, target = colours(1), colours(2)
    cs, ct = np.cov(source.T), np.cov(target.T)
    whitening = naive_power(cs, -0.5)
    coral = whitening @ naive_power(ct, 0.5)
    root = naive_power(cs, 0.5)
    mkl = whitening @ naive_power(root @ ct @ root, 0.5) @ whitening
    reinhard = np.diag(target.std(axis=0) / source.std(axis=0))
    for method, matrix in {'coral': coral, 'mkl': mkl, 'reinhard': reinhard}.items():
        assert np.allclose(fit(source, target, method).affine.matrix, matrix)


def test_mkl_moves_colours_least():
    source, target = colours(1), colours(2)
    moved = {m: np.mean((fit(source, target, m).affine(source) - source) ** 2) for m in METHODS}
    assert moved['mkl'] < moved['coral']


@pytest.mark.parametrize('space', ['rgb', 'lalphabeta', 'cielab'])
def test_planted_change_of_gain_and_offset_is_recovered(space):
    source = np.clip(colours(3), 1, 200)
    if space == 'rgb':
        target = source * [0.7, 0.9, 1.1] + [20, 5, -3]
    else:
        values = COLOUR_SPACES[space].from_rgb(source)
        centre = values.mean(axis=0)
        target = COLOUR_SPACES[space].to_rgb((values - centre) * [0.8, 0.9, 0.7] + centre)
    transfer = fit(source, target, 'reinhard', COLOUR_SPACES[space])
    assert np.allclose(
        transfer.space.to_rgb(transfer.affine(transfer.space.from_rgb(source))), target, atol=1e-6
    )


def test_planted_symmetric_mix_of_channels_is_recovered_by_mkl():
    mix = np.array([[0.9, 0.1, 0.0], [0.1, 0.8, 0.05], [0.0, 0.05, 1.1]])
    source = colours(4)
    transfer = fit(source, source @ mix + 7, 'mkl')
    assert np.allclose(transfer.affine.matrix, mix)
    assert np.allclose(transfer.affine.offset, 7)


@pytest.mark.parametrize('method', METHODS)
def test_equal_domains_give_the_identity(method):
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    pixels = image.reshape(-1, 3).astype(float)
    transfer = fit(pixels, pixels, method, COLOUR_SPACES[DEFAULT_SPACES[method]])
    assert np.abs(transfer(image).astype(int) - image).max() <= 1


@pytest.mark.parametrize('method', METHODS)
@pytest.mark.parametrize('space', COLOUR_SPACES.values(), ids=COLOUR_SPACES)
def test_constant_and_grey_domains_give_finite_maps(method, space):
    constant = np.full((50, 3), 90.0)
    black = np.zeros((50, 3))
    grey = np.repeat(np.linspace(0, 255, 50)[:, None], 3, axis=1)
    domains = [constant, black, grey, constant[:1], colours(5, 50)]
    for source in domains:
        for target in domains:
            transfer = fit(source, target, method, space)
            one_colour = 1 in (len(np.unique(source, axis=0)), len(np.unique(target, axis=0)))
            assert not one_colour or np.array_equal(transfer.affine.matrix, np.eye(3))
            assert np.isfinite(transfer.affine.matrix).all()
            gain = np.abs(np.linalg.eigvals(transfer.affine.matrix)).max()
            assert gain <= 100 * (1 + 1e-6)
            moved = transfer.affine(space.from_rgb(source).mean(axis=0))
            assert np.allclose(moved, space.from_rgb(target).mean(axis=0), atol=1e-6)


def test_constant_onto_constant_only_shifts():
    transfer = fit(np.full((9, 3), 50.0), np.full((9, 3), 70.0), 'coral')
    assert np.allclose(transfer.affine.matrix, np.eye(3))
    assert transfer(np.full((2, 2, 3), 50, np.uint8)).tolist() == [[[70] * 3] * 2] * 2


def test_unknown_method_and_missing_pixels_are_refused():
    statistics = ColourStatistics.of(colours())
    with pytest.raises(ConfigError, match="Unknown colour transfer 'magic'"):
        fit_colour_transfer(statistics, statistics, 'magic')
    with pytest.raises(DataError, match='No pixel'):
        fit_colour_transfer(ColourStatistics.empty(), statistics, 'coral')
