"""Tell whether images of two sizes have the same shape."""

Size = tuple[int, int]
"""(width, height) in pixels."""

TOLERANCE = 0.02
"""Of the ratio of the sides: what rounding to whole pixels does to small images."""


def have_same_shape(size: Size, wanted: Size) -> bool:
    """Tell whether two sizes have the same ratio of their sides, but for rounding."""
    (width, height), (wanted_width, wanted_height) = size, wanted
    difference = abs(width * wanted_height - height * wanted_width)
    return difference <= TOLERANCE * width * wanted_height
