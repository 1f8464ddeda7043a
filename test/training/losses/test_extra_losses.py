import pytest
import torch
from lightning_fabric import Fabric

from sim2real_ros.errors import ConfigError, DataError
from sim2real_ros.training.batches.batch import Batch
from sim2real_ros.training.losses.extra import ExtraLosses
from sim2real_ros.training.losses.gradient_consistency import gradient_consistency
from sim2real_ros.training.losses.region import Region
from sim2real_ros.training.losses.semantic_consistency import (
    labelled_cross_entropy,
    random_colours,
)
from sim2real_ros.training.options import ExtraLossOptions, OptimiserOptions, TrainingConfig
from sim2real_ros.training.stepper import Stepper

CONFIG = TrainingConfig(method='any', optimiser=OptimiserOptions(learning_rate=1e-3))


def scene(seed, classes=3):
    """Blocks of colour, and which colour each pixel has."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(0, classes, (4, 1, 4, 4), generator=generator)
    mask = ids.float().repeat_interleave(4, -1).repeat_interleave(4, -2)[:, 0].long()
    palette = torch.tensor([[-0.8, -0.8, 0.8], [0.8, -0.8, -0.8], [-0.8, 0.8, -0.8]])
    sim = palette[mask].permute(0, 3, 1, 2).contiguous()
    return Batch(sim, torch.zeros_like(sim), mask)


def stepper_of(extra):
    return Stepper(Fabric(accelerator='cpu', devices=1), extra.optimisers(CONFIG))


def semantic(**more):
    torch.manual_seed(0)
    return ExtraLosses(ExtraLossOptions(semantic_weight=2.0, semantic_classes=3, **more))


def test_nothing_is_on_by_default():
    extra, batch = ExtraLosses(ExtraLossOptions()), scene(0)
    assert extra.networks == {}
    assert extra.optimisers(CONFIG) == {}
    assert extra.learn(batch, stepper_of(extra)) == {}
    assert extra.generator_losses(batch.sim, batch.real, None) == {}


def test_gradient_term_is_weighted_and_looks_at_the_region():
    options = ExtraLossOptions(gradient_weight=7.0, region_top=0.5)
    batch = scene(0)
    losses = ExtraLosses(options).generator_losses(batch.sim, batch.sim.flip(-1), None)
    wanted = 7 * gradient_consistency(batch.sim.flip(-1), batch.sim, Region(options))
    assert set(losses) == {'gradient'}
    torch.testing.assert_close(losses['gradient'], wanted)


def test_semantic_term_is_the_segmenters_cross_entropy_on_the_translation():
    extra, batch = semantic(), scene(0)
    translated = (0.5 * batch.sim).requires_grad_()
    losses = extra.generator_losses(batch.sim, translated, batch.sim_mask)
    wanted = labelled_cross_entropy(extra.networks['segmenter'](translated), batch.sim_mask)
    assert set(losses) == {'semantic'}
    torch.testing.assert_close(losses['semantic'], 2 * wanted)
    losses['semantic'].backward()
    assert translated.grad.abs().sum() > 0
    # It judges here, and does not learn.
    assert all(each.grad is None for each in extra.networks['segmenter'].parameters())
    assert all(each.requires_grad for each in extra.networks['segmenter'].parameters())


def test_segmenter_learns_faster_than_the_generator():
    (optimiser,) = semantic().optimisers(CONFIG).values()
    assert optimiser.param_groups[0]['lr'] == pytest.approx(5e-3)


def test_segmenter_learns_to_tell_classes_and_notices_swapped_ones():
    extra = semantic()
    stepper = stepper_of(extra)
    first = last = 0.0
    for step in range(40):
        losses = extra.learn(scene(step), stepper)
        assert set(losses) == {'segmenter'}
        assert not losses['segmenter'].requires_grad
        first, last = first or losses['segmenter'].item(), losses['segmenter'].item()
    assert last < 0.35 * first
    batch = scene(99)
    swapped = batch.sim[:, [1, 2, 0]]
    kept = extra.generator_losses(batch.sim, 0.9 * batch.sim, batch.sim_mask)['semantic']
    lost = extra.generator_losses(batch.sim, swapped, batch.sim_mask)['semantic']
    assert lost > 5 * kept


def test_segmenter_learns_from_random_colours_of_the_region():
    extra, batch = semantic(region_top=0.5), scene(0)
    torch.manual_seed(5)
    coloured = random_colours(batch.sim)
    assert not torch.allclose(coloured, batch.sim, atol=0.1)
    with torch.no_grad():
        logits = extra.networks['segmenter'](coloured)
        wanted = labelled_cross_entropy(logits[:, :, 8:], batch.sim_mask[:, 8:])
    torch.manual_seed(5)
    losses = extra.learn(batch, stepper_of(extra))
    torch.testing.assert_close(losses['segmenter'], wanted)


def test_learning_moves_the_segmenter_only_by_its_own_optimiser():
    extra, batch = semantic(), scene(0)
    before = [each.clone() for each in extra.networks['segmenter'].parameters()]
    extra.learn(batch, stepper_of(extra))
    after = extra.networks['segmenter'].parameters()
    assert all(not torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_missing_masks_and_unknown_ids_are_refused():
    batch = scene(0)
    extra = semantic()
    stepper = stepper_of(extra)
    with pytest.raises(DataError, match='semantic_weight needs masks'):
        extra.learn(Batch(batch.sim, batch.real), stepper)
    with pytest.raises(DataError, match='class id 3, expected'):
        extra.learn(Batch(batch.sim, batch.real, batch.sim_mask + 1), stepper)
    with pytest.raises(DataError, match='semantic_weight needs masks'):
        extra.generator_losses(batch.sim, batch.sim, None)


def test_region_mask_that_cannot_be_read_is_refused():
    with pytest.raises(ConfigError, match=r"region_mask 'absent\.png' cannot be read"):
        ExtraLosses(ExtraLossOptions(region_mask='absent.png'))
