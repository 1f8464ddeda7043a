import cv2
import numpy as np
import pytest
import torch

from sim2real_ros.training.losses.gradient_consistency import gradient_consistency, sobel
from sim2real_ros.training.losses.region import Region
from sim2real_ros.training.options import ExtraLossOptions


def image(seed, height=7, width=9):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(2, 3, height, width, generator=generator, dtype=torch.float64) * 2 - 1


def test_sobel_equals_opencv():
    x = image(0)
    found = sobel(x).numpy()
    for n in range(2):
        luminance = np.tensordot([0.299, 0.587, 0.114], x[n].numpy(), 1)
        for channel, (dx, dy) in enumerate([(1, 0), (0, 1)]):
            wanted = cv2.Sobel(
                luminance, cv2.CV_64F, dx, dy, scale=1 / 8, borderType=cv2.BORDER_REPLICATE
            )
            np.testing.assert_allclose(found[n, channel], wanted, atol=1e-12)


def test_sobel_of_a_ramp_is_its_slope():
    ramp = torch.arange(5.0).mul(0.25).expand(1, 3, 4, 5)
    slopes = sobel(ramp)
    torch.testing.assert_close(slopes[0, 0, :, 1:-1], torch.full((4, 3), 0.25))
    torch.testing.assert_close(slopes[0, 1], torch.zeros(4, 5))
    torch.testing.assert_close(sobel(ramp.mT)[0, 1, 1:-1], torch.full((3, 4), 0.25))


def test_brightness_does_not_matter_but_a_moved_edge_does():
    x = image(1)
    assert gradient_consistency(x + 0.3, x).item() == pytest.approx(0, abs=1e-12)
    assert gradient_consistency(x.roll(1, -1), x).item() > 0.1


def test_a_step_edge_costs_what_can_be_counted():
    flat, step = torch.zeros(1, 3, 4, 6), torch.zeros(1, 3, 4, 6)
    step[..., 3:] = 1
    # Two columns of slope 0.5 in one of two channels: 8 of 48 values.
    assert gradient_consistency(step, flat).item() == pytest.approx(0.5 * 8 / 48)
    # The lower half has the same share of them.
    region = Region(ExtraLossOptions(region_top=0.5))
    assert gradient_consistency(step, flat, region).item() == pytest.approx(0.5 * 8 / 48)


def test_edges_outside_the_region_do_not_count():
    flat, bar = torch.zeros(1, 3, 6, 4), torch.zeros(1, 3, 6, 4)
    bar[:, :, 0] = 1
    assert gradient_consistency(bar, flat).item() > 0
    assert gradient_consistency(bar, flat, Region(ExtraLossOptions(region_top=0.5))).item() == 0


def test_gradient_consistency_has_the_right_gradient():
    x, other = image(2, 4, 5).requires_grad_(), image(3, 4, 5)
    assert torch.autograd.gradcheck(lambda x: gradient_consistency(x, other), x)


def test_slopes_are_computed_in_float32_under_autocast():
    x = image(4).float()
    with torch.autocast('cpu', torch.bfloat16):
        inside = gradient_consistency(x, x.flip(-1))
    torch.testing.assert_close(inside, gradient_consistency(x, x.flip(-1)))
