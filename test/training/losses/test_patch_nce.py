"""PatchNCE against plain loops, hand-computed values and numerical gradients."""

import math

import pytest
import torch

from sim2real_ros.training.losses.patch_nce import patch_nce_loss, patch_nce_over_layers


def _unit_vectors(*shape: int, seed: int = 0) -> torch.Tensor:
    vectors = torch.randn(shape, generator=torch.Generator().manual_seed(seed)).double()
    return vectors / vectors.norm(dim=-1, keepdim=True)


def _naive(queries: torch.Tensor, keys: torch.Tensor, temperature: float) -> list[list[float]]:
    """Return the loss of each query as the original writes it: the right one first, then all."""
    losses = []
    for query, key in zip(queries.tolist(), keys.tolist(), strict=True):
        losses.append([])
        for i, q in enumerate(query):
            similarity = [sum(a * b for a, b in zip(q, k, strict=True)) for k in key]
            others = [-10.0 if j == i else similarity[j] for j in range(len(key))]
            scores = [value / temperature for value in (similarity[i], *others)]
            normaliser = math.log(sum(math.exp(score) for score in scores))
            losses[-1].append(normaliser - scores[0])
    return losses


@pytest.mark.parametrize('temperature', [0.07, 0.5])
def test_patch_nce_equals_the_originals_loop(temperature: float) -> None:
    queries, keys = _unit_vectors(2, 5, 4), _unit_vectors(2, 5, 4, seed=1)
    naive = torch.tensor(_naive(queries, keys, temperature), dtype=torch.float64)
    loss = patch_nce_loss(queries, keys, temperature)
    # exp(-10 / 0.5) is 2e-9: the only difference.
    torch.testing.assert_close(loss, naive.mean(), rtol=1e-6, atol=0)


def test_patch_nce_of_equal_features_everywhere_is_the_log_of_their_number() -> None:
    vectors = torch.ones(1, 7, 4) / 2
    torch.testing.assert_close(patch_nce_loss(vectors, vectors), torch.tensor(math.log(7)))


def test_patch_nce_of_identical_orthogonal_features_is_known() -> None:
    vectors = torch.eye(4)[None]
    right = math.exp(1 / 0.5)
    expected = -math.log(right / (right + 3))
    torch.testing.assert_close(patch_nce_loss(vectors, vectors, 0.5), torch.tensor(expected))


def test_patch_nce_is_higher_when_places_are_exchanged() -> None:
    vectors = _unit_vectors(1, 6, 8)
    assert patch_nce_loss(vectors.flip(1), vectors) > 5 * patch_nce_loss(vectors, vectors)


def test_patch_nce_compares_within_each_image_only() -> None:
    queries, keys = _unit_vectors(2, 5, 4), _unit_vectors(2, 5, 4, seed=1)
    apart = [patch_nce_loss(queries[i : i + 1], keys[i : i + 1]) for i in range(2)]
    torch.testing.assert_close(patch_nce_loss(queries, keys), torch.stack(apart).mean())


def test_patch_nce_gives_keys_no_gradient() -> None:
    queries, keys = _unit_vectors(1, 3, 4), _unit_vectors(1, 3, 4, seed=1)
    queries.requires_grad_()
    keys.requires_grad_()
    patch_nce_loss(queries, keys).backward()
    assert keys.grad is None
    assert queries.grad is not None


def test_patch_nce_gradient_is_right() -> None:
    keys = _unit_vectors(2, 4, 3, seed=1)
    queries = _unit_vectors(2, 4, 3).requires_grad_()
    assert torch.autograd.gradcheck(lambda q: patch_nce_loss(q, keys, 0.3), (queries,))


def test_patch_nce_weights_choose_the_queries_that_count() -> None:
    queries, keys = _unit_vectors(2, 4, 3), _unit_vectors(2, 4, 3, seed=1)
    naive = torch.tensor(_naive(queries, keys, 0.5), dtype=torch.float64)
    weights = torch.tensor([1.0, 0.0, 0.5, 0.0], dtype=torch.float64)
    expected = (naive[:, 0] + 0.5 * naive[:, 2]).sum() / (2 * 1.5)
    loss = patch_nce_loss(queries, keys, 0.5, weights)
    torch.testing.assert_close(loss, expected, rtol=1e-6, atol=0)
    assert patch_nce_loss(queries, keys, 0.5, torch.zeros(4)) == 0


def test_patch_nce_is_precise_inside_autocast() -> None:
    queries, keys = _unit_vectors(1, 8, 16).float(), _unit_vectors(1, 8, 16, seed=1).float()
    with torch.autocast('cpu', torch.bfloat16):
        inside = patch_nce_loss(queries, keys)
    torch.testing.assert_close(inside, patch_nce_loss(queries, keys))


def test_patch_nce_adds_up_weights_in_float32() -> None:
    queries, keys = _unit_vectors(1, 300, 8).float(), _unit_vectors(1, 300, 8, seed=1).float()
    # In bfloat16 the sum of these would be 258, not 257.8.
    weights = torch.full((300,), 0.859375)
    expected = patch_nce_loss(queries, keys)
    torch.testing.assert_close(patch_nce_loss(queries, keys, weights=weights), expected)
    found = patch_nce_loss(queries, keys, weights=weights.bfloat16())
    torch.testing.assert_close(found, expected)


def test_patch_nce_over_layers_is_their_mean() -> None:
    layers = [(_unit_vectors(1, p, 4), _unit_vectors(1, p, 4, seed=p)) for p in (3, 6)]
    weights = [None, torch.tensor([1.0, 0, 0, 1, 1, 0])]
    queries, keys = [q for q, _ in layers], [k for _, k in layers]
    expected = (
        patch_nce_loss(queries[0], keys[0], 0.2)
        + patch_nce_loss(queries[1], keys[1], 0.2, weights[1])
    ) / 2
    torch.testing.assert_close(patch_nce_over_layers(queries, keys, 0.2, weights), expected)
    with pytest.raises(ValueError, match='shorter'):
        patch_nce_over_layers(queries, keys[:1])
