import math

import numpy as np
import pytest
import torch

from sim2real_ros.training.losses.edge_aware_smoothness import (
    CELL_SIDE,
    EDGE_SLOPE,
    edge_aware_smoothness,
)
from sim2real_ros.training.losses.extra import ExtraLosses
from sim2real_ros.training.losses.region import Region
from sim2real_ros.training.options import ExtraLossOptions


def image(seed, height=3 * CELL_SIDE, width=4 * CELL_SIDE):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(2, 3, height, width, generator=generator, dtype=torch.float64) * 2 - 1


def cells(*rows):
    """One colourless image whose cells have the given values."""
    values = torch.tensor(rows, dtype=torch.float64)
    values = values.repeat_interleave(CELL_SIDE, 0).repeat_interleave(CELL_SIDE, 1)
    return values.expand(1, 3, *values.shape)


def naive(translated, sim):
    """Cell by cell, in the order of the formula."""
    ours, theirs = (
        x.numpy().reshape(2, 3, 3, CELL_SIDE, 4, CELL_SIDE).mean((3, 5)) for x in (translated, sim)
    )
    sums, counts = [0.0, 0.0], [0, 0]
    for n in range(2):
        for y in range(3):
            for x in range(4):
                for axis, (v, u) in enumerate([(y, x + 1), (y + 1, x)]):
                    if v == 3 or u == 4:
                        continue
                    step = np.abs(theirs[n, :, v, u] - theirs[n, :, y, x]).mean()
                    painted = np.abs(ours[n, :, v, u] - ours[n, :, y, x])
                    sums[axis] += float((painted * math.exp(-EDGE_SLOPE * step)).sum())
                    counts[axis] += 3
    return (sums[0] / counts[0] + sums[1] / counts[1]) / 2


def test_it_is_what_the_formula_says():
    translated, sim = image(0), image(1)
    assert edge_aware_smoothness(translated, sim).item() == pytest.approx(naive(translated, sim))


def test_what_is_painted_into_the_sky_costs_its_steps():
    sky, painted = cells([0, 0, 0], [0, 0, 0]), cells([0.5, 0, 0], [0.5, 0, 0])
    # One of two steps across, none down.
    assert edge_aware_smoothness(painted, sky).item() == pytest.approx((0.5 / 2 + 0) / 2)
    assert edge_aware_smoothness(sky + 0.7, sky).item() == pytest.approx(0, abs=1e-12)


def test_an_edge_of_the_sim_image_may_become_any_edge():
    sim, other = cells([-1, 1], [-1, 1]), cells([0.3, -0.4], [0.3, -0.4])
    free = edge_aware_smoothness(other, sim).item()
    assert free == pytest.approx(0.7 * math.exp(-2 * EDGE_SLOPE) / 2)
    assert free < 1e-3 * edge_aware_smoothness(other, torch.zeros_like(sim)).item()


def test_it_looks_at_the_region_only():
    sky, painted = cells([0, 0], [0, 0], [0, 0], [0, 0]), cells([1, 0], [1, 0], [0, 0], [0, 0])
    lower = Region(ExtraLossOptions(region_top=0.75))
    assert edge_aware_smoothness(painted, sky).item() > 0.1
    assert edge_aware_smoothness(painted, sky, lower).item() == 0


def test_its_gradient_flattens_what_was_painted():
    translated, sim = image(2).requires_grad_(), torch.zeros_like(image(2))
    before = edge_aware_smoothness(translated, sim)
    before.backward()
    after = edge_aware_smoothness(translated.detach() - 10 * translated.grad, sim)
    assert after.item() < before.item()
    few = (slice(0, 1), slice(None), slice(0, 2 * CELL_SIDE), slice(0, 2 * CELL_SIDE))
    other, sim = image(3)[few].clone().requires_grad_(), image(4)[few]
    assert torch.autograd.gradcheck(lambda x: edge_aware_smoothness(x, sim), other)


def test_the_weight_switches_it_on():
    translated, sim = image(5).float(), image(6).float()
    extra = ExtraLosses(ExtraLossOptions(smoothness_weight=3.0))
    losses = extra.generator_losses(sim, translated, None)
    assert list(losses) == ['smoothness']
    expected = 3 * edge_aware_smoothness(translated, sim).item()
    assert losses['smoothness'].item() == pytest.approx(expected)
    assert ExtraLosses(ExtraLossOptions()).generator_losses(sim, translated, None) == {}
    with pytest.raises(ValueError, match='weights must not be negative'):
        ExtraLossOptions(smoothness_weight=-1.0)
