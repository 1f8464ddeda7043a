import pytest
import torch

from sim2real_ros.errors import TrainingError
from sim2real_ros.training.pools.image_pool import ImagePool


def numbered(*numbers):
    """Images that can be told apart: one number all over."""
    return torch.stack([torch.full((1, 2, 2), float(each)) for each in numbers])


def numbers_of(images):
    return [int(each[0, 0, 0]) for each in images]


def test_while_it_fills_everything_is_handed_on():
    pool = ImagePool(3)
    assert numbers_of(pool.query(numbered(1, 2))) == [1, 2]
    assert len(pool) == 2
    assert numbers_of(pool.query(numbered(3))) == [3]
    assert sorted(numbers_of(pool.state().values())) == [1, 2, 3]


def test_capacity_zero_changes_nothing():
    pool, images = ImagePool(0), numbered(1, 2)
    torch.testing.assert_close(pool.query(images), images)
    assert len(pool) == 0


def test_full_pool_hands_on_old_images_half_of_the_time_and_each_only_once():
    torch.manual_seed(0)
    pool, old, handed_on = ImagePool(10), 0, []
    pool.query(numbered(*range(10)))
    for number in range(10, 3010):
        (answer,) = numbers_of(pool.query(numbered(number)))
        assert answer <= number
        handed_on.append(answer)
        old += answer < number
    assert 1400 < old < 1600  # 1500 expected, standard deviation 27
    assert len(set(handed_on)) == len(handed_on)
    # What went in either came out or is still there.
    inside = numbers_of(pool.state().values())
    assert sorted([*handed_on, *inside]) == list(range(3010))


def test_every_kept_image_is_chosen_alike():
    torch.manual_seed(1)
    counts = [0] * 5
    for _ in range(1000):
        pool = ImagePool(5)
        pool.query(numbered(0, 1, 2, 3, 4))
        (answer,) = numbers_of(pool.query(numbered(9)))
        if answer != 9:
            counts[answer] += 1
    assert min(counts) > 70  # 100 expected each
    assert max(counts) < 130


def test_images_of_a_batch_are_decided_one_by_one():
    torch.manual_seed(0)
    pool = ImagePool(50)
    pool.query(numbered(*range(50)))
    answers = numbers_of(pool.query(numbered(*range(100, 150))))
    new = sum(answer >= 100 for answer in answers)
    assert 10 < new < 40


def test_results_and_kept_images_have_no_graph_and_share_no_memory():
    pool = ImagePool(1)
    images = numbered(5).requires_grad_()
    answer = pool.query(images)
    assert not answer.requires_grad
    images.data.zero_()
    answer.zero_()
    assert numbers_of(pool.state().values()) == [5]
    assert not pool.query(images).requires_grad


def test_an_image_that_replaces_another_is_a_copy():
    torch.manual_seed(0)
    pool = ImagePool(1)
    pool.query(numbered(1))
    fresh = numbered(2, 3, 4, 5)
    assert 1 in numbers_of(pool.query(fresh))
    (kept,) = numbers_of(pool.state().values())
    fresh.zero_()
    assert numbers_of(pool.state().values()) == [kept]


def test_state_is_exact_and_goes_on_as_the_original_would():
    torch.manual_seed(2)
    pool = ImagePool(4)
    pool.query(torch.randn(4, 3, 2, 2))
    copy = ImagePool(4)
    copy.load_state(pool.state())
    fresh = torch.randn(20, 3, 2, 2)
    torch.manual_seed(3)
    wanted = pool.query(fresh)
    torch.manual_seed(3)
    assert torch.equal(copy.query(fresh), wanted)
    for name, image in pool.state().items():
        assert torch.equal(image, copy.state()[name])


def test_state_of_a_half_full_pool_and_of_an_empty_one():
    pool, copy = ImagePool(4), ImagePool(4)
    pool.query(numbered(1, 2))
    copy.load_state(pool.state())
    assert len(copy) == 2
    copy.load_state({})
    assert len(copy) == 0


def test_loaded_images_that_no_longer_fit_are_cut_off():
    pool, smaller = ImagePool(4), ImagePool(2)
    pool.query(numbered(1, 2, 3, 4))
    smaller.load_state(pool.state())
    assert numbers_of(smaller.state().values()) == [1, 2]


def test_a_damaged_state_is_refused():
    with pytest.raises(TrainingError, match=r"pool has \['image_0', 'image_7'\].*to image_1"):
        ImagePool(4).load_state({'image_0': torch.zeros(1), 'image_7': torch.zeros(1)})


@pytest.mark.parametrize('seed', range(6))
def test_images_of_another_size_are_replaced_but_not_handed_on(seed):
    torch.manual_seed(seed)
    pool = ImagePool(2)
    pool.query(torch.zeros(2, 3, 4, 4))
    fresh = torch.ones(4, 3, 6, 8)
    assert pool.query(fresh).shape == fresh.shape


def test_an_old_image_takes_the_type_of_the_fresh_one():
    torch.manual_seed(0)
    pool = ImagePool(1)
    pool.query(numbered(1))
    assert pool.query(numbered(*range(10)).bfloat16()).dtype == torch.bfloat16
