"""Random choices that depend on the seed and on what is chosen from, and on nothing else.

Checksums instead of a generator: the same choice on every machine, under every release of NumPy,
and in whatever order the files were listed.
"""

import hashlib
from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar('T')


def seeded_number(seed: int, *names: str) -> int:
    """Return a number of 0..2^64 - 1 for some names."""
    text = '\0'.join([str(seed), *names]).encode('utf-8', 'surrogateescape')
    return int.from_bytes(hashlib.sha256(text).digest()[:8], 'big')


def seeded_order(items: Iterable[T], seed: int, name: Callable[[T], str]) -> list[T]:
    """Shuffle items by their names; more items do not change the order of the others."""
    return sorted(items, key=lambda item: (seeded_number(seed, name(item)), name(item)))
