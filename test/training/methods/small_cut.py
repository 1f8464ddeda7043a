"""A CUT small enough to be computed again by hand, with and without patches."""

import torch
from plain_loop import WatchedStepper, random_batch

from sim2real_ros.training.methods.cut import Cut, CutConfig
from sim2real_ros.training.options import ExtraLossOptions, Initialisation

NORMAL = Initialisation('normal', 0.1)
MIRRORED_EDGES = {
    'extra_losses': ExtraLossOptions(gradient_weight=2.0),
    'flip_equivariance': True,
}


def small_cut(dtype=torch.float64, **options):
    """Make a CUT of these options with the same weights each time."""
    torch.manual_seed(0)
    method = Cut(CutConfig(**options))
    method.networks.to(dtype)
    return method


def check_edges_of_what_was_not_mirrored(method, monkeypatch):
    """Check that a method of MIRRORED_EDGES compares edges with the frame as it was."""
    batch, seen = random_batch(0), []
    monkeypatch.setattr(torch, 'rand', lambda *shape: torch.zeros(*shape))
    monkeypatch.setattr(
        method.extra, 'generator_losses', lambda sim, made, mask: seen.append((sim, made)) or {}
    )
    with torch.no_grad():
        expected = method._generator(batch.sim.flip(3)).flip(3)
    method.step(batch, WatchedStepper(method))
    ((sim, made),) = seen
    assert sim is batch.sim
    torch.testing.assert_close(made.detach(), expected)
