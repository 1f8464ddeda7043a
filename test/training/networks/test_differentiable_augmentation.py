import pytest
import torch

from sim2real_ros.training.networks import differentiable_augmentation as module
from sim2real_ros.training.networks.differentiable_augmentation import shifted_and_partly_hidden

SHAPE = (1, 3, 64, 96)


def ramps():
    """Red tells the row and green the column, neither of them 0."""
    rows, columns = torch.meshgrid(torch.arange(1.0, 65), torch.arange(1.0, 97), indexing='ij')
    return torch.stack([rows, columns, rows + columns])[None] / 200


def test_what_is_seen_was_shifted_by_an_eighth_at_most():
    image, shifts = ramps(), set()
    for seed in range(40):
        torch.manual_seed(seed)
        result = shifted_and_partly_hidden(image)
        assert result.shape == image.shape
        seen = (result[0] != 0).all(dim=0)
        rows, columns = seen.nonzero(as_tuple=True)
        down = (rows + 1 - (result[0, 0][seen] * 200).round()).unique()
        right = (columns + 1 - (result[0, 1][seen] * 200).round()).unique()
        assert (len(down), len(right)) == (1, 1)
        shifts.add((int(down), int(right)))
    downs, rights = zip(*shifts, strict=True)
    assert -8 <= min(downs) < -4
    assert 4 < max(downs) <= 8
    assert -12 <= min(rights) < -6
    assert 6 < max(rights) <= 12


def test_a_rectangle_of_half_the_sides_is_hidden(monkeypatch):
    monkeypatch.setattr(module, '_shifted', lambda image: image)
    areas, at_ends = [], []
    for seed in range(40):
        torch.manual_seed(seed)
        hidden = (shifted_and_partly_hidden(torch.ones(SHAPE)) == 0)[0]
        assert torch.equal(hidden[0], hidden[2])
        rows, columns = hidden[0].nonzero(as_tuple=True)
        height, width = (int(each.max() - each.min()) + 1 for each in (rows, columns))
        assert (height <= 32, width <= 48) == (True, True)
        assert int(hidden[0].sum()) == height * width
        areas.append(height * width)
        at_ends.append([bool(hidden[0, 0].any()), bool(hidden[0, -1].any())])
    # As the centre lies anywhere, a quarter of the sides is lost at most on each end.
    assert max(areas) > 0.9 * 32 * 48
    assert min(areas) < 0.6 * 32 * 48
    assert min(sum(each) for each in zip(*at_ends, strict=True)) >= 4


def test_every_image_is_changed_in_its_own_way():
    torch.manual_seed(0)
    result = shifted_and_partly_hidden(ramps().expand(3, -1, -1, -1))
    assert not torch.equal(result[0], result[1])
    torch.manual_seed(0)
    assert torch.equal(shifted_and_partly_hidden(ramps().expand(3, -1, -1, -1)), result)


def test_gradients_go_to_what_is_seen():
    torch.manual_seed(0)
    image = torch.ones(SHAPE, requires_grad=True)
    result = shifted_and_partly_hidden(image)
    result.sum().backward()
    assert image.grad.unique().tolist() == [0, 1]
    assert image.grad.sum() == result.sum()


@pytest.mark.parametrize('side', [1, 7])
def test_small_images_keep_their_size(side):
    assert shifted_and_partly_hidden(torch.ones(2, 1, side, side)).shape == (2, 1, side, side)
