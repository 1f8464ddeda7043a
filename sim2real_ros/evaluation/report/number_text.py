"""Write numbers with the digits that are worth showing."""

from sim2real_ros.evaluation.quantity import Quantity, Value

ARROWS = {'higher': '↑', 'lower': '↓', 'neither': ''}

# Above it, digits behind the point say nothing and the column grows.
_LARGE = 1e6


def number_text(number: float, decimals: int) -> str:
    """Write a number with so many decimals, and further ones where these show only zeros.

    What is below a thousandth of the last decimal is rounding, and written as 0.
    """
    if abs(number) >= _LARGE:
        return f'{number:.3g}'
    decimals = max(decimals, 0)
    text = f'{number:.{decimals}f}'
    if float(text) != 0:
        return text
    return f'{0:.{decimals}f}' if abs(number) < 10 ** (-decimals - 3) else f'{number:.2g}'


def signed_text(number: float, decimals: int) -> str:
    """Write a difference with its sign."""
    return f'+{number_text(number, decimals)}' if number >= 0 else number_text(number, decimals)


def spread_text(value: Value, quantity: Quantity) -> str:
    """Write how sure a number is: ``[0.790, 0.834]``, ``± 0.012`` or nothing."""
    if value.low is not None and value.high is not None:
        low, high = (number_text(end, quantity.decimals) for end in (value.low, value.high))
        return f'[{low}, {high}]'
    if value.std_error is not None:
        return f'± {number_text(value.std_error, quantity.decimals)}'
    return ''


def titled(quantity: Quantity) -> str:
    """Return title and unit: ``Warp error (levels)``; not yet safe to show."""
    return f'{quantity.title} ({quantity.unit})' if quantity.unit else quantity.title
