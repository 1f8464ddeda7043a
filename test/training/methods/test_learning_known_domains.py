"""Each method, trained from nothing for seconds, finds the translation that is known to be right.

A method passes above a bar that a broken loss must not reach, and that lies far above doing
nothing (11.8 dB) and above the best single colour (17.5 dB; an adversarial loss that works all
alone comes close to that one only). What other seeds reach is at least 0.7 dB above the bars.
"""

import pytest
import torch
from known_domains import as_real, psnr_db, sim_scenes
from plain_loop import measure, train

from sim2real_ros.training.losses.adversarial import adversarial_loss
from sim2real_ros.training.losses.region import l1
from sim2real_ros.training.methods import cyclegan, distil, pix2pix
from sim2real_ros.training.options import (
    DiscriminatorOptions,
    GeneratorOptions,
    OptimiserOptions,
)

UNPAIRED_BAR_DB, CYCLE_BAR_DB, PAIRED_BAR_DB, DISTILLED_BAR_DB = 20.0, 20.0, 21.0, 22.0
ADVERSARIAL_ONLY_BAR_DB, STUDENTS_ADVERSARIAL_BAR_DB = 16.5, 15.0
FAST = OptimiserOptions(learning_rate=2e-3)


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def swapped_labels(logits, real, kind, *, for_generator=False, region=None):
    """Tell discriminators that real images are fake, and the other way round."""
    wanted = real if for_generator else not real
    return adversarial_loss(logits, wanted, kind, for_generator=for_generator, region=region)


def swapped_target(logits, real, kind, *, for_generator=False, region=None):
    """Let generators make what discriminators take for fake."""
    wanted = not real if for_generator else real
    return adversarial_loss(logits, wanted, kind, for_generator=for_generator, region=region)


def wrong_sign(a, b, region=None):
    return -l1(a, b, region)


def test_baselines_are_what_the_bars_were_chosen_for():
    answers = as_real(sim_scenes(32, seed=3))
    constant = answers.mean((0, 2, 3), keepdim=True).expand_as(answers)
    assert measure(lambda sim: sim) == pytest.approx(11.8, abs=0.1)
    assert psnr_db(constant, answers) == pytest.approx(17.5, abs=0.1)


def trained_cyclegan(seed=0):
    """Return PSNR in dB to the right answer, and of sim scenes there and back."""
    torch.manual_seed(seed)
    config = cyclegan.CycleGanConfig(
        generator=GeneratorOptions(name='mobile_unet', filters=8, blocks=1),
        discriminator=DiscriminatorOptions(filters=16, layers=1),
        optimiser=FAST,
        # Small generators fall behind discriminators of the same rate; see docs/training.md.
        discriminator_optimiser=OptimiserOptions(learning_rate=1e-3),
        cycle_weight=1.0,
        identity_weight=0.1,
    )
    method = cyclegan.CycleGan(config)
    found = train(method, steps=110, batch_size=4, seed=seed)
    scenes = sim_scenes(32, seed=3)
    with torch.no_grad():
        again = method.networks['real_to_sim'](method.generator()(scenes))
    return found, psnr_db(again, scenes)


def test_cyclegan_learns_the_known_translation_without_pairs():
    found, again = trained_cyclegan()
    assert found > UNPAIRED_BAR_DB
    assert again > CYCLE_BAR_DB


@pytest.mark.parametrize(
    ('name', 'broken'),
    [('adversarial_loss', swapped_labels), ('l1', wrong_sign)],
    ids=['labels', 'cycle'],
)
def test_cyclegan_with_a_broken_loss_does_not(monkeypatch, name, broken):
    monkeypatch.setattr(cyclegan, name, broken)
    found, again = trained_cyclegan()
    assert min(found - UNPAIRED_BAR_DB, again - CYCLE_BAR_DB) < -1


def trained_pix2pix(seed=0, **options):
    torch.manual_seed(seed)
    config = pix2pix.Pix2PixConfig(
        generator=GeneratorOptions(name='unet', filters=8, depth=4, norm='batch', dropout=True),
        discriminator=DiscriminatorOptions(filters=8, layers=2, norm='batch'),
        optimiser=FAST,
        **options,
    )
    return train(pix2pix.Pix2Pix(config), steps=80, batch_size=4, seed=seed)


def test_pix2pix_learns_the_known_translation():
    assert trained_pix2pix() > PAIRED_BAR_DB


def test_pix2pix_with_a_broken_l1_does_not(monkeypatch):
    monkeypatch.setattr(pix2pix, 'l1', wrong_sign)
    assert trained_pix2pix() < PAIRED_BAR_DB - 1


def test_pix2pix_learns_by_its_discriminator_alone():
    assert trained_pix2pix(l1_weight=0.0) > ADVERSARIAL_ONLY_BAR_DB


@pytest.mark.parametrize('broken', [swapped_labels, swapped_target])
def test_pix2pix_with_a_broken_adversarial_loss_does_not(monkeypatch, broken):
    monkeypatch.setattr(pix2pix, 'adversarial_loss', broken)
    assert trained_pix2pix(l1_weight=0.0) < ADVERSARIAL_ONLY_BAR_DB - 1


def trained_student(seed=0, **options):
    torch.manual_seed(seed)
    config = distil.DistilConfig(
        generator=GeneratorOptions(name='mobile_unet', filters=8, blocks=1, norm='batch'),
        discriminator=DiscriminatorOptions(filters=8, layers=2),
        optimiser=FAST,
        **options,
    )
    return train(distil.Distil(config), steps=90, batch_size=8, seed=seed)


@pytest.mark.parametrize('adversarial_weight', [1.0, 0.0])
def test_a_student_learns_what_its_teacher_does(adversarial_weight):
    assert trained_student(adversarial_weight=adversarial_weight) > DISTILLED_BAR_DB


def test_a_student_with_a_broken_l1_does_not(monkeypatch):
    monkeypatch.setattr(distil, 'l1', wrong_sign)
    assert trained_student() < DISTILLED_BAR_DB - 1


def test_a_student_learns_by_its_discriminator_alone():
    assert trained_student(l1_weight=0.0, edge_weight=0.0) > STUDENTS_ADVERSARIAL_BAR_DB


def test_a_student_with_a_broken_adversarial_loss_does_not(monkeypatch):
    monkeypatch.setattr(distil, 'adversarial_loss', swapped_labels)
    found = trained_student(l1_weight=0.0, edge_weight=0.0)
    assert found < STUDENTS_ADVERSARIAL_BAR_DB - 2
