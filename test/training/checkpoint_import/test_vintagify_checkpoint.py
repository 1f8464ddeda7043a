"""A checkpoint that somebody published: the one inside the package vintagify.

Its shapes are also covered by made-up weights, in test_checkpoint_import.py.
"""

import importlib.util
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from sim2real_ros.runtime.translator import Translator
from sim2real_ros.training.checkpoint_import import ImportOptions, import_checkpoint

SPEC = find_spec('vintagify')
FOLDER = Path(SPEC.submodule_search_locations[0]) if SPEC else Path('absent')

pytestmark = [
    pytest.mark.skipif(SPEC is None, reason='vintagify is not installed'),
    pytest.mark.usefixtures('operators_known'),
]


def own_module(name):
    """Load one of its files alone: the package itself wants a display."""
    spec = importlib.util.spec_from_file_location(f'own_{name}', FOLDER / f'{name}.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def photo(width, height):
    """Textured everywhere: on flat colour instance norm amplifies rounding errors."""
    coarse = np.random.default_rng(0).integers(0, 256, (height // 8, width // 8, 3), np.uint8)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).astype(int)
    noise = np.random.default_rng(1).integers(-20, 21, smooth.shape)
    return (smooth + noise).clip(0, 255).astype(np.uint8)


def test_the_model_computes_what_the_package_computes(tmp_path):
    pytest.importorskip('torchvision')
    path = FOLDER / 'resources' / 'G_A2B_epoch33.pth'
    options = ImportOptions(size=(128, 128))
    exported, architecture = import_checkpoint(path, tmp_path / 'vintage.onnx', options)
    assert str(architecture) == (
        'resnet_9blocks, 64 filters, instance norm with weights, 3 to 3 channels'
    )
    assert exported.parity.max_levels <= 1
    network = own_module('generator').ResnetGenerator()
    network.load_state_dict(torch.load(path, weights_only=True, map_location='cpu'))
    image = photo(158, 158)
    cv2.imwrite(str(tmp_path / 'photo.png'), image[..., ::-1])
    source = own_module('preprocess').preprocess(str(tmp_path / 'photo.png'), image_size=128)
    with torch.inference_mode():
        result = (network.eval()(source) + 1) / 2
    # As torchvision.utils.save_image, which the package ends with.
    theirs = result[0].mul(255).add(0.5).clamp(0, 255).permute(1, 2, 0).to(torch.uint8).numpy()
    ours = Translator.load(tmp_path / 'vintage.onnx').translate(image[15:-15, 15:-15].copy())
    difference = np.abs(ours.astype(int) - theirs)
    assert difference.max() <= 1
    assert np.mean(difference > 0) < 0.01
