"""SimGAN, CUT and UNIT learn the known translation; with a broken loss they do not.

In dB of held-out scenes, leaving them as they are scores 11.8. The mean of all real pictures
scores 18.3, whatever the scene, but comes no nearer to a scene's own answer than to another's.
So two numbers must be reached: nearness to the right answer, and by how much nearer that is than
the answers of other scenes.
"""

import known_domains
import pytest
import torch
from plain_loop import train

from sim2real_ros.training.methods import cut, simgan, unit
from sim2real_ros.training.options import (
    DiscriminatorOptions,
    GeneratorOptions,
    Initialisation,
    OptimiserOptions,
)

XAVIER = Initialisation('xavier', 0.02)


def scores(method):
    """Return the PSNR to the right answers, and what it is above that to other scenes'."""
    scenes = known_domains.sim_scenes(32, seed=3)
    answers = known_domains.as_real(scenes)
    with torch.no_grad():
        translated = method.generator()(scenes)
    right = known_domains.psnr_db(translated, answers)
    return right, right - known_domains.psnr_db(translated, answers.roll(1, 0))


def learn_simgan():
    torch.manual_seed(0)
    method = simgan.Simgan(
        simgan.SimganConfig(
            generator=GeneratorOptions(
                'refiner', filters=16, blocks=2, initialisation=Initialisation('xavier', 1.0)
            ),
            discriminator=DiscriminatorOptions(
                'local', filters=24, initialisation=Initialisation('xavier', 1.0)
            ),
            optimiser=OptimiserOptions(1e-3),
            pretrain_refiner=50,
            pretrain_discriminator=25,
        )
    )
    train(method, steps=200, batch_size=4)
    return scores(method)


def learn_cut():
    torch.manual_seed(0)
    method = cut.Cut(
        cut.CutConfig(
            generator=GeneratorOptions(
                'resnet', 8, 1, downsampling='blur', upsampling='blur', initialisation=XAVIER
            ),
            discriminator=DiscriminatorOptions('patch', filters=16, layers=2),
            optimiser=OptimiserOptions(2e-3),
            nce_patches=64,
            nce_width=32,
        )
    )
    train(method, steps=120, batch_size=4)
    return scores(method)


def learn_unit():
    torch.manual_seed(0)
    method = unit.Unit(
        unit.UnitConfig(
            generator=GeneratorOptions(
                'unit', 16, 2, initialisation=Initialisation('kaiming', 1.0)
            ),
            discriminator=DiscriminatorOptions('multiscale', 12, scales=1, norm='none'),
            optimiser=OptimiserOptions(1e-3, weight_decay=1e-4),
        )
    )
    train(method, steps=120, batch_size=2)
    return scores(method)


def test_the_measure_knows_good_from_bad():
    scenes = known_domains.sim_scenes(32, seed=3)
    answers = known_domains.as_real(scenes)
    average = known_domains.as_real(known_domains.sim_scenes(256, seed=2)).mean(0, keepdim=True)
    assert 11 < known_domains.psnr_db(scenes, answers) < 12.5
    assert known_domains.psnr_db(average, answers) > 18
    assert known_domains.psnr_db(average, answers) == pytest.approx(
        known_domains.psnr_db(average, answers.roll(1, 0))
    )


def test_simgan_learns_the_known_colours_and_surface():
    right, margin = learn_simgan()
    assert right > 21
    assert margin > 5


def test_simgan_does_not_with_an_adversarial_loss_that_ignores_its_label(monkeypatch):
    loss = simgan.local_adversarial_loss
    monkeypatch.setattr(
        simgan, 'local_adversarial_loss', lambda logits, real, *rest: loss(logits, True, *rest)
    )
    right, margin = learn_simgan()
    assert right < 13
    assert margin < 2.5


def test_cut_learns_the_known_colours_and_keeps_the_scene():
    right, margin = learn_cut()
    assert right > 17.5
    assert margin > 2


def test_cut_does_not_with_keys_of_wrong_places(monkeypatch):
    loss = cut.patch_nce_over_layers
    monkeypatch.setattr(
        cut,
        'patch_nce_over_layers',
        lambda queries, keys, *rest: loss(queries, [each.roll(1, 1) for each in keys], *rest),
    )
    right, margin = learn_cut()
    assert right < 16
    assert margin < 1


def test_unit_learns_the_known_colours_and_keeps_the_scene():
    """Three seeds gave 16.4 to 18.7 dB, 1.2 to 2.7 of them by the scene.

    In so few steps it is the reconstruction of real images that teaches the colours, not the
    adversarial loss, without which the numbers are alike: that one has its equations to pass.
    """
    right, margin = learn_unit()
    assert right > 16
    assert margin > 1


def test_unit_does_not_when_images_are_compared_with_others(monkeypatch):
    loss = unit.l1
    monkeypatch.setattr(unit, 'l1', lambda a, b, region: loss(a, b.roll(1, 0), region))
    _, margin = learn_unit()
    assert margin < 0.7
