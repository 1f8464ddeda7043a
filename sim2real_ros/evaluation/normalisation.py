"""What the cards of users' networks say about the numbers that stand for colours."""

import math

Triple = tuple[float, float, float]


def check_normalisation(value_range: tuple[float, float], mean: Triple, std: Triple) -> None:
    """Refuse numbers that no network can be fed with.

    Args:
        value_range: The numbers that stand for black and white.
        mean: Taken off each channel then, in units of ``value_range``.
        std: What each channel is divided by then.

    Raises:
        ValueError: One is not finite, black is not below white, or a divisor is not above 0.
    """
    if not all(map(math.isfinite, (*value_range, *mean, *std))):
        raise ValueError(
            f'value_range, mean and std must be finite numbers: {value_range}, {mean}, {std}'
        )
    if value_range[0] >= value_range[1]:
        raise ValueError(f'value_range must be (black, white), black < white: {value_range}')
    if min(std) <= 0:
        raise ValueError(f'std must be positive, not {std}')
