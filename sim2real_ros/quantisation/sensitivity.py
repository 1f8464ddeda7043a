"""Which layers to leave in float: the worst ones, and no more than quality asks for."""

from collections.abc import Callable, Sequence

from sim2real_ros.quantisation.quality import QualityLimits, QualityLoss

LossOf = Callable[[frozenset[str]], QualityLoss]
"""Quantises all layers but those of the set, and tells what that costs."""


def layers_to_keep(
    layers: Sequence[str], loss_of: LossOf, limits: QualityLimits
) -> frozenset[str] | None:
    """Find the layers to leave in float so that quality stays within its limits.

    Every layer is first quantised alone, which tells what it contributes; then the smallest number
    of the worst ones is found by bisection. That takes one look per layer and log2 of their number
    more; none where all of them may be quantised.

    Args:
        layers: Names of all layers, in the order of the graph.
        loss_of: What it costs to leave some layers in float.
        limits: What it may cost.

    Returns:
        The names; None where nothing could be quantised.
    """

    def fits(kept: frozenset[str]) -> bool:
        return not limits.complaints(loss_of(kept))

    if fits(frozenset()):
        return frozenset()
    ranked = _worst_first(layers, loss_of)
    # With `low` of them in float the limits are broken, with `high` they are kept: with all of
    # them nothing is quantised. Only a number that was tried is ever returned.
    low, high = 0, len(ranked)
    while high - low > 1:
        middle = (low + high) // 2
        if fits(frozenset(ranked[:middle])):
            high = middle
        else:
            low = middle
    return frozenset(ranked[:high]) if high < len(ranked) else None


def _worst_first(layers: Sequence[str], loss_of: LossOf) -> list[str]:
    """Sort layers by the squared error that each causes alone; equal ones stay in their order."""
    everything = frozenset(layers)
    errors = {layer: loss_of(everything - {layer}).squared_error for layer in layers}
    return sorted(layers, key=lambda layer: -errors[layer])
