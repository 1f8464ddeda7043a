import json
from collections import Counter

import numpy as np
import pytest
import torch
from batch_cases import (
    assert_same,
    coded,
    coded_ids,
    levels,
    noisy,
    numbers_of,
    opened,
    place_of,
    write,
    write_coded,
    write_folders,
    write_mask,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim2real_ros.training.batches.preparation import Preparation
from sim2real_ros.training.batches.sampling import REAL, SIM, draw_changes

MODES = ['resize-and-crop', 'resize', 'crop', 'scale-width', 'scale-width-and-crop', 'none']


@pytest.fixture(scope='module')
def folders(tmp_path_factory):
    """Write 5 sim and 3 real images, masks of sim, and a second set of 5 partners."""
    path = tmp_path_factory.mktemp('folders')
    write_folders(path)
    for number in range(5):
        write_mask(path / f'masks/{number:03d}.png', coded_ids())
    write_coded(path / 'partners', 5)
    for domain, first in (('noisy_sim', 0), ('noisy_real', 50)):
        for number in range(4):
            write(path / domain / f'{number}.png', noisy(first + number, (30, 22)))
    return path


def noisy_data(folders, kind='unpaired', **changes):
    named = {'sim': str(folders / 'noisy_sim'), 'real': str(folders / 'noisy_real')}
    return opened(folders, kind, **named | changes)


def test_a_batch_is_a_function_of_its_arguments(folders):
    one, other = (noisy_data(folders, batch_size=3, colour_jitter=0.2) for _ in range(2))
    forwards = [one.batch(step) for step in range(6)]
    for step in (5, 0, 3, 3):
        assert_same(one.batch(step), forwards[step])
        assert_same(other.batch(step), forwards[step])
    assert not torch.equal(forwards[0].sim, forwards[1].sim)
    seeded = noisy_data(folders, batch_size=3, seed=1)
    assert not torch.equal(seeded.batch(0).sim, forwards[0].sim)


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(1, 4), st.integers(1, 3), st.integers(0, 40), st.booleans())
def test_all_ranks_together_are_one_large_batch(folders, world_size, batch_size, step, paired):
    kind = 'paired' if paired else 'unpaired'
    real = str(folders / ('partners' if paired else 'real'))
    masks = str(folders / 'masks')
    small, large = (
        opened(folders, kind, count, real=real, masks=masks)
        for count in (batch_size, batch_size * world_size)
    )
    shares = [small.batch(step, rank, world_size) for rank in range(world_size)]
    whole = large.batch(step)
    for name in ('sim', 'real', 'sim_mask'):
        together = torch.cat([getattr(share, name) for share in shares])
        assert torch.equal(together, getattr(whole, name))


@pytest.mark.parametrize(('step', 'rank', 'world_size'), [(-1, 0, 1), (0, 2, 2), (0, -1, 2)])
def test_impossible_places_are_refused(folders, step, rank, world_size):
    with pytest.raises(ValueError, match=f'step {step}, rank {rank} of {world_size}'):
        opened(folders).batch(step, rank, world_size)


def test_an_epoch_shows_each_image_of_the_larger_domain_once(folders):
    data = opened(folders)
    assert data.images_per_epoch == 5
    for epoch in range(3):
        batches = [data.batch(5 * epoch + n) for n in range(5)]
        assert sorted(numbers_of(b.sim)[0] for b in batches) == [0, 1, 2, 3, 4]
        times = Counter(numbers_of(b.real)[0] for b in batches)
        assert set(times) == {100, 101, 102}
        assert set(times.values()) == {1, 2}


def test_where_real_is_larger_each_real_image_comes_once(folders):
    data = opened(folders, sim=str(folders / 'real'), real=str(folders / 'sim'))
    assert sorted(numbers_of(data.batch(n).real)[0] for n in range(5)) == [0, 1, 2, 3, 4]


def test_batches_go_on_over_the_end_of_an_epoch(folders):
    data = opened(folders, batch_size=2)
    shown = [number for step in range(5) for number in numbers_of(data.batch(step).sim)]
    assert sorted(shown[:5]) == sorted(shown[5:]) == [0, 1, 2, 3, 4]


def test_values_are_exact(folders):
    data = opened(folders, cache=False)
    batch = data.batch(0)
    assert batch.sim.shape == batch.real.shape == (1, 3, 8, 8)
    assert batch.sim.dtype == batch.real.dtype == torch.float32
    assert batch.sim.is_contiguous()
    assert batch.sim_mask is None
    number = numbers_of(batch.sim)[0]
    left, top, mirrored = place_of(levels(batch.sim)[0])
    crop = coded(number)[top : top + 8, left : left + 8]
    crop = crop[:, ::-1] if mirrored else crop
    expected = np.moveaxis(crop, 2, 0).astype(np.float64) / 255 * 2 - 1
    np.testing.assert_allclose(batch.sim[0].numpy(), expected, atol=1e-6)


def test_the_ends_of_the_range_are_reached_exactly(tmp_path):
    for folder in ('sim', 'real'):
        write(
            tmp_path / folder / 'a.png', np.repeat([[[0], [255]] * 4] * 8, 3, 2).astype(np.uint8)
        )
    batch = opened(tmp_path).batch(0)
    assert batch.sim.min() == -1
    assert batch.sim.max() == 1


def test_crops_and_flips_are_even(folders):
    data = opened(folders, batch_size=50, crop_size=(20, 12))
    batches = [data.batch(step) for step in range(12)]
    sims = [place_of(image) for b in batches for image in levels(b.sim)]
    reals = [place_of(image) for b in batches for image in levels(b.real)]
    for places in (sims, reals):
        for axis in (0, 1):
            counts = Counter(place[axis] for place in places)
            # 600 draws of 5 places: 120 each, with a standard deviation of 9.8.
            assert set(counts) == {0, 1, 2, 3, 4}
            assert all(abs(count - 120) < 45 for count in counts.values())
        assert abs(sum(place[2] for place in places) - 300) < 56
    # Unpaired images are cropped independently: equal places are one in 50.
    assert sum(a == b for a, b in zip(sims, reals, strict=True)) < 35


def test_without_flip_nothing_is_mirrored(folders):
    images = levels(opened(folders, batch_size=40, flip=False).batch(0).sim)
    assert not any(place_of(image)[2] for image in images)


@pytest.mark.parametrize('preprocess', ['crop', 'resize-and-crop'])
def test_pairs_are_cropped_and_mirrored_alike(folders, preprocess):
    partners = str(folders / 'partners')
    data = opened(folders, 'paired', 40, real=partners, preprocess=preprocess)
    batch = data.batch(0)
    # The partners are copies, so any difference in place would be seen.
    assert torch.equal(batch.sim, batch.real)
    assert len(torch.unique(batch.sim, dim=0)) > 30


@pytest.mark.parametrize('preprocess', ['crop', 'none'])
def test_masks_are_cropped_and_mirrored_with_their_images(folders, preprocess):
    data = opened(
        folders,
        batch_size=40,
        preprocess=preprocess,
        masks=str(folders / 'masks'),
        real=str(folders / 'partners'),
    )
    batch = data.batch(0)
    assert batch.sim_mask.dtype == torch.int64
    images = levels(batch.sim).astype(int)
    expected = images[..., 0] % 7 + 7 * (images[..., 1] % 5)
    assert np.array_equal(batch.sim_mask.numpy(), expected)
    assert len({place_of(image)[2] for image in images}) == 2


@pytest.mark.parametrize('mode', MODES)
@pytest.mark.parametrize('kind', ['unpaired', 'paired'])
def test_cached_equals_uncached(folders, mode, kind):
    cached, uncached = (
        noisy_data(
            folders, kind, batch_size=2, preprocess=mode, skip_top=0.2, cache=cache,
            load_size=(16, 12), colour_jitter=0.1,
        )
        for cache in (True, False)
    )  # fmt: skip
    for step in range(4):
        assert_same(cached.batch(step), uncached.batch(step))


@pytest.mark.parametrize('mode', ['resize-and-crop', 'scale-width-and-crop'])
def test_a_batch_is_a_crop_of_the_prepared_image(folders, mode):
    data = noisy_data(folders, preprocess=mode, load_size=(16, 12), seed=9)
    scaling = 'size' if mode == 'resize-and-crop' else 'width'
    prepared = Preparation(scaling, (16, 12))
    for step in range(5):
        changes = draw_changes(9, step, SIM, flip=True, colour_jitter=0)
        crops = []
        for number in range(4):
            image = prepared.image(noisy(number, (30, 22)))
            left = int(changes.left * (image.shape[1] - 7))
            top = int(changes.top * (image.shape[0] - 7))
            crop = image[top : top + 8, left : left + 8]
            crops.append(crop[:, ::-1] if changes.mirrored else crop)
        result = levels(data.batch(step).sim)[0]
        assert any(np.array_equal(result, crop) for crop in crops)


def naively_coloured(image, brightness, contrast, saturation):
    """Change an image, (H, W, 3) in 0..1, by the definitions of torchvision."""

    def luminance(of):
        return of @ np.array([0.2989, 0.587, 0.114])

    image = np.clip(image * brightness, 0, 1)
    image = np.clip(contrast * image + (1 - contrast) * luminance(image).mean(), 0, 1)
    grey = luminance(image)[..., None]
    return np.clip(saturation * image + (1 - saturation) * grey, 0, 1)


@pytest.mark.parametrize('kind', ['unpaired', 'paired'])
def test_colours_change_as_drawn(folders, kind):
    plain, coloured = (
        noisy_data(folders, kind, batch_size=3, seed=4, colour_jitter=jitter)
        for jitter in (0.0, 0.5)
    )
    before, after = plain.batch(2), coloured.batch(2)
    for place in range(3):
        for domain, name in ((SIM, 'sim'), (REAL, 'real')):
            drawn_for = SIM if kind == 'paired' else domain
            colours = draw_changes(4, 6 + place, drawn_for, flip=True, colour_jitter=0.5).colours
            image = levels(getattr(before, name))[place] / 255
            expected = naively_coloured(image, *colours) * 2 - 1
            result = getattr(after, name)[place].permute(1, 2, 0).numpy()
            np.testing.assert_allclose(result, expected, atol=2e-5)
            assert np.abs(result - (image * 2 - 1)).max() > 0.02


@pytest.mark.parametrize('cache', [True, False])
def test_unreadable_images_are_replaced_and_counted(tmp_path, cache):
    write_folders(tmp_path, sim=6, real=4)
    whole = opened(tmp_path)
    damaged = tmp_path / 'sim/002.png'
    damaged.write_bytes(damaged.read_bytes()[:-20])
    (tmp_path / 'real/101.png').write_bytes(b'')
    data = opened(tmp_path, cache=cache)
    assert data.images_per_epoch == 6
    batches = [data.batch(step) for step in range(12)]
    skipped = [each.where.rpartition('/')[2] for each in data.skipped]
    assert skipped == ['101.png', '002.png']
    for step, batch in enumerate(batches):
        for name, gone in (('sim', [2]), ('real', [101])):
            before = numbers_of(getattr(whole.batch(step), name))
            now = numbers_of(getattr(batch, name))
            assert now != gone
            assert now == before or before == gone


@pytest.mark.parametrize('kind', ['unpaired', 'paired'])
def test_replacements_do_not_depend_on_the_cache(tmp_path, kind):
    write_folders(tmp_path, sim=6, real=6)
    for number in range(6):
        (tmp_path / f'real/{100 + number}.png').rename(tmp_path / f'real/{number:03d}.png')
    (tmp_path / 'sim/002.png').write_bytes(b'x')
    (tmp_path / 'real/004.png').write_bytes(b'x')
    cached, uncached = (opened(tmp_path, kind, 2, cache=cache) for cache in (True, False))
    shown = set()
    for step in range(12):
        assert_same(cached.batch(step), uncached.batch(step))
        batch = cached.batch(step)
        if kind == 'paired':
            assert numbers_of(batch.real) == [100 + n for n in numbers_of(batch.sim)]
        shown |= set(numbers_of(batch.sim))
    assert shown == ({0, 1, 3, 5} if kind == 'paired' else {0, 1, 3, 4, 5})
    assert cached.skipped == uncached.skipped
    assert len(cached.skipped) == 2


def test_one_image_is_enough(tmp_path):
    write_folders(tmp_path, sim=1, real=1)
    data = opened(tmp_path, batch_size=3)
    assert data.images_per_epoch == 1
    assert numbers_of(data.batch(7).sim) == [0, 0, 0]


def test_the_description_can_be_written_down(folders):
    described = opened(folders, masks=str(folders / 'masks'), test_real=str(folders / 'partners'))
    description = json.loads(json.dumps(described.description))
    assert description['kind'] == 'unpaired'
    assert description['sim'] == {
        'folder': str(folders / 'sim'),
        'images': 5,
        'unreadable': 0,
        'listing_sha256': description['sim']['listing_sha256'],
    }
    assert description['masks'] == str(folders / 'masks')
    assert description['held_out_real']['from'] == 'test images'
    assert description['notes'] == [
        'no sim images are held out: samples and measurements use training images, so memorising '
        'them looks like success'
    ]
