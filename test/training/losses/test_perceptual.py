"""The perceptual loss by architecture: a VGG16 of random weights, against plain re-computation."""

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional
from torchvision.models import vgg16

from sim2real_ros.errors import ConfigError, ModelError
from sim2real_ros.training.losses.perceptual import (
    VggFeatures,
    VggInput,
    load_vgg,
    perceptual_loss,
    vgg_shapes,
)
from sim2real_ros.training.losses.region import Region
from sim2real_ros.training.options import ExtraLossOptions

VGG16_CHANNELS = (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512)
"""Of its convolutions; 0 = halving."""


@pytest.fixture(scope='module')
def features() -> VggFeatures:
    """A VGG16 of random weights that keep the activations' size (He initialisation)."""
    generator = torch.Generator().manual_seed(0)
    weights = {}
    for name, shape in vgg_shapes().items():
        scale = (2 / (9 * shape[1])) ** 0.5 if len(shape) == 4 else 0.1
        weights[name] = scale * torch.randn(shape, generator=generator)
    return VggFeatures(weights)


@pytest.fixture(scope='module')
def weights_file(features: VggFeatures, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file like torchvision's, but for the classifier's 500 MB, which nobody reads."""
    path = tmp_path_factory.mktemp('vgg') / 'vgg16.pth'
    state = {f'features.{name}': value for name, value in features.layers.state_dict().items()}
    torch.save({**state, 'classifier.6.bias': torch.zeros(1000)}, path)
    return path


def _naive_features(features: VggFeatures, scaled: torch.Tensor) -> torch.Tensor:
    """Run VGG16 up to relu5_3 by its published table and the weights in their order."""
    weights = iter(features.layers.state_dict().values())
    value = scaled
    for channels in VGG16_CHANNELS:
        if not channels:
            value = functional.max_pool2d(value, 2)
            continue
        value = functional.relu(functional.conv2d(value, next(weights), next(weights), padding=1))
        assert value.shape[1] == channels
    assert next(weights, None) is None
    return value


def _image(seed: int = 0, size: int = 32) -> torch.Tensor:
    return torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.mark.parametrize('expects', ['torchvision', 'caffe'])
def test_features_are_those_of_vgg16(features: VggFeatures, expects: VggInput) -> None:
    network = VggFeatures(features.layers.state_dict(), expects)
    image = _image()
    unit = (image + 1) / 2
    if expects == 'caffe':
        means = torch.tensor([103.939, 116.779, 123.680])
        scaled = unit[:, [2, 1, 0]] * 255 - means.reshape(1, 3, 1, 1)
    else:
        means, deviations = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])
        scaled = (unit - means.reshape(1, 3, 1, 1)) / deviations.reshape(1, 3, 1, 1)
    found, wanted = network(image), _naive_features(features, scaled)
    assert found.shape == (1, 512, 2, 2)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4 * float(wanted.max()))


def test_images_that_leave_one_feature_are_refused(features: VggFeatures) -> None:
    with pytest.raises(ConfigError, match=r'images of 32x31 pixels .* at least 32; change'):
        features(torch.zeros(1, 3, 31, 32))


class _Doubled(nn.Module):
    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return 2 * image


def test_perceptual_loss_equals_plain_arithmetic() -> None:
    image, content = _image(0, 4).double(), _image(1, 4).double()
    total = 0.0
    for channel in range(3):
        pair = [2 * each[0, channel].flatten() for each in (image, content)]
        normal = [(v - v.mean()) / (v.var(unbiased=False) + 1e-5).sqrt() for v in pair]
        total += float((normal[0] - normal[1]).square().sum())
    loss = perceptual_loss(_Doubled(), image, content)
    torch.testing.assert_close(loss, torch.tensor(total / 48, dtype=torch.float64))
    lower = Region(ExtraLossOptions(region_top=0.5))
    assert perceptual_loss(_Doubled(), image, content, lower) != loss


def test_perceptual_loss_overlooks_brightness_and_contrast_of_features() -> None:
    content = _image(0, 8).double()
    assert perceptual_loss(_Doubled(), 0.5 * content + 0.2, content) < 1e-6
    assert perceptual_loss(_Doubled(), content.flip(3), content) > 0.5


def test_perceptual_loss_gradient_reaches_the_image_only() -> None:
    image, content = (_image(i, 2).double().requires_grad_() for i in range(2))
    assert torch.autograd.gradcheck(
        lambda x: perceptual_loss(_Doubled(), x, content.detach()), (image,)
    )
    perceptual_loss(_Doubled(), image, content).backward()
    assert content.grad is None


def test_weights_are_loaded_and_never_learn(features: VggFeatures, weights_file: Path) -> None:
    loaded = load_vgg(weights_file)
    torch.testing.assert_close(loaded(_image()), features(_image()))
    assert not any(each.requires_grad for each in loaded.parameters())


def test_the_architecture_is_torchvisions_whole_file() -> None:
    """What torchvision itself would write has all the names that are read."""
    with torch.device('meta'):
        names = vgg16(weights=None).state_dict()
    wanted = {f'features.{name}' for name in vgg_shapes()}
    assert wanted <= set(names)
    assert len(wanted) == 26


def _pickle_of_code(path: Path) -> None:
    torch.save({'features.0.weight': nn.Conv2d(3, 64, 3)}, path)


def _garbage(path: Path) -> None:
    path.write_bytes(b'no tensors at all')


def _empty(path: Path) -> None:
    path.write_bytes(b'')


def _list(path: Path) -> None:
    torch.save([torch.zeros(1)], path)


def _wrong_shape(path: Path) -> None:
    torch.save({'features.0.weight': torch.zeros(64, 1, 3, 3)}, path)


@pytest.mark.parametrize(
    ('write', 'message'),
    [
        (_pickle_of_code, 'Cannot read VGG16 from'),
        (_garbage, 'Cannot read VGG16 from'),
        (_empty, 'Cannot read VGG16 from'),
        (_list, "'features.0.weight' has shape None, not"),
        (_wrong_shape, r'has shape \[64, 1, 3, 3\], not \[64, 3, 3, 3\]'),
        (lambda path: None, 'Cannot read VGG16 from .*No such file'),
    ],
)
def test_other_files_are_refused_with_advice(tmp_path: Path, write, message: str) -> None:
    path = tmp_path / 'other.pth'
    write(path)
    with pytest.raises(ModelError, match=f'{message}.*') as caught:
        load_vgg(path)
    assert 'other.pth' in str(caught.value)
    assert 'vgg16-397923af.pth' in str(caught.value)


def test_a_truncated_file_is_refused(tmp_path: Path, weights_file: Path) -> None:
    path = tmp_path / 'half.pth'
    path.write_bytes(weights_file.read_bytes()[:100_000])
    with pytest.raises(ModelError, match='Cannot read VGG16 from'):
        load_vgg(path)
