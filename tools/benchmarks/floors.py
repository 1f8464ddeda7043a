"""How fast a machine could be at most, and how far from that something is."""

from dataclasses import dataclass

from graph_cost import GraphCost


@dataclass(frozen=True)
class Peak:
    """What was measured of a machine.

    Attributes:
        threads: Of the measurement; 0 = a GPU.
        flops_per_s: Best of a large matrix product and a large convolution, by precision
            ('float32', 'bfloat16', 'float16', 'tf32'). What the hardware does not have is missing.
        copy_bytes_per_s: Of a copy that fits into no cache; bytes read and written both count.
    """

    threads: int
    flops_per_s: dict[str, float]
    copy_bytes_per_s: float


@dataclass(frozen=True)
class Floor:
    """The least time that a graph can take on a machine.

    Attributes:
        compute_ms: Its arithmetic at the peak of the precision.
        memory_ms: Input, output and weights, once, at the speed of a copy.
        moved_ms: What all operators read and write, at that speed: what a runtime that joins no
            operators, without caches, would need. No floor; it tells what joining is worth.
    """

    compute_ms: float
    memory_ms: float
    moved_ms: float

    @property
    def ms(self) -> float:
        """The larger of both: arithmetic and copying can go on at once."""
        return max(self.compute_ms, self.memory_ms)

    @property
    def limit(self) -> str:
        """Which of both it is."""
        return 'compute' if self.compute_ms >= self.memory_ms else 'memory'


def floor_of(cost: GraphCost, peak: Peak, precision: str, *, batch: int = 1) -> Floor | None:
    """Return the least time of a graph; None where the machine's peak is not known.

    Operators whose size is not known count as nothing, so that it stays a floor.

    Args:
        cost: Of one image.
        peak: Of the machine, with as many threads.
        precision: What the arithmetic is done in.
        batch: Images at once. Weights are counted for each of them, which matters for none of
            these networks.
    """
    rate = peak.flops_per_s.get(precision, 0.0)
    if not rate or not peak.copy_bytes_per_s:
        return None
    return Floor(
        compute_ms=1000 * batch * cost.flops / rate,
        memory_ms=1000 * batch * cost.end_bytes / peak.copy_bytes_per_s,
        moved_ms=1000 * batch * cost.moved_bytes / peak.copy_bytes_per_s,
    )


def best_of(peaks: list[Peak]) -> Peak:
    """Return the best of several measurements with as many threads: noise only slows down."""
    names = {name for peak in peaks for name in peak.flops_per_s}
    return Peak(
        threads=peaks[0].threads,
        flops_per_s={
            name: max(peak.flops_per_s.get(name, 0.0) for peak in peaks) for name in sorted(names)
        },
        copy_bytes_per_s=max(peak.copy_bytes_per_s for peak in peaks),
    )
