import math

import numpy as np
import pytest
import torch

from sim2real_ros.errors import DataError
from sim2real_ros.training.losses.region import Region
from sim2real_ros.training.losses.semantic_consistency import (
    Segmenter,
    checked_mask,
    labelled_cross_entropy,
    random_colours,
)
from sim2real_ros.training.options import ExtraLossOptions


def problem(classes=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, classes, 6, 5, generator=generator, dtype=torch.float64)
    mask = torch.randint(0, classes, (2, 6, 5), generator=generator)
    mask[:, 1:3, 2] = 255
    return logits, mask


def naive(logits, mask, rows=slice(None)):
    losses = []
    for n in range(len(mask)):
        for y in range(mask.shape[1])[rows]:
            for x in range(mask.shape[2]):
                if mask[n, y, x] != 255:
                    values = logits[n, :, y, x].tolist()
                    total = sum(math.exp(value) for value in values)
                    losses.append(-math.log(math.exp(values[mask[n, y, x]]) / total))
    return np.mean(losses)


def test_cross_entropy_equals_the_formula_over_labelled_pixels():
    logits, mask = problem()
    loss = labelled_cross_entropy(logits, mask).item()
    assert loss == pytest.approx(naive(logits, mask))
    reference = torch.nn.functional.cross_entropy(logits, mask, ignore_index=255)
    assert loss == pytest.approx(reference.item())


def test_cross_entropy_looks_at_the_region_only():
    logits, mask = problem()
    region = Region(ExtraLossOptions(region_top=0.5))
    loss = labelled_cross_entropy(logits, mask, region).item()
    assert loss == pytest.approx(naive(logits, mask, slice(3, None)))


def test_cross_entropy_has_the_right_gradient():
    logits, mask = problem()
    assert torch.autograd.gradcheck(
        lambda logits: labelled_cross_entropy(logits, mask), logits.requires_grad_()
    )


def test_a_picture_without_labels_costs_nothing_and_breaks_nothing():
    logits, mask = problem()
    logits.requires_grad_()
    loss = labelled_cross_entropy(logits, torch.full_like(mask, 255))
    loss.backward()
    assert loss.item() == 0
    assert logits.grad.abs().sum() == 0


def test_an_unknown_id_counts_as_not_labelled():
    logits, mask = problem()
    strange = torch.where(mask == 255, 200, mask)
    assert labelled_cross_entropy(logits, strange) == labelled_cross_entropy(logits, mask)


def test_masks_are_checked():
    mask = torch.tensor([[[0, 3, 255]]])
    assert checked_mask(mask, 4) is mask
    with pytest.raises(DataError, match=r'class id 3, expected 0\.\.2 or 255'):
        checked_mask(mask, 3)
    with pytest.raises(DataError, match='class id -1'):
        checked_mask(torch.tensor([[[-1]]]), 3)
    with pytest.raises(DataError, match=r'needs masks.*data\.masks'):
        checked_mask(None, 3)


@pytest.mark.parametrize('shape', [(32, 48), (33, 47), (8, 8)])
def test_segmenter_gives_logits_of_any_size(shape):
    segmenter = Segmenter(5, filters=8)
    assert segmenter(torch.zeros(2, 3, *shape)).shape == (2, 5, *shape)


def test_segmenter_is_small():
    assert sum(each.numel() for each in Segmenter(10).parameters()) < 150_000


def test_random_colours_are_one_line_per_channel_and_stay_in_range():
    torch.manual_seed(3)
    ramp = torch.linspace(-1, 1, 21).expand(200, 3, 1, 21)
    changed = random_colours(ramp)
    assert changed.shape == ramp.shape
    assert changed.min() == -1
    assert changed.max() == 1
    inner = changed[:, :, 0, 8:13]  # +-0.2 * 1.5 + 0.3: too small to be clamped
    steps = inner.diff(dim=-1)
    torch.testing.assert_close(steps, steps[..., :1].expand_as(steps))
    gains, offsets = steps[..., 0] / 0.1, inner[..., 2]
    assert 0.5 <= gains.min() < 0.55
    assert 1.45 < gains.max() <= 1.5 + 1e-5
    assert -0.3 <= offsets.min() < -0.28
    assert 0.28 < offsets.max() <= 0.3
    # Channels change on their own, else only brightness would.
    correlation = np.corrcoef(gains.T.numpy())
    assert np.abs(correlation[np.triu_indices(3, 1)]).max() < 0.3
