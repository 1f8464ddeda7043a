"""SimGAN's history: the half-batch rule, that it fills, and that its state survives."""

import pytest
import torch

from sim2real_ros.errors import TrainingError
from sim2real_ros.training.pools.refined_history import RefinedHistory


def _batch(first: int, count: int, size: int = 2) -> torch.Tensor:
    """Images that are told apart by their value."""
    numbers = torch.arange(first, first + count, dtype=torch.float32)
    return numbers.reshape(-1, 1, 1, 1).expand(count, 3, size, size).clone()


def _numbers(batch: torch.Tensor) -> list[int]:
    return batch[:, 0, 0, 0].int().tolist()


def test_history_shows_fresh_images_while_it_is_empty() -> None:
    history, batch = RefinedHistory(10), _batch(0, 4)
    assert _numbers(history.mix(batch)) == [0, 1, 2, 3]


def test_history_fills_by_half_batches_and_keeps_its_capacity() -> None:
    torch.manual_seed(0)
    history, lengths = RefinedHistory(7), []
    for step in range(6):
        history.add(_batch(10 * step, 4))
        lengths.append(len(history))
    assert lengths == [2, 4, 6, 7, 7, 7]
    stored = sorted(_numbers(torch.stack(list(history.state().values()))))
    assert len(set(stored)) == 7
    # The last half batch always replaces somebody.
    assert sum(number >= 50 for number in stored) == 2


def test_history_gives_half_of_each_batch() -> None:
    torch.manual_seed(0)
    history = RefinedHistory(20)
    for step in range(10):
        history.add(_batch(100 + 10 * step, 4))
    for _ in range(5):
        mixed = _numbers(history.mix(_batch(0, 6)))
        assert sum(number >= 100 for number in mixed) == 3
        assert len(set(mixed)) == 6
        assert [number for number in mixed if number < 100] == [3, 4, 5]


def test_history_draws_every_stored_image_and_replaces_every_place() -> None:
    torch.manual_seed(0)
    history, drawn = RefinedHistory(6), set()
    for _ in range(6):
        history.add(_batch(100 + len(history), 2))
    first = list(history.state().values())
    for _ in range(100):
        drawn |= {number for number in _numbers(history.mix(_batch(0, 2))) if number >= 100}
    assert drawn == set(_numbers(torch.stack(first)))
    for _ in range(100):
        history.add(_batch(500, 2))
    assert set(_numbers(torch.stack(list(history.state().values())))) <= {500, 501}


def test_history_gives_a_single_image_from_the_past_every_other_time() -> None:
    torch.manual_seed(0)
    history, past, stored = RefinedHistory(1000), 0, 0
    history.add(_batch(100, 2))
    for _ in range(1000):
        past += _numbers(history.mix(_batch(0, 1)))[0] >= 100
        before = len(history)
        history.add(_batch(200, 1))
        stored += len(history) - before
    # Five standard deviations around a half.
    assert 420 < past < 580
    assert 420 < stored < 580


def test_history_gives_half_of_three_on_average() -> None:
    torch.manual_seed(0)
    history = RefinedHistory(50)
    for _ in range(20):
        history.add(_batch(100, 4))
    counts = [sum(n >= 100 for n in _numbers(history.mix(_batch(0, 3)))) for _ in range(400)]
    assert set(counts) == {1, 2}
    assert 550 < sum(counts) < 650


def test_history_without_capacity_keeps_nothing() -> None:
    history = RefinedHistory(0)
    history.add(_batch(0, 4))
    assert len(history) == 0
    assert _numbers(history.mix(_batch(5, 2))) == [5, 6]
    with pytest.raises(ValueError, match='must be 0 or more, not -1'):
        RefinedHistory(-1)


def test_history_smaller_than_half_a_batch_is_used_up() -> None:
    torch.manual_seed(0)
    history = RefinedHistory(1)
    history.add(_batch(100, 8))
    assert len(history) == 1
    assert sum(n >= 100 for n in _numbers(history.mix(_batch(0, 8)))) == 1


def test_history_hands_out_images_of_the_batchs_size_only() -> None:
    torch.manual_seed(0)
    history = RefinedHistory(10)
    history.add(_batch(100, 2, size=4))
    assert _numbers(history.mix(_batch(0, 2, size=2))) == [0, 1]
    assert sum(n >= 100 for n in _numbers(history.mix(_batch(0, 2, size=4)))) == 1


def test_history_stores_copies_without_graph() -> None:
    history, batch = RefinedHistory(10), _batch(1, 2).requires_grad_()
    history.add(batch * 1)
    (image,) = history.state().values()
    assert not image.requires_grad
    assert not history.mix(batch).requires_grad
    values = _batch(7, 2)
    history.add(values)
    values.zero_()
    assert min(_numbers(torch.stack(list(history.state().values())))) >= 1


def test_history_goes_on_exactly_from_its_state() -> None:
    torch.manual_seed(0)
    history = RefinedHistory(5)
    for step in range(4):
        history.add(_batch(10 * step, 4))
    restored = RefinedHistory(5)
    restored.load_state(history.state())
    pairs = []
    for each in (history, restored):
        torch.manual_seed(1)
        each.add(_batch(900, 4))
        pairs.append((each.mix(_batch(0, 4)), each.state()))
    torch.testing.assert_close(pairs[0], pairs[1], rtol=0, atol=0)


def test_history_takes_what_fits_of_a_larger_one() -> None:
    torch.manual_seed(0)
    history, smaller = RefinedHistory(5), RefinedHistory(2)
    for step in range(4):
        history.add(_batch(10 * step, 4))
    smaller.load_state(history.state())
    assert list(smaller.state()) == ['image_0', 'image_1']


@pytest.mark.parametrize(
    'state', [{'image_1': torch.zeros(3, 2, 2)}, {'image_0': torch.zeros(2, 2)}]
)
def test_history_refuses_a_damaged_state(state: dict[str, torch.Tensor]) -> None:
    with pytest.raises(TrainingError, match=r"1 images .*'image_0' is missing or"):
        RefinedHistory(5).load_state(state)
