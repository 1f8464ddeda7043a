import cv2
import numpy as np
import pytest
import torch

from sim2real_ros.errors import ConfigError
from sim2real_ros.training.losses.region import Region, l1, weighted_mean
from sim2real_ros.training.options import ExtraLossOptions

IMAGE = torch.zeros(1)


def region(**options):
    return Region(ExtraLossOptions(**options))


def write_mask(path, pixels):
    assert cv2.imwrite(str(path), pixels)
    return str(path)


def test_without_options_everything_counts():
    assert region().weights(4, 6, IMAGE) is None


@pytest.mark.parametrize(
    ('top', 'height', 'rows'),
    [
        (0.5, 4, [0, 0, 1, 1]),
        (0.25, 4, [0, 1, 1, 1]),
        (0.5, 3, [0, 0.5, 1]),
        (0.9, 2, [0, 0.2]),
        (0.999, 1, [0.001]),
    ],
)
def test_top_leaves_out_rows_by_their_share(top, height, rows):
    weights = region(region_top=top).weights(height, 3, IMAGE)
    assert weights.shape == (1, 1, height, 3)
    for column in range(3):
        np.testing.assert_allclose(weights[0, 0, :, column], rows, atol=1e-6)


def test_mask_is_averaged_over_what_a_place_stands_for(tmp_path):
    pixels = np.zeros((4, 8), np.uint8)
    pixels[2:, :2] = 1  # any non-zero value counts, and as much as 255
    pixels[3, 4] = 255
    used = region(region_mask=write_mask(tmp_path / 'mask.png', pixels))
    np.testing.assert_array_equal(used.weights(4, 8, IMAGE)[0, 0], pixels > 0)
    np.testing.assert_array_equal(used.weights(2, 4, IMAGE)[0, 0], [[0, 0, 0, 0], [1, 0, 0.25, 0]])
    # Finer than the mask: each pixel is repeated.
    doubled = (pixels > 0).repeat(2, 0).repeat(2, 1)
    np.testing.assert_array_equal(used.weights(8, 16, IMAGE)[0, 0], doubled)


def test_mask_and_top_hold_together(tmp_path):
    pixels = np.full((4, 2), 255, np.uint8)
    pixels[:, 1] = 0
    used = region(region_top=0.5, region_mask=write_mask(tmp_path / 'mask.png', pixels))
    np.testing.assert_array_equal(
        used.weights(4, 2, IMAGE)[0, 0], [[0, 0], [0, 0], [1, 0], [1, 0]]
    )


def test_coloured_mask_counts_where_it_is_not_black_and_alpha_is_no_colour(tmp_path):
    pixels = np.zeros((2, 2, 4), np.uint8)
    pixels[..., 3] = 255
    pixels[0, 1, 2] = 9
    used = region(region_mask=write_mask(tmp_path / 'mask.png', pixels))
    np.testing.assert_array_equal(used.weights(2, 2, IMAGE)[0, 0], [[0, 1], [0, 0]])


def test_weights_take_device_and_type_of_the_map_and_are_made_once():
    used = region(region_top=0.5)
    first = used.weights(4, 4, torch.zeros(1, dtype=torch.float64))
    assert first.dtype == torch.float64
    assert used.weights(4, 4, torch.zeros(1, dtype=torch.float64)) is first
    assert used.weights(4, 4, IMAGE).dtype == torch.float32


def test_weights_of_many_sizes_do_not_pile_up():
    used = region(region_top=0.5)
    for width in range(1, 200):
        used.weights(4, width, IMAGE)
    assert len(used._kept) <= 16


@pytest.mark.parametrize(
    ('options', 'pixels', 'message'),
    [
        ({}, np.zeros((4, 4), np.uint8), r"mask\.png'.*no pixel below region_top = 0\.0"),
        ({'region_top': 0.5}, np.eye(4, dtype=np.uint8) * [[1], [0], [0], [0]], 'no pixel below'),
    ],
)
def test_mask_that_leaves_nothing_is_refused(tmp_path, options, pixels, message):
    path = write_mask(tmp_path / 'mask.png', np.asarray(pixels, np.uint8))
    with pytest.raises(ConfigError, match=message):
        region(region_mask=path, **options)


def test_missing_and_broken_masks_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"region_mask '.*absent\.png' cannot be read"):
        region(region_mask=str(tmp_path / 'absent.png'))
    (tmp_path / 'text.png').write_text('no picture')
    with pytest.raises(ConfigError, match=r"region_mask '.*text\.png' cannot be read"):
        region(region_mask=str(tmp_path / 'text.png'))
    with pytest.raises(ConfigError, match=r'cannot be read: .*null'):
        region(region_mask='a\0b')


def random_images(seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(2, 3, 6, 4, generator=generator, dtype=torch.float64) * 2 - 1


def test_weighted_mean_equals_a_mean_over_the_kept_pixels(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 2, (6, 4)).astype(np.uint8)
    used = region(region_mask=write_mask(tmp_path / 'mask.png', pixels))
    x = random_images(0)
    wanted = np.mean([x[n, c][pixels > 0].mean() for n in range(2) for c in range(3)])
    assert weighted_mean(x, used).item() == pytest.approx(wanted)
    assert weighted_mean(x).item() == pytest.approx(x.mean().item())
    assert weighted_mean(x, region()).item() == pytest.approx(x.mean().item())


def test_l1_equals_the_mean_absolute_difference():
    a, b = random_images(0), random_images(1)
    assert l1(a, b).item() == pytest.approx(np.abs(a.numpy() - b.numpy()).mean())
    lower = l1(a, b, region(region_top=0.5)).item()
    assert lower == pytest.approx(np.abs(a.numpy() - b.numpy())[:, :, 3:].mean())
    assert torch.autograd.gradcheck(
        lambda a: l1(a, b, region(region_top=0.4)), a.clone().requires_grad_()
    )


def test_l1_of_half_precision_is_computed_in_float32():
    a, b = torch.full((1, 3, 64, 64), 0.5).bfloat16(), torch.full((1, 3, 64, 64), 0.498)
    loss = l1(a, b)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(0.002, rel=1e-4)
